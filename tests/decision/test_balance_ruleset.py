"""The balance ruleset file: schema, cross-checks, hash, pinning, who answers for every rule."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from mesh.errors import Internal, InvalidInput, NotFound
from svc_decision import rulefile
from svc_decision.balance import loader
from svc_decision.balance.loader import FILES, build, load_ruleset
from svc_decision.loader import load_ruleset as load_tattoo

Document = dict[str, Any]


@pytest.fixture
def document() -> Document:
    return copy.deepcopy(rulefile.read("balance@1.0.0", FILES))


def every_rule(document: Document) -> list[Document]:
    maps = [m for s in document["score"]["sub_scores"] for p in s["parts"] for m in p["maps"]]
    rules = [document["score"], document["comparability"], *maps]
    return rules + [
        r for key in ("norms", "comparisons", "battery", "flags", "mandatory") for r in document[key]
    ]


def test_every_rule_says_where_it_comes_from_and_who_answers_for_it(document: Document):
    rules = every_rule(document)
    assert len(rules) > 80
    for rule in rules:
        assert rule["evidence"] in ("found", "knowledge", "recalled", "proposal")
        assert set(rule["source"]) <= set(document["sources"])
        assert rule["author"]
        assert rule["approver"] is None
        assert rule["effective"] == "2026-11-22"


def test_nobody_has_signed_it_and_it_says_so():
    manifest = load_ruleset().manifest
    assert (manifest.approver, manifest.approval_status) == (None, "unapproved")
    assert "pending" in manifest.approval_statement
    assert "Not a diagnosis" in manifest.intended_use


def test_released_hash_pins_the_files(monkeypatch: pytest.MonkeyPatch, document: Document):
    assert rulefile.canonical_sha256(document) == load_ruleset().sha256
    document["score"]["sub_scores"][0]["weight"] = 0.4
    monkeypatch.setattr(loader.rulefile, "read", lambda ruleset_id, names: document)
    with pytest.raises(Internal) as caught:
        load_ruleset.__wrapped__("balance@1.0.0")
    assert caught.value.code == "RULESET_ALTERED"


@pytest.mark.parametrize("ruleset_id", ["balance@9.9.9", "tattoo@1.0.0"])
def test_other_rulesets_are_not_found(ruleset_id):
    with pytest.raises(NotFound) as caught:
        load_ruleset(ruleset_id)
    assert caught.value.code == "RULESET_NOT_FOUND"
    assert "balance@1.0.0" in caught.value.fix
    with pytest.raises(NotFound):
        load_tattoo("balance@1.0.0")


@pytest.mark.parametrize("ruleset_id", ["", "balance", "../balance@1.0.0", "balance@1.0.0/.."])
def test_ids_that_are_none_are_invalid(ruleset_id):
    with pytest.raises(InvalidInput) as caught:
        load_ruleset(ruleset_id)
    assert caught.value.code == "RULESET_ID_INVALID"


def test_a_ruleset_is_immutable():
    ruleset = load_ruleset()
    with pytest.raises(dataclasses.FrozenInstanceError):
        ruleset.sha256 = ""
    with pytest.raises(TypeError):
        ruleset.texts["flag.B01"] = ""


def test_recalled_numbers_give_no_band_and_their_spread_is_never_used():
    ruleset = load_ruleset()
    for table in ruleset.norms:
        assert not (table.banded and table.record.provisional)
    for rule in ruleset.comparisons:
        if rule.mdc95 is not None:
            assert rule.record.provisional


def _first_map(d: Document) -> Document:
    return d["score"]["sub_scores"][0]["parts"][0]["maps"][0]


def _points_back(d: Document) -> None:
    _first_map(d)["points"][2][0] = 4


def _worse_is_better(d: Document) -> None:
    _first_map(d)["points"][2][1] = 10


def _out_of_scale(d: Document) -> None:
    _first_map(d)["points"][4][1] = 101


def _one_point(d: Document) -> None:
    _first_map(d)["points"] = [[0, 0]]


def _weight(d: Document) -> None:
    d["score"]["sub_scores"][0]["weight"] = 0


def _unknown_fact(d: Document) -> None:
    d["flags"][6]["levels"][0]["when"] = {"fact": "trial.moon", "is": True}


def _posterior(d: Document) -> None:
    d["flags"][6]["levels"][0]["when"] = {"probability_of": ["black"], "at_least": 0.1}


def _unknown_source(d: Document) -> None:
    d["norms"][0]["source"] = ["Nobody-1900"]


def _no_text(d: Document) -> None:
    del d["texts"]["flag.B07"]


def _no_message(d: Document) -> None:
    del d["texts"]["message.RENORMALISED"]


def _no_withheld(d: Document) -> None:
    del d["texts"]["withheld.I03"]


def _twice(d: Document) -> None:
    d["flags"].append(copy.deepcopy(d["flags"][0]))


def _no_author(d: Document) -> None:
    del d["comparisons"][0]["author"]


def _unsigned_approval(d: Document) -> None:
    d["manifest"]["approval"]["status"] = "approved"


def _ages(d: Document) -> None:
    d["norms"][0]["groups"][1]["ages"] = [35, 49]


def _rising(d: Document) -> None:
    d["norms"][0]["groups"][1]["mean"] = 44.0


def _recalled_band(d: Document) -> None:
    d["norms"][3]["banded"] = True


def _two_limits(d: Document) -> None:
    d["comparisons"][6]["mdc95"] = 3


def _no_score(d: Document) -> None:
    d["comparisons"] = d["comparisons"][:-1]


def _measure(d: Document) -> None:
    d["battery"][0]["measure"] = "LUNAR_TOTAL"


def _dangling(d: Document) -> None:
    d["mandatory"][0]["rules"] = ["B99"]


def _stranger(d: Document) -> None:
    d["zodiac"] = {}


@pytest.mark.parametrize(
    "damage",
    [
        _points_back, _worse_is_better, _out_of_scale, _one_point, _weight, _unknown_fact, _posterior,
        _unknown_source, _no_text, _no_message, _no_withheld, _twice, _no_author, _unsigned_approval, _ages,
        _rising, _recalled_band, _two_limits, _no_score, _measure, _dangling, _stranger,
    ],
)  # fmt: skip
def test_a_malformed_ruleset_does_not_load(damage, document: Document):
    assert build(document).id == "balance@1.0.0"
    damage(document)
    with pytest.raises(Internal) as caught:
        build(document)
    assert caught.value.code == "RULESET_INVALID"
