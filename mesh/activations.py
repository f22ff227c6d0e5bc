"""Which version of a model operators chose, as this process knows it; `mesh.model_control` keeps it so.

Without a choice the newest released version that is not recalled is active (`mesh.registry`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_in_force: dict[str, Activation] = {}


@dataclass(frozen=True)
class Activation:
    """The version that is active. label: name@version; by: who said so; at: RFC 3339, UTC."""

    label: str
    by: str
    at: str

    @property
    def version(self) -> str:
        """For example "1.0.0"."""
        return self.label.partition("@")[2]


def of(name: str) -> Activation | None:
    """The choice for a model, by its name without version; None where nobody made one."""
    return _in_force.get(name)


def put_in_force(found: Mapping[str, Activation]) -> frozenset[str]:
    """Replaces what is in force; answers the labels that are newly active."""
    fresh = {one.label for name, one in found.items() if _in_force.get(name) != one}
    _in_force.clear()
    _in_force.update(found)
    return frozenset(fresh)
