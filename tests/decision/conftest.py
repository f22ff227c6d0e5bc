"""A complete, harmless case and ways to change it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from svc_decision.case import parse_case
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset
from svc_decision.present import to_json

NEGATIVE_INTAKE: dict[str, Any] = {
    "age": 34,
    "isotretinoin_months": False,
    "naevus_checked": True,
    "days_since_laser": False,
    "tattoo_age_weeks": 200,
} | dict.fromkeys(
    (
        "pmu", "ink_reaction", "laser_reaction", "gold", "pregnant", "infection", "tan_4_weeks",
        "melanoma_history", "keloid", "gunpowder", "traumatic", "photosensitising", "anticoagulant",
        "cover_up", "white_or_skin_tone", "smoker", "unhealed", "epilepsy", "poor_healing", "autoimmune_skin",
        "contact_allergy", "scar", "medical_marker", "eu_after_2023",
        "inside_orbital_rim", "multiple_tattoos",
    ),
    False,
)  # fmt: skip

CaseMaker = Callable[..., dict[str, Any]]
Decider = Callable[[dict[str, Any]], dict[str, Any]]


def make(
    ink: str | list[dict[str, Any]] = "black", fst: str = "II", device: str = "PW", **intake: Any
) -> dict[str, Any]:
    """A case with a calibrated photo whose intake is negative except for `intake`."""
    inks = [{"class": ink, "area_share": 1.0}] if isinstance(ink, str) else copy.deepcopy(ink)
    return {
        "ruleset": "tattoo@1.1.0",
        "device": {"id": device},
        "skin": {"fitzpatrick_operator": fst},
        "inks": inks,
        "site": "forearm",
        "area_cm2": 20,
        "detector": {"naevus": 0.0},
        "intake": NEGATIVE_INTAKE | intake,
        "image": {"chart": True, "chart_loo_de00": 1.2, "quality_ok": True},
    }


def run(case: dict[str, Any]) -> dict[str, Any]:
    """The decision as JSON, through the same functions as the command line."""
    parsed = parse_case(case)
    return to_json(decide(parsed, load_ruleset(parsed.ruleset or "tattoo@1.1.0")))


@pytest.fixture(scope="session")
def case() -> CaseMaker:
    """Builds a case."""
    return make


@pytest.fixture(scope="session")
def decided() -> Decider:
    """Decides a case."""
    return run
