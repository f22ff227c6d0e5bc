"""The stage, the typed call and the command line: pages in, page out, the same answer each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from assay.balance.v1 import balance_pb2 as pb
from assay.common.v1.types_pb2 import ComponentVersion, FlagLevel, QualityFlag
from assay.decision.v1 import decision_pb2
from assay.events.v1.analysis_pb2 import Analysis
from click.testing import CliRunner
from google.protobuf.json_format import MessageToDict

from cli.decide import decide
from gateway.api.earlier import COMPARED, MOST_BYTES, earlier_trial
from mesh.errors import FailedPrecondition, InvalidInput, NotFound
from models.synth.standing import StandingSpec
from models.synth.standing import trial as synthetic
from svc_balance.sway.page import build
from svc_balance.sway.trial import assess
from svc_decision.balance.case import pose_label
from svc_decision.balance.loader import load_ruleset
from svc_decision.balance.stage import STAGE, handle, prepare
from svc_decision.balance.wire import MAX_PAGE_BYTES
from svc_decision.service import DecisionService
from tests.decision.balance_cases import NOW, POSE, decided, earlier, request, sway, trial
from tests.decision.test_balance_flags import bess_battery, ctsib
from tests.decision.test_stage import Folder

EXAMPLE = Path(__file__).parents[2] / "svc_decision" / "examples" / "single-leg-eyes-open.json"


def pose_page() -> pb.PosePage:
    page = pb.PosePage(mode=pb.POSE_MODE_QUALITY, source="video")
    for name, version in (("blazepose-full", "0.10.14"), ("blazepose-detector", "0.10.14")):
        page.provenance.versions.append(ComponentVersion(kind="model", name=name, version=version))
    return page


def analysis(**changes) -> Analysis:
    message = request(**changes)
    document = Analysis(sway=message.sway, pose=pose_page())
    job = document.job
    job.job_id, job.kind, job.ruleset = "this", "balance", message.ruleset
    job.created_at.FromDatetime(NOW)
    job.balance.CopyFrom(message.trial)
    job.earlier.extend(message.earlier)
    document.ingest.flags.extend(message.flags)
    return document


async def test_the_stage_answers_as_the_call_does():
    folder = Folder()
    document = analysis(earlier=[earlier()])
    page = await handle(document, folder)
    assert (STAGE.kind, STAGE.consumes, STAGE.publishes, STAGE.page) == (
        "balance", "swayed", "decided", "decision",
    )  # fmt: skip
    response = await DecisionService().DecideBalance(request(earlier=[earlier()]), None)
    stored = page.decision_json
    assert stored.media_type == "application/json"
    page.ClearField("decision_json")
    assert page == response.page
    assert page.ruleset == "balance@1.0.0"
    assert page.ruleset_sha256 == load_ruleset().sha256
    assert "pending" in page.ruleset_approval
    assert {v.kind for v in page.provenance.versions} == {"code", "ruleset"}


async def test_a_replay_gives_the_same_bytes():
    first, second = Folder(), Folder()
    pages = [await handle(analysis(earlier=[earlier()]), folder) for folder in (first, second)]
    assert first.files == second.files
    assert pages[0].SerializeToString(deterministic=True) == pages[1].SerializeToString(deterministic=True)


async def test_the_document_holds_the_whole_trace():
    folder = Folder()
    await handle(analysis(), folder)
    document = json.loads(folder.files["decision.json"])
    assert document["kind"] == "balance"
    assert document["ruleset"]["approval"] == "unapproved"
    assert document["ruleset"]["hash"] == load_ruleset().sha256
    assert {entry["rule"] for entry in document["trace"]} >= {"S01", "M01", "N01", "C01", "T01", "B01", "I01"}
    assert {entry["rule"] for entry in document["trace"]} == set(document["rules"])
    assert document["rules"]["B07"] == {
        "evidence": "found",
        "source": ["Araujo-2022"],
        "author": "Assay project",
        "approver": None,
        "effective": "2026-11-22",
    }
    assert document["score"]["value"] == decided(request()).balance.score.value


async def test_without_a_sway_page_nothing_is_decided():
    document = analysis()
    document.ClearField("sway")
    with pytest.raises(FailedPrecondition) as caught:
        await handle(document, Folder())
    assert caught.value.code == "PAGE_MISSING"


async def test_flags_of_recording_and_pose_reach_the_rules():
    document = analysis()
    document.ingest.flags.append(QualityFlag(code="FRAMES_DROPPED", level=FlagLevel.FLAG_LEVEL_WARN))
    document.pose.flags.append(QualityFlag(code="PERSON_LOST", level=FlagLevel.FLAG_LEVEL_FAIL))
    page = await handle(document, Folder())
    assert {"B25", "B26"} <= {flag.id for flag in page.flags}
    assert page.status == decision_pb2.DECISION_STATUS_NOT_MEASURABLE


@pytest.mark.parametrize(
    "case",
    [
        {"earlier": [earlier(str(n), days=n, trial=trial(), sway=sway()) for n in range(8)]},
        {"earlier": [earlier(str(n)) for n in range(8)]},
        bess_battery(10),
        ctsib({(1, 2), (2, 2)}),
        {"trial": trial(intake=pb.BalanceIntake(
            falls_12_months=3, dizziness=True, pain=True, head_injury_4_weeks=True, leg_injury_3_months=True,
            neurological=True), age_years=80), "sway": sway({"FPPA_MEAN": (20.0, 2.0)}, time=2.0)},
    ],
)  # fmt: skip
def test_the_page_is_small(case):
    page = decided(request(**case))
    assert page.ByteSize() <= MAX_PAGE_BYTES < 20 * 1024
    assert all(entry.rule for entry in page.trace)


def test_pose_labels():
    assert pose_label(pose_page()) == POSE
    device = pb.PosePage(source="device", mode=pb.POSE_MODE_SINGLE_PASS)
    assert pose_label(device) == "device single_pass"
    assert pose_label(pb.PosePage()) == ""


async def test_the_call_refuses_other_rulesets():
    service = DecisionService()
    with pytest.raises(NotFound):
        await service.DecideBalance(request(ruleset="tattoo@1.0.0"), None)
    with pytest.raises(InvalidInput):
        await service.DecideBalance(request(ruleset="balance"), None)


def test_the_ruleset_can_be_read_ahead():
    prepare()


def write(tmp_path: Path, case: object) -> str:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case))
    return str(path)


def test_the_command_line_decides_the_example():
    result = CliRunner().invoke(decide, [str(EXAMPLE)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("status: ok   score: ")
    assert "B18 caution: " in result.output


def test_the_command_line_prints_what_the_call_answers(tmp_path: Path):
    message = request(ruleset="balance@1.0.0", earlier=[earlier()])
    path = write(tmp_path, MessageToDict(message, preserving_proto_field_name=True))
    result = CliRunner().invoke(decide, [path, "--json"])
    shown = json.loads(result.output)
    page = decided(message)
    assert shown["score"]["value"] == page.balance.score.value
    assert [flag["id"] for flag in shown["flags"]] == [flag.id for flag in page.flags]
    assert len(shown["asymmetry"]) == len(page.balance.asymmetry)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"trial": {"age_years": 900}}, "INVALID_FIELD", "trial.age_years"),
        ({"trial": {"age": 40}}, "CASE_INVALID", "age"),
        ({"trial": None}, "INVALID_FIELD", "trial"),
        ({"ruleset": "balance@7.0.0"}, "RULESET_NOT_FOUND", "balance@1.0.0"),
        ({"sway": 3}, "CASE_INVALID", "sway"),
    ],
)
def test_the_command_line_refuses_a_faulty_case(tmp_path: Path, change, code, words):
    case = {"ruleset": "balance@1.0.0", "trial": {}, "sway": {}} | change
    result = CliRunner().invoke(decide, [write(tmp_path, case)])
    error = result.exception
    known = getattr(error, "problem", None) or {"code": error.code, "detail": f"{error} {error.fix}"}
    assert known["code"] == code
    assert words in known["detail"]


async def test_what_the_sway_stage_measures_is_what_the_rules_read():
    spec = StandingSpec(duration_s=40, end_s=33, noise_px=0.1)
    landmarks, _ = synthetic(spec)
    stated = trial(height_cm=175.0)
    measured = build(assess(landmarks, stated), "0")
    page = decided(request(trial=stated, sway=measured))
    assert page.status == decision_pb2.DECISION_STATUS_OK
    parts = {part.id: part for part in page.balance.sub_scores}
    assert [part.rule for part in parts.values()] == ["M01", "M03,M07", "M11", "M12,M13,M14", "M15"]
    assert page.balance.score.HasField("low_95")
    finished = analysis(trial=stated)
    finished.sway.CopyFrom(measured)
    finished.decision.CopyFrom(page)
    then = earlier_trial(finished)
    again = decided(request(trial=stated, sway=measured, earlier=[then]))
    same = {change.metric: change for change in again.balance.follow_up}
    assert set(same) == {
        "TIME_TO_FAILURE", "MVELO_ML", "RDIST_ML", "HSI", "FPPA_MEAN", "PELVIC_OBLIQUITY_MEAN",
        "TRUNK_LEAN_MEAN", "SCORE",
    }  # fmt: skip
    assert all(change.difference.value == 0 and not change.not_comparable for change in same.values())
    assert 8 * then.ByteSize() < MOST_BYTES


def test_an_earlier_trial_keeps_every_metric_that_the_rules_compare():
    compared = {rule.metric for rule in load_ruleset().comparisons}
    assert compared - COMPARED == {"TIME_TO_FAILURE", "BESS_ERRORS", "SCORE"}
    assert COMPARED - compared == {"REACH"}
