"""Kill the pose stage in the middle of a video: the job ends once, and progress never goes back."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cli.api import Event
from mesh import facts
from mesh.progress import COURSE
from tests.campaigns.faults import count_facts, persist, quick_redelivery
from tests.campaigns.stack import VIDEO, balance_order, running_stack

pytestmark = [pytest.mark.mesh, pytest.mark.timeout(300)]


def test_a_killed_pose_stage_begins_again_and_the_job_ends_once(tmp_path):
    with quick_redelivery(), running_stack(tmp_path / "stack") as stack:
        api = stack.api()
        upload = api.upload(VIDEO, "video/mp4", "video")
        job_id = api.analyze(balance_order(upload, pose_mode="POSE_MODE_SINGLE_PASS"))["job_id"]
        events: list[Event] = []
        hit = threading.Event()
        for event in api.await_end(job_id, 240):
            events.append(event)
            step = event.data
            far = event.name == "progress" and step["stage"] == "pose" and step["percent"] >= 30
            if far and not hit.is_set():
                assert stack.kill("pose")
                hit.set()
        job = persist(lambda: api.job(job_id), 30)
        published = asyncio.run(count_facts(stack.nats_url()))
        restarts = stack.restarts()
    assert hit.is_set()
    assert restarts["pose"] >= 1
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    run = next(run for run in job["result"]["runs"] if run["stage"] == "pose")
    assert run["delivery"] == 2
    for fact in facts.BALANCE_FACTS[:-1]:
        assert published[(job_id, fact)] == 1, fact
    steps = [event.data for event in events if event.name == "progress"]
    places = [(COURSE.index(step["stage"]), step["percent"]) for step in steps]
    assert places == sorted(places)
    assert places[-1][0] > COURSE.index("pose")
    assert [event.name for event in events].count("done") == 1
