"""Comparing two results: nothing of a result with itself, the same from both sides, and each cause named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from assay.common.v1.types_pb2 import Measurement
from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis, Job
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.diff import show
from cli.diff.compare import compare
from cli.diff.difference import Comparison, Difference
from cli.diff.measured import moved
from cli.problems import CommandError
from cli.results import document_of
from gateway.api.views import as_json
from tests.cli.cases import CLASSES, result

# Two clusters of one class, in either order of area, are told apart by their number only.
SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RESULTS = st.builds(
    result,
    fitzpatrick=st.sampled_from(range(7)),
    ita=st.sampled_from((-40.0, 20.0, 44.0, 46.0)),
    ita_u=st.sampled_from((0.0, 2.0, 30.0)),
    inks=st.lists(st.sampled_from(CLASSES), max_size=3).map(tuple),
    contrast=st.sampled_from((3.0, 27.0, 28.0, 40.0)),
    calibrated=st.booleans(),
    model=st.sampled_from(("0.1.0", "1.0.0")),
    blurred=st.booleans(),
    gold=st.booleans(),
    pregnant=st.booleans(),
)


def mirrored(found: Comparison) -> Comparison:
    """The same comparison from the other side."""
    turned = tuple(
        replace(
            one,
            before=one.after,
            after=one.before,
            facts=tuple(replace(fact, before=fact.after, after=fact.before) for fact in one.facts),
        )
        for one in found.differences
    )
    return replace(found, differences=turned)


def of_kind(found: Comparison, kind: str) -> list[Difference]:
    return [one for one in found.differences if one.kind == kind]


@SOME
@given(RESULTS)
def test_a_result_does_not_differ_from_itself(one: Analysis) -> None:
    assert compare(one, one) == Comparison((), 0)


@SOME
@given(RESULTS, RESULTS)
def test_both_sides_tell_the_same(a: Analysis, b: Analysis) -> None:
    assert compare(b, a) == mirrored(compare(a, b))


@SOME
@given(RESULTS, RESULTS)
def test_equal_comparisons_mean_equal_decisions(a: Analysis, b: Analysis) -> None:
    """Whatever a reader acts on shows as a difference when it is one."""

    def acted_on(page: pb.DecisionPage) -> Any:
        options = [
            (ink.ink_class, o.wavelength_nm, o.status, o.rank) for ink in page.inks for o in ink.options
        ]
        return (
            page.status,
            page.fitzpatrick_safe,
            sorted(options),
            sorted((f.id, f.severity) for f in page.flags),
        )

    decided = {"status", "skin", "ink", "option", "flag"}
    if not any(one.kind in decided for one in compare(a, b).differences):
        assert acted_on(a.decision) == acted_on(b.decision)


def test_a_flag_names_its_rule_and_what_it_saw() -> None:
    found = compare(result(), result(gold=True))
    (flag,) = of_kind(found, "flag")
    assert (flag.at, flag.rules, flag.before, flag.after) == ("R07", ("R07",), "", "contraindicated")
    assert [(f.name, f.before, f.after) for f in flag.facts] == [("intake.gold", "False", "True")]
    assert flag.versions == ("order",)
    assert [(one.at, one.before, one.after) for one in of_kind(found, "order")] == [
        ("tattoo.intake.gold", "False", "True")
    ]


def test_what_stops_a_case_is_behind_every_wavelength_that_is_gone() -> None:
    found = compare(result(), result(gold=True, fitzpatrick=pb.FITZPATRICK_V))
    (status,) = of_kind(found, "status")
    assert (status.before, status.after, status.rules) == ("qualitative", "stopped", ("R07",))
    gone = of_kind(found, "option")
    assert [(one.at, one.after, one.rules) for one in gone] == [
        ("ink 1, black every wavelength", "", ("R07",)), ("ink 2, red every wavelength", "", ("R07",)),
    ]  # fmt: skip
    assert "532 nm consider" in gone[1].before


def test_what_was_judged_ink_by_ink_is_not_told_of_another_ink() -> None:
    """The page keeps one place of each rule; an option's own entries are those of its place."""
    found = compare(result(calibrated=True), result(calibrated=True, fitzpatrick=pb.FITZPATRICK_V))
    own = {"efficacy", "evidence", "label", "skin gate"}
    changed = of_kind(found, "option")
    assert changed
    assert all({fact.name for fact in one.facts} <= own for one in changed)
    assert any(fact.name == "skin gate" for one in changed for fact in one.facts)


def test_another_reason_for_no_value_is_other_words() -> None:
    a, b = result(), result()
    b.decision.sessions.sessions.not_measurable = "for another reason"
    assert [one.kind for one in compare(a, b).differences] == ["text"]


def test_what_a_large_page_left_out_is_no_difference() -> None:
    a, b = result(), result(gold=True)
    for entry in b.decision.trace:
        entry.ClearField("saw")
    (flag,) = of_kind(compare(a, b), "flag")
    assert (flag.rules, flag.facts) == (("R07",), ())


