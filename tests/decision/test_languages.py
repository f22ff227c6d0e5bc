"""A language changes the sentences of a decision and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from svc_decision.case import parse_case
from svc_decision.casebook import CaseRow, load_cases
from svc_decision.engine import decide
from svc_decision.loader import DEFAULT_RULESET, LANGUAGES, load_ruleset
from svc_decision.present import to_json

RULESET = load_ruleset()
ROWS = [
    row
    for row in load_cases(DEFAULT_RULESET)
    if row.file in ("table", "test_spots", "sessions") and "ruleset" not in row.case
]


def decided(row: CaseRow, language: str) -> dict[str, Any]:
    return to_json(decide(parse_case({**row.case, "language": language}), RULESET))


def codes(lines: list[str]) -> list[str]:
    """The codes of messages without their parameters, some of which are words."""
    return [line.split(":")[0].split("(")[0] for line in lines]


def bones(document: dict[str, Any]) -> dict[str, Any]:
    """What a decision says apart from its sentences."""
    return {
        "status": document["status"],
        "skin": document["skin"],
        "flags": [(f["id"], f["severity"], f["effect"], f["regions"]) for f in document["flags"]],
        "messages": codes(document["messages"]),
        "inks": [
            {
                "class": ink["class"],
                "messages": codes(ink["messages"]),
                "options": [
                    {k: v for k, v in option.items() if k not in ("reasons",)} for option in ink["options"]
                ],
            }
            for ink in document["inks"]
        ],
        "sessions": {k: document["sessions"][k] for k in ("kirby_desai", "low", "high", "points")},
        "missing": [m["id"] for m in document["missing"]],
        "trace": [(t["rule"], t["outcome"]) for t in document["trace"]],
        "hash": document["ruleset"]["hash"],
    }


def sentences(document: dict[str, Any]) -> list[str]:
    found = [flag["text"] for flag in document["flags"]] + document["messages"]
    for ink in document["inks"]:
        found += ink["messages"] + [reason for option in ink["options"] for reason in option["reasons"]]
    found += [m["question"] for m in document["missing"]] + document["sessions"]["caveats"]
    return found + document["sessions"]["not_estimable"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_changes_sentences_and_nothing_else(language):
    for row in ROWS:
        english, other = decided(row, "en"), decided(row, language)
        assert bones(english) == bones(other), row.id
        assert len(sentences(english)) == len(sentences(other)), row.id
        untouched = set(sentences(english)) & set(sentences(other))
        assert not untouched, (row.id, untouched)
        assert not [text for text in sentences(other) if "{" in text or "}" in text], row.id
