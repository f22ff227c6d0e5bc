"""The stage and the typed service: pages in, page out, the same answer as the engine alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from assay.color.v1.color_pb2 import ClassPosterior, ColorPage, InkCluster, SkinReference
from assay.common.v1.types_pb2 import FlagLevel, Lab, Measurement, ObjectRef, QualityFlag
from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis, Job
from assay.segment.v1.segment_pb2 import SegmentPage

from mesh.errors import FailedPrecondition, InvalidInput, NotFound
from mesh.facts import MAX_FACT_BYTES
from svc_color.classifier import active
from svc_decision.case import schema
from svc_decision.decision import TraceEntry
from svc_decision.present import trace_fields
from svc_decision.service import DecisionService
from svc_decision.stage import STAGE, handle
from svc_decision.wire import case_of_analysis


@dataclass
class Folder:
    """A StageContext that keeps artefacts in memory."""

    files: dict[str, bytes] = field(default_factory=dict)
    deadline: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    log: Any = field(default_factory=structlog.get_logger)

    async def get(self, ref: ObjectRef) -> bytes:
        return self.files[ref.name]

    async def put(self, name: str, data: bytes, media_type: str) -> ObjectRef:
        self.files[name] = data
        digest = hashlib.sha256(data).hexdigest()
        return ObjectRef(
            bucket="bucket",
            key=f"decision/{digest}",
            sha256=digest,
            media_type=media_type,
            size_bytes=len(data),
            name=name,
        )

    async def progress(self, percent: float, message: str) -> None:
        assert 0 <= percent <= 100

    async def compute(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)


def intake(**changes: Any) -> pb.Intake:
    answers: dict[str, Any] = {
        f.name: False for f in pb.Intake.DESCRIPTOR.fields if f.has_presence and f.cpp_type == f.CPPTYPE_BOOL
    }
    del answers["naevus_found"]
    answers |= {"age": 40, "isotretinoin_never": True, "naevus_checked": True, "tattoo_age_weeks": 150}
    return pb.Intake(**(answers | changes))


def statement(**changes: Any) -> pb.TattooCase:
    stated: dict[str, Any] = {
        "device": pb.Device(id="PW"),
        "fitzpatrick_operator": pb.FITZPATRICK_II,
        "site": "forearm",
        "area_cm2": 12.0,
        "intake": intake(),
    }
    return pb.TattooCase(**(stated | changes))


def cluster(number: int, posterior: dict[str, float], named: str = "") -> InkCluster:
    return InkCluster(
        id=number,
        area_share=0.5,
        lab_t=Lab(l=70, a=40, b=-4),
        delta_e_skin=Measurement(id="delta_e_2000", value=27.0),
        posterior=[ClassPosterior(ink_class=n, probability=p) for n, p in posterior.items()],
        ink_class=named or max(posterior, key=lambda n: posterior[n]),
    )


def analysis(*inks: InkCluster, calibrated: bool = False, **changes: Any) -> Analysis:
    return Analysis(
        job=Job(kind="tattoo", tattoo=statement(**changes)),
        segment=SegmentPage(),
        color=ColorPage(
            skin=SkinReference(ita=Measurement(id="ita", value=-20, standard_uncertainty=3)),
            inks=inks,
            calibrated=calibrated,
        ),
    )


BLACK, RED = cluster(1, {"black": 0.9, "dark_blue": 0.08}), cluster(2, {"red": 0.8, "pink": 0.1})


async def test_a_photo_without_chart_gives_a_qualitative_table():
    folder = Folder()
    page = await handle(analysis(BLACK, RED), folder)
    assert page.status == pb.DECISION_STATUS_QUALITATIVE
    assert page.qualitative
    assert page.fitzpatrick_safe == pb.FITZPATRICK_II
    assert [(ink.ink_class, ink.basis, ink.cluster_id) for ink in page.inks] == [
        ("black", "hue_family", 1),
        ("red", "hue_family", 2),
    ]
    black = {o.wavelength_nm: o.status for o in page.inks[0].options}
    assert black[1064] == pb.OPTION_STATUS_CONSIDER
    assert all(o.rank == 0 for ink in page.inks for o in ink.options)
    assert pb.OPTION_STATUS_RECOMMEND not in [o.status for ink in page.inks for o in ink.options]
    assert {"QUALITATIVE", "SKIN_TYPE_UNCHECKED"} <= {m.code for m in page.messages}
    assert page.ruleset == "tattoo@1.1.0"
    assert "pending" in page.ruleset_approval
    kept = json.loads(folder.files["decision.json"])
    assert kept["status"] == "qualitative"
    assert kept["ruleset"]["hash"] == page.ruleset_sha256
    assert page.decision_json.sha256 == hashlib.sha256(folder.files["decision.json"]).hexdigest()


async def test_an_uncertain_class_is_shown_by_its_certain_family():
    page = await handle(analysis(cluster(1, {"blue": 0.45, "teal": 0.40}, "unknown")), Folder())
    (ink,) = page.inks
    assert ink.ink_class == "blue"
    assert {o.wavelength_nm for o in ink.options if o.status == pb.OPTION_STATUS_SPECIALIST} == {730, 785}
    assert [c.ink_class for c in ink.candidates] == ["blue", "teal"]
    assert [m.code for m in ink.messages] == ["FAMILY_ONLY"]
    assert "R37" in [f.id for f in page.flags]


async def test_an_uncertain_family_gets_no_options():
    page = await handle(analysis(cluster(1, {"blue": 0.35, "red": 0.35, "black": 0.3}, "unknown")), Folder())
    assert list(page.inks[0].options) == []
    assert page.inks[0].ink_class == "unknown"
    assert [m.code for m in page.inks[0].messages] == ["CLASS_UNCERTAIN"]


async def test_an_ink_unlike_any_prototype_gets_no_options():
    """Colour withholds a probable name when the colour is too far from all it knows."""
    page = await handle(analysis(cluster(1, {"red": 0.7, "pink": 0.2}, "unknown")), Folder())
    assert list(page.inks[0].options) == []
    assert [m.code for m in page.inks[0].messages] == ["CLASS_UNCERTAIN"]


async def test_no_ink_is_no_colour():
    document = analysis()
    document.segment.flags.append(QualityFlag(code="NO_INK_FOUND", level=FlagLevel.FLAG_LEVEL_FAIL))
    page = await handle(document, Folder())
    assert page.status == pb.DECISION_STATUS_NO_COLOUR
    assert [m.code for m in page.messages if m.code in ("NO_INK", "IMAGE_GATE_FAILED")] == ["NO_INK"]


@pytest.mark.parametrize("room", ["ingest", "segment", "color"])
async def test_a_failed_photo_is_no_colour(room):
    document = analysis(BLACK)
    getattr(document, room).flags.append(QualityFlag(code="IMAGE_BLURRED", level=FlagLevel.FLAG_LEVEL_FAIL))
    page = await handle(document, Folder())
    assert page.status == pb.DECISION_STATUS_NO_COLOUR
    assert "R36" in [f.id for f in page.flags]
    assert list(page.inks[0].options) == []


async def test_absent_answers_are_unanswered_not_no():
    page = await handle(analysis(BLACK, intake=pb.Intake(age=30)), Folder())
    assert page.status == pb.DECISION_STATUS_INCOMPLETE
    assert "intake.gold" in page.missing
    assert "intake.isotretinoin_months" in page.missing
    assert all(not ink.options for ink in page.inks)
    bare = Analysis(color=ColorPage(inks=[BLACK]))
    bare_page = await handle(bare, Folder())
    assert bare_page.status == pb.DECISION_STATUS_INCOMPLETE
    assert {"device", "site", "skin.fitzpatrick_operator"} <= set(bare_page.missing)


async def test_a_chart_without_its_error_is_incomplete():
    page = await handle(analysis(BLACK, calibrated=True), Folder())
    assert page.status == pb.DECISION_STATUS_INCOMPLETE
    assert list(page.missing) == ["image.chart_loo_de00"]


async def test_hard_stop_through_the_mesh():
    page = await handle(analysis(BLACK, RED, intake=intake(gold=True)), Folder())
    assert page.status == pb.DECISION_STATUS_STOPPED
    assert page.flags[0].id == "R07"
    assert all(not ink.options for ink in page.inks)
    assert page.sessions.sessions.not_measurable


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"isotretinoin_never": True}, False),
        ({"isotretinoin_never": False}, None),
        ({"isotretinoin_months": 3.0}, 3.0),
        ({"isotretinoin_months": 3.0, "isotretinoin_never": True}, 3.0),
    ],
)
def test_isotretinoin_never_and_months(answers, expected):
    full = intake()
    full.ClearField("isotretinoin_never")
    full.MergeFrom(pb.Intake(**answers))
    assert case_of_analysis(analysis(BLACK, intake=full)).intake.get("isotretinoin_months") == expected


async def test_the_colour_page_is_needed():
    with pytest.raises(FailedPrecondition) as caught:
        await handle(Analysis(job=Job(kind="tattoo", tattoo=statement())), Folder())
    assert caught.value.code == "PAGE_MISSING"


async def test_an_unknown_ruleset_is_not_found_and_a_strange_one_invalid():
    document = analysis(BLACK)
    document.job.ruleset = "tattoo@7.0.0"
    with pytest.raises(NotFound):
        await handle(document, Folder())
    document.job.ruleset = "latest"
    with pytest.raises(InvalidInput):
        await handle(document, Folder())


async def test_the_page_stays_small_at_its_largest():
    inks = [cluster(n, {"blue": 0.9, "teal": 0.05}) for n in range(1, 33)]
    device = pb.Device(wavelengths_nm=[532, 585, 650, 670, 694, 730, 755, 785, 1064], pulse=pb.PULSE_PS)
    folder = Folder()
    page = await handle(analysis(*inks, device=device), folder)
    assert page.ByteSize() < MAX_FACT_BYTES - 16 * 1024
    assert len(page.inks) == 32
    assert len(json.loads(folder.files["decision.json"])["inks"][0]["options"][0]["reasons"]) > 1


async def test_running_twice_gives_the_same_bytes():
    first, second = Folder(), Folder()
    one = await handle(analysis(BLACK, RED), first)
    two = await handle(analysis(BLACK, RED), second)
    assert one.SerializeToString(deterministic=True) == two.SerializeToString(deterministic=True)
    assert first.files == second.files


def test_the_stage_is_wired_between_colour_and_report():
    assert (STAGE.consumes, STAGE.publishes, STAGE.page) == ("colored", "decided", "decision")
    STAGE.prepare()


def test_colour_speaks_the_rulesets_classes():
    known = set(schema()["$defs"]["ink"]["properties"]["class"]["enum"])
    assert set(active().classes) <= known


def test_proto_intake_asks_what_the_case_asks():
    fields = {f.name for f in pb.Intake.DESCRIPTOR.fields} - {"isotretinoin_never"}
    assert fields == set(schema()["properties"]["intake"]["properties"])


def request(**changes: Any) -> pb.DecideRequest:
    asked: dict[str, Any] = {
        "statement": statement(),
        "inks": [pb.MeasuredInk(ink_class="red", posterior={"red": 0.9}, area_share=1.0)],
        "ita": 62.0,
        "ita_sd": 3.0,
        "chart": True,
        "chart_loo_de00": 1.2,
        "quality_ok": True,
    }
    return pb.DecideRequest(**(asked | changes))


async def test_typed_call_answers_as_the_engine():
    response = await DecisionService().Decide(request(), None)
    (ink,) = response.page.inks
    assert response.page.status == pb.DECISION_STATUS_OK
    assert (ink.options[0].wavelength_nm, ink.options[0].rank) == (532, 1)
    assert ink.options[0].status == pb.OPTION_STATUS_RECOMMEND
    fired = {entry.rule: entry.fired for entry in response.page.trace}
    assert fired["R05"]
    assert not fired["R07"]
    assert "intake.gold=False" in next(e.saw for e in response.page.trace if e.rule == "R07")


async def test_typed_call_refuses_a_class_nobody_knows():
    with pytest.raises(InvalidInput) as caught:
        await DecisionService().Decide(request(inks=[pb.MeasuredInk(ink_class="octarine")]), None)
    assert caught.value.field == "inks[0].class"


async def test_typed_call_carries_the_override():
    override = pb.Override(fitzpatrick=pb.FITZPATRICK_III, name="Dr Example", reason="examined by hand")
    stated = statement(fitzpatrick_operator=pb.FITZPATRICK_III, override=override)
    tanned = (
        await DecisionService().Decide(request(statement=statement(fitzpatrick_operator=3), ita=20.0), None)
    ).page
    restored = (await DecisionService().Decide(request(statement=stated, ita=20.0), None)).page
    assert tanned.fitzpatrick_safe == pb.FITZPATRICK_IV
    assert restored.fitzpatrick_safe == pb.FITZPATRICK_III
    assert "OVERRIDE_APPLIED" in [m.code for m in restored.messages]


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("p.red", 0.123456789, "p.red=0.1235"),
        ("skin.ita", -20.000000001, "skin.ita=-20"),
        ("area_cm2", 12345.678, "area_cm2=12346"),
        ("intake.age", 41, "intake.age=41"),
        ("intake.gold", None, "intake.gold=unanswered"),
        ("region.delta_e00", None, "region.delta_e00=not known"),
        ("site.tags", ("face", "pmu"), "site.tags=face, pmu"),
    ],
)
def test_the_trace_is_written_for_people(name, value, line):
    assert trace_fields(TraceEntry("X", "fired", ((name, value),))) == [line]


async def test_sessions_say_each_reason_once_and_end_it_once():
    """Two regions of one class share their reason; the trace joins reasons with one mark."""
    page = await handle(analysis(BLACK, RED, RED, calibrated=True), Folder())
    effect = next(entry.effect for entry in page.trace if entry.rule == "KD")
    reasons = effect.split("; ")
    assert len(reasons) == len(set(reasons)) >= 1
    assert ".;" not in effect
    assert not effect.endswith(".")
