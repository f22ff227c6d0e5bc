"""The ruleset file: schema, cross-checks, hash, pinning, and its numbers against the dossier's tables."""

from __future__ import annotations

import copy
import dataclasses

import pytest

from mesh.errors import Internal, InvalidInput, NotFound
from svc_decision import loader
from svc_decision.loader import build, load_ruleset, read_document
from svc_decision.rulefile import available, canonical_sha256

# Rows of laser.md section 1.2; "23" is 2 with ns and 3 with ps pulses.
WAVELENGTHS = (532, 585, 650, 670, 694, 730, 755, 785, 1064)
MATRIX = {
    "black": "2 2 2 3 3 3 3 3 4",
    "grey": "2 2 2 3 3 3 3 3 4",
    "dark_blue": "1 2 3 3 3 3 3 3 4",
    "blue": "1 2 3 3 3 4 4 4 2",
    "light_blue": "1 3 3 3 3 4 4 3 1",
    "teal": "1 2 3 3 3 4 4 3 1",
    "dark_green": "1 1 3 3 3 4 4 3 2",
    "light_green": "2 1 3 3 3 4 4 3 1",
    "purple": "2 3 2 2 3 4 3 4 2",
    "pink": "3 2 1 1 1 1 1 1 1",
    "red": "4 2 1 1 1 1 1 1 1",
    "orange": "4 1 1 1 1 1 1 1 1",
    "yellow": "23 1 1 1 1 1 1 1 1",
    "brown": "3 2 2 2 2 2 2 2 4",
    "permanent_makeup": "0 0 0 0 0 0 0 0 0",
    "flesh": "0 0 0 0 0 0 0 0 0",
    "white": "0 0 0 0 0 0 0 0 0",
}
GATE = {
    1064: "ok ok ok caution caution caution",
    785: "ok ok ok caution block block",
    730: "ok ok ok caution block block",
    755: "ok ok caution avoid block block",
    694: "ok ok caution avoid block block",
    670: "ok ok caution avoid block block",
    650: "ok ok caution block block block",
    585: "ok ok caution block block block",
    532: "ok ok caution block block block",
}
SAFE = {
    "very light": "II II III IV V VI",
    "light": "II III III IV V VI",
    "intermediate": "III III III IV V VI",
    "tan": "IV IV IV IV V VI",
    "brown": "V V V V V VI",
    "dark": "VI VI VI VI VI VI",
}


def test_matrix_is_the_dossiers():
    classes = load_ruleset().efficacy.classes
    assert set(classes) == set(MATRIX)
    for name, row in MATRIX.items():
        for nm, grades in zip(WAVELENGTHS, row.split(), strict=True):
            cell = classes[name].cells[nm]
            assert (cell.ns, cell.ps) == (int(grades[0]), int(grades[-1])), (name, nm)


def test_skin_tables_are_the_dossiers():
    skin = load_ruleset().skin
    assert {nm: " ".join(columns) for nm, columns in skin.gate.items()} == GATE
    assert {name: " ".join(row) for name, row in skin.fitzpatrick_safe.items()} == SAFE


def test_532_is_labelled_up_to_iii_wherever_it_is_registered():
    for device in load_ruleset().devices:
        if 532 in device.labels:
            assert device.labels[532].fitzpatrick == ("I", "III")
        for nm in (730, 785):
            if nm in device.labels:
                assert device.labels[nm].fitzpatrick == ("II", "IV")


def test_flags_are_r01_to_r40():
    ids = [flag.id for flag in load_ruleset().flags]
    assert ids == [f"R{n:02d}" for n in range(1, 17)] + ["R17a", "R17b"] + [
        f"R{n:02d}" for n in range(18, 41)
    ]


def test_every_rule_has_source_and_text():
    ruleset = load_ruleset()
    for flag in ruleset.flags:
        assert flag.source
        assert all(tag in ruleset.sources for tag in flag.source)
        assert len(ruleset.text(f"flag.{flag.id}")) > 20


def test_nothing_in_the_ruleset_states_device_settings():
    text = " ".join(load_ruleset().texts.values()).lower()
    for word in ("j/cm", "joule", "fluence", "spot size", " mm spot", "pulse count"):
        assert word not in text


def test_it_says_that_nobody_has_signed(case, decided):
    ruleset = load_ruleset()
    assert ruleset.manifest.approver is None
    assert ruleset.manifest.approval_status == "unapproved"
    shown = decided(case("black"))["ruleset"]
    assert shown["approval"] == "unapproved"
    assert "pending" in shown["approval_statement"]
    assert shown["hash"] == ruleset.sha256


def test_released_hash_pins_the_files(monkeypatch):
    document = read_document("tattoo@1.0.0")
    assert canonical_sha256(document) == load_ruleset("tattoo@1.0.0").sha256
    document["efficacy"]["classes"][0]["cells"]["532"]["ps"] = 3
    monkeypatch.setattr(loader, "_read", lambda ruleset_id: document)
    with pytest.raises(Internal) as caught:
        load_ruleset.__wrapped__("tattoo@1.0.0")
    assert caught.value.code == "RULESET_ALTERED"


