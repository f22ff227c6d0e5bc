"""The released ink classifier: probabilities, invariance, fading, hazards, what stays unknown, its file."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh import recalls, registry
from mesh.errors import FailedPrecondition, Internal
from svc_color import classifier
from svc_color.classifier import FILE, NAME, UNKNOWN, active, classify, features, load, parse
from svc_color.prior import REFERENCE_MELANIN, inked, linear_rgb, reflectance, table
from svc_color.transmission import transmission, transmission_lab

light = st.floats(0.02, 0.9)
triples = st.tuples(light, light, light)
gains = st.tuples(*[st.floats(0.4, 2.5)] * 3)
FAMILIES = {
    "dark_blue": "blue", "blue": "blue", "light_blue": "blue", "teal": "blue", "dark_green": "green",
    "light_green": "green", "pink": "red", "red": "red", "black": "neutral", "grey": "neutral",
}  # fmt: skip
SHIPPED = registry.find(f"{NAME}@1.0.0")


def answer(ratio: np.ndarray) -> classifier.InkClass:
    return classify(transmission_lab(ratio), active())


@settings(deadline=None)
@given(triples, triples)
def test_a_posterior_sums_to_one(ink: tuple[float, ...], skin: tuple[float, ...]) -> None:
    found = answer(transmission(ink, skin))
    chances = [chance for _, chance in found.posterior]
    assert sum(chances) == pytest.approx(1)
    assert chances == sorted(chances, reverse=True)
    assert {name for name, _ in found.posterior} == set(active().classes)
    assert found.name in (UNKNOWN, found.posterior[0][0])
    assert found.distance is not None
    assert found.distance >= 0


@settings(deadline=None)
@given(triples, triples, gains)
def test_exposure_and_white_balance_do_not_matter(
    ink: tuple[float, ...], skin: tuple[float, ...], gain: tuple[float, ...]
) -> None:
    """Any gain per channel on ink and skin alike leaves the answer, exactly but for rounding."""
    plain = answer(transmission(ink, skin))
    other = answer(transmission(np.multiply(ink, gain), np.multiply(skin, gain)))
    assert dict(other.posterior) == pytest.approx(dict(plain.posterior), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["blue", "teal", "dark_green", "light_green", "red", "pink", "orange"]),
    st.floats(0.4, 2.0),
    st.floats(0.002, 0.008),
)
def test_fading_keeps_the_hue_family(name: str, amount: float, clear_cm: float) -> None:
    """Modelled ink on light skin and half as much of it: of its family or unknown, and never named otherwise.

    Dark blue is left out: it holds soot and may be called black, for which the same wavelength comes first.
    """
    skin = linear_rgb(reflectance(REFERENCE_MELANIN))
    for share in (1.0, 0.5):
        found = answer(transmission(inked(name, REFERENCE_MELANIN, amount * share, clear_cm), skin))
        family = FAMILIES.get(name, name)
        assert found.name == UNKNOWN or FAMILIES.get(found.name, found.name) == family
        own = sum(chance for each, chance in found.posterior if FAMILIES.get(each, each) == family)
        assert own > 0.3


@settings(deadline=None, max_examples=40)
@given(st.floats(0.02, 0.3), triples)
def test_neutral_darkening_is_black_whatever_the_skin(share: float, skin: tuple[float, ...]) -> None:
    """A grey filter leaves a neutral quotient on every skin; dark enough, it is black."""
    assert answer(transmission(np.multiply(skin, share), skin)).posterior[0][0] == "black"


def test_modelled_colours_are_known_and_mostly_their_own_class() -> None:
    """Three stages of fading out of four in the two likeliest classes; hardly one is far from all."""
    right, known = [], []
    for name, colours in table().items():
        for colour in colours:
            found = classify(colour, active())
            right.append(name in [each for each, _ in found.posterior[:2]])
            known.append(found.distance is not None and found.distance < active().farthest)
    assert np.mean(right) > 0.75
    assert np.mean(known) > 0.95


@pytest.mark.parametrize(
    ("lab_t", "expected"),
    [
        ((33, 0, -5), "black"),
        ((58, 58, 25), "red"),
        ((55, -35, 5), "dark_green"),
        ((96, -38, 26), "light_green"),
        ((104, -10, 60), "yellow"),
        ((115, -6, -2), "white"),
        ((82, -26, -34), "teal"),
        ((80, 40, 50), "orange"),
    ],
)
def test_plain_colours(lab_t: tuple[float, float, float], expected: str) -> None:
    assert classify(lab_t, active()).name == expected


def test_far_colours_stay_unknown() -> None:
    model = active()
    for colour in ((60.0, 90.0, 80.0), (120.0, 60.0, -60.0), (20.0, -60.0, 40.0)):
        found = classify(colour, model)
        assert found.distance is not None
        assert found.distance > model.farthest
        assert found.name == UNKNOWN


def test_ink_that_looks_like_skin_may_be_flesh_ink() -> None:
    """No camera can tell; the hazard must stay visible in the posterior."""
    assert dict(classify((100.5, 0.0, 0.5), active()).posterior)["flesh"] >= 0.15


@pytest.mark.parametrize("lab_t", [(70, 5, -6), (60, 6, -2), (75, 4, -8)])
def test_brown_stays_visible_beside_black_and_grey(lab_t: tuple[float, float, float]) -> None:
    assert dict(classify(lab_t, active()).posterior)["brown"] >= 0.15


def test_batches_answer_as_one_by_one() -> None:
    model, colours = active(), np.array([colour for each in table().values() for colour in each])
    whole = model.posterior(colours)
    assert whole == pytest.approx(np.vstack([model.posterior(colour[None]) for colour in colours]))
    assert features(colours).shape == (len(colours), 8)


def test_the_release_is_whole() -> None:
    """Contract, hash, size, card and gates of what ships."""
    said = SHIPPED.said
    data = (SHIPPED.folder / FILE).read_bytes()
    assert hashlib.sha256(data).hexdigest() == said["sha256"]
    assert len(data) == said["size_bytes"] < 200_000
    assert said["release"]["state"] == "released"
    assert all(gate["passed"] for gate in said["release"]["gates"])
    assert said["data"]["photographs"] == "none"
    assert tuple(said["output"]["classes"]) == active().classes
    card = (SHIPPED.folder / "card.md").read_text()
    for needed in ("## Intended use", "Not to be used", "## Data", "## Results", "## Limits", "dark skin"):
        assert needed in card


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / NAME / "1.0.0"
    shutil.copytree(SHIPPED.folder, folder)
    (folder / FILE).write_text((folder / FILE).read_text().replace("0.6", "0.1", 1))
    find = registry.find
    monkeypatch.setattr(registry, "find", lambda label: find(label, tmp_path))
    with pytest.raises(FailedPrecondition, match="MODEL_HASH_MISMATCH"):
        load.__wrapped__(f"{NAME}@1.0.0")
    text = json.dumps({"classes": []})
    (folder / FILE).write_text(text)
    (folder / "model.json").write_text(
        json.dumps({**SHIPPED.said, "sha256": hashlib.sha256(text.encode()).hexdigest()})
    )
    with pytest.raises(Internal, match="MODEL_CONTRACT"):
        load.__wrapped__(f"{NAME}@1.0.0")


def test_a_recalled_classifier_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalls, "of", lambda label: recalls.Recall("wrong", "a test", ""))
    with pytest.raises(FailedPrecondition, match="MODEL_RECALLED"):
        active()


@pytest.mark.parametrize("broken", ["nan", "shape", "outputs"])
def test_parameters_that_are_not_sound_are_refused(broken: str) -> None:
    said = json.loads((SHIPPED.folder / FILE).read_text())
    if broken == "nan":
        said["network"]["centre"][0] = float("nan")
    elif broken == "shape":
        said["known"]["whiteners"].pop()
    else:
        said["classes"].append("gold")
    with pytest.raises(ValueError, match=r"numbers|outputs"):
        parse(said, "x@1.0.0", "")
