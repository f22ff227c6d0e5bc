"""Which ruleset an order gets, whatever operators did before: the pure part of the switch."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import rulesets
from gateway.rulesets import Release, Standing, Turn
from mesh.errors import Conflict, FailedPrecondition, InvalidInput, NotFound

NAMES = ("tattoo@1.0.0", "tattoo@1.1.0", "tattoo@1.10.0", "balance@1.0.0")
RELEASES = {name: Release(name, "0" * 64, "2026-11-22", "unapproved") for name in NAMES}
UNTOUCHED = Standing()


def turn(ruleset: str, reason: str = "") -> Turn:
    return Turn(ruleset, "operator", "2026-11-22T12:00:00+00:00", reason)


def test_until_somebody_decides_the_newest_version_is_active() -> None:
    assert rulesets.active(RELEASES, UNTOUCHED, "tattoo") == "tattoo@1.10.0"
    assert rulesets.for_order(RELEASES, UNTOUCHED, "tattoo", "") == "tattoo@1.10.0"
    assert rulesets.for_order(RELEASES, UNTOUCHED, "tattoo", "tattoo@1.0.0") == "tattoo@1.0.0"
    assert rulesets.for_order(RELEASES, UNTOUCHED, "balance", "") == "balance@1.0.0"


def test_an_activation_outlives_a_newer_release() -> None:
    old = {name: RELEASES[name] for name in ("tattoo@1.0.0", "tattoo@1.1.0")}
    held = rulesets.activated(old, UNTOUCHED, turn("tattoo@1.0.0"))
    assert rulesets.active(RELEASES, held, "tattoo") == "tattoo@1.0.0"


def test_what_is_retired_serves_replays_only() -> None:
    held = rulesets.retired(RELEASES, UNTOUCHED, turn("tattoo@1.0.0", "no test spots"))
    with pytest.raises(FailedPrecondition, match="no test spots") as error:
        rulesets.for_order(RELEASES, held, "tattoo", "tattoo@1.0.0")
    assert (error.value.code, error.value.field) == ("RULESET_RETIRED", "ruleset")
    assert rulesets.for_replay(RELEASES, held, "tattoo", "tattoo@1.0.0") == "tattoo@1.0.0"


def test_the_first_reason_stays() -> None:
    held = rulesets.retired(RELEASES, UNTOUCHED, turn("tattoo@1.0.0", "first"))
    assert rulesets.retired(RELEASES, held, turn("tattoo@1.0.0", "second")) == held


def test_activating_takes_a_retirement_back() -> None:
    held = rulesets.retired(RELEASES, UNTOUCHED, turn("tattoo@1.0.0", "too early"))
    back = rulesets.activated(RELEASES, held, turn("tattoo@1.0.0"))
    assert rulesets.for_order(RELEASES, back, "tattoo", "") == "tattoo@1.0.0"
    assert not back.retired


@pytest.mark.parametrize("name", ["tattoo@1.10.0", "balance@1.0.0"])
def test_the_active_one_and_so_the_last_one_cannot_be_retired(name: str) -> None:
    with pytest.raises(Conflict) as error:
        rulesets.retired(RELEASES, UNTOUCHED, turn(name, "mistake"))
    assert error.value.code == "RULESET_ACTIVE"


def test_unknown_versions_and_those_of_another_kind_are_named() -> None:
    for name in ("tattoo@9.9.9", "balance@1.0.0"):
        for wanted in (rulesets.for_order, rulesets.for_replay):
            with pytest.raises(InvalidInput) as error:
                wanted(RELEASES, UNTOUCHED, "tattoo", name)
            assert (error.value.code, error.value.field) == ("RULESET_NOT_FOUND", "ruleset")
    with pytest.raises(NotFound):
        rulesets.activated(RELEASES, UNTOUCHED, turn("tattoo@9.9.9"))
    with pytest.raises(NotFound):
        rulesets.retired(RELEASES, UNTOUCHED, turn("tattoo@9.9.9", "gone"))


def test_an_older_release_never_puts_its_own_in_the_place_of_the_active_one() -> None:
    held = rulesets.activated(RELEASES, UNTOUCHED, turn("tattoo@1.10.0"))
    old = {name: RELEASES[name] for name in NAMES if name != "tattoo@1.10.0"}
    with pytest.raises(FailedPrecondition) as error:
        rulesets.for_order(old, held, "tattoo", "")
    assert error.value.code == "ACTIVE_RULESET_NOT_INSTALLED"
    assert rulesets.for_order(old, held, "tattoo", "tattoo@1.1.0") == "tattoo@1.1.0"


STEPS = st.lists(st.tuples(st.sampled_from(("activate", "retire")), st.sampled_from(NAMES)), max_size=12)


@given(STEPS)
def test_whatever_operators_do_each_kind_has_one_active_version_that_orders_get(steps) -> None:
    held = UNTOUCHED
    for what, name in steps:
        change = rulesets.activated if what == "activate" else rulesets.retired
        with suppress(Conflict):
            held = change(RELEASES, held, turn(name, "reason"))
        held = rulesets.from_json(json.loads(json.dumps(rulesets.to_json(held))))
        for kind in ("tattoo", "balance"):
            now = rulesets.active(RELEASES, held, kind)
            assert now not in held.retired
            assert rulesets.for_order(RELEASES, held, kind, "") == now
            assert rulesets.for_order(RELEASES, held, kind, now) == now