def test_the_hash_does_not_depend_on_the_order_of_keys():
    document = read_document("tattoo@1.0.0")
    assert canonical_sha256(dict(reversed(document.items()))) == canonical_sha256(document)


def test_unknown_versions_are_not_found():
    for ruleset_id in ("tattoo@9.9.9", "balance@1.0.0"):
        with pytest.raises(NotFound) as caught:
            load_ruleset(ruleset_id)
        assert caught.value.field == "ruleset"
        assert available("tattoo")[0] in caught.value.fix


@pytest.mark.parametrize(
    "ruleset_id", ["", "tattoo", "../../etc@1.0.0", "tattoo@1", "tattoo@1.0.0/..", "Tattoo@1.0.0"]
)
def test_ids_that_are_none_are_invalid(ruleset_id):
    with pytest.raises(InvalidInput):
        load_ruleset(ruleset_id)


def test_a_ruleset_is_immutable():
    ruleset = load_ruleset()
    with pytest.raises(dataclasses.FrozenInstanceError):
        ruleset.sha256 = ""
    with pytest.raises(TypeError):
        ruleset.skin.gate[532] = ("ok",) * 6


def _open_gate(d):
    d["skin"]["gate"][-1]["columns"][5] = "ok"


def _lighten(d):
    d["skin"]["fitzpatrick_safe"]["dark"][5] = "V"


def _harmless_refer(d):
    next(f for f in d["flags"] if f["id"] == "R04")["levels"][0]["effect"] = "none"


def _unknown_fact(d):
    d["flags"][1]["levels"][0]["when"] = {"fact": "intake.moon_phase", "is": True}


def _unknown_source(d):
    d["flags"][0]["source"] = ["F999"]


def _no_text(d):
    del d["texts"]["flag.R07"]


def _no_release(d):
    del d["texts"]["release.R12"]


def _hole(d):
    del d["efficacy"]["classes"][3]["cells"]["755"]


def _grade(d):
    d["efficacy"]["classes"][3]["cells"]["755"]["ps"] = 5


def _unsigned_approval(d):
    d["manifest"]["approval"]["status"] = "approved"


def _twice(d):
    d["flags"].append(copy.deepcopy(d["flags"][0]))


def _ladder(d):
    steps = d["engine"]["status_ladder"]
    steps[0], steps[5] = steps[5], steps[0]


def _cap(d):
    d["engine"]["qualitative"]["cap"] = "recommend"


@pytest.mark.parametrize(
    "damage",
    [
        _open_gate,
        _lighten,
        _harmless_refer,
        _unknown_fact,
        _unknown_source,
        _no_text,
        _no_release,
        _hole,
        _grade,
        _unsigned_approval,
        _twice,
        _ladder,
        _cap,
    ],
)
def test_an_unsafe_ruleset_does_not_load(damage):
    document = read_document("tattoo@1.0.0")
    damage(document)
    with pytest.raises(Internal) as caught:
        build(document)
    assert caught.value.code == "RULESET_INVALID"


# Registered labels by wavelength: skin types as indices, colours.
LABELS = {
    "PW": {
        532: ((0, 2), {"red", "yellow", "orange"}),
        730: ((1, 3), {"green", "blue"}),
        785: ((1, 3), {"green", "blue"}),
        1064: ((0, 5), {"black", "brown", "green", "blue", "purple"}),
    },
    "PW-K142372": {
        532: ((0, 2), {"red", "yellow", "orange"}),
        1064: ((0, 4), {"black", "brown", "green", "blue", "purple"}),
    },
}
COLOUR = {
    "black": "black", "grey": "black", "dark_blue": "blue", "blue": "blue", "light_blue": "blue",
    "teal": "blue",
    "dark_green": "green", "light_green": "green", "purple": "purple", "pink": "red", "red": "red",
    "orange": "orange", "yellow": "yellow", "brown": "brown",
}  # fmt: skip
HELD = {"pink", "brown", "white", "flesh", "permanent_makeup"}
CAUTIONED = {"light_blue", "teal", "light_green"}


def expected_status(ink: str, nm: int, skin: int, device: str) -> str:
    """Section 10 of the dossier, step 6, written down a second time."""
    grade = int(MATRIX[ink].split()[WAVELENGTHS.index(nm)][-1])
    gate = GATE[nm].split()[skin]
    (low, high), colours = LABELS[device][nm]
    on_label = low <= skin <= high and COLOUR.get(ink) in colours
    if gate == "block":
        return "blocked"
    if ink in HELD or grade == 0:
        return "hold"
    if grade == 1:
        return "not_useful"
    if gate == "avoid" or not on_label:
        return "specialist"
    if gate == "caution" or grade == 2 or ink in CAUTIONED:
        return "consider"
    return "recommend"


@pytest.mark.parametrize("device", LABELS)
@pytest.mark.parametrize("ink", MATRIX)
def test_every_ink_skin_and_wavelength_agrees_with_a_second_engine(case, decided, device, ink):
    for skin, name in enumerate(("I", "II", "III", "IV", "V", "VI")):
        options = decided(case(ink, name, device))["inks"][0]["options"]
        assert {o["wavelength_nm"]: o["status"] for o in options} == {
            nm: expected_status(ink, nm, skin, device) for nm in LABELS[device]
        }, name
