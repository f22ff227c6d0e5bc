"""One whole stack for all end-to-end tests of a test process, with a collector of its spans."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.api import Api, Event
from tests.campaigns.collector import Collector, collector
from tests.campaigns.stack import SAMPLE, VIDEO, Stack, balance_order, order, running_stack

Json = dict[str, Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them in one test process, so that one stack serves them all."""
    for item in items:
        if item.path.parent.name == "e2e":
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.fixture(scope="session")
def spans() -> Iterator[Collector]:
    with collector() as started:
        yield started


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, spans: Collector) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_OTLP_ENDPOINT", spans.endpoint)
        with running_stack(tmp_path_factory.mktemp("stack")) as started:
            yield started


@pytest.fixture(scope="session")
def first(stack: Stack) -> dict:
    """An analysis under the first ruleset, which is not the active one."""
    api = stack.api()
    upload = api.upload(SAMPLE, "image/jpeg")
    job = api.analyze(order(upload, mode="MODE_SYNC", timeout="60s", ruleset="tattoo@1.0.0"))
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    return job


@pytest.fixture(scope="session")
def finished(stack: Stack) -> dict:
    """One analysis of the sample photo that has ended well."""
    api = stack.api()
    job = api.analyze(order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s"))
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    return job


def followed(api: Api, body: Json) -> tuple[Json, list[Event]]:
    """Starts an analysis, watches it to its end; answers the whole job and the events.

    The end must be told when it is there: a caller once waited four seconds for a result, because the
    projector's fetch of several facts kept the last one back.
    """
    job_id = api.analyze(body)["job_id"]
    events = list(api.await_end(job_id, 240))
    told = datetime.now(UTC)
    job = api.job(job_id)
    assert told - datetime.fromisoformat(job["finished_at"]) < timedelta(seconds=2)
    return job, events


@pytest.fixture(scope="session")
def watched(stack: Stack) -> tuple[Json, list[Event]]:
    """The sample video, analysed in a single pass."""
    api = stack.api()
    upload = api.upload(VIDEO, "video/mp4", "video")
    job, events = followed(api, balance_order(upload, pose_mode="POSE_MODE_SINGLE_PASS"))
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    return job, events
