"""Uncertainty of a metric: scale, sampling and noise, combined (JCGM 100:2008, 5.1.2)."""

from __future__ import annotations

from dataclasses import dataclass

from svc_balance.sway.definitions import Definition

NORMAL_95 = 1.96


@dataclass(frozen=True)
class Interval:
    """Standard uncertainty and 95 % interval in the metric's unit."""

    standard_uncertainty: float
    low: float
    high: float


def combine(definition: Definition, value: float, scale_relative: float) -> Interval:
    """The scale's relative uncertainty times the power with which the value scales."""
    u = abs(value * definition.scale_power) * scale_relative
    return Interval(u, value - NORMAL_95 * u, value + NORMAL_95 * u)
