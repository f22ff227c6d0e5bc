"""Which released models a caller may name.

The gateway imports no stage; a test keeps the list equal to what the stages hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mesh import recalls
from mesh.errors import FailedPrecondition, InvalidInput

PARTS = ("models", "inner_models")
FILE = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True)
class Catalogue:
    """Names with versions by kind of assessment, for example "ink-seg@1.0.0".

    inner_models run with the others: no caller names them, but they can be withdrawn as well.
    """

    models: Mapping[str, frozenset[str]]
    inner_models: Mapping[str, frozenset[str]]

    def check(self, kind: str, model: str) -> None:
        """Raises InvalidInput (MODEL_NOT_FOUND), FailedPrecondition (MODEL_RECALLED) for what is named."""
        if model and model not in self.models[kind]:
            raise InvalidInput(
                "MODEL_NOT_FOUND",
                f"The model {model} is not served here.",
                field="model",
                fix="Leave it out for the active one, or name one of: "
                f"{', '.join(sorted(self.models[kind]))}.",
            )
        if model and (recall := recalls.of(model)):
            left = sorted(name for name in self.models[kind] if recalls.of(name) is None)
            raise FailedPrecondition(
                "MODEL_RECALLED",
                f"{model} was recalled: {recall.reason}",
                field="model",
                fix=f"Leave it out for the active one, or name one of: {', '.join(left) or 'none is left'}.",
            )


def load() -> Catalogue:
    """Reads the catalogue of this release."""
    raw = json.loads(FILE.read_text(encoding="utf-8"))
    return Catalogue(*({kind: frozenset(names) for kind, names in raw[part].items()} for part in PARTS))
