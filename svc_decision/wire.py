"""Between protobuf and the engine: statements and pages in, a page out.

Statements go through `parse_case` in their JSON form, so that the mesh and `assay decide` share one door.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import Any

from assay.color.v1.color_pb2 import InkCluster
from assay.common.v1.types_pb2 import ComponentVersion, FlagLevel, Measurement, Provenance, QualityFlag
from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis

from svc_decision.case import Case, parse_case
from svc_decision.citations import references, rule_sources
from svc_decision.decision import Counterfactual, Decision, InkDecision, Message, Option, Sessions, TraceEntry
from svc_decision.follow_up import darkening, skin_change
from svc_decision.loader import DEFAULT_RULESET
from svc_decision.present import trace_fields
from svc_decision.ruleset import FITZPATRICK, Manifest
from svc_decision.tracing import LOOKUPS

NO_INK_CLASS = "no_ink"
# Flags of other stages that say "there is no ink", which is a finding and no fault of the photo.
NO_INK_FLAGS = frozenset({"NO_INK", "NO_INK_FOUND"})
# Begins the flags of the photo of protected skin: it measures tan, and says nothing about the tattoo's photo.
PROTECTED_PREFIX = "PROTECTED_"
MAX_PAGE_BYTES = 36 * 1024
_PULSES = {pb.PULSE_NS: "ns", pb.PULSE_PS: "ps"}
_MAX_INKS = 64


def case_of_analysis(analysis: Analysis) -> Case:
    """The case of a travelling document: the operator's statements and the pages of the photo.

    Raises InvalidInput (CASE_INVALID) when a statement does not fit the schema.
    """
    color = analysis.color
    obj = _statement(analysis.job.tattoo)
    clusters = [c for c in color.inks if c.ink_class != NO_INK_CLASS][:_MAX_INKS]
    obj["inks"] = [
        {**_measured_ink(each), "delta_l_t": darkening(color.follow_up, each.id)} for each in clusters
    ]
    obj["follow_up"] = skin_change(color.follow_up)
    ita = color.skin.ita
    if ita.HasField("value"):
        obj.setdefault("skin", {})["ita"] = ita.value
        if ita.HasField("standard_uncertainty"):
            obj["skin"]["ita_sd"] = min(ita.standard_uncertainty, 90.0)
    protected = color.protected_skin.ita
    if protected.HasField("value") and not analysis.job.tattoo.HasField("ita_protected"):
        obj.setdefault("skin", {})["ita_protected"] = protected.value
    obj["image"] = _image(analysis)
    obj["ruleset"] = analysis.job.ruleset or DEFAULT_RULESET
    obj["language"] = analysis.job.language or None
    models = [f"{v.name}@{v.version}" for v in color.provenance.versions if v.kind == "model"]
    obj["classifier"] = models[0] if models else None
    case = parse_case(obj)
    inks = zip(case.inks, clusters, strict=True)
    return replace(case, inks=tuple(replace(ink, cluster_id=cluster.id) for ink, cluster in inks))


def _image(analysis: Analysis) -> dict[str, Any]:
    """What the photo is worth. A chart that failed its gates is none: its photo is judged by hue alone."""
    color = analysis.color
    flags = [*analysis.ingest.flags, *analysis.segment.flags, *color.flags]
    image: dict[str, Any] = {"chart": color.calibrated, "quality_ok": not any(map(_fails, flags))}
    if color.calibrated and color.chart.loo_mean.HasField("value"):
        image["chart_loo_de00"] = color.chart.loo_mean.value
        image["chart_loo_max_de00"] = color.chart.loo_max.value
    return image


def case_of_request(request: pb.DecideRequest) -> Case:
    """The case of a typed call. Raises InvalidInput (CASE_INVALID)."""
    obj = _statement(request.statement)
    obj["inks"] = [
        {
            "class": ink.ink_class,
            "posterior": dict(ink.posterior) or None,
            "area_share": ink.area_share,
            "lab_t": [ink.lab_t.l, ink.lab_t.a, ink.lab_t.b] if ink.HasField("lab_t") else None,
        }
        for ink in request.inks
    ]
    for name in ("ita", "ita_sd"):
        if request.HasField(name):
            obj.setdefault("skin", {})[name] = getattr(request, name)
    loo = request.chart_loo_de00 if request.HasField("chart_loo_de00") else None
    obj["image"] = {"chart": request.chart, "quality_ok": request.quality_ok, "chart_loo_de00": loo}
    obj["ruleset"] = request.ruleset or DEFAULT_RULESET
    return parse_case(obj)


def page_of(decision: Decision, limit: int = MAX_PAGE_BYTES) -> pb.DecisionPage:
    """The page, of at most `limit` bytes as far as it can be shortened.

    The reference to the stored JSON is left empty.
    """
    manifest = decision.manifest
    name = f"{manifest.name}@{manifest.version}"
    page = pb.DecisionPage(
        status=pb.DecisionStatus.Value(f"DECISION_STATUS_{decision.status.upper()}"),
        inks=[_ink(ink) for ink in decision.inks],
        flags=[
            pb.RiskFlag(
                id=flag.id,
                severity=flag.severity,
                scope=flag.scope,
                text=flag.text,
                sources=flag.source,
                ink_classes=dict.fromkeys(decision.inks[i].ink_class for i in flag.regions),
            )
            for flag in decision.flags
        ],
        fitzpatrick_safe=_fitzpatrick(decision.skin.safe),
        sessions=_sessions(decision.sessions),
        missing=[m.path for m in decision.missing],
        messages=[message_of(m) for m in decision.messages],
        # Options name their table entries themselves.
        trace=trace_of(tuple(e for e in decision.trace if not e.rule.startswith(LOOKUPS))),
        ruleset=name,
        ruleset_sha256=decision.ruleset_sha256,
        ruleset_approval=manifest.approval_statement,
        provenance=provenance_of(manifest, decision.ruleset_sha256),
        qualitative=decision.qualitative,
        unanswered=decision.unanswered,
    )
    if decision.extended:
        _extend(page, decision)
    return _fit(page, limit)


def _extend(page: pb.DecisionPage, decision: Decision) -> None:
    """What came with rulesets of format 1.1: pages under older ones stay what they were."""
    for flag, raised in zip(page.flags, decision.flags, strict=True):
        flag.evidence = raised.evidence
        flag.raised_by.extend(raised.raised_by)
    for shown, ink in zip(page.inks, decision.inks, strict=True):
        shown.named_by = ink.named_by
        if ink.class_probability is not None:
            shown.class_probability, shown.classifier = ink.class_probability, decision.classifier or ""
        for option, own in zip(shown.options, ink.options, strict=True):
            option.learned.extend(own.learned)
    page.language, page.counterfactual_note = decision.language, decision.counterfactual_note
    page.counterfactuals.extend(_counterfactual(entry) for entry in decision.counterfactuals)
    page.rule_sources.extend(rule_sources(decision))
    tags = [tag for flag in page.flags for tag in flag.sources]
    tags += [tag for rule in page.rule_sources for tag in rule.sources]
    page.references.extend(references(decision, tags))


def provenance_of(manifest: Manifest, ruleset_sha256: str) -> Provenance:
    """The versions that made a page: code and ruleset."""
    return Provenance(
        versions=[
            ComponentVersion(kind="code", name="assay", version=_code_version()),
            ComponentVersion(
                kind="ruleset", name=manifest.name, version=manifest.version, sha256=ruleset_sha256
            ),
        ]
    )


def _fit(page: pb.DecisionPage, limit: int) -> pb.DecisionPage:
    """Keeps the page small for its fact: reasons go first, then sources, what the trace saw, and the trace.

    The stored JSON has all of it, and the ruleset has the sources. Eight inks, the most that the colour stage
    finds, keep everything at the four wavelengths of a real device: 26 kB in the longest language.
    """
    for shorten in (_without_reasons, _without_sources, _without_sights, _without_trace):
        if page.ByteSize() <= limit:
            break
        shorten(page)
    return page


def _without_reasons(page: pb.DecisionPage) -> None:
    for ink in page.inks:
        for option in ink.options:
            option.ClearField("reasons")


def _without_sources(page: pb.DecisionPage) -> None:
    page.ClearField("rule_sources")
    for ink in page.inks:
        for option in ink.options:
            option.ClearField("learned")


def _without_sights(page: pb.DecisionPage) -> None:
    for entry in page.trace:
        entry.ClearField("saw")


def _without_trace(page: pb.DecisionPage) -> None:
    page.ClearField("trace")


@cache
def _code_version() -> str:
    return version("assay")


def _fails(flag: QualityFlag) -> bool:
    of_tattoo = flag.code not in NO_INK_FLAGS and not flag.code.startswith(PROTECTED_PREFIX)
    return flag.level == FlagLevel.FLAG_LEVEL_FAIL and of_tattoo


def _measured_ink(cluster: InkCluster) -> dict[str, Any]:
    has_lab, delta = cluster.HasField("lab_t"), cluster.delta_e_skin
    # What the colour stage calls no ink is no class of the matrix; its probability stays unassigned.
    posterior = {
        p.ink_class: min(p.probability, 1.0) for p in cluster.posterior if p.ink_class != NO_INK_CLASS
    }
    return {
        "class": cluster.ink_class or "unknown",
        "posterior": posterior or None,
        "area_share": min(cluster.area_share, 1.0),
        "lab_t": [cluster.lab_t.l, cluster.lab_t.a, cluster.lab_t.b] if has_lab else None,
        "delta_e00": delta.value if delta.HasField("value") else None,
    }


def _statement(case: pb.TattooCase) -> dict[str, Any]:
    """The operator's statements in the JSON form of a case; what was not stated is absent."""
    obj: dict[str, Any] = {"device": _device(case.device), "intake": _intake(case.intake)}
    obj["skin"] = {
        "fitzpatrick_operator": _roman(case.fitzpatrick_operator),
        "ita_protected": case.ita_protected if case.HasField("ita_protected") else None,
    }
    obj["site"] = case.site or None
    obj["area_cm2"] = case.area_cm2 if case.HasField("area_cm2") else None
    obj["test_spots"] = [
        {
            "ink_class": spot.ink_class,
            "wavelength_nm": spot.wavelength_nm,
            "reviewed_after_weeks": spot.reviewed_after_weeks,
            "outcome": spot.outcome,
            "name": spot.name,
        }
        for spot in case.test_spots
    ]
    if case.HasField("override"):
        override = case.override
        obj["override"] = {
            "fitzpatrick": _roman(override.fitzpatrick),
            "name": override.name,
            "reason": override.reason,
        }
    return obj


