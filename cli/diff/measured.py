"""Measurements of two results: which moved beyond their uncertainty, and which quality flags came or went."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.common.v1.types_pb2 import FlagLevel, Measurement
from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.message import Message

from cli.diff.difference import Difference, keyed, pairs
from cli.diff.origin import MEASURED, ORDER, differing

# What tells the items of a list apart, the first that is set; a balance metric is its measurement's.
NAMES = ("code", "metric", "name", "ink_class", "id", "baseline_id")
COVERAGE = 1.96


def measurement_differences(a: Analysis, b: Analysis, *, other_order: bool) -> tuple[list[Difference], int]:
    """Measurements of every page that moved beyond their uncertainty; how many others moved within it."""
    found: list[Difference] = []
    within = 0
    for page in (*MEASURED, "decision"):
        until = MEASURED[: MEASURED.index(page) + 1] if page in MEASURED else (*MEASURED, page)
        versions = differing(a, b, until) + ((ORDER,) if other_order else ())
        ours, theirs = (dict(_measurements(getattr(one, page), page)) for one in (a, b))
        for path, before, after in pairs(ours, theirs):
            if same(before, after):
                continue
            if moved(before, after):
                # Without a value on either side, only the reason is told in other words.
                kind = "measurement" if _valued(before) or _valued(after) else "text"
                found.append(Difference(kind, path, text(before), text(after), (), (), versions))
            else:
                within += 1
    return found, within


def quality_differences(a: Analysis, b: Analysis, *, other_order: bool) -> list[Difference]:
    """Quality flags that only one result has, or that have another level in it."""
    found = []
    for index, page in enumerate(MEASURED):
        versions = differing(a, b, MEASURED[: index + 1]) + ((ORDER,) if other_order else ())
        ours, theirs = (
            {flag.code: FlagLevel.Name(flag.level).removeprefix("FLAG_LEVEL_").lower() for flag in one.flags}
            for one in (getattr(a, page), getattr(b, page))
        )
        for code, before, after in pairs(ours, theirs):
            if before != after:
                at = f"{page} {code}"
                found.append(Difference("quality", at, before or "", after or "", (), (), versions))
    return found


def same(a: Measurement | None, b: Measurement | None) -> bool:
    """Whether two measurements say the same; one that is not there says nothing."""
    return (a or Measurement()) == (b or Measurement())


def moved(a: Measurement | None, b: Measurement | None) -> bool:
    """Whether two measurements differ by more than their uncertainties explain.

    |a - b| is held against the root sum of squares of the two 95 % half-widths that face each other (GUM,
    JCGM 100:2008, 5.1.2, as for independent errors: of one photo they are not, so this is slow to call a
    change). A measurement without uncertainty counts as exact; one with a value on one side only has moved.
    """
    if a is None or b is None or not (_valued(a) and _valued(b)):
        return not same(a, b)
    low, high = (a, b) if a.value <= b.value else (b, a)
    return high.value - low.value > math.hypot(_above(low), _below(high))


def text(one: Measurement | None) -> str:
    """Value, interval and unit, or why there is no value; "" for none at all."""
    if one is None:
        return ""
    if not one.HasField("value"):
        return one.not_measurable or "not measured"
    interval = f" ({one.low_95:.4g} to {one.high_95:.4g})" if one.HasField("low_95") else ""
    unit = "" if one.unit == "1" else f" {one.unit}"
    return f"{one.value:.4g}{interval}{unit}"


def _valued(one: Measurement | None) -> bool:
    return one is not None and one.HasField("value")


def _above(one: Measurement) -> float:
    if one.HasField("high_95"):
        return max(0.0, one.high_95 - one.value)
    return COVERAGE * one.standard_uncertainty


def _below(one: Measurement) -> float:
    if one.HasField("low_95"):
        return max(0.0, one.value - one.low_95)
    return COVERAGE * one.standard_uncertainty


def _measurements(message: Message, path: str) -> Iterator[tuple[str, Measurement]]:
    """Path and measurement of everything below a message; items of a list go by name, not by place."""
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        step = f"{path}.{field.name}"
        inner = (
            [
                (f"{step}[{name}]", item)
                for name, item in keyed([(_name(item), item) for item in value]).items()
            ]
            if field.is_repeated
            else [(step, value)]
        )
        for at, item in inner:
            if isinstance(item, Measurement):
                yield at, item
            else:
                yield from _measurements(item, at)


def _name(item: Message) -> str:
    for field in NAMES:
        value = getattr(item, field, None)
        if value not in (None, "", 0):
            return str(value)
    measurement = getattr(item, "measurement", None)
    return measurement.id if isinstance(measurement, Measurement) else ""
