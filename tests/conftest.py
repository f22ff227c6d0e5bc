"""Fixtures that every room may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples each time, so that a change is judged by what it changes; the campaigns explore
# (tests/campaigns/parts.py).
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", print_blob=True)
settings.load_profile("repeatable")

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data beside the repository; skips with the reason when absent."""
    path = Path(os.environ.get("ASSAY_SHARED_DATA", REPO.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"reference data absent: {path} (set ASSAY_SHARED_DATA)")
    return path


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With ASSAY_NO_SKIP set (CI), a skipped test is a failure: CI installs what it needs."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("ASSAY_NO_SKIP") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
