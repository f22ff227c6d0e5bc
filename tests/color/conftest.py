"""Fixtures of the colour tests."""

import importlib
import warnings
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def colour() -> ModuleType:
    """colour-science, which warns on import that parts which are not used here would need SciPy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("colour")
