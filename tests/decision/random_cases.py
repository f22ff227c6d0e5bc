"""Random tattoo cases, cheap to make: one random generator per case, so that its seed names it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from svc_decision.case import SINCE_INTAKE, schema
from svc_decision.ruleset import FITZPATRICK, Ruleset

_QUESTIONS: dict[str, Any] = schema()["properties"]["intake"]["properties"]
_CHOICES = ("scarring", "ink_amount")
_YES_NO = tuple(
    n for n in _QUESTIONS if n not in (*_CHOICES, "age", "tattoo_age_weeks", "naevus_checked", "naevus_found")
)
_PLAIN_SITES = ("forearm", "calf", "upper_arm", "chest", "back")
OUTCOMES = ("lighter", "unchanged", "darker", "reaction")


def random_case(rng: random.Random, ruleset: Ruleset) -> dict[str, Any]:
    """A case of the schema; about half are complete and harmless enough to be ranked."""
    trouble = rng.choice((0, 0, 0, 0, 1, 1, 2, 5))
    classes = tuple(ruleset.efficacy.classes)
    inks = [
        _ink(rng, classes, trouble)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 4) if trouble else (1, 2, 3)))
    ]
    device = _device(rng, ruleset)
    chart = rng.random() < 0.75
    case = {
        "ruleset": ruleset.id,
        "device": device,
        "skin": _skin(rng),
        "inks": inks,
        "site": rng.choice(tuple(ruleset.sites) if trouble > 1 else _PLAIN_SITES),
        "area_cm2": rng.choice((None, 0.2, 12.0, 250.0)),
        "detector": {"naevus": rng.choice((0.0, 0.1, 0.149, 0.15, 0.9)) if trouble > 1 else 0.0},
        "intake": _intake(rng, trouble),
        "image": {"chart": chart, "quality_ok": trouble < 2 or rng.random() < 0.9},
        "test_spots": _spots(rng, inks, device, ruleset),
    }
    if chart:
        case["image"]["chart_loo_de00"] = rng.uniform(0, 4 if trouble > 1 else 2.9)
    if rng.random() < 0.2:
        case["override"] = {
            "fitzpatrick": rng.choice(FITZPATRICK),
            "name": "Dr Example",
            "reason": "examined",
        }
    if trouble > 1:
        case["policy"] = {"isotretinoin": rng.choice(("caution", "defer"))}
        case["follow_up"] = {"skin_change_de00": rng.uniform(0, 8), "mdc95": rng.choice((None, 2.0))}
    return case


def posterior(rng: random.Random, classes: Sequence[str]) -> dict[str, float]:
    """Over one to five classes, summing to at most 1."""
    names = rng.sample(classes, rng.choice((1, 2, 2, 3, 5)))
    weights = [rng.random() ** 3 + 1e-3 for _ in names]
    scale = rng.choice((1.0, 0.95, 0.6)) / sum(weights)
    return {name: round(weight * scale, 4) for name, weight in zip(names, weights, strict=True)}


def _ink(rng: random.Random, classes: Sequence[str], trouble: int) -> dict[str, Any]:
    ink: dict[str, Any] = {"class": rng.choice(classes), "area_share": round(rng.random(), 3)}
    if rng.random() < 0.6:
        ink["posterior"] = posterior(rng, classes)
        top = max(ink["posterior"], key=lambda name: ink["posterior"][name])
        ink["class"] = rng.choice((top, top, top, "unknown", ink["class"]))
    if rng.random() < 0.5:
        ink["lab_t"] = [rng.uniform(30, 115), rng.uniform(-45, 45), rng.uniform(-50, 50)]
        ink["delta_e00"] = rng.uniform(0, 40)
    if trouble:
        ink["naevus"] = rng.choice((0.0, 0.0, 0.0, 0.0, 0.14, 0.15, 0.8))
        ink["delta_l_t"] = rng.choice((None, 0.0, -4.9, -5.0, -12.0))
        ink["prototype_de00"] = rng.choice((None, 3.0, 10.0, 10.1))
        ink["coverage"] = rng.choice((None, 0.3, 0.81))
    return ink


def _device(rng: random.Random, ruleset: Ruleset) -> dict[str, Any]:
    kind = rng.random()
    if kind < 0.6:
        return {"id": rng.choice(ruleset.devices).id}
    wavelengths = rng.sample(ruleset.efficacy.wavelengths_nm, rng.randint(1, 5))
    stated: dict[str, Any] = {"wavelengths": wavelengths, "pulse": rng.choice(("ns", "ps"))}
    if kind < 0.8:
        stated["clearance"] = rng.choice(("K220853", "K142372", "K000000"))
    return stated if kind < 0.98 else {"model": "Unheard of"}


def _skin(rng: random.Random) -> dict[str, Any]:
    skin: dict[str, Any] = {"fitzpatrick_operator": rng.choice(FITZPATRICK)}
    if rng.random() < 0.6:
        skin["ita"] = rng.uniform(-60, 80)
        skin["ita_sd"] = rng.choice((None, 0.0, 3.0, 15.0))
        if rng.random() < 0.3:
            skin["ita_protected"] = skin["ita"] + rng.uniform(-5, 15) if abs(skin["ita"]) < 60 else None
    return skin


def _intake(rng: random.Random, trouble: int) -> dict[str, Any]:
    answers: dict[str, Any] = dict.fromkeys(_YES_NO, False)
    answers |= {"age": 40, "tattoo_age_weeks": 100, "naevus_checked": True}
    answers |= {"scarring": "none", "ink_amount": "moderate"}
    for _ in range(trouble):
        name = rng.choice((*_YES_NO, *_CHOICES, "age", "tattoo_age_weeks", "naevus_checked"))
        answers[name] = _answer(rng, name)
    if not answers["naevus_checked"]:
        answers["naevus_found"] = rng.choice((True, False, None))
    if rng.random() < 0.1:
        answers[rng.choice(tuple(answers))] = None
    return answers


def _answer(rng: random.Random, name: str) -> Any:
    if name in _CHOICES:
        return rng.choice(_QUESTIONS[name]["enum"])
    if name in SINCE_INTAKE:
        return rng.choice((True, False, 0, 3, 30, 45, 60))
    if name == "age":
        return rng.choice((3, 17, 18, 90))
    if name == "tattoo_age_weeks":
        return rng.choice((0, 7.9, 8, 160))
    return rng.random() < 0.7


def _spots(
    rng: random.Random, inks: Sequence[dict[str, Any]], device: dict[str, Any], ruleset: Ruleset
) -> list[dict[str, Any]]:
    """Up to four test spots, mostly of inks and wavelengths at hand."""
    if rng.random() < 0.6:
        return []
    at_hand = device.get("wavelengths", (532, 730, 755, 785, 1064))
    known = [ink["class"] for ink in inks if ink["class"] != "unknown"] or ["brown"]
    return [
        {
            "ink_class": rng.choice(known)
            if rng.random() < 0.9
            else rng.choice(tuple(ruleset.efficacy.classes)),
            "wavelength_nm": rng.choice(at_hand),
            "reviewed_after_weeks": rng.choice((0, 3.9, 4, 5, 6, 12)),
            "outcome": rng.choice(("lighter", "lighter", *OUTCOMES)),
            "name": "Dr Example",
        }
        for _ in range(rng.randint(1, 4))
    ]