def _device(device: pb.Device) -> dict[str, Any]:
    if device.id:
        return {"id": device.id}
    return {
        "manufacturer": device.manufacturer or None,
        "model": device.model or None,
        "clearance": device.clearance or None,
        "wavelengths": list(device.wavelengths_nm) or None,
        "pulse": _PULSES.get(device.pulse),
    }


def _intake(intake: pb.Intake) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for field, value in intake.ListFields():
        if field.name != "isotretinoin_never":
            answers[field.name] = value
    # "Never" beside a number of months contradicts itself; the number, which can raise the flag, counts.
    if intake.isotretinoin_never and "isotretinoin_months" not in answers:
        answers["isotretinoin_months"] = False
    return answers


def _roman(value: int) -> str | None:
    return FITZPATRICK[value - 1] if 1 <= value <= len(FITZPATRICK) else None


def _fitzpatrick(name: str | None) -> pb.Fitzpatrick.ValueType:
    return pb.Fitzpatrick.Value("FITZPATRICK_UNSPECIFIED" if name is None else f"FITZPATRICK_{name}")


def _ink(ink: InkDecision) -> pb.InkDecision:
    return pb.InkDecision(
        ink_class=ink.ink_class,
        area_share=ink.area_share or 0.0,
        options=[_option(option) for option in ink.options],
        messages=[message_of(m) for m in ink.messages],
        cluster_id=ink.cluster_id,
        basis=ink.basis,
        candidates=[
            pb.InkCandidate(
                ink_class=c.ink_class,
                probability=c.probability,
                wavelengths_nm=[o.wavelength_nm for o in c.options],
            )
            for c in ink.candidates
        ],
        flags=ink.flags,
    )


