"""Which released models and rulesets a caller may name.

The gateway imports no stage; a test keeps the list equal to what the stages hold.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mesh.errors import InvalidInput

FILE = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True)
class Catalogue:
    """Names with versions, for example "ink-seg@0.1.0" and "tattoo@1.0.0"."""

    models: frozenset[str]
    rulesets: frozenset[str]

    def check(self, *, model: str, ruleset: str) -> None:
        """Raises InvalidInput when one is named that is not served; empty means the active one."""
        _check("MODEL_NOT_FOUND", "model", model, self.models)
        _check("RULESET_NOT_FOUND", "ruleset", ruleset, self.rulesets)


def load() -> Catalogue:
    """Reads the catalogue of this release."""
    raw = json.loads(FILE.read_text(encoding="utf-8"))
    return Catalogue(frozenset(raw["models"]), frozenset(raw["rulesets"]))


def _check(code: str, field: str, name: str, known: frozenset[str]) -> None:
    if name and name not in known:
        raise InvalidInput(
            code,
            f"The {field} {name} is not served here.",
            field=field,
            fix=f"Leave it out for the active one, or name one of: {', '.join(sorted(known))}.",
        )
