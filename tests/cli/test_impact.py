"""`assay ruleset impact`: how past decisions would change, counted against drafts with one known change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis

from cli.impact import Impact, impact
from cli.problems import CommandError
from cli.ruleset_impact import decider, readable, under_recorded
from svc_decision.rulefile import folder
from tests.cli.cases import result

OLD = "tattoo@1.0.0"
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def draft(tmp_path: Path) -> Callable[[str, Edit], str]:
    """Makes a draft of tattoo@1.0.0 with one file edited; answers its folder."""

    def make(file: str, edit: Edit) -> str:
        place = tmp_path / "tattoo-1.0.1"
        shutil.copytree(str(folder(OLD)), place)
        document = json.loads((place / f"{file}.json").read_text())
        edit(document)
        (place / f"{file}.json").write_text(json.dumps(document))
        return str(place)

    return make


def gate(nm: int, columns: list[str]) -> Edit:
    """Sets the skin gate of a wavelength."""

    def edit(document: dict[str, Any]) -> None:
        row = next(row for row in document["skin"]["gate"] if row["wavelength_nm"] == nm)
        row["columns"] = columns

    return edit


def cases() -> list[Analysis]:
    """Skin types I to V, one of them with a case-level stop."""
    found = [result(fitzpatrick=n) for n in range(1, 6)] + [result(fitzpatrick=2, gold=True)]
    for number, each in enumerate(found):
        each.job.job_id = f"job-{number}"
    return found


def measured(documents: list[Analysis], name: str) -> Impact:
    _, under_new = decider(name)
    return impact(documents, under_recorded, under_new)


def test_the_same_ruleset_changes_nothing() -> None:
    found = measured(cases(), OLD).to_json(5)
    assert (found["jobs"], found["changed"], found["unchanged"]) == (6, 0, 6)
    assert (found["not_reproduced"], found["undecided"], found["examples"]) == ([], [], [])


def test_a_gate_that_closes_is_stricter_where_it_bites(draft: Callable[[str, Edit], str]) -> None:
    found = measured(cases(), draft("skin", gate(532, ["block"] * 6)))
    told = found.to_json(10)
    assert told["milder"] == told["mixed"] == told["other"] == 0
    assert 0 < told["stricter"] <= 5
    changed = {one.job_id for one in found.changed}
    assert "job-5" not in changed  # stopped under both
    assert all(
        one.after == "blocked" and "532 nm" in one.at
        for each in found.changed
        for one in each.differences
        if one.kind == "option"
    )
    assert set(told["rules"]) == {
        rule for each in found.changed for d in each.differences for rule in d.rules
    }
    assert told["rules"]


def test_a_gate_that_opens_is_milder(draft: Callable[[str, Edit], str]) -> None:
    told = measured(cases(), draft("skin", gate(532, ["ok"] * 6))).to_json(0)
    assert told["milder"] > 0
    assert told["stricter"] == told["mixed"] == 0
    assert told["examples"] == []


def test_a_flag_that_no_longer_fires_is_milder(draft: Callable[[str, Edit], str]) -> None:
    def without_gold(document: dict[str, Any]) -> None:
        flag = next(flag for flag in document["flags"] if flag["id"] == "R07")
        for level in flag["levels"]:
            level["severity"], level["effect"] = "caution", "none"

    found = measured(cases(), draft("flags", without_gold))
    assert [(one.job_id, one.direction) for one in found.changed] == [("job-5", "milder")]
    assert "R07" in found.to_json(1)["rules"]


def test_other_words_are_no_change(draft: Callable[[str, Edit], str]) -> None:
    def reworded(document: dict[str, Any]) -> None:
        document["texts"]["flag.R07"] += " Ask a physician."

    told = measured(cases(), draft("texts.en", reworded)).to_json(5)
    assert (told["changed"], told["wording"]) == (0, 1)


def test_a_decision_that_does_not_come_out_again_is_told(draft: Callable[[str, Edit], str]) -> None:
    documents = cases()
    documents[0].decision.status = pb.DECISION_STATUS_STOPPED
    found = measured(documents, OLD)
    assert found.to_json(5)["not_reproduced"] == ["job-0"]
    assert not found.changed
    assert "today" in readable(OLD, found, 5)


def test_a_ruleset_that_is_gone_is_stood_in_for_by_the_record() -> None:
    document = result(gold=True)
    document.decision.ruleset = "tattoo@0.9.0"
    document.decision.flags[0].severity = "info"
    found = measured([document], OLD)
    assert [one.direction for one in found.outcomes] == ["stricter"]


def test_a_case_that_cannot_be_decided_is_counted_by_name() -> None:
    document = result()
    document.job.job_id = "job-x"
    document.color.inks[0].ink_class = "glitter"
    found = measured([document, *cases()], OLD)
    assert [(one.job_id, one.code) for one in found.undecided] == [("job-x", "CASE_INVALID")]
    assert found.to_json(0)["jobs"] == 7


def test_every_case_is_in_exactly_one_count(draft: Callable[[str, Edit], str]) -> None:
    told = measured(cases(), draft("skin", gate(532, ["caution"] * 6))).to_json(5)
    kinds = ("stricter", "milder", "mixed", "other", "wording", "unchanged")
    assert sum(told[kind] for kind in kinds) + len(told["undecided"]) == told["jobs"]


@pytest.mark.parametrize("name", ["tattoo@9.9.9", "balance@9.9.9", "nonsense"])
def test_an_unknown_ruleset_is_refused(name: str) -> None:
    with pytest.raises(CommandError) as error:
        decider(name)
    assert error.value.problem["code"] == "RULESET_NOT_FOUND"
