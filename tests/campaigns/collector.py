"""An OTLP collector that keeps spans in memory: the development sink, under the name the campaigns know."""

from __future__ import annotations

from dev.otlp import Sink, Span
from dev.otlp import sink as collector

__all__ = ["Collector", "Span", "collector"]

Collector = Sink
