"""What bench/scale_out.py reads from facts: shares, idle time, and what scale-in lost."""

from __future__ import annotations

import pytest

from bench import scale_out
from bench.scale_out import Run, ScaleIn


def run(job: int, replica: int, began: float, ended: float, delivery: int = 1) -> Run:
    return Run(str(job), f"replica-{replica}", began, ended, delivery)


EVEN = [run(k, 1 + k % 2, k // 2 * 0.2, k // 2 * 0.2 + 0.2) for k in range(20)]


def test_two_replicas_that_share_evenly_are_fair_busy_and_linear():
    found = scale_out.turn(EVEN, 2, alone_per_s=5.0)
    assert found.shares == {"replica-1": 1.0, "replica-2": 1.0}
    assert found.idle == pytest.approx(0.0, abs=1e-9)
    assert found.linear == pytest.approx(1.0)


def test_a_replica_that_got_nothing_is_seen():
    only_one = [run(k, 1, k * 0.2, k * 0.2 + 0.2) for k in range(10)]
    found = scale_out.turn(only_one, 2, alone_per_s=5.0)
    assert found.shares["replica-2"] == 0
    assert found.idle == pytest.approx(0.5)
    assert found.linear == pytest.approx(0.5)


def test_overlapping_runs_of_one_replica_count_once():
    doubled = [*EVEN, run(99, 1, 0.05, 0.15)]
    assert scale_out.idle(doubled, 2) == pytest.approx(scale_out.idle(EVEN, 2))


def test_what_is_unfair_slow_or_lost_is_named():
    one_sided = scale_out.turn([run(k, 1, k * 0.2, k * 0.2 + 0.2) for k in range(10)], 2, alone_per_s=5.0)
    lost = ScaleIn(4, 2, facts=10, segmented=9, twice=0, redelivered=0, longest_gap_s=1.0)
    assert len(scale_out.missed([one_sided], lost)) == 4
    whole = ScaleIn(4, 2, facts=10, segmented=10, twice=0, redelivered=1, longest_gap_s=1.0)
    assert scale_out.missed([scale_out.turn(EVEN, 2, 5.0)], whole) == []


def test_a_fact_that_was_published_twice_is_counted():
    found = scale_out.scale_in([*EVEN, run(3, 2, 9.0, 9.2, delivery=2)], 2, 1, 20)
    assert (found.segmented, found.twice, found.redelivered) == (20, 1, 1)
