"""Prometheus metrics of every process of a running stack, as numbers, and what they gained."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from dev import home

Labels = frozenset[tuple[str, str]]
# (process of the stack, name of the sample, labels)
Key = tuple[str, str, Labels]
LIMIT_S = 5.0


@dataclass(frozen=True)
class Reading:
    """All samples of all processes at one moment."""

    values: dict[Key, float]

    def since(self, before: Reading) -> Reading:
        """What every sample gained; one that was not there before began at nothing."""
        return Reading({key: now - before.values.get(key, 0.0) for key, now in self.values.items()})

    def total(self, name: str, process: str = "", **labels: str) -> float:
        """Sum of a sample over the processes and labels that are not given."""
        wanted = set(labels.items())
        return sum(
            value
            for (who, what, has), value in self.values.items()
            if what == name and wanted <= has and process in ("", who)
        )

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Sums of a sample by the values of one label."""
        wanted, found = set(labels.items()), dict[str, float]()
        for (_, what, has), value in self.values.items():
            if what == name and wanted <= has and label in dict(has):
                found[dict(has)[label]] = found.get(dict(has)[label], 0.0) + value
        return found


def read(folder: Path) -> Reading:
    """Reads /metrics of every process of ours in the stack of `folder`; raises OSError when one is away."""
    state = home.read_state(folder)
    if state is None:
        raise SystemExit(f"no stack runs in {folder}")
    values: dict[Key, float] = {}
    for name, each in state.processes.items():
        if "metrics" not in each.ports:
            continue
        url = f"http://127.0.0.1:{each.ports['metrics']}/metrics"
        with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                values[name, sample.name, frozenset(sample.labels.items())] = sample.value
    return Reading(values)
