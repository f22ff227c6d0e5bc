"""A document that several processes change: nothing is lost, also after it was purged or its bucket gone."""

from __future__ import annotations

import asyncio

import pytest
from nats.js.api import KeyValueConfig

from mesh.errors import Conflict, Transient
from mesh.kv_document import AWAY, KvDocument

DOCUMENT = KvDocument("kv-document-test", "one", "TEST_CONTROL")


@pytest.fixture
async def js(connection):
    await connection.js.create_key_value(KeyValueConfig(bucket=DOCUMENT.bucket, history=4))
    yield connection.js
    await connection.js.delete_key_value(DOCUMENT.bucket)


def adding(name: str):
    return lambda held: {**held, name: len(held)}


async def test_before_anybody_writes_it_is_empty(js):
    assert await DOCUMENT.read(js) == {}


async def test_what_was_written_is_read(js):
    assert await DOCUMENT.change(js, adding("a")) == {"a": 0}
    assert await DOCUMENT.read(js) == {"a": 0}


async def test_of_writers_at_once_none_is_lost(js):
    await asyncio.gather(*(DOCUMENT.change(js, adding(name)) for name in "abcd"))
    held = await DOCUMENT.read(js)
    assert sorted(held) == list("abcd")
    assert sorted(held.values()) == [0, 1, 2, 3]


@pytest.mark.parametrize("how", ["purge", "delete"])
async def test_it_can_be_written_again_after_it_was_taken_away(js, how):
    await DOCUMENT.change(js, adding("a"))
    await getattr(await js.key_value(DOCUMENT.bucket), how)(DOCUMENT.key)
    assert await DOCUMENT.read(js) == {}
    assert await DOCUMENT.change(js, adding("b")) == {"b": 0}


async def test_a_refused_change_writes_nothing(js):
    await DOCUMENT.change(js, adding("a"))

    def refuse(held):
        raise Conflict("NO", "No.")

    with pytest.raises(Conflict):
        await DOCUMENT.change(js, refuse)
    assert await DOCUMENT.read(js) == {"a": 0}


async def test_without_its_bucket_a_change_can_be_tried_later(js):
    await js.delete_key_value(DOCUMENT.bucket)
    with pytest.raises(Transient) as error:
        await DOCUMENT.change(js, adding("a"))
    assert error.value.code == "TEST_CONTROL_AWAY"
    await js.create_key_value(KeyValueConfig(bucket=DOCUMENT.bucket))


async def test_a_lost_bucket_is_away_and_not_empty_also_when_it_was_read_before(js):
    await DOCUMENT.change(js, adding("a"))
    await js.delete_key_value(DOCUMENT.bucket)
    for _ in range(2):
        with pytest.raises(AWAY):
            await DOCUMENT.read(js)
    await js.create_key_value(KeyValueConfig(bucket=DOCUMENT.bucket))
    assert await DOCUMENT.read(js) == {}
    assert await DOCUMENT.change(js, adding("b")) == {"b": 0}
