"""Fixtures that every room may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data beside the repository; skips with the reason when absent."""
    path = Path(os.environ.get("ASSAY_SHARED_DATA", REPO.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"reference data absent: {path} (set ASSAY_SHARED_DATA)")
    return path
