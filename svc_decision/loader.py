"""Reads a tattoo ruleset: files, schema, integrity, content hash, then frozen classes.

Nothing is decided under a ruleset that fails a check. What every kind of ruleset shares is in `rulefile`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources.abc import Traversable
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from svc_decision import conditions, rulefile, text_keys
from svc_decision.conditions import fact_names
from svc_decision.facts import FACT_NAMES
from svc_decision.rulefile import canonical_sha256
from svc_decision.ruleset import (
    ENGLISH,
    FITZPATRICK,
    GATES,
    STATUSES,
    Cell,
    DeviceModel,
    Efficacy,
    EngineRules,
    InkClass,
    ItaClass,
    Label,
    LadderStep,
    Modifier,
    NoInk,
    Release,
    Ruleset,
    SessionRules,
    Site,
    SkinRules,
    TestSpotRule,
)

DEFAULT_RULESET = "tattoo@1.1.0"
FILES = (
    "manifest", "efficacy", "skin", "devices", "sites", "flags", "intake", "engine", "sessions",
    "texts.en", "sources",
)  # fmt: skip
LANGUAGES = ("de", "es")
"""Beside English, since format 1.1."""


@cache
def load_ruleset(ruleset_id: str = DEFAULT_RULESET) -> Ruleset:
    """Load a released ruleset, for example "tattoo@1.0.0".

    Raises InvalidInput for an id that is not `name@major.minor.patch`, NotFound for a version that is not
    installed, and Internal when the files do not pass their schema, their cross-checks or their hash.
    """
    expected = rulefile.released_hash(ruleset_id, "tattoo")
    ruleset = build(_read(ruleset_id))
    rulefile.check_release(ruleset.manifest, ruleset.sha256, ruleset_id, expected)
    return ruleset


def build(document: dict[str, Any]) -> Ruleset:
    """Check a ruleset document and freeze it. Raises Internal naming every fault."""
    rulefile.refuse(faults_of(document))
    return _freeze(document)


def faults_of(document: dict[str, Any]) -> list[str]:
    """What keeps a ruleset document from being loaded; empty when it can be."""
    faults = rulefile.schema_faults(document, "schema.json") or _cross_faults(document)
    return faults or _semantic_faults(_freeze(document))


def read_document(ruleset_id: str) -> dict[str, Any]:
    """The unfrozen document of a released ruleset, for display and for tests."""
    load_ruleset(ruleset_id)
    return _read(ruleset_id)


def read_draft(folder: Traversable) -> dict[str, Any]:
    """The document of a ruleset's folder, released or not, unchecked but for being JSON.

    Raises InvalidInput (RULESET_UNREADABLE) naming the file.
    """
    first = _is_first_format(rulefile.read_folder(folder, FILES[:1]))
    texts = () if first else tuple(f"texts.{code}" for code in LANGUAGES)
    return rulefile.read_folder(folder, FILES + texts)


def _read(ruleset_id: str) -> dict[str, Any]:
    return read_draft(rulefile.folder(ruleset_id))


def _cross_faults(document: dict[str, Any]) -> list[str]:
    """References between the files that a schema cannot see."""
    efficacy = document["efficacy"]
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
    if _is_first_format(document):
        return faults + rulefile.reference_faults(document, text_keys.of_rules(document))
    keys = text_keys.required(document)
    faults += rulefile.reference_faults(document, keys)
    for code, texts in document["languages"].items():
        faults += [f"text {key} is missing in {code}" for key in sorted(keys - set(texts))]
        faults += rulefile.placeholder_faults(document["texts"], texts, code)
    return faults + _release_faults(document)


def _is_first_format(document: dict[str, Any]) -> bool:
    return bool(document["manifest"].get("format", "1.0") == "1.0")


def _release_faults(document: dict[str, Any]) -> list[str]:
    """Test spots that lift something that holds nothing."""
    holds = {
        (flag["id"], level["severity"])
        for flag in document["flags"]
        for level in flag["levels"]
        if level["effect"] == "hold"
    }
    holds |= {(s["id"], "") for s in document["engine"]["status_ladder"] if s["status"] == "hold"}
    return [
        f"{rule['id']} releases {release['rule']} {release.get('severity', '')}, which holds nothing"
        for rule in document["engine"]["test_spots"]
        for release in rule["releases"]
        if (release["rule"], release.get("severity", "")) not in holds
    ]


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
    ids += [r.id for r in ruleset.engine.test_spots]
    faults += rulefile.double_ids(ids)
    known = FACT_NAMES | {f"p.{name}" for name in ruleset.efficacy.classes}
    faults += [f"fact {name} is not known" for name in sorted(set(_all_facts(ruleset)) - known)]
    if [s.status for s in ruleset.engine.ladder][:2] != ["blocked", "hold"]:
        faults.append("the status ladder does not begin with blocked, hold")
    if any(STATUSES.index(c) < 1 for c in (ruleset.engine.qualitative_cap, ruleset.engine.caution_cap)):
        faults.append("a cap allows recommend")
    if ruleset.manifest.format != "1.0":
        # Below it a class that somebody names counts in full, so no threshold above it could be talked away.
        limit = ruleset.engine.named_in_full_below
        thresholds = [(f.id, t) for f in ruleset.flags for lv in f.levels for t in _thresholds(lv.when)]
        faults += [f"{name}: the probability {t} is above {limit}" for name, t in thresholds if t > limit]
    return faults


def _thresholds(condition: conditions.Condition) -> list[float]:
    if isinstance(condition, conditions.Probability):
        return [condition.at_least]
    parts: tuple[conditions.Condition, ...] = getattr(condition, "parts", ())
    return [value for part in parts for value in _thresholds(part)]


def _all_facts(ruleset: Ruleset) -> list[str]:
    trees = [level.when for flag in ruleset.flags for level in flag.levels]
    trees += [step.when for step in ruleset.engine.ladder]
    trees += [m.when for m in ruleset.sessions.modifiers] + [r.when for r in ruleset.engine.test_spots]
    trees += [m.only_with for m in ruleset.mandatory if m.only_with is not None]
    return [name for tree in trees for name in fact_names(tree)] + [m.fact for m in ruleset.mandatory]


def _freeze(document: dict[str, Any]) -> Ruleset:
    return Ruleset(
        sha256=canonical_sha256(document),
        manifest=rulefile.manifest(document["manifest"]),
        efficacy=_efficacy(document["efficacy"]),
        skin=_skin(document["skin"]),
        devices=tuple(_device(item) for item in document["devices"]),
        sites=MappingProxyType(
            {k: Site(v["kd_location"], tuple(v["tags"])) for k, v in document["sites"].items()}
        ),
        flags=tuple(rulefile.flag(item) for item in document["flags"]),
        mandatory=tuple(rulefile.mandatory(item) for item in document["mandatory"]),
        engine=_engine(document["engine"]),
        sessions=_sessions(document["sessions"]),
        texts=MappingProxyType(document["texts"]),
        sources=MappingProxyType(document["sources"]),
        languages=MappingProxyType(
            {
                code: MappingProxyType(texts)
                for code, texts in {ENGLISH: document["texts"], **document.get("languages", {})}.items()
            }
        ),
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
        test_spots=tuple(_test_spot(rule, e["source"]) for rule in e.get("test_spots", ())),
        named_in_full_below=e.get("named_class", {}).get("in_full_below", 0.0),
    )


def _test_spot(rule: dict[str, Any], source: list[str]) -> TestSpotRule:
    return TestSpotRule(
        id=rule["id"],
        releases=tuple(Release(r["rule"], r.get("severity", "")) for r in rule["releases"]),
        when=conditions.parse(rule["when"]),
        cap=rule["cap"],
        source=tuple(rule.get("meta", {}).get("source", source)),
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
