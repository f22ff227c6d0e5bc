"""Runbooks as data: headings, the commands a person types, and what kind of block they stand in.

A runbook's commands are the lines of its `sh` blocks. Those below "### Local" are rehearsed by
tests/campaigns/rehearsals.py; those below "### Kubernetes" are not, because no cluster is at hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns.stack import REPO

FOLDER = REPO / "docs" / "runbooks"
REHEARSED = FOLDER / "rehearsed"
LOCAL, KUBERNETES = "### Local", "### Kubernetes"
HEADINGS = ("## Symptom", "## What it means", "## Commands", "## It worked when", "## Rehearsal")
ALERTS = re.compile(r"\bAssay[A-Z][A-Za-z]+\b")


@dataclass(frozen=True)
class Runbook:
    """A runbook: its name, its text, and its blocks of commands."""

    name: str
    text: str
    local: tuple[tuple[str, ...], ...]
    kubernetes: tuple[tuple[str, ...], ...]

    @property
    def alerts(self) -> frozenset[str]:
        """Alerts that it says it is for, in the line that begins with "Alerts:"."""
        lines = [line for line in self.text.splitlines() if line.startswith("Alerts:")]
        return frozenset(ALERTS.findall(" ".join(lines)))

    @property
    def record(self) -> Path:
        """Where the output of its rehearsal is kept."""
        return REHEARSED / f"{self.name}.md"


def names() -> list[str]:
    """Every runbook but the index."""
    return sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")


def read(name: str) -> Runbook:
    """Parses a runbook; raises FileNotFoundError."""
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    return Runbook(name, text, _blocks(text, LOCAL), _blocks(text, KUBERNETES))


def _blocks(text: str, heading: str) -> tuple[tuple[str, ...], ...]:
    """The `sh` blocks below a heading, up to the next one; a line that ends in a backslash goes on."""
    found: list[tuple[str, ...]] = []
    inside = False
    block: list[str] | None = None
    for line in text.splitlines():
        if block is None and line.startswith("#"):
            inside = line.strip().startswith(heading)
        elif inside and block is None and line.strip() == "```sh":
            block = []
        elif block is not None and line.strip() == "```":
            found.append(_joined(block))
            block = None
        elif block is not None:
            block.append(line)
    return tuple(found)


def _joined(lines: list[str]) -> tuple[str, ...]:
    whole = "\n".join(lines).replace("\\\n", " ")
    return tuple(" ".join(line.split()) for line in whole.splitlines() if line.strip())
