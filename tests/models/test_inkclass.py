"""The ink classifier's factory: samples, training, scores, release; small enough to run in seconds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mesh import registry
from models.inkclass import network, spread, strange
from models.inkclass.evaluate import Prediction, score
from models.inkclass.network import Plan, cross_entropy, temperature
from models.inkclass.release import Run, write
from models.inkclass.samples import BASE_RATES, CLASSES, HAZARDS, draw, skin_classes
from models.inkclass.tissue import path_length
from models.inkclass.train import Sizes, predict, train
from models.inkclass.worlds import HELD_OUT, TRAINING, TUNING
from svc_color.classifier import active, parse
from svc_color.optics import RECIPES, InkLayer, SkinOptics, pigment
from svc_color.transmission import HIGHEST, LOWEST, transmission_lab

SMALL = Sizes(training=8192, tuning=2048, held_out=2048, strange=4)
SHORT = Plan(hidden=24, epochs=6, batch=256)


@pytest.fixture(scope="module")
def run() -> Run:
    return train("0.0.1", 7, SMALL, SHORT, lambda _: None)


def test_samples_cover_classes_and_skins() -> None:
    samples = draw(3, TRAINING, 2048)
    assert tuple(RECIPES) == CLASSES
    assert np.array_equal(np.bincount(samples.label), np.full(16, len(samples) // 16))
    assert samples.ratio.min() >= LOWEST
    assert samples.ratio.max() <= HIGHEST
    assert set(skin_classes(samples.ita)) == {"very light", "light", "intermediate", "tan", "brown", "dark"}
    assert np.all(samples.skin > 0)
    assert sum(BASE_RATES.values()) == pytest.approx(1)


def test_equal_seeds_give_equal_samples_and_worlds_differ() -> None:
    first, again = draw(5, TRAINING, 512), draw(5, TRAINING, 512)
    assert np.array_equal(first.ratio, again.ratio)
    assert not np.array_equal(first.ratio, draw(6, TRAINING, 512).ratio)
    low, high = TRAINING.shift_nm[0]
    for world in (TUNING, HELD_OUT["other pigments"], HELD_OUT["all of these"]):
        assert all(not (low < least < high) or not (low < most < high) for least, most in world.shift_nm)


def test_the_second_optical_model_knows_ink_too() -> None:
    """Black takes light from every colour, red leaves red, white gives light back; skin is skin coloured."""
    skin = SkinOptics(np.array([0.01]), np.array([0.01]), 0.7, np.array([1.0]))
    bare = path_length(skin, None)[0]
    assert 0.1 < bare[30] < bare[60] < 0.9
    black = path_length(skin, InkLayer(120 * pigment("carbon")[None], np.array([0.0])))[0]
    red = path_length(skin, InkLayer(60 * pigment("naphthol_red")[None], np.array([0.0])))[0]
    white = path_length(skin, InkLayer(np.zeros((1, 77)), np.array([180.0])))[0]
    assert np.all(black < 0.5 * bare)
    assert red[60] > 0.8 * bare[60]
    assert red[30] < 0.5 * bare[30]
    assert np.all(white > bare)


def test_the_network_learns_and_is_the_same_for_the_same_seed() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 3000)
    values = np.eye(3)[label] * 2 + rng.standard_normal((3000, 3))
    first = network.train(values, label, 3, 1, SHORT, lambda _: None)
    second = network.train(values, label, 3, 1, SHORT, lambda _: None)
    assert first.losses == second.losses
    assert first.losses[-1] < 0.7 < 1.0 < np.log(3) < 1.2
    assert np.mean(first.logits(values).argmax(axis=1) == label) > 0.8


def test_temperature_undoes_too_much_confidence() -> None:
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((20_000, 4)) * 1.5
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = np.array([rng.choice(4, p=each) for each in chances])
    assert temperature(3 * logits, label) == pytest.approx(3, abs=0.15)
    assert cross_entropy(logits, label) < cross_entropy(3 * logits, label)


def test_prototypes_take_the_spread_of_their_class() -> None:
    rng = np.random.default_rng(2)
    wide, narrow = rng.standard_normal((4000, 3)) * 12, rng.standard_normal((4000, 3)) * 3 + 20
    fitted = spread.fit(np.vstack([wide, narrow]), np.repeat([0, 1], 4000), 2, 1, 0)
    assert fitted.mean[1] == pytest.approx([20, 20, 20], abs=0.5)
    assert 1 / fitted.whitener[0, 0, 0] == pytest.approx(12, rel=0.1)
    assert fitted.logits(np.array([[20.0, 20, 20], [-15, 0, 0]])).argmax(axis=1).tolist() == [1, 0]


def test_scores_of_a_perfect_and_of_a_blind_classifier() -> None:
    samples = draw(9, TRAINING, 1024)
    sure = np.eye(16)[samples.label]
    best = score(Prediction(sure, np.ones(len(samples), np.bool_)), samples)
    assert (best.accuracy, best.ece_as_met, best.named_right) == (1, 0, 1)
    assert all(best.recall[name] == 1 and best.false_alarm[name] == 0 for name in HAZARDS)
    blind = score(Prediction(np.full((len(samples), 16), 1 / 16), np.zeros(len(samples), np.bool_)), samples)
    assert blind.accuracy == pytest.approx(1 / 16)
    assert blind.cross_entropy == pytest.approx(np.log(16))
    assert blind.named == 0
    assert sum(each.share for each in blind.reliability) == pytest.approx(1)


def test_a_run_is_reproducible_and_learns(run: Run) -> None:
    again = train("0.0.1", 7, SMALL, SHORT, lambda _: None)
    assert again.metrics_sha256 == run.metrics_sha256
    assert again.params == run.params
    hard = run.scores["all of these"]
    assert hard["network"].accuracy > hard["nearest"].accuracy
    assert hard["network"].cross_entropy < hard["nearest"].cross_entropy
    assert set(run.strange) == {"two inks", "cloth or paint", "marks of the skin"}


def test_a_release_is_written_as_the_service_reads_it(run: Run, tmp_path: Path) -> None:
    write(run, tmp_path / "registry", tmp_path / "log")
    entry = registry.find("ink-class@0.0.1", tmp_path / "registry")
    data = registry.verified(entry.folder / "params.json", entry.said["sha256"], entry.label)
    model = parse(json.loads(data), entry.label, entry.said["sha256"])
    assert model.posterior(np.array([[50.0, 0, -5]])).shape == (1, 16)
    assert {file.suffix for file in (tmp_path / "log").iterdir()} == {".md", ".json", ".svg"}
    log = (tmp_path / "log" / "ink-class-0.0.1.md").read_text()
    assert run.metrics_sha256 in log
    assert log.count("| network |") >= 2 * len(HELD_OUT)


def test_a_run_that_loses_hazards_is_a_candidate_only(run: Run) -> None:
    hard = dict(run.scores["all of these"])
    hard["network"] = replace(hard["network"], recall=dict.fromkeys(HAZARDS, 0.0))
    lost = replace(run, scores={**run.scores, "all of these": hard})
    assert not lost.gates["no hazard raised less often than before, in any world"]
    assert not lost.passed


def test_the_released_classifier_holds_its_figures() -> None:
    """Small held-out samples of the hardest world; the log has the large ones."""
    samples = draw(77, HELD_OUT["all of these"], 4096)
    found = score(predict(active(), transmission_lab(samples.ratio)), samples)
    assert found.accuracy > 0.48
    assert found.cross_entropy < 1.65
    assert found.ece_as_met < 0.15
    assert all(
        found.recall[name] > least for name, least in zip(HAZARDS, (0.88, 0.65, 0.72, 0.48), strict=True)
    )
    assert all(skin.accuracy > 0.42 for skin in found.by_skin.values())


def test_strange_things_are_drawn_in_every_kind() -> None:
    drawn = strange.draw(1, TUNING, 2)
    assert all(ratio.shape == skin.shape == (128, 3) for ratio, skin in drawn.values())
