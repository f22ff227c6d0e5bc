"""Progress never goes backwards, whoever tells it and however often a stage begins again."""

from __future__ import annotations

import asyncio
import random

from mesh import topology
from mesh.progress import COURSE, Progress, read_step

from .conftest import new_analysis


async def told(connection, job):
    return await Progress(await connection.js.key_value(topology.PROGRESS_BUCKET)).last(job.job_id)


async def test_a_stage_that_begins_again_says_nothing_until_it_is_further(settings, connection):
    job = new_analysis(settings).job
    progress = Progress(await connection.js.key_value(topology.PROGRESS_BUCKET))
    seen = []
    for percent in (10, 60, 0, 30, 61, 100):
        await progress.tell(job, "pose", percent, f"at {percent}")
        seen.append((await told(connection, job)).percent)
    assert seen == [10, 60, 60, 60, 61, 100]


async def test_a_late_word_of_an_earlier_stage_is_dropped(settings, connection):
    job = new_analysis(settings).job
    progress = Progress(await connection.js.key_value(topology.PROGRESS_BUCKET))
    await progress.tell(job, "sway", 5, "measuring")
    await progress.tell(job, "pose", 99, "still here")
    assert (await told(connection, job)).stage == "sway"
    job.epoch = 2
    await progress.tell(job, "ingest", 0, "again")
    assert (await told(connection, job)).epoch == 2


async def test_two_that_tell_at_once_never_take_it_back(settings, connection):
    job = new_analysis(settings).job
    bucket = await connection.js.key_value(topology.PROGRESS_BUCKET)
    places, watcher = [], await bucket.watch(job.job_id)
    rng = random.Random(3)

    async def run(stage: str, percents: list[int]) -> None:
        for percent in percents:
            await Progress(bucket).tell(job, stage, percent, "")

    mixed = [rng.sample(range(0, 101, 10), 11) for _ in range(3)]
    await asyncio.gather(run("pose", mixed[0]), run("pose", mixed[1]), run("sway", mixed[2]))
    await Progress(bucket).tell(job, "report", 100, "done")
    async for entry in watcher:
        if entry is None:
            continue
        step = read_step(entry.value)
        places.append(step.place)
        if step.stage == "report":
            break
    await watcher.stop()
    assert places == sorted(places)
    assert len(places) > 2


def test_the_course_names_every_stage():
    assert {edge.stage for edge in topology.EDGES} == set(COURSE)
