"""Every flag fires where it should and stays silent where it should, with what it saw in the trace."""

from __future__ import annotations

from typing import Any

import pytest
from assay.balance.v1 import balance_pb2 as pb
from assay.common.v1.types_pb2 import FlagLevel, QualityFlag

from svc_decision.balance.loader import load_ruleset
from tests.decision.balance_cases import NO_ANSWERS, decided, document, earlier, metric, request, sway, trial

RULESET = load_ruleset()


def answering(**answers: Any) -> pb.BalanceTrial:
    return trial(intake=pb.BalanceIntake(**(NO_ANSWERS | answers)))


def bess(
    stance: int, errors: int, *, surface: int = pb.SURFACE_FIRM, task: int = pb.TASK_BESS
) -> dict[str, Any]:
    own = trial(task=task, stance=stance, surface=surface, arms=pb.ARMS_HIPS, eyes=None)
    return {"trial": own, "sway": sway(bess_errors=errors, time=None)}


def bess_battery(errors: int) -> dict[str, Any]:
    rest = [
        earlier(f"{stance}-{surface}", **bess(stance, errors, surface=surface))
        for stance in (1, 2, 3)
        for surface in (1, 2)
        if (stance, surface) != (1, 1)
    ]
    return bess(1, errors) | {"earlier": rest}


def ctsib(failing: set[tuple[int, int]]) -> dict[str, Any]:
    def one(eyes: int, surface: int) -> dict[str, Any]:
        failed = (eyes, surface) in failing
        page = sway(
            time=12.0 if failed else 30.0, censored=not failed, ended_by="touchdown" if failed else "cap"
        )
        return {"trial": trial(task=pb.TASK_MCTSIB, eyes=eyes, surface=surface), "sway": page}

    rest = [earlier(f"{e}-{s}", **one(e, s)) for e in (1, 2) for s in (1, 2) if (e, s) != (1, 1)]
    return one(1, 1) | {"earlier": rest}


def reach(direction: int, side: int, cm: float, pct: float = 100.0) -> dict[str, Any]:
    own = trial(task=pb.TASK_Y_BALANCE, reach=direction, side=side, leg_length_cm=90.0)
    return {"trial": own, "sway": sway({"REACH": (cm, 0.8), "REACH_PCT": (pct, 0.9)}, side_found=side)}


def two_reaches(direction: int, left: float, right: float) -> dict[str, Any]:
    return reach(direction, 1, left) | {"earlier": [earlier("right", **reach(direction, 2, right))]}


def composite(pct: float) -> dict[str, Any]:
    rest = [earlier(str(direction), **reach(direction, 1, 80.0, pct)) for direction in (2, 3)]
    return reach(1, 1, 80.0, pct) | {"earlier": rest}


def held(seconds: float, **changes: Any) -> dict[str, Any]:
    stated = {key: changes.pop(key) for key in ("age_years", "eyes") if key in changes}
    return {"trial": trial(**stated), "sway": sway(time=seconds, **changes)}


def valued(name: str, value: float) -> dict[str, Any]:
    return {"sway": sway({name: (value, 0.5)})}


def other_leg(obliquity: float, **changes: Any) -> dict[str, Any]:
    page = sway({"PELVIC_OBLIQUITY_MEAN": (obliquity, 0.5)}, side_found=pb.STANCE_SIDE_RIGHT)
    return {"earlier": [earlier(sway=page, **changes)]}


def last_visit(obliquity: float) -> dict[str, Any]:
    page = sway({"PELVIC_OBLIQUITY_MEAN": (obliquity, 0.5)})
    then = earlier(days=30, trial=trial(), sway=page)
    return {"earlier": [then], "sway": sway({"PELVIC_OBLIQUITY_MEAN": (6.5, 0.5)})}


def flagged(level: int, code: str = "FPS_TOO_LOW") -> dict[str, Any]:
    return {"flags": [QualityFlag(code=code, level=level, message="?")]}


def noisy(snr: float) -> dict[str, Any]:
    page = sway(drop=("MVELO_ML",))
    page.metrics.append(metric("MVELO_ML", 9.0, 0.5))
    page.metrics[-1].snr = snr
    return {"sway": page}


