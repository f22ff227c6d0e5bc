"""Reads a ruleset: files, schema, integrity, content hash, then frozen classes.

Nothing is decided under a ruleset that fails a check. A released version is pinned by its hash in
`rulesets/released.json`, so that its files cannot change without anybody noticing.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from jsonschema import Draft202012Validator

from mesh.errors import Internal, InvalidInput, NotFound
from svc_decision import conditions
from svc_decision.conditions import fact_names
from svc_decision.facts import FACT_NAMES
from svc_decision.ruleset import (
    FITZPATRICK,
    GATES,
    STATUSES,
    Cell,
    DeviceModel,
    Efficacy,
    EngineRules,
    Flag,
    InkClass,
    ItaClass,
    Label,
    LadderStep,
    Level,
    Mandatory,
    Manifest,
    Modifier,
    NoInk,
    Ruleset,
    SessionRules,
    Site,
    SkinRules,
    Tan,
)

DEFAULT_RULESET = "tattoo@1.0.0"
FILES = (
    "manifest", "efficacy", "skin", "devices", "sites", "flags", "intake", "engine", "sessions",
    "texts.en", "sources",
)  # fmt: skip
_ID = re.compile(r"([a-z][a-z0-9-]{0,31})@(\d{1,6}\.\d{1,6}\.\d{1,6})")
_FOLDER = files("svc_decision") / "rulesets"


def available() -> tuple[str, ...]:
    """Ids of the released rulesets, sorted."""
    return tuple(sorted(_released()))


@cache
def load_ruleset(ruleset_id: str = DEFAULT_RULESET) -> Ruleset:
    """Load a released ruleset, for example "tattoo@1.0.0".

    Raises InvalidInput for an id that is not `name@major.minor.patch`, NotFound for a version that is not
    installed, and Internal when the files do not pass their schema, their cross-checks or their hash.
    """
    if not _ID.fullmatch(ruleset_id):
        raise InvalidInput(
            "RULESET_ID_INVALID",
            "The ruleset id is not of the form name@major.minor.patch.",
            field="ruleset",
            fix=f"Give an id such as {DEFAULT_RULESET}.",
        )
    expected = _released().get(ruleset_id)
    if expected is None:
        raise NotFound(
            "RULESET_NOT_FOUND",
            f"There is no ruleset {ruleset_id}.",
            field="ruleset",
            fix=f"Use one of: {', '.join(available())}.",
        )
    document = _read(ruleset_id)
    ruleset = build(document)
    if ruleset.sha256 != expected or ruleset.id != ruleset_id:
        raise Internal(
            "RULESET_ALTERED", f"The files of {ruleset_id} are not the released ones; nothing is decided."
        )
    return ruleset


def canonical_sha256(document: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON: keys sorted, no spaces, UTF-8; hex digits."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def build(document: dict[str, Any]) -> Ruleset:
    """Check a ruleset document and freeze it. Raises Internal naming every fault."""
    faults = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in _validator().iter_errors(document)
    ]
    faults = faults or _cross_faults(document)
    if faults:
        raise Internal("RULESET_INVALID", f"The ruleset is faulty: {'; '.join(faults[:20])}")
    ruleset = _freeze(document)
    faults = _semantic_faults(ruleset)
    if faults:
        raise Internal("RULESET_INVALID", f"The ruleset is faulty: {'; '.join(faults[:20])}")
    return ruleset


def read_document(ruleset_id: str) -> dict[str, Any]:
    """The unfrozen document of a released ruleset, for display and for tests."""
    load_ruleset(ruleset_id)
    return _read(ruleset_id)


def _read(ruleset_id: str) -> dict[str, Any]:
    folder = _FOLDER / ruleset_id.replace("@", "-")
    document: dict[str, Any] = {}
    for name in FILES:
        document.update(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    return document


@cache
def _released() -> dict[str, str]:
    released: dict[str, str] = json.loads((_FOLDER / "released.json").read_text(encoding="utf-8"))
    return released


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((_FOLDER / "schema.json").read_text(encoding="utf-8")))


def _cross_faults(document: dict[str, Any]) -> list[str]:
    """References between the files that a schema cannot see."""
    efficacy, sources, texts = document["efficacy"], document["sources"], document["texts"]
    wavelengths = {str(nm) for nm in efficacy["wavelengths_nm"]}
    faults = [
        f"efficacy of {row['id']} does not cover exactly the wavelengths"
        for row in efficacy["classes"]
        if set(row["cells"]) != wavelengths
    ]
    if set(efficacy["melanin_index"]["values"]) != wavelengths:
        faults.append("melanin_index does not cover exactly the wavelengths")
    if {str(row["wavelength_nm"]) for row in document["skin"]["gate"]} != wavelengths:
        faults.append("the skin gate does not cover exactly the wavelengths")
    faults += [f"source {tag} is not listed" for tag in sorted(set(_sources(document)) - set(sources))]
    faults += [f"text {key} is missing" for key in sorted(_text_keys(document) - set(texts))]
    return faults


def _sources(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [s for key, value in node.items() if key == "source" or key.endswith("_source") for s in value]
        return own + [s for value in node.values() for s in _sources(value)]
    if isinstance(node, list):
        return [s for value in node for s in _sources(value)]
    return []


def _text_keys(document: dict[str, Any]) -> set[str]:
    keys = {f"flag.{flag['id']}" for flag in document["flags"]}
    keys |= {
        f"release.{flag['id']}"
        for flag in document["flags"]
        if any(level["effect"].startswith("defer") for level in flag["levels"])
    }
    keys |= {f"question.{item['id']}" for item in document["mandatory"]}
    keys |= {f"modifier.{item['id']}" for item in document["sessions"]["modifiers"]}
    keys |= set(document["sessions"]["caveats"])
    return keys | {f"reason.{step['id']}" for step in document["engine"]["status_ladder"]}


def _semantic_faults(ruleset: Ruleset) -> list[str]:
    """What would make a well-formed ruleset unsafe."""
    faults: list[str] = []
    for nm, columns in ruleset.skin.gate.items():
        if any(GATES.index(a) > GATES.index(b) for a, b in pairwise(columns)):
            faults.append(f"the skin gate of {nm} nm opens towards darker skin")
    classes = [c.id for c in ruleset.skin.ita_classes]
    rows = [ruleset.skin.fitzpatrick_safe[name] for name in classes]
    for operator, _ in enumerate(FITZPATRICK):
        column = [FITZPATRICK.index(row[operator]) for row in rows]
        if min(column) < operator or column != sorted(column):
            faults.append(f"the fused skin type lightens in column {FITZPATRICK[operator]}")
    for flag in ruleset.flags:
        for level in flag.levels:
            if level.severity in ("refer", "contraindicated") and level.effect not in ("stop", "hold"):
                faults.append(f"{flag.id} is {level.severity} without stopping or holding")
    ids = [f.id for f in ruleset.flags] + [m.id for m in ruleset.mandatory]
    ids += [s.id for s in ruleset.engine.ladder] + [m.id for m in ruleset.sessions.modifiers]
    faults += [f"rule id {i} is used twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    known = FACT_NAMES | {f"p.{name}" for name in ruleset.efficacy.classes}
    faults += [f"fact {name} is not known" for name in sorted(set(_all_facts(ruleset)) - known)]
    if [s.status for s in ruleset.engine.ladder][:2] != ["blocked", "hold"]:
        faults.append("the status ladder does not begin with blocked, hold")
    if any(STATUSES.index(c) < 1 for c in (ruleset.engine.qualitative_cap, ruleset.engine.caution_cap)):
        faults.append("a cap allows recommend")
    return faults


def _all_facts(ruleset: Ruleset) -> list[str]:
    trees = [level.when for flag in ruleset.flags for level in flag.levels]
    trees += [step.when for step in ruleset.engine.ladder]
    trees += [m.when for m in ruleset.sessions.modifiers]
    trees += [m.only_with for m in ruleset.mandatory if m.only_with is not None]
    return [name for tree in trees for name in fact_names(tree)] + [m.fact for m in ruleset.mandatory]


def _freeze(document: dict[str, Any]) -> Ruleset:
    return Ruleset(
        sha256=canonical_sha256(document),
        manifest=_manifest(document["manifest"]),
        efficacy=_efficacy(document["efficacy"]),
        skin=_skin(document["skin"]),
        devices=tuple(_device(item) for item in document["devices"]),
        sites=MappingProxyType(
            {k: Site(v["kd_location"], tuple(v["tags"])) for k, v in document["sites"].items()}
        ),
        flags=tuple(_flag(item) for item in document["flags"]),
        mandatory=tuple(_mandatory(item) for item in document["mandatory"]),
        engine=_engine(document["engine"]),
        sessions=_sessions(document["sessions"]),
        texts=MappingProxyType(document["texts"]),
        sources=MappingProxyType(document["sources"]),
    )


def _manifest(m: dict[str, Any]) -> Manifest:
    return Manifest(
        name=m["name"],
        version=m["version"],
        effective=m["effective"],
        author=m["author"],
        approver=m["approver"],
        approval_status=m["approval"]["status"],
        approval_statement=m["approval"]["statement"],
        jurisdiction=m["jurisdiction"],
        intended_use=m["intended_use"],
        limits=tuple(m["limits"]),
        changelog=tuple((c["version"], c["date"], c["change"]) for c in m["changelog"]),
    )


def _efficacy(e: dict[str, Any]) -> Efficacy:
    classes = {
        row["id"]: InkClass(
            id=row["id"],
            hue_family=row["hue_family"],
            label_colour=row["label_colour"],
            kd_colour=row["kd_colour"],
            band_nm=tuple(row["band_nm"]) if row["band_nm"] else None,
            cells=MappingProxyType(
                {
                    int(nm): Cell(cell["ns"], cell["ps"], cell["evidence"], tuple(cell["source"]))
                    for nm, cell in row["cells"].items()
                }
            ),
        )
        for row in e["classes"]
    }
    melanin = {int(nm): float(index) for nm, index in e["melanin_index"]["values"].items()}
    return Efficacy(
        tuple(e["wavelengths_nm"]), MappingProxyType(classes), MappingProxyType(melanin), e["band_edge_nm"]
    )


def _skin(s: dict[str, Any]) -> SkinRules:
    return SkinRules(
        ita_classes=tuple(
            ItaClass(c["id"], float("-inf") if c["above"] is None else float(c["above"]), c["fitzpatrick"])
            for c in s["ita_classes"]
        ),
        min_class_probability=s["min_class_probability"],
        assumed_ita_sd=s["assumed_ita_sd"],
        fitzpatrick_safe=MappingProxyType({k: tuple(v) for k, v in s["fitzpatrick_safe"].items()}),
        gate=MappingProxyType({row["wavelength_nm"]: tuple(row["columns"]) for row in s["gate"]}),
        gate_source=MappingProxyType({row["wavelength_nm"]: tuple(row["source"]) for row in s["gate"]}),
    )


def _device(d: dict[str, Any]) -> DeviceModel:
    labels = {
        w["nm"]: Label(
            nm=w["nm"],
            fitzpatrick=(w["fitzpatrick"][0], w["fitzpatrick"][1]) if w["fitzpatrick"] else None,
            colours=tuple(w["colours"]) if w["colours"] is not None else None,
            unclear_colours=tuple(w["unclear_colours"]),
            as_printed=w["as_printed"],
            source=tuple(w["source"]),
        )
        for w in d["wavelengths"]
    }
    return DeviceModel(
        d["id"], d["manufacturer"], d["model"], tuple(d["clearances"]), d["pulse"], MappingProxyType(labels)
    )


def _flag(f: dict[str, Any]) -> Flag:
    levels = tuple(
        Level(
            when=conditions.parse(level["when"]),
            severity=level["severity"],
            effect=level["effect"],
            tan=Tan(**level["tan"]) if "tan" in level else None,
        )
        for level in f["levels"]
    )
    return Flag(f["id"], f["scope"], f["evidence"], tuple(f["source"]), levels)


def _mandatory(m: dict[str, Any]) -> Mandatory:
    only_with = conditions.parse(m["only_with"]) if "only_with" in m else None
    return Mandatory(m["id"], m["fact"], m["path"], tuple(m["rules"]), only_with)


def _engine(e: dict[str, Any]) -> EngineRules:
    return EngineRules(
        min_area_share=e["region"]["min_area_share"],
        min_area_cm2=e["region"]["min_area_cm2"],
        no_ink=NoInk(**e["no_ink"]),
        candidate_min_probability=e["candidate_min_probability"],
        skin_change_de00=e["thresholds"]["skin_change_de00"],
        area_limit_cm2=e["thresholds"]["area_limit_cm2"],
        isotretinoin_policy=e["policies"]["isotretinoin"],
        ladder=tuple(
            LadderStep(s["id"], s["status"], conditions.parse(s["when"])) for s in e["status_ladder"]
        ),
        caution_cap=e["caution_cap"]["cap"],
        qualitative_cap=e["qualitative"]["cap"],
        margin_cap=e["qualitative_skin_margin"]["cap"],
        margin_gates=tuple(e["qualitative_skin_margin"]["gates"]),
        family_cap=e["qualitative_family"]["cap"],
        min_family_probability=e["qualitative_family"]["min_family_probability"],
        max_prototype_de00=e["qualitative_family"]["max_prototype_de00"],
    )


def _sessions(s: dict[str, Any]) -> SessionRules:
    return SessionRules(
        source=tuple(s["source"]),
        points=MappingProxyType({k: MappingProxyType(v) for k, v in s["points"].items()}),
        some_share=(s["some_share"][0], s["some_share"][1]),
        half_width=s["half_width"],
        floor=s["floor"],
        multicolour_floor=s["multicolour_floor"],
        unrealistic_above=s["unrealistic_above"],
        caveats=tuple(s["caveats"]),
        modifiers=tuple(
            Modifier(m["id"], conditions.parse(m["when"]), tuple(m["source"])) for m in s["modifiers"]
        ),
    )
