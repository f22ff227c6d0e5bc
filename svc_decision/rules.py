"""Every rule of a tattoo ruleset with what is known about it: source, evidence, author, approver, date.

A rule says where it differs; the rest it inherits from the head of its file, and under the first format,
which has no heads, from the manifest. Ids are those of trace and options where a rule has one there: `R01`,
`P1`, `E.black.532`. The gate and the labels are kept by row: `S.532` holds all skin types, `L.PW.532` what
the label of one device says. `T.flag.R01` is an English text, `T.de.flag.R01` the German one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.errors import NotFound
from svc_decision.ruleset import ENGLISH

_TEXT_PREFIXES = ("flag", "release", "question", "modifier", "reason", "rule", "ink")
_KEPT_BY_RULE = ("id", "meta", "source", "evidence", "cells", "wavelengths")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. approver None: nobody has signed it; evidence None: the format does not say."""

    id: str
    kind: str
    file: str
    source: tuple[str, ...]
    evidence: str | None
    author: str
    approver: str | None
    effective: str
    jurisdiction: str
    definition: Mapping[str, Any]
    """What the rule says, as it stands in the file."""
    texts: Mapping[str, Mapping[str, str]]
    """Language to key to text."""


def rules_of(document: Mapping[str, Any]) -> dict[str, Rule]:
    """Every rule of a ruleset's document by its id, in the order of the files."""
    return {rule.id: rule for rule in _all(document)}


def find_rule(rules: Mapping[str, Rule], rule_id: str) -> Rule:
    """The rule of that id; `S.532.IV` finds the row `S.532`. Raises NotFound (RULE_NOT_FOUND)."""
    row = ".".join(rule_id.split(".")[:2]) if rule_id.startswith("S.") else rule_id
    if row not in rules:
        raise NotFound(
            "RULE_NOT_FOUND",
            f"The ruleset has no rule {rule_id[:80]}.",
            field="rule",
            fix="List its rules; ids look like R01, P1, H01, E.black.532, S.532, L.PW.532, T.flag.R01.",
        )
    return rules[row]


def _all(document: Mapping[str, Any]) -> Iterator[Rule]:
    yield from _efficacy(document)
    yield from _skin(document)
    for device in document["devices"]:
        shared = {key: value for key, value in device.items() if key not in _KEPT_BY_RULE}
        for label in device["wavelengths"]:
            said = {**shared, **_definition(label)}
            yield _rule(document, f"L.{device['id']}.{label['nm']}", "label", "devices", label, said)
    for flag in document["flags"]:
        yield _rule(document, flag["id"], "flag", "flags", flag)
    for question in document["mandatory"]:
        yield _rule(document, question["id"], "intake", "intake", question)
    yield from _engine(document)
    yield from _sessions(document)
    for key, text in document["texts"].items():
        yield _rule(document, f"T.{key}", "text", f"texts.{ENGLISH}", {}, {"text": text})
    for code, texts in document.get("languages", {}).items():
        for key, text in texts.items():
            yield _rule(document, f"T.{code}.{key}", "text", f"texts.{code}", {}, {"text": text})


def _efficacy(document: Mapping[str, Any]) -> Iterator[Rule]:
    for row in document["efficacy"]["classes"]:
        yield _rule(document, f"E.{row['id']}", "ink", "efficacy", row, keys=(f"ink.{row['id']}",))
        for nm, cell in row["cells"].items():
            said = {"ink": row["id"], "wavelength_nm": int(nm), **_definition(cell)}
            yield _rule(document, f"E.{row['id']}.{nm}", "efficacy", "efficacy", cell, said)


def _skin(document: Mapping[str, Any]) -> Iterator[Rule]:
    skin = document["skin"]
    fusion = {key: value for key, value in skin.items() if key != "gate" and not key.endswith("_source")}
    sources = [tag for key, value in skin.items() if key.endswith("_source") for tag in value]
    yield _rule(document, "F01", "skin", "skin", {"source": list(dict.fromkeys(sources))}, fusion)
    for row in skin["gate"]:
        yield _rule(document, f"S.{row['wavelength_nm']}", "gate", "skin", row)


def _engine(document: Mapping[str, Any]) -> Iterator[Rule]:
    engine = document["engine"]
    for step in engine["status_ladder"]:
        yield _rule(document, step["id"], "ladder", "engine", step)
    for rule in engine.get("test_spots", ()):
        yield _rule(document, rule["id"], "test_spot", "engine", rule)
    for name, part in engine.items():
        if isinstance(part, dict) and "id" in part:
            yield _rule(document, part["id"], name, "engine", part)


def _sessions(document: Mapping[str, Any]) -> Iterator[Rule]:
    sessions = document["sessions"]
    said = {
        key: value for key, value in sessions.items() if key not in ("id", "source", "points", "modifiers")
    }
    keys = tuple(sessions["caveats"])
    yield _rule(document, sessions["id"], "sessions", "sessions", {"source": sessions["source"]}, said, keys)
    for name, points in sessions["points"].items():
        own = {"source": sessions["source"]}
        yield _rule(document, f"KD.{name}", "sessions", "sessions", own, {"points": points})
    for modifier in sessions["modifiers"]:
        yield _rule(document, modifier["id"], "modifier", "sessions", modifier)


def _definition(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key not in _KEPT_BY_RULE}


def _rule(
    document: Mapping[str, Any],
    rule_id: str,
    kind: str,
    file: str,
    own: Mapping[str, Any],
    definition: Mapping[str, Any] | None = None,
    keys: tuple[str, ...] = (),
) -> Rule:
    manifest = document["manifest"]
    inherited = {name: manifest[name] for name in ("author", "approver", "effective", "jurisdiction")}
    stated = {name: own[name] for name in ("source", "evidence") if name in own}
    known = {
        "source": (), "evidence": None, **inherited, **document.get("heads", {}).get(file, {}), **stated,
        **own.get("meta", {}),
    }  # fmt: skip
    wanted = keys + tuple(f"{prefix}.{rule_id}" for prefix in _TEXT_PREFIXES)
    languages = {ENGLISH: document["texts"], **document.get("languages", {})}
    return Rule(
        id=rule_id,
        kind=kind,
        file=file,
        source=tuple(known["source"]),
        evidence=known["evidence"],
        author=known["author"],
        approver=known["approver"],
        effective=known["effective"],
        jurisdiction=known["jurisdiction"],
        definition=_definition(own) if definition is None else definition,
        texts={code: {k: texts[k] for k in wanted if k in texts} for code, texts in languages.items()},
    )