CLOSED = pb.EYES_CLOSED
# Rule: the severity, a case in which it fires, a case next to it in which it does not.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "B01": ("refer", {"trial": answering(falls_12_months=2)}, {}),
    "B02": ("refer", {"trial": answering(dizziness=True)}, {}),
    "B03": ("refer", {"trial": answering(neurological=True)}, {}),
    "B04": ("refer", {"trial": answering(head_injury_4_weeks=True)}, {}),
    "B05": ("refer", {"trial": answering(pain=True)}, {}),
    "B06": ("caution", {"trial": answering(leg_injury_3_months=True)}, {}),
    "B07": ("refer", held(9.9, age_years=50), held(9.9, age_years=49)),
    "B08": ("refer", held(4.9, age_years=60), held(5.0, age_years=60)),
    "B09": ("refer", held(2.3, eyes=CLOSED), held(2.4, eyes=CLOSED)),
    "B10": ("caution", held(21.6), held(21.7)),
    "B11": ("caution", other_leg(5.1), other_leg(4.9)),
    "B12": ("caution", last_visit(2.4), last_visit(2.6)),
    "B13": ("caution", bess(2, 10), bess(2, 9)),
    "B14": ("caution", bess_battery(5), bess_battery(4)),
    "B15": ("caution", two_reaches(1, 60.0, 64.1), two_reaches(1, 60.0, 64.0)),
    "B16": ("info", two_reaches(2, 90.0, 86.0), two_reaches(2, 90.0, 86.1)),
    "B17": ("info", composite(93.9), composite(94.0)),
    "B18": ("caution", valued("PELVIC_OBLIQUITY_MEAN", 5.1), valued("PELVIC_OBLIQUITY_MEAN", 5.0)),
    "B19": ("caution", valued("FPPA_MEAN", 10.1), valued("FPPA_MEAN", 10.0)),
    "B20": ("caution", valued("TRUNK_LEAN_MEAN", 10.1), valued("TRUNK_LEAN_MEAN", 10.0)),
    "B21": ("info", {"sway": sway(strategy="hip")}, {"sway": sway(strategy="mixed")}),
    "B22": ("info", ctsib({(2, 2)}), ctsib(set())),
    "B23": ("caution", {"sway": sway(side_found=pb.STANCE_SIDE_RIGHT)}, {"sway": sway(side_found=0)}),
    "B24": ("caution", {"sway": sway(view=pb.VIEW_OBLIQUE)}, {"sway": sway(view=pb.VIEW_BACK)}),
    "B25": ("caution", flagged(FlagLevel.FLAG_LEVEL_FAIL), flagged(FlagLevel.FLAG_LEVEL_WARN)),
    "B26": ("info", flagged(FlagLevel.FLAG_LEVEL_WARN), flagged(FlagLevel.FLAG_LEVEL_INFO)),
    "B27": ("info", noisy(2.9), noisy(3.0)),
    "B28": (
        "info",
        held(20.0, censored=True, ended_by="end_of_recording"),
        held(45.0, censored=True, ended_by="cap"),
    ),
    "B29": ("info", {"trial": trial(age_years=17)}, {"trial": trial(age_years=18)}),
}


def test_every_flag_is_tried():
    assert list(CASES) == [flag.id for flag in RULESET.flags]


@pytest.mark.parametrize("rule", CASES)
def test_a_flag_fires_and_its_neighbour_does_not(rule):
    severity, fires, silent = CASES[rule]
    page = decided(request(**fires))
    found = {flag.id: flag for flag in page.flags}
    assert found[rule].severity == severity
    assert found[rule].text == RULESET.texts[f"flag.{rule}"]
    assert found[rule].sources
    assert all(len(source) > 8 for source in found[rule].sources)
    assert next(entry for entry in page.trace if entry.rule == rule).fired

    quiet = decided(request(**silent))
    assert rule not in {flag.id for flag in quiet.flags}
    assert not next(entry for entry in quiet.trace if entry.rule == rule).fired


def test_the_harmless_case_has_no_flag_and_every_rule_in_its_trace():
    page = decided(request())
    assert not page.flags
    assert not page.unanswered
    maps = [m.id for s in RULESET.composite.sub_scores for p in s.parts for m in p.maps]
    rules = [m.id for m in RULESET.mandatory] + maps + [RULESET.composite.id]
    rules += [r.id for r in (*RULESET.battery, *RULESET.norms, *RULESET.comparisons, *RULESET.flags)]
    assert [entry.rule for entry in page.trace] == rules


def test_one_fall_is_a_caution_and_an_answer_left_open_is_not_no():
    page = decided(request(trial=answering(falls_12_months=1)))
    assert [(flag.id, flag.severity) for flag in page.flags] == [("B01", "caution")]
    open_ = decided(request(trial=trial(intake=None)))
    assert list(open_.unanswered) == ["B01", "B02", "B03", "B04", "B05", "B06"]
    assert any(m.code == "UNANSWERED" for m in open_.messages)


def test_the_gravest_flag_comes_first():
    page = decided(
        request(trial=trial(age_years=17, intake=pb.BalanceIntake(pain=True, leg_injury_3_months=True)))
    )
    assert [flag.severity for flag in page.flags] == ["refer", "caution", "info"]


def test_a_trial_that_was_stopped_is_not_called_short():
    early = held(4.0, age_years=70, censored=True, ended_by="end_of_recording")
    assert not {"B07", "B08", "B10"} & {flag.id for flag in decided(request(**early)).flags}


def test_the_trace_shows_what_a_rule_saw():
    entries = {entry.rule: entry for entry in decided(request(**held(8.5, age_years=55))).trace}
    assert "trial.age=55" in entries["B07"].saw
    assert "time.s=8.5" in entries["B07"].saw
    assert entries["B07"].effect == "refer: none"
    whole = {entry["rule"]: entry for entry in document(request(**held(8.5, age_years=55)))["trace"]}
    assert whole["B07"]["saw"]["time.censored"] is False


@pytest.mark.parametrize(
    ("failing", "pattern"),
    [
        ({(2, 1), (2, 2)}, "visual"),
        ({(1, 2), (2, 2)}, "surface"),
        ({(2, 2)}, "vestibular"),
        ({(1, 1), (2, 2)}, "other"),
        (set(), "none"),
    ],
)
def test_patterns_of_failed_conditions(failing, pattern):
    trace = document(request(**ctsib(failing)))["trace"]
    assert next(entry for entry in trace if entry["rule"] == "B22")["saw"] == {"battery.pattern": pattern}


def test_no_flag_speaks_of_a_diagnosis():
    for flag in RULESET.flags:
        words = RULESET.texts[f"flag.{flag.id}"].lower()
        assert not any(word in words for word in ("diagnos", "you have", "disease", "you will"))
