"""Malformed cases: whatever JSON comes, the answer is a case or a CASE_INVALID with its field, and soon."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.errors import InvalidInput
from svc_decision.case import MAX_VIOLATIONS, parse_case
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset
from svc_decision.present import to_json
from tests.decision.random_cases import random_case

RULESET = load_ruleset("tattoo@1.1.0")
CAMPAIGN = settings(
    max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.just("\ud800"),
    st.just(10**400),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)


def parsed_or_refused(obj: object) -> bool:
    """True when it is a case, which is then decided and written as UTF-8 JSON."""
    start = time.process_time()
    refusal = None
    try:
        case = parse_case(obj)
    except InvalidInput as error:
        refusal = error
    assert time.process_time() - start < 2
    if refusal is not None:
        check_refusal(refusal)
        return False
    json.dumps(to_json(decide(case, RULESET)), ensure_ascii=False, allow_nan=False).encode()
    return True


def check_refusal(refusal: InvalidInput) -> None:
    assert refusal.code == "CASE_INVALID"
    assert refusal.field
    assert refusal.fix
    assert 1 <= len(refusal.fields) <= MAX_VIOLATIONS
    assert all(fault.field and fault.message for fault in refusal.fields)
    assert len(refusal.message) < 1000


@CAMPAIGN
@given(anything)
def test_any_json_is_answered(obj):
    parsed_or_refused(obj)


@CAMPAIGN
@given(st.integers(0, 2**63 - 1), anything, st.integers(1, 3))
def test_any_part_of_a_case_may_be_anything(seed, junk, count):
    rng = random.Random(seed)
    case = random_case(rng, RULESET)
    for _ in range(count):
        _spoil(rng, case, junk)
    parsed_or_refused(case)


def _spoil(rng: random.Random, node: Any, junk: object) -> None:
    """Puts junk somewhere into a document, adds a strange field, or takes a field out."""
    while True:
        places: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not places:
            return
        key = rng.choice(places)
        if isinstance(node[key], dict | list) and rng.random() < 0.7:
            node = node[key]
            continue
        what = rng.random()
        if what < 0.7:
            node[key] = junk
        elif what < 0.85 and isinstance(node, dict):
            node[f"{key}x"] = junk
        else:
            del node[key]
        return


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device.wavelengths", [532] * 1_000_000),
        ("inks", [{"class": "red"}] * 100_000),
        ("inks", [{"class": "red"}] * 5_000),
        ("test_spots", [{}] * 3_000),
        ("intake", {f"question_{n}": True for n in range(50_000)}),
        ("site", "x" * 5_000_000),
        ("site", "\ud800"),
        ("area_cm2", 10**5000),
        ("area_cm2", -(10**5000)),
        ("override", {"fitzpatrick": "II", "name": " " * 1_000_000, "reason": "\t" * 1_000_000}),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else type(value).__name__,
)
def test_floods_are_refused_soon(field, value):
    case = random_case(random.Random(1), RULESET)
    *parents, last = field.split(".")
    target = case
    for name in parents:
        target[name] = {}
        target = target[name]
    target[last] = value
    assert not parsed_or_refused(case)


def test_a_missing_field_is_named_once():
    with pytest.raises(InvalidInput) as caught:
        parse_case({"inks": [], "test_spots": [{}]})
    fields = [fault.field for fault in caught.value.fields]
    assert len(fields) == len(set(fields)) == 5
