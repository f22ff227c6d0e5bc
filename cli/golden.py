"""Golden expectations: what a known photo and a known video must measure, and how far off is still right.

models/sample/golden.json holds them. `is` maps a place in the result to the values it may have, exactly;
`near` maps a place to a value and a tolerance in the value's unit. A place is names joined by dots;
`list[name=value]` takes the one entry whose name has that value, `list[]` takes all and answers a list.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.home import PROJECT

SAMPLES = PROJECT / "models" / "sample"
EXPECTED = SAMPLES / "golden.json"
STEP = re.compile(r"(?P<name>\w+)(?:\[(?:(?P<key>[\w.]+)=(?P<value>[^\]]+))?\])?")
SPLIT = re.compile(r"\.(?![^\[]*\])")


class PlaceError(LookupError):
    """A place that the result does not have."""


@dataclass(frozen=True)
class Golden:
    """What one kind's sample must measure. `exact`: place to allowed values; `near`: to value, tolerance."""

    kind: str
    source: Path
    purpose: str
    media_type: str
    exact: Mapping[str, list[Any]]
    near: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Difference:
    """One place where the result is not what it was at release."""

    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.place}: {self.found} instead of {self.expected}"


def read(path: Path = EXPECTED) -> dict[str, Golden]:
    """The expectations by kind."""
    raw = json.loads(path.read_text())
    return {
        kind: Golden(
            kind,
            SAMPLES / each["source"],
            each["purpose"],
            each["media_type"],
            each["is"],
            {place: (float(value), float(within)) for place, (value, within) in each["near"].items()},
        )
        for kind, each in raw.items()
        if kind != "_"
    }


def differences(golden: Golden, view: Mapping[str, Any]) -> list[Difference]:
    """Where an AnalysisView differs from the expectations; empty when it is right."""
    found: list[Difference] = []
    for place, allowed in golden.exact.items():
        value = _looked_up(view, place)
        if value not in allowed:
            found.append(Difference(place, " or ".join(map(str, allowed)), str(value)))
    for place, (wanted, within) in golden.near.items():
        value = _looked_up(view, place)
        measured = float(value) if isinstance(value, int | float) else math.nan
        # Written so that NaN, which is near nothing, is a difference.
        if not abs(measured - wanted) <= within:
            found.append(Difference(place, f"{wanted:g} ± {within:g}", str(value)))
    return found


def _looked_up(view: Mapping[str, Any], place: str) -> Any:
    try:
        return look_up(view, place)
    except PlaceError as error:
        return f"nothing ({error})"


def look_up(document: Any, place: str) -> Any:
    """The value at a place; raises PlaceError, which names the step that fails."""
    steps = SPLIT.split(place)
    return _walk(document, steps)


def _walk(value: Any, steps: list[str]) -> Any:
    if not steps:
        return value
    step = STEP.fullmatch(steps[0])
    if step is None:
        raise PlaceError(f"{steps[0]!r} is no step")
    name = step["name"]
    if not isinstance(value, Mapping) or name not in value:
        raise PlaceError(f"no {name}")
    inner = value[name]
    if "[" not in steps[0]:
        return _walk(inner, steps[1:])
    if not isinstance(inner, list):
        raise PlaceError(f"{name} is no list")
    if step["key"] is None:
        return [_walk(each, steps[1:]) for each in inner]
    chosen = [each for each in inner if str(_walk(each, step["key"].split("."))) == step["value"]]
    if len(chosen) != 1:
        raise PlaceError(f"{len(chosen)} of {name} have {step['key']} {step['value']}")
    return _walk(chosen[0], steps[1:])
