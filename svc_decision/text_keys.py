"""The text keys that a tattoo ruleset needs: those of its rules, and those that the code asks for by name."""

from __future__ import annotations

from typing import Any

from svc_decision.ruleset import STATUSES, UNKNOWN_CLASS

_MESSAGES = (
    "NO_LOW_RISK_OPTION", "TEST_SPOT_REQUIRED", "REGION_EXCLUDED", "REGION_TOO_SMALL", "NO_INK",
    "CLASS_UNCERTAIN", "FAMILY_ONLY", "DEFERRED", "STOPPED", "INCOMPLETE", "QUALITATIVE",
    "SKIN_TYPE_UNCHECKED", "ITA_SD_ASSUMED", "IMAGE_GATE_FAILED", "IMAGE_GATE_WARN", "SITE_UNKNOWN",
    "DEVICE_UNKNOWN", "DEVICE_LABEL_UNKNOWN", "DEVICE_LABEL_MISMATCH", "WAVELENGTH_NOT_IN_RULESET",
    "OVERRIDE_APPLIED", "OVERRIDE_REFUSED", "SHARED_ORDER", "UNANSWERED",
)  # fmt: skip
_ASKED_BY_NAME = frozenset(
    {f"message.{code}" for code in _MESSAGES}
    | {"reason.band", "reason.broadband", "reason.opaque", "reason.melanin", "reason.P0"}
    | {"place.inside", "place.edge", "place.outside", "kd.unrealistic", "kd.qualitative"}
)
_ASKED_SINCE_1_1 = frozenset(
    {"message.TEST_SPOT_ACCEPTED", "message.TEST_SPOT_NOT_ENOUGH", "message.TEST_SPOT_UNUSED"}
    | {"message.LANGUAGE_FALLBACK", "counterfactual.option", "counterfactual.open", "counterfactual.note"}
    | {"answer.no", "answer.yes", "answer.found", "answer.none_found"}
    | {f"change.{name}" for name in ("fitzpatrick", "release", "test_spot", "chart")}
    | {f"kd.needs.{name}" for name in ("fitzpatrick", "location", "colour", "amount", "scarring", "layering")}
    | {"kd.unranked", "kd.no_wavelength", f"ink.{UNKNOWN_CLASS}"}
    | {f"status.{name}" for name in STATUSES}
    | {
        f"case_status.{name}"
        for name in ("ok", "qualitative", "deferred", "no_colour", "stopped", "incomplete")
    }
    | {f"outcome.{name}" for name in ("lighter", "unchanged", "darker", "reaction")}
)
# Rules that are parameters of the engine rather than rows of a list.
CAPS = ("caution_cap", "qualitative", "qualitative_skin_margin", "qualitative_family")
SINGLE_RULES = ("no_ink", *CAPS, "deferral", "override")


def of_rules(document: dict[str, Any]) -> set[str]:
    """The keys that follow from the ids of a document's rules; every format needs them."""
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


def required(document: dict[str, Any]) -> set[str]:
    """Every key that a decision under this document may ask for, in each of its languages."""
    engine = document["engine"]
    keys = of_rules(document) | _ASKED_BY_NAME
    keys |= {f"rule.{engine[name]['id']}" for name in SINGLE_RULES}
    keys |= {f"reason.{engine[name]['id']}" for name in (*CAPS, "deferral")}
    if document["manifest"].get("format", "1.0") == "1.0":
        return keys
    spots = [rule["id"] for rule in engine["test_spots"]]
    others = (engine["named_class"]["id"], "F01", "KD")
    keys |= {f"reason.{name}" for name in spots} | {f"rule.{name}" for name in (*spots, *others)}
    rows = document["efficacy"]["classes"]
    keys |= {f"ink.{row['id']}" for row in rows} | {f"family.{row['hue_family']}" for row in rows}
    return keys | _ASKED_SINCE_1_1
