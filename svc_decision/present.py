"""A decision as plain JSON data, in the shape that `assay decide --json` prints."""

from __future__ import annotations

from typing import Any

from svc_decision.conditions import FactValue
from svc_decision.decision import (
    Counterfactual,
    Decision,
    FiredFlag,
    InkDecision,
    Message,
    Missing,
    Option,
    Sessions,
    TraceEntry,
)
from svc_decision.ruleset import Manifest


def to_json(decision: Decision) -> dict[str, Any]:
    """JSON-ready dict; messages read "CODE(parameters): text".

    What came with format 1.1 is written for rulesets of that format only, so that a decision pinned to an
    older one keeps its bytes.
    """
    skin, extended = decision.skin, decision.extended
    document: dict[str, Any] = {
        "status": decision.status,
        "qualitative": decision.qualitative,
        "inks": [_ink(ink, decision.classifier, extended) for ink in decision.inks],
        "flags": [flag_line(flag) | (_raised(flag) if extended else {}) for flag in decision.flags],
        "fitzpatrick_safe": skin.safe,
        "skin": {
            "fitzpatrick_operator": skin.operator,
            "fitzpatrick_fused": skin.fused,
            "override": skin.override,
            "ita_class": skin.ita_class,
            "ita_class_used": skin.ita_class_used,
            "ita_class_probabilities": {name: round(p, 4) for name, p in skin.probabilities},
        },
        "sessions": _sessions(decision.sessions),
        "missing": [missing_line(m) for m in decision.missing],
        "unanswered": list(decision.unanswered),
        "messages": [message_line(m) for m in decision.messages],
        "device": decision.device,
        "ruleset": ruleset_line(decision.manifest, decision.ruleset_sha256),
        "trace": [trace_line(entry) for entry in decision.trace],
    }
    if extended:
        document |= {
            "language": decision.language,
            "counterfactuals": [_counterfactual(entry) for entry in decision.counterfactuals],
            "counterfactuals_left_out": decision.counterfactuals_left_out,
            "counterfactual_note": decision.counterfactual_note,
        }
    return document


def flag_line(flag: FiredFlag) -> dict[str, Any]:
    """One flag that fired."""
    return {
        "id": flag.id,
        "severity": flag.severity,
        "scope": flag.scope,
        "effect": flag.effect,
        "regions": list(flag.regions),
        "text": flag.text,
        "evidence": flag.evidence,
        "source": list(flag.source),
        "stated": dict(flag.stated),
    }


def _raised(flag: FiredFlag) -> dict[str, Any]:
    return {
        "raised_by": list(flag.raised_by),
        "because": {name: list(v) if isinstance(v, tuple) else v for name, v in flag.because},
    }


def _counterfactual(entry: Counterfactual) -> dict[str, Any]:
    return {
        "change": entry.change,
        "region": entry.region,
        "class": entry.ink_class,
        "wavelength_nm": entry.wavelength_nm,
        "status": entry.status,
        "would_be": entry.would_be,
        "rules": list(entry.rules),
        "text": entry.text,
    }


def missing_line(missing: Missing) -> dict[str, Any]:
    """One mandatory question without an answer."""
    return {
        "id": missing.id, "path": missing.path, "question": missing.question, "rules": list(missing.rules),
    }  # fmt: skip


def ruleset_line(manifest: Manifest, sha256: str) -> dict[str, Any]:
    """Which rules were applied, by whom they were written and that nobody has signed them, if so."""
    return {
        "name": manifest.name,
        "version": manifest.version,
        "hash": sha256,
        "effective": manifest.effective,
        "author": manifest.author,
        "approver": manifest.approver,
        "approval": manifest.approval_status,
        "approval_statement": manifest.approval_statement,
        "intended_use": manifest.intended_use,
        "limits": list(manifest.limits),
    }


def message_line(message: Message) -> str:
    """One message as "CODE(parameters): text"."""
    params = f"({', '.join(message.params)})" if message.params else ""
    return f"{message.code}{params}: {message.text}"


def trace_fields(entry: TraceEntry) -> list[str]:
    """What a rule saw, as "name=value", numbers to four digits; the JSON document has them in full."""
    return [f"{name}={_shown(name, value)}" for name, value in entry.saw]


def _shown(name: str, value: FactValue) -> str:
    """A value for people to read: an absent answer is "unanswered", another absent fact "not known"."""
    if value is None:
        return "unanswered" if name.startswith("intake.") else "not known"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, float):
        # Four digits tell a value from the bounds of the rules; whole numbers of any size stay whole.
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    return str(value)


def _ink(ink: InkDecision, classifier: str | None, extended: bool) -> dict[str, Any]:
    learned = {
        "class_from": {
            "by": ink.named_by,
            "model": classifier if ink.class_probability is not None else None,
            "probability": ink.class_probability,
        }
    }
    return {
        "region": ink.region,
        "cluster_id": ink.cluster_id,
        "class": ink.ink_class,
        "basis": ink.basis,
        "area_share": ink.area_share,
        "options": [_option(option, extended) for option in ink.options],
        "candidates": [
            {
                "class": c.ink_class,
                "probability": c.probability,
                "wavelengths": [
                    {
                        "wavelength_nm": o.wavelength_nm,
                        "efficacy": o.efficacy,
                        "label": o.label,
                        "skin_gate": o.skin_gate,
                    }
                    for o in c.options
                ],
            }
            for c in ink.candidates
        ],
        "messages": [message_line(m) for m in ink.messages],
        "flags": list(ink.flags),
    } | (learned if extended else {})


def _option(option: Option, extended: bool) -> dict[str, Any]:
    return {
        "wavelength_nm": option.wavelength_nm,
        "pulse": option.pulse,
        "status": option.status,
        "would_be": option.would_be,
        "rank": option.rank,
        "efficacy": option.efficacy,
        "efficacy_range": list(option.efficacy_range),
        "evidence": option.evidence,
        "label": option.label,
        "skin_gate": option.skin_gate,
        "rules": list(option.rules),
        "reasons": list(option.reasons),
        "source": list(option.source),
    } | ({"learned": list(option.learned)} if extended else {})


def _sessions(sessions: Sessions) -> dict[str, Any]:
    return {
        "estimable": sessions.estimable,
        "kirby_desai": sessions.score,
        "estimate": sessions.estimate,
        "low": sessions.low,
        "high": sessions.high,
        "points": dict(sessions.points),
        "not_estimable": list(sessions.reasons),
        "caveats": list(sessions.caveats),
        "modifiers": [{"id": rule, "text": text} for rule, text in sessions.modifiers],
    }


def trace_line(entry: TraceEntry) -> dict[str, Any]:
    """One rule at one place with the values it saw."""
    line: dict[str, Any] = {
        "rule": entry.rule,
        "outcome": entry.outcome,
        "saw": {k: list(v) if isinstance(v, tuple) else v for k, v in entry.saw},
        "effect": entry.effect,
    }
    if entry.region is not None:
        line["region"] = entry.region
    if entry.wavelength_nm is not None:
        line["wavelength_nm"] = entry.wavelength_nm
    return line