def test_a_balance_trial_tells_metrics_and_verdicts() -> None:
    a, b = (Analysis(job=Job(kind="balance")) for _ in range(2))
    for one, mean, band in ((a, 20.0, "within"), (b, 31.0, "above")):
        one.sway.metrics.add(
            measurement=Measurement(id="MVELO_ML", unit="mm/s", value=mean, standard_uncertainty=2.0)
        )
        one.decision.balance.norms.add(metric="MVELO_ML", band=band)
        one.decision.balance.score.CopyFrom(Measurement(id="score", unit="1", value=70.0))
    found = compare(a, b)
    assert [(one.kind, one.at, one.before, one.after) for one in found.differences] == [
        ("measurement", "sway.metrics[MVELO_ML].measurement", "20 mm/s", "31 mm/s"),
        ("comparison", "norms MVELO_ML", "within", "above"),
    ]


def test_darker_skin_names_the_gate_of_each_wavelength() -> None:
    found = compare(result(), result(fitzpatrick=pb.FITZPATRICK_V))
    (skin,) = of_kind(found, "skin")
    assert (skin.before, skin.after) == ("II", "V")
    changed = of_kind(found, "option")
    assert any("532 nm" in one.at and "blocked" in one.after for one in changed)
    assert all(one.rules for one in changed)


def test_another_model_is_named_as_the_cause_of_another_palette() -> None:
    found = compare(result(model="0.1.0"), result(inks=("black", "dark_green"), model="1.0.0"))
    assert [(one.at, one.before, one.after) for one in of_kind(found, "version")] == [
        ("model ink-seg", "0.1.0", "1.0.0")
    ]
    assert [one.at for one in of_kind(found, "palette")] == ["dark_green", "red"]
    assert all(one.versions == ("model ink-seg",) for one in of_kind(found, "palette"))


def test_another_ruleset_is_named_by_version_and_hash() -> None:
    a, b = result(), result()
    b.decision.ruleset = "tattoo@9.0.0"
    versions = [v for v in b.decision.provenance.versions if v.kind == "ruleset"]
    versions[0].version, versions[0].sha256 = "9.0.0", "9" * 64
    b.decision.inks[0].options[0].status = pb.OPTION_STATUS_HOLD
    found = compare(a, b)
    (version,) = of_kind(found, "version")
    assert version.at == "ruleset tattoo"
    assert version.after == "9.0.0 (999999999999)"
    (option,) = of_kind(found, "option")
    assert option.versions == ("ruleset tattoo",)
    assert set(option.rules) <= set(b.decision.inks[0].options[0].rules)


def test_measurements_within_their_uncertainty_are_counted_and_not_told() -> None:
    within = compare(result(contrast=27.0), result(contrast=29.0))
    assert (of_kind(within, "measurement"), within.within_uncertainty) == ([], 2)
    beyond = compare(result(contrast=27.0), result(contrast=33.0))
    assert [one.at for one in of_kind(beyond, "measurement")] == [
        "color.inks[black].delta_e_skin", "color.inks[red].delta_e_skin",
    ]  # fmt: skip
    assert of_kind(beyond, "measurement")[0].before == "27 (25 to 29)"


def value(of: float | None, u: float | None = None, why: str = "") -> Measurement:
    return Measurement(value=of, standard_uncertainty=u, not_measurable=why)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (value(1.0, 1.0), value(3.7, 1.0), False),  # 1.96 * sqrt(2) = 2.77
        (value(1.0, 1.0), value(3.8, 1.0), True),
        (value(1.0), value(1.001), True),
        (value(1.0, 9.0), value(None, why="no chart"), True),
        (value(None, why="no chart"), value(None, why="no skin"), True),
        (None, value(1.0, 1.0), True),
        (None, None, False),
    ],
)
def test_moved_is_beyond_the_combined_uncertainty(
    a: Measurement | None, b: Measurement | None, expected: bool
) -> None:
    assert moved(a, b) is expected
    assert moved(b, a) is expected


def test_what_no_record_explains_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    a, b = result(), result()
    b.decision.messages.add(code="STRAY", text="from nowhere")
    (stray,) = compare(a, b).differences
    assert show.because(stray) == show.NOTHING


def test_a_document_survives_the_way_through_the_api() -> None:
    one = result()
    view = {"job_id": "j", "state": "STATE_SUCCEEDED", "result": as_json(one)}
    assert compare(document_of(view), one) == Comparison((), 0)


@pytest.mark.parametrize(
    ("view", "code", "refused"),
    [
        ({"job_id": "j", "state": "STATE_FAILED"}, "JOB_HAS_NO_RESULT", True),
        ({"job_id": "j", "state": "STATE_SUCCEEDED", "result": {"aura": 1}}, "RESULT_UNREADABLE", False),
    ],
)
def test_what_cannot_be_compared_is_refused(view: dict[str, Any], code: str, refused: bool) -> None:
    with pytest.raises(CommandError) as error:
        document_of(view)
    assert (error.value.problem["code"], error.value.refused) == (code, refused)
