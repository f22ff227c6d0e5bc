"""Reads slos.yaml and alerts.yaml of the observability component; a mistake is named with its place."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from dev.home import PROJECT

COMPONENT = PROJECT / "k8s" / "components" / "observability"
SEVERITIES = ("page", "ticket")


class SpecError(ValueError):
    """A file of the component that rules cannot be made from."""


@dataclass(frozen=True)
class Objective:
    """One service level objective. `errors` and `events` are PromQL, events per second."""

    name: str
    alert: str
    objective: float
    runbook: str
    promise: str
    errors: str
    events: str

    @property
    def budget(self) -> float:
        """The share of events that may fail, 0 to 1."""
        return round(1 - self.objective, 9)


@dataclass(frozen=True)
class Alert:
    """One alert on a cause. `for_` is how long it must hold, as Prometheus writes durations."""

    name: str
    severity: str
    runbook: str
    for_: str
    summary: str
    expr: str


@dataclass(frozen=True)
class Spec:
    """Everything the rules are made from."""

    period_days: int
    objectives: tuple[Objective, ...]
    alerts: tuple[Alert, ...]


def load(folder: Path = COMPONENT) -> Spec:
    """Reads both files; raises SpecError."""
    slos, alerts = document(folder / "slos.yaml"), document(folder / "alerts.yaml")
    objectives = tuple(_made(Objective, each, "slos.yaml") for each in slos["slos"])
    causes = tuple(_made(Alert, each, "alerts.yaml") for each in alerts["alerts"])
    for each in objectives:
        if not 0 < each.objective < 1:
            raise SpecError(f"slos.yaml: {each.name}: objective {each.objective} is not between 0 and 1")
    for cause in causes:
        if cause.severity not in SEVERITIES:
            raise SpecError(f"alerts.yaml: {cause.name}: severity is one of {', '.join(SEVERITIES)}")
    names = [each.alert for each in objectives] + [each.name for each in causes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecError(f"alerts are named once: {', '.join(twice)}")
    return Spec(int(slos["period_days"]), objectives, causes)


def document(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; raises SpecError."""
    try:
        read = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SpecError(f"{path.name}: {error}") from error
    if not isinstance(read, dict):
        raise SpecError(f"{path.name} holds no mapping")
    return read


Entry = TypeVar("Entry", Objective, Alert)


def _made(kind: type[Entry], raw: dict[str, Any], file: str) -> Entry:
    known = {field.name.rstrip("_"): field.name for field in fields(kind)}
    wrong = sorted(set(raw) ^ set(known))
    if wrong:
        raise SpecError(f"{file}: {raw.get('name', '?')}: missing or unknown: {', '.join(wrong)}")
    return kind(**{known[name]: value for name, value in raw.items()})
