"""Every rule with source, evidence, author, approver and date; every text in three languages."""

from __future__ import annotations

import copy
import re
import string
from pathlib import Path

import pytest

import svc_decision
from mesh.errors import Internal, NotFound
from svc_decision import text_keys
from svc_decision.loader import DEFAULT_RULESET, LANGUAGES, build, load_ruleset, read_document
from svc_decision.rules import find_rule, rules_of
from svc_decision.ruleset import ENGLISH

DOCUMENT = read_document(DEFAULT_RULESET)
RULES = rules_of(DOCUMENT)
GRADES = {"A", "B", "C", "D", "none", "found", "knowledge", "proposal"}


def test_every_rule_says_where_it_comes_from_and_who_signed_it():
    assert len(RULES) > 900
    for rule in RULES.values():
        assert rule.source, rule.id
        assert set(rule.source) <= set(DOCUMENT["sources"]), rule.id
        assert rule.evidence in GRADES, rule.id
        assert rule.author == "Assay project"
        assert rule.approver is None
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", rule.effective)
        assert rule.jurisdiction in ("any", "US", "EU", "UK")
        assert rule.definition or rule.texts[ENGLISH], rule.id


def test_every_kind_of_rule_is_listed():
    assert {"efficacy", "ink", "gate", "skin", "label", "flag", "intake", "ladder", "test_spot"} < {
        rule.kind for rule in RULES.values()
    }
    assert {f"E.{c}.{nm}" for c in load_ruleset().efficacy.classes for nm in (532, 1064)} <= set(RULES)
    singles = {"F01", "N01", "N02", "C01", "C02", "Q01", "Q02", "Q03", "V01", "KD", "KD.location", "B08"}
    assert singles | {"H04", "I20", "P6", "R40", "S.532", "L.MM-RUBY.694", "T.flag.R01"} <= set(RULES)


def test_what_a_trace_names_is_a_rule(case, decided):
    stated = case("brown", "III", traumatic=True, days_since_laser=20, scarring="none", ink_amount="minimal")
    result = decided(stated)
    named = {entry["rule"] for entry in result["trace"]} | {
        rule for ink in result["inks"] for option in ink["options"] for rule in option["rules"]
    }
    for rule in named:
        if not rule.startswith("L."):
            find_rule(RULES, rule)


def test_labels_are_of_their_country():
    assert {r.jurisdiction for r in RULES.values() if r.kind == "label"} == {"US"}
    assert {r.jurisdiction for r in RULES.values() if r.kind == "flag"} == {"any"}


def test_a_rule_overrides_the_head_of_its_file():
    document = copy.deepcopy(DOCUMENT)
    flag = next(f for f in document["flags"] if f["id"] == "R07")
    flag["meta"] = {"author": "Dr B. Example", "approver": "Dr A. Example", "effective": "2026-11-01"}
    build(document)
    rule = rules_of(document)["R07"]
    assert (rule.author, rule.approver, rule.effective) == ("Dr B. Example", "Dr A. Example", "2026-11-01")
    assert rule.source == RULES["R07"].source
    assert rules_of(document)["R06"].approver is None


def test_a_head_without_an_approver_field_does_not_load():
    document = copy.deepcopy(DOCUMENT)
    del document["heads"]["devices"]["approver"]
    with pytest.raises(Internal, match="approver"):
        build(document)


def test_the_first_format_inherits_from_its_manifest():
    old = rules_of(read_document("tattoo@1.0.0"))
    assert old["R01"].author == "Assay project"
    assert old["R01"].evidence == "found"
    assert old["P1"].evidence is None
    assert set(old) < set(RULES)


def test_gate_cells_are_found_by_skin_type():
    assert find_rule(RULES, "S.532.IV") is RULES["S.532"]
    with pytest.raises(NotFound) as caught:
        find_rule(RULES, "R99")
    assert caught.value.code == "RULE_NOT_FOUND"


@pytest.mark.parametrize("code", LANGUAGES)
def test_languages_have_the_same_keys_and_placeholders(code):
    english, other = DOCUMENT["texts"], DOCUMENT["languages"][code]
    assert list(english) == list(other)
    for key, text in english.items():
        assert _fields(text) == _fields(other[key]), key
        assert text.strip() == text
        assert other[key].strip() == other[key]


@pytest.mark.parametrize("code", LANGUAGES)
def test_languages_are_translated(code):
    """Sentences that stand in English in another language were forgotten."""
    other = DOCUMENT["languages"][code]
    same = [key for key, text in DOCUMENT["texts"].items() if len(text) > 15 and other[key] == text]
    assert same == []


@pytest.mark.parametrize("code", [ENGLISH, *LANGUAGES])
def test_no_language_states_device_settings(code):
    text = " ".join(load_ruleset().languages[code].values()).casefold()
    for word in (
        "j/cm",
        "joule",
        "fluence",
        "fluenz",
        "fluencia",
        "spot size",
        "spotgröße",
        "diámetro del spot",
    ):
        assert word not in text


def test_numbers_of_a_text_are_the_same_in_every_language():
    """A translation may not change a threshold; a decimal comma is a decimal point."""
    for code in LANGUAGES:
        other = DOCUMENT["languages"][code]
        for key, text in DOCUMENT["texts"].items():
            assert _numbers(text) == _numbers(other[key]), (code, key)


def test_a_language_is_chosen_by_its_tag():
    ruleset = load_ruleset()
    assert ruleset.in_language("de-AT").language == "de"
    assert ruleset.in_language("es-MX").text("place.inside") == "dentro de"
    assert ruleset.in_language("fr").language == "en"
    assert ruleset.in_language("de").sha256 == ruleset.sha256
    assert load_ruleset("tattoo@1.0.0").in_language("de").language == "en"


def test_every_text_that_is_asked_for_by_name_stands_in_the_code():
    """The list of keys is what the code says, so that a text without a reader is found."""
    folder = Path(svc_decision.__file__).parent
    code = "\n".join(p.read_text(encoding="utf-8") for p in folder.glob("*.py") if p.name != "text_keys.py")
    for key in text_keys.required(DOCUMENT) - text_keys.of_rules(DOCUMENT):
        kind, _, name = key.partition(".")
        by_kind = f'"{kind}"' in code or f'f"{key.rpartition(".")[0]}.{{' in code
        # The code of an override's message ends in what became of it.
        by_name = f'"{key}"' in code or f'"{name}"' in code or name.startswith("OVERRIDE_")
        assert by_name if kind == "message" else by_kind or by_name, key


def _fields(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def _numbers(text: str) -> list[str]:
    # Words such as "one-sided" differ between languages; digits do not.
    return sorted(n.replace(",", ".") for n in re.findall(r"\d+(?:[.,]\d+)?", text))
