"""What is declared is what the server has; applying twice changes nothing."""

from __future__ import annotations

from nats.js.api import AckPolicy, RetentionPolicy

from mesh import facts, topology


async def test_applying_twice_changes_nothing(settings, connection):
    before = [await connection.js.stream_info(s.name) for s in topology.streams(settings)]
    await topology.apply(connection.js, settings)
    after = [await connection.js.stream_info(s.name) for s in topology.streams(settings)]
    assert [s.config for s in before] == [s.config for s in after]


async def test_live_consumers_are_the_declared_ones(settings, connection):
    for stream, declared in topology.consumers(settings):
        live = (await connection.js.consumer_info(stream, str(declared.durable_name))).config
        assert live.filter_subject == declared.filter_subject
        assert live.ack_policy == AckPolicy.EXPLICIT
        assert live.ack_wait == declared.ack_wait
        assert live.max_deliver == declared.max_deliver
        assert not live.backoff


async def test_facts_are_kept_for_several_readers(settings, connection):
    live = (await connection.js.stream_info(facts.STREAM)).config
    assert live.retention == RetentionPolicy.LIMITS
    assert live.max_msg_size == 128 * 1024


def test_every_stage_consumes_what_another_publishes():
    for kind, course in (("tattoo", facts.TATTOO_FACTS), ("balance", facts.BALANCE_FACTS)):
        consumed = [edge.fact for edge in topology.EDGES if edge.kind in (kind, "*")]
        assert sorted(consumed) == sorted(course[:-1])


def test_every_durable_is_named_once():
    names = [edge.durable for edge in topology.EDGES]
    assert len(set(names)) == len(names)


async def test_a_changed_setting_reaches_a_live_consumer(settings, connection):
    await topology.apply(connection.js, settings.model_copy(update={"ack_wait_s": 7.0}))
    assert (await connection.js.consumer_info(facts.STREAM, "stage-ingest")).config.ack_wait == 7.0
