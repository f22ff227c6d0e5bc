"""Convergence: any order and repetition of deliveries of the same facts gives the same row."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.ledger import jobs
from gateway.ledger.database import Ledger
from gateway.ledger.projection import AFTERWARDS, ENDS, PAGES, JobState, SeenFact, count_pages, fold
from gateway.ledger.projector import project
from mesh.facts import FACTS
from tests.gateway.ledgers import make_order, store, with_pages

START = datetime(2026, 1, 1, tzinfo=UTC)


def seen(seq: int, fact: str, *, pages: int = 0, epoch: int = 1) -> SeenFact:
    return SeenFact(seq, epoch, fact, pages, START + timedelta(seconds=seq))


@st.composite
def fact_sets(draw: st.DrawFn) -> list[SeenFact]:
    """Facts of one job as a stream may hold them: distinct sequences, any names, pages and epochs."""
    sequences = draw(st.lists(st.integers(1, 60), unique=True, min_size=1, max_size=14))
    return [
        seen(
            seq,
            draw(st.sampled_from(sorted(FACTS))),
            pages=draw(st.integers(0, len(PAGES))),
            epoch=draw(st.integers(1, 2)),
        )
        for seq in sequences
    ]


@given(facts=fact_sets(), data=st.data())
def test_order_and_repetition_do_not_matter(facts: list[SeenFact], data: st.DataObject) -> None:
    repeated = facts + data.draw(st.lists(st.sampled_from(facts), max_size=10))
    shuffled = data.draw(st.permutations(repeated))
    assert fold(shuffled) == fold(facts)


@given(facts=fact_sets())
def test_first_terminal_fact_by_sequence_wins(facts: list[SeenFact]) -> None:
    state = fold(facts)
    newest = max(fact.epoch for fact in facts)
    ends = [fact for fact in facts if fact.fact in ENDS and fact.epoch == newest]
    if not ends:
        assert state.state in ("queued", "running")
        assert state.finished_at is None
        return
    first = min(ends, key=lambda fact: fact.stream_seq)
    assert (state.terminal_seq, state.state) == (first.stream_seq, ENDS[first.fact])
    assert state.finished_at == first.stored_at
    assert state.document_seq is not None
    assert state.document_seq <= first.stream_seq


@given(facts=fact_sets(), late=st.integers(61, 99), name=st.sampled_from(sorted(FACTS)))
@example(facts=[seen(1, "requested"), seen(2, "cancelled")], late=61, name="colored")
def test_nothing_after_the_end_changes_it(facts: list[SeenFact], late: int, name: str) -> None:
    state = fold(facts)
    adds = state.state == "succeeded" and name in AFTERWARDS
    if state.terminal_seq is not None and not adds:
        assert fold([*facts, seen(late, name, pages=7, epoch=state.epoch)]) == state


@given(facts=fact_sets(), late=st.integers(61, 99), pages=st.integers(0, len(PAGES)))
@example(facts=[seen(1, "requested"), seen(2, "failed")], late=61, pages=8)
@example(facts=[seen(1, "requested"), seen(2, "cancelled")], late=61, pages=8)
@example(facts=[seen(1, "annotated", pages=8), seen(2, "reported", pages=7)], late=61, pages=8)
def test_what_follows_the_end_adds_to_a_success_and_ends_nothing(
    facts: list[SeenFact], late: int, pages: int
) -> None:
    before = fold(facts)
    after = fold([*facts, seen(late, "annotated", pages=pages, epoch=before.epoch)])
    if before.state in ("failed", "cancelled"):
        assert after == before
    assert (after.terminal_seq, after.finished_at) == (before.terminal_seq, before.finished_at)
    if before.terminal_seq is None:
        assert after.state == "running"
    else:
        assert after.state == before.state
    assert after.last_seq >= before.last_seq


def test_no_facts_is_queued() -> None:
    assert fold([]) == JobState()


def test_the_usual_course() -> None:
    names = ["requested", "ingested", "segmented", "colored", "decided", "reported"]
    facts = [seen(10 + i, name, pages=i) for i, name in enumerate(names)]
    assert [fold(facts[:n]).state for n in range(1, 7)] == ["queued", *["running"] * 4, "succeeded"]
    assert fold(facts).document_seq == 15
    assert fold(facts).last_seq == 15


def test_a_redrive_opens_the_job_again() -> None:
    failed = [seen(1, "requested"), seen(2, "failed")]
    again = [*failed, seen(3, "requested", epoch=2)]
    assert fold(failed).state == "failed"
    assert fold(again) == JobState(epoch=2, state="queued", document_seq=3, last_seq=3)


def test_pages_are_counted() -> None:
    order = make_order("00000000-0000-4000-8000-000000000000")
    assert [count_pages(with_pages(order, n)) for n in range(len(PAGES) + 1)] == list(range(len(PAGES) + 1))


@pytest.mark.mesh
@pytest.mark.xdist_group("gateway")
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(facts=fact_sets(), seed=st.integers(0, 2**32))
async def test_the_row_converges(
    facts: list[SeenFact], seed: int, app: Ledger, worker: Ledger, tenant: str
) -> None:
    order = await store(app, make_order(tenant))
    deliveries = [*facts, *facts]
    random.Random(seed).shuffle(deliveries)
    for fact in deliveries:
        document = with_pages(order, fact.pages)
        document.failure.code = f"AT_{fact.stream_seq}" if fact.fact == "failed" else ""
        payload = document.SerializeToString()
        assert (await project(worker, tenant, order.job.job_id, fact, payload)).known
    async with app.tenant(tenant) as connection:
        row = await jobs.find(connection, order.job.job_id)
    wanted = fold(facts)
    shown = next(fact for fact in facts if fact.stream_seq == wanted.document_seq)
    assert row is not None
    assert (row.state, row.last_seq, row.finished_at) == (wanted.state, wanted.last_seq, wanted.finished_at)
    assert count_pages(row.document) == shown.pages
    assert (row.failure.code if row.failure else "") == (
        f"AT_{wanted.terminal_seq}" if wanted.state == "failed" else ""
    )


@pytest.mark.mesh
@pytest.mark.xdist_group("gateway")
async def test_a_fact_of_an_unknown_job_changes_nothing(worker: Ledger, tenant: str) -> None:
    order = make_order(tenant)
    projected = await project(
        worker, tenant, order.job.job_id, seen(1, "ingested"), order.SerializeToString()
    )
    assert not projected.known
