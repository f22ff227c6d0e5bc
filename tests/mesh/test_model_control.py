"""The switch over real JetStream: seen by others, safe against races, in force while NATS is away."""

from __future__ import annotations

import asyncio

import pytest

from mesh import activations, jetstream, model_control, recalls, topology
from mesh.errors import Conflict

MODEL = "ink-seg@1.0.0"


@pytest.fixture
async def js(connection):
    await connection.js.delete_key_value(model_control.BUCKET)
    await topology.apply(connection.js, topology.Settings())
    yield connection.js
    recalls.put_in_force({})
    activations.put_in_force({})


async def test_a_recall_reaches_another_process(js, settings):
    made = await model_control.recall(js, MODEL, reason="wrong masks", by="sre")
    recalls.put_in_force({})
    other = await jetstream.connect(settings, "other")
    try:
        await model_control.refresh(other.js)
    finally:
        await other.close()
    assert recalls.of(MODEL) == made
    assert made.at.endswith("+00:00")


async def test_followers_see_it_within_seconds(js):
    following = asyncio.create_task(model_control.follow(js))
    try:
        await model_control.recall(js, MODEL, reason="wrong masks", by="sre")
        recalls.put_in_force({})
        async with asyncio.timeout(5 * model_control.POLL_S):
            while recalls.of(MODEL) is None:
                await asyncio.sleep(0.05)
    finally:
        following.cancel()


async def test_the_first_reason_stays(js):
    first = await model_control.recall(js, MODEL, reason="wrong masks", by="sre")
    assert await model_control.recall(js, MODEL, reason="again", by="another") == first


async def test_recalls_of_several_writers_all_stay(js):
    names = [f"m{n}@1.0.0" for n in range(4)]
    await asyncio.gather(*(model_control.recall(js, name, reason="r", by="b") for name in names))
    await model_control.refresh(js)
    assert all(recalls.of(name) for name in names)


async def test_restoring_takes_it_back_once(js):
    await model_control.recall(js, MODEL, reason="wrong masks", by="sre")
    await model_control.restore(js, MODEL)
    assert recalls.of(MODEL) is None
    with pytest.raises(Conflict) as error:
        await model_control.restore(js, MODEL)
    assert error.value.code == "MODEL_NOT_RECALLED"


async def test_what_a_setting_recalls_the_switch_does_not_restore(js, monkeypatch):
    monkeypatch.setenv("ASSAY_RECALLED_MODELS", MODEL)
    with pytest.raises(Conflict) as error:
        await model_control.restore(js, MODEL)
    assert error.value.code == "MODEL_RECALLED_BY_SETTING"


async def test_while_the_switch_is_away_what_was_read_stays_in_force(js):
    await model_control.recall(js, MODEL, reason="wrong masks", by="sre")
    following = asyncio.create_task(model_control.follow(js))
    await js.delete_key_value(model_control.BUCKET)
    await asyncio.sleep(2.5 * model_control.POLL_S)
    assert not following.done()
    following.cancel()
    assert recalls.of(MODEL) is not None


async def test_a_choice_reaches_another_process_and_the_first_one_who_made_it_stays(js, settings):
    await model_control.activate(js, MODEL, by="sre")
    first = activations.of("ink-seg")
    await model_control.activate(js, MODEL, by="another")
    activations.put_in_force({})
    other = await jetstream.connect(settings, "other")
    try:
        await model_control.refresh(other.js)
    finally:
        await other.close()
    assert first is not None
    assert activations.of("ink-seg") == first
    assert (first.label, first.by) == (MODEL, "sre")


async def test_a_recalled_version_cannot_be_chosen(js):
    await model_control.recall(js, MODEL, reason="wrong masks", by="sre")
    with pytest.raises(Conflict, match="recalled"):
        await model_control.activate(js, MODEL, by="sre")
    assert activations.of("ink-seg") is None
