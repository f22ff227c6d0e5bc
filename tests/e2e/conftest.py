"""One whole stack for all end-to-end tests of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campaigns.stack import SAMPLE, Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as started:
        yield started


@pytest.fixture(scope="session")
def finished(stack: Stack) -> dict:
    """One analysis of the sample photo that has ended well."""
    from tests.campaigns.stack import order

    api = stack.api()
    job = api.analyze(order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s"))
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    return job
