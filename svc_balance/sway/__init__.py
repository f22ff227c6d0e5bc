"""Sway from centre-of-mass traces: metrics by definition, with uncertainty (docs/balance-metrics.md)."""

from svc_balance.sway.measures.compute import metrics
from svc_balance.sway.measures.definitions import DEFINITIONS, Definition
from svc_balance.sway.measures.measure import Metric, Trace, measure

__all__ = ["DEFINITIONS", "Definition", "Metric", "Trace", "measure", "metrics"]