def _option(option: Option) -> pb.WavelengthOption:
    return pb.WavelengthOption(
        wavelength_nm=option.wavelength_nm,
        status=_status(option.status),
        efficacy=option.efficacy,
        evidence=option.evidence,
        label=option.label,
        skin_gate=option.skin_gate,
        rules=option.rules,
        reasons=option.reasons,
        rank=option.rank or 0,
        would_be=_status(option.would_be),
    )


def _counterfactual(entry: Counterfactual) -> pb.Counterfactual:
    return pb.Counterfactual(
        change=entry.change,
        ink_class=entry.ink_class,
        wavelength_nm=entry.wavelength_nm,
        status=_status(entry.status or "unspecified"),
        would_be=_status(entry.would_be),
        rules=entry.rules,
        text=entry.text,
    )


def _status(status: str) -> pb.OptionStatus.ValueType:
    return pb.OptionStatus.Value(f"OPTION_STATUS_{status.upper()}")


def message_of(message: Message) -> pb.DecisionMessage:
    """A message as it travels."""
    return pb.DecisionMessage(code=message.code, text=message.text)


def _sessions(sessions: Sessions) -> pb.SessionEstimate:
    measurement = Measurement(id="sessions", unit="1")
    if sessions.estimate is None:
        measurement.not_measurable = " ".join(sessions.reasons)
    else:
        measurement.value = sessions.estimate
        if sessions.low is not None and sessions.high is not None:
            measurement.low_95, measurement.high_95 = sessions.low, sessions.high
    return pb.SessionEstimate(
        sessions=measurement,
        points=[f"{name}={value}" for name, value in sessions.points],
        caveats=[*sessions.caveats, *(text for _, text in sessions.modifiers)],
    )


def trace_of(entries: tuple[TraceEntry, ...]) -> list[pb.TraceEntry]:
    """Every rule once: where it fired if it did, else at its first place."""
    chosen: dict[str, TraceEntry] = {}
    for entry in entries:
        kept = chosen.get(entry.rule)
        if kept is None or (entry.outcome == "fired" and kept.outcome != "fired"):
            chosen[entry.rule] = entry
    return [
        pb.TraceEntry(
            rule=entry.rule,
            fired=entry.outcome == "fired",
            saw=trace_fields(entry),
            effect=entry.effect or entry.outcome.replace("_", " "),
        )
        for entry in chosen.values()
    ]
