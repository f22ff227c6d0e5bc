"""Which released models and rulesets a caller may name.

The gateway imports no stage; a test keeps the list equal to what the stages hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mesh import recalls
from mesh.errors import FailedPrecondition, InvalidInput

PARTS = ("models", "inner_models", "rulesets")
FILE = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True)
class Catalogue:
    """Names with versions by kind of assessment, for example "ink-seg@0.1.0" and "tattoo@1.0.0".

    inner_models run with the others: no caller names them, but they can be withdrawn as well.
    """

    models: Mapping[str, frozenset[str]]
    inner_models: Mapping[str, frozenset[str]]
    rulesets: Mapping[str, frozenset[str]]

    def check(self, kind: str, *, model: str, ruleset: str) -> None:
        """Raises InvalidInput when one is named that is not served, FailedPrecondition (MODEL_RECALLED).

        Empty means the active one.
        """
        _check("MODEL_NOT_FOUND", "model", model, self.models[kind])
        if model and (recall := recalls.of(model)):
            left = sorted(name for name in self.models[kind] if recalls.of(name) is None)
            raise FailedPrecondition(
                "MODEL_RECALLED",
                f"{model} was recalled: {recall.reason}",
                field="model",
                fix=f"Leave it out for the active one, or name one of: {', '.join(left) or 'none is left'}.",
            )
        _check("RULESET_NOT_FOUND", "ruleset", ruleset, self.rulesets[kind])


def load() -> Catalogue:
    """Reads the catalogue of this release."""
    raw = json.loads(FILE.read_text(encoding="utf-8"))
    return Catalogue(*({kind: frozenset(names) for kind, names in raw[part].items()} for part in PARTS))


def _check(code: str, field: str, name: str, known: frozenset[str]) -> None:
    if name and name not in known:
        raise InvalidInput(
            code,
            f"The {field} {name} is not served here.",
            field=field,
            fix=f"Leave it out for the active one, or name one of: {', '.join(sorted(known))}.",
        )
