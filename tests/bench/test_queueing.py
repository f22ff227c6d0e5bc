"""The queueing models against what theory says in closed form."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from bench.get_load import arrivals
from bench.queueing import Station, quantile, shared, tandem

DRAWN = 4000


def exponential(mean: float) -> list[float]:
    """An exponential distribution by its quantiles, with exactly that mean."""
    raw = [-math.log(1 - (i + 0.5) / DRAWN) for i in range(DRAWN)]
    return [mean * each * DRAWN / sum(raw) for each in raw]


def erlang_c(servers: int, load: float) -> float:
    """Probability of waiting in M/M/c (Erlang, 1917); load in servers."""
    top = load**servers / math.factorial(servers) * servers / (servers - load)
    return top / (sum(load**k / math.factorial(k) for k in range(servers)) + top)


@pytest.mark.parametrize(("servers", "busy"), [(1, 0.5), (1, 0.8), (4, 0.8)])
def test_mean_wait_is_erlangs(servers: int, busy: float) -> None:
    rate = busy * servers
    moments = arrivals(rate, 200_000 / rate, 1)
    passed = tandem([Station("one", servers, exponential(1.0))], moments, 1)
    mean = sum(each.seconds for each in passed) / len(passed)
    expected = 1.0 + erlang_c(servers, rate) / (servers - rate)
    assert mean == pytest.approx(expected, rel=0.06)


def test_fixed_service_waits_half_as_long() -> None:
    """Pollaczek (1930) and Khinchine (1932): M/D/1 waits half as long as M/M/1."""
    moments = arrivals(0.8, 100_000, 2)
    passed = tandem([Station("one", 1, [1.0])], moments, 2)
    mean = sum(each.seconds for each in passed) / len(passed)
    assert mean == pytest.approx(1 + 0.8 / (2 * 0.2), rel=0.05)


def test_stages_in_tandem_add_up_when_nobody_waits() -> None:
    stations = [Station("a", 1, [0.5], hop_s=0.1), Station("b", 1, [0.25], hop_s=0.05)]
    passed = tandem(stations, [0.0, 10.0, 20.0], 3)
    assert [each.seconds for each in passed] == pytest.approx([0.9] * 3)
    passed = shared(stations, [0.0, 10.0, 20.0], 2.0, 3)
    assert [each.seconds for each in passed] == pytest.approx([0.9] * 3)


def test_shared_cores_are_processor_sharing() -> None:
    """M/M/1 processor sharing: mean time 1 / (1 - busy), whatever the distribution (Kleinrock, 1976)."""
    moments = arrivals(0.6, 12_000, 4)
    for service in (exponential(1.0), [1.0]):
        passed = shared([Station("one", 10_000, service)], moments, 1.0, 4)
        mean = sum(each.seconds for each in passed) / len(passed)
        assert mean == pytest.approx(1 / 0.4, rel=0.1)


def test_a_burst_takes_its_work_over_the_cores() -> None:
    stations = [Station("a", 2, [1.0], around_s=0.5), Station("b", 2, [2.0])]
    passed = shared(stations, [0.0] * 40, 2.0, 5)
    # 40 jobs of 3.5 s of work on two cores; the ends of the burst leave a core idle for a while.
    assert max(each.done for each in passed) == pytest.approx(70, rel=0.06)


def test_more_threads_than_cores_slow_everybody_down() -> None:
    passed = shared([Station("wide", 2, [1.0], threads=2.0)], [0.0, 0.0], 2.0, 6)
    assert [each.seconds for each in passed] == pytest.approx([2.0, 2.0])


def test_arrivals_are_poisson() -> None:
    moments = arrivals(5.0, 4000.0, 7)
    gaps = [b - a for a, b in itertools.pairwise(moments)]
    assert len(moments) == pytest.approx(20_000, rel=0.03)
    assert sum(gap > 0.2 for gap in gaps) / len(gaps) == pytest.approx(math.exp(-1), abs=0.015)


def test_quantile_is_a_value_that_so_many_do_not_exceed() -> None:
    values = [random.Random(8).random() for _ in range(1)] + list(range(1, 100))
    assert quantile(values, 0.5) == 50
    assert quantile([3.0], 0.99) == 3.0
