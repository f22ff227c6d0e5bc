"""Which model versions are withdrawn, as this process knows it; `mesh.model_control` keeps it up to date."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

_in_force: dict[str, Recall] = {}


@dataclass(frozen=True)
class Recall:
    """Why and since when a version is not served. by: who said so; at: RFC 3339, UTC."""

    reason: str
    by: str
    at: str


def of(label: str) -> Recall | None:
    """The recall of a model, name@version; None when there is none."""
    if label in by_setting():
        return Recall("ASSAY_RECALLED_MODELS names it.", "settings", "")
    return _in_force.get(label)


def by_setting() -> frozenset[str]:
    """The versions that ASSAY_RECALLED_MODELS names; they count with and without a mesh."""
    # Asked for every photo and every version; all of Settings takes a millisecond to read.
    said = os.environ.get("ASSAY_RECALLED_MODELS", "")
    return frozenset(filter(None, (name.strip() for name in said.split(","))))


def put_in_force(found: Mapping[str, Recall]) -> tuple[frozenset[str], frozenset[str]]:
    """Replaces what is in force; answers the versions newly withdrawn and those newly back."""
    withdrawn, back = found.keys() - _in_force.keys(), _in_force.keys() - found.keys()
    _in_force.clear()
    _in_force.update(found)
    return frozenset(withdrawn), frozenset(back)
