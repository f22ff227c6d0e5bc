"""Where the baked bodies lie, and reading them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mesh.errors import FailedPrecondition

CACHE = Path(__file__).resolve().parents[3] / ".tools" / "cache" / "people"
ASSET = "people-2.npz"
"""The number goes up whenever the content changes."""


@cache
def load() -> MappingProxyType[str, NDArray[Any]]:
    """Every baked array by name. Raises FailedPrecondition (PEOPLE_NOT_BAKED)."""
    path = CACHE / ASSET
    if not path.exists():
        raise FailedPrecondition(
            "PEOPLE_NOT_BAKED",
            "The bodies of the synthetic people are not in the cache.",
            field="people",
            fix="Run python -m models.synth.people.bake (48 MB from PyPI, half a minute).",
        )
    with np.load(path, allow_pickle=False) as held:
        return MappingProxyType({name: held[name] for name in held.files})
