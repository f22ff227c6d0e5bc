"""Sway from centre-of-mass traces: every metric by its definition, with uncertainty (docs/balance-metrics.md)."""

from svc_balance.sway.compute import metrics

__all__ = ["metrics"]
