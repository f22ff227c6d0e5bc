"""What the linter calls unreachable or idle, against facts drawn at random."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from svc_decision.conditions import Condition, Facts, evaluate, fact_names, parse
from svc_decision.domains import MAX_ASSIGNMENTS, assignments, domain
from svc_decision.facts import FACT_NAMES
from svc_decision.loader import load_ruleset
from svc_decision.reach import reach

RULESET = load_ruleset()
NUMBERS = ("intake.age", "region.lightness_t", "skin.fitzpatrick_safe", "intake.isotretinoin_months")
YES_NO = ("intake.smoker", "image.chart")
CLASSES = ("white", "pink", "teal")

leaf = st.one_of(
    st.builds(
        lambda fact, op, limit: {"fact": fact, op: limit},
        st.sampled_from(NUMBERS),
        st.sampled_from(("above", "at_least", "below", "at_most")),
        st.sampled_from((-250, 0, 3, 4, 18, 90, 140)),
    ),
    st.builds(lambda fact, said: {"fact": fact, "is": said}, st.sampled_from(YES_NO), st.booleans()),
    st.builds(
        lambda names, p: {"probability_of": names, "at_least": p},
        st.lists(st.sampled_from(CLASSES), min_size=1, max_size=2, unique=True),
        st.sampled_from((0.15, 0.5)),
    ),
)
condition = st.recursive(
    leaf,
    lambda part: st.builds(
        lambda word, parts: {word: parts},
        st.sampled_from(("all", "any")),
        st.lists(part, min_size=1, max_size=3),
    ),
    max_leaves=5,
)


@st.composite
def drawn_facts(draw: st.DrawFn) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name in NUMBERS:
        own = domain(name, RULESET)
        numbers = st.sampled_from(own.choices) if own.choices else st.floats(own.low, own.high)
        facts[name] = draw(st.one_of(st.none(), numbers))
    facts |= {name: draw(st.sampled_from((None, True, False))) for name in YES_NO}
    weights = [draw(st.integers(0, 20)) for _ in (*CLASSES, "rest")]
    facts |= {f"p.{n}": w / max(sum(weights), 1) for n, w in zip(CLASSES, weights, strict=False)}
    return facts


def first(conditions: list[Condition], facts: Facts) -> int | None:
    return next((i for i, c in enumerate(conditions) if evaluate(c, facts) is True), None)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(condition, min_size=1, max_size=3), st.lists(drawn_facts(), min_size=20, max_size=20))
def test_what_is_called_unreachable_is_never_the_first_to_hold(trees, tries):
    conditions = [parse(tree) for tree in trees]
    found = reach(conditions, RULESET)
    if found is None:
        return
    for facts in tries:
        hit = first(conditions, facts)
        assert hit is None or found[hit].reachable


def verdict(*trees: dict[str, Any]) -> list[tuple[bool, tuple[str, ...]]]:
    found = reach([parse(tree) for tree in trees], RULESET)
    assert found is not None
    return [(one.reachable, one.idle) for one in found]


AGE_18, AGE_16 = {"fact": "intake.age", "below": 18}, {"fact": "intake.age", "below": 16}


def test_a_wider_level_before_a_narrower_one_shadows_it():
    assert verdict(AGE_18, AGE_16) == [(True, ()), (False, ("intake.age below 16",))]
    assert verdict(AGE_16, AGE_18) == [(True, ()), (True, ())]


def test_a_level_for_what_is_not_known_is_reachable():
    """An earlier level that hangs on an unanswered question does not fire; the later one does."""
    known = {"all": [{"fact": "intake.smoker", "is": True}, AGE_18]}
    either = {"any": [{"fact": "intake.smoker", "is": False}, AGE_18]}
    assert verdict(known, either) == [(True, ()), (True, ())]


def test_an_alternative_inside_another_never_decides():
    assert verdict({"any": [AGE_18, AGE_16]}) == [(True, ("intake.age below 16",))]


def test_limits_beyond_the_range_of_a_fact_never_hold():
    assert verdict({"fact": "intake.age", "above": 130})[0][0] is False
    assert verdict({"fact": "intake.age", "at_least": 130})[0][0] is True
    assert verdict({"fact": "skin.fitzpatrick_safe", "above": 6})[0][0] is False
    assert verdict({"fact": "intake.scarring", "in": ["severe"]})[0][0] is False
    assert verdict({"fact": "site.tags", "has": "orbital"})[0][0] is True
    assert verdict({"fact": "site.tags", "has": "tongue"})[0][0] is False


def test_two_classes_that_do_not_fit_into_one_posterior_never_hold_together():
    both = [{"probability_of": [name], "at_least": 0.6} for name in ("white", "pink")]
    assert verdict({"all": both})[0][0] is False
    both = [{"probability_of": [name], "at_least": 0.5} for name in ("white", "pink")]
    assert verdict({"all": both})[0][0] is True


def test_never_is_an_answer_of_a_number():
    assert verdict({"fact": "intake.isotretinoin_months", "is": False})[0][0] is True


def test_every_fact_has_a_domain_that_can_be_tried():
    for name in FACT_NAMES:
        own = domain(name, RULESET)
        assert own.choices or own.low < own.high, name
        assert None in own.samples([1.0])


def test_too_many_facts_are_said_to_be_too_many():
    wide = {
        "all": [{"fact": name, "above": 1.0} for name in sorted(FACT_NAMES) if name.startswith("region.")]
    }
    wide["all"] += [{"fact": f"intake.{n}", "is": True} for n in ("pmu", "gold", "keloid", "scar", "smoker")]
    conditions = [parse(wide)]
    sizes = [len(domain(name, RULESET).samples([1.0])) for name in fact_names(conditions[0])]
    assert math.prod(sizes) > MAX_ASSIGNMENTS
    assert assignments(conditions, RULESET) is None
    assert reach(conditions, RULESET) is None
