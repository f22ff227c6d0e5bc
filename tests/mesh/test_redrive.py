"""Dead letters as operators handle them, against a real JetStream."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta

import pytest

from mesh import facts, operate, redrive, topology
from mesh.control import CANCELLED, Control
from mesh.errors import FailedPrecondition, NotFound, Transient

from .conftest import new_analysis
from .test_runner import fact, page, running, settled


async def given_up(settings, connection, objects, count: int = 1) -> list:
    """Jobs whose first stage was given up, because what it needs was away."""
    jobs = [new_analysis(settings, lifetime=timedelta(seconds=20)) for _ in range(count)]

    async def handle(a, c):
        raise Transient("STORAGE_UNAVAILABLE", "Object storage does not answer.")

    async with running(handle, settings, connection, objects):
        for analysis in jobs:
            await facts.publish_fact(connection.js, "requested", analysis, source="test")
        for analysis in jobs:
            await fact(connection, "failed", analysis)
        await settled(connection)
    return jobs


async def all_letters(connection, **wanted) -> list[redrive.DeadLetter]:
    return [letter async for letter in redrive.letters(connection.js, **wanted)]


async def test_a_letter_says_who_gave_up_what_and_why(settings, connection, objects):
    first, second = await given_up(settings, connection, objects, 2)
    found = await all_letters(connection)
    assert {letter.job_id for letter in found} == {first.job.job_id, second.job.job_id}
    (one,) = await all_letters(connection, job_id=first.job.job_id)
    assert (one.stage, one.code, one.fact, one.epoch) == ("ingest", "STORAGE_UNAVAILABLE", "requested", 1)
    assert one.document is not None
    assert await all_letters(connection, stage="color") == []


async def test_a_redriven_job_goes_on_with_new_time_and_the_letter_is_gone(settings, connection, objects):
    (analysis,) = await given_up(settings, connection, objects)
    (letter,) = await all_letters(connection)
    done = await redrive.redrive(connection.js, letter, time_s=600)
    assert (done.epoch, done.created) == (2, True)
    async with running(page, settings, connection, objects):
        analysis.job.epoch = 2
        went_on = await fact(connection, "ingested", analysis)
    assert went_on.job.deadline.ToSeconds() > analysis.job.deadline.ToSeconds() + 300
    assert not went_on.HasField("failure")
    assert await all_letters(connection) == []
    with pytest.raises(NotFound):
        await redrive.letter(connection.js, letter.sequence)


async def test_driving_it_twice_at_once_publishes_once(settings, connection, objects):
    await given_up(settings, connection, objects)
    (letter,) = await all_letters(connection)
    done = await asyncio.gather(*(redrive.redrive(connection.js, letter, time_s=60) for _ in range(4)))
    assert sorted(one.created for one in done) == [False, False, False, True]
    assert {one.epoch for one in done} == {2}


async def test_what_was_cancelled_or_has_succeeded_is_not_driven_again(settings, connection, objects):
    cancelled, succeeded = await given_up(settings, connection, objects, 2)
    control = Control(await connection.js.key_value(topology.CONTROL_BUCKET))
    await control.say(cancelled.job.job_id, CANCELLED)
    await facts.publish_fact(connection.js, "reported", succeeded, source="test")
    codes = set()
    for letter in await all_letters(connection):
        with pytest.raises(FailedPrecondition) as error:
            await redrive.redrive(connection.js, letter, time_s=60)
        codes.add(error.value.code)
    assert codes == {"JOB_WITHDRAWN", "JOB_SUCCEEDED"}
    assert len(await all_letters(connection)) == 2


async def test_an_unreadable_letter_is_shown_and_refused(settings, connection, objects):
    subject = f"analysis.{settings.region}.tattoo.requested.0198c0de-0000-7000-8000-000000000000.1"
    async with running(page, settings, connection, objects):
        await connection.js.publish(subject, b"\xff\xff\xff")
        await settled(connection)
    (letter,) = await all_letters(connection)
    assert (letter.code, letter.document) == ("FACT_UNREADABLE", None)
    assert letter.job_id == "0198c0de-0000-7000-8000-000000000000"
    with pytest.raises(FailedPrecondition) as error:
        await redrive.redrive(connection.js, letter, time_s=60)
    assert error.value.code == "DEAD_LETTER_UNREADABLE"


async def test_a_pod_does_it_by_python_m(settings, connection, objects):
    first, _ = await given_up(settings, connection, objects, 2)

    async def operate_(*arguments: str) -> tuple[int | None, list[dict]]:
        env = {f"ASSAY_{name.upper()}": str(getattr(settings, name)) for name in ("nats_url", "region")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mesh.operate", "deadletters", *arguments,
            env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, [json.loads(line) for line in out.splitlines()]

    code, rows = await operate_("list", "--job", first.job.job_id)
    assert (code, len(rows), rows[0]["stage"]) == (0, 1, "ingest")
    code, rows = await operate_("show", str(rows[0]["sequence"]))
    assert rows[0]["document"]["job"]["job_id"] == first.job.job_id
    sequence = str(rows[0]["sequence"])
    assert (await operate_("redrive", sequence))[0] == 0
    code, rows = await operate_("redrive", sequence)
    assert (code, rows[0]["code"]) == (2, "DEAD_LETTER_NOT_FOUND")
    (other,) = (await operate_("list"))[1]
    assert (await operate_("drop", str(other["sequence"])))[1][0]["dropped"]
    assert (await operate_("list"))[1] == []


def test_a_row_holds_nothing_stated_of_a_person():
    letter = redrive.DeadLetter(1, "color", "X", "y", "s", 2, "j", "tattoo", "segmented", 1, "", None)
    assert "document" not in operate.as_row(letter)
