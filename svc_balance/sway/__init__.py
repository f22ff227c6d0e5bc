"""Sway from centre-of-mass traces: metrics by definition, with uncertainty (docs/balance-metrics.md)."""

from svc_balance.sway.compute import metrics
from svc_balance.sway.definitions import DEFINITIONS, Definition
from svc_balance.sway.measure import Metric, Trace, measure

__all__ = ["DEFINITIONS", "Definition", "Metric", "Trace", "measure", "metrics"]
