"""Trains, compares and releases the ink classifier: `python -m models.inkclass.train --version X.Y.Z`.

Draws samples from physics, fits prototypes with spread and a small network, calibrates both on the tuning
world, measures both and what came before on worlds that neither was trained on, and writes the registry's
folder and the log in docs/experiments. The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.inkclass import nearest, network, spread, strange
from models.inkclass.evaluate import Prediction, Score, score
from models.inkclass.network import Plan, Trained, cross_entropy
from models.inkclass.release import Run, write
from models.inkclass.samples import BASE_RATES, CLASSES, Samples, draw
from models.inkclass.spread import Spread
from models.inkclass.worlds import HELD_OUT, TRAINING, TUNING
from models.revision import revision
from svc_color.classifier import Classifier, features, parse
from svc_color.transmission import transmission_lab

Array = NDArray[np.float64]
Say = Callable[[str], None]

ROOT: Final = Path(__file__).resolve().parents[2]
LEAST_POSTERIOR: Final = 0.6
PROTOTYPES: Final = (1, 2, 4, 8)
"""Numbers of prototypes a class that are tried."""
KNOWN_SHARE: Final = 0.97
"""Share of the tuning samples that count as known."""
# Prototypes have few parameters: one training sample in three is enough for them.
_EVERY: Final = 3
_TUNING_SEED, _HELD_OUT_SEED, _STRANGE_SEED = 1_000_000, 2_000_000, 3_000_000


@dataclass(frozen=True)
class Sizes:
    """Samples to draw: for training, for tuning, for each held-out world; groups of strange things."""

    training: int = 200_000
    tuning: int = 30_000
    held_out: int = 30_000
    strange: int = 60


def train(version: str, seed: int, sizes: Sizes, plan: Plan, say: Say) -> Run:
    """One whole run; nothing is written."""
    began = time.perf_counter()
    training, tuning = draw(seed, TRAINING, sizes.training), draw(seed + _TUNING_SEED, TUNING, sizes.tuning)
    say(f"{len(training)} samples to train on, {len(tuning)} to tune on")
    colours, tuned_on = transmission_lab(training.ratio), transmission_lab(tuning.ratio)
    tried = _spreads(colours, training, tuned_on, tuning, seed, say)
    each = min(tried, key=lambda count: tried[count][1])
    best = tried[each][0]
    trained = network.train(features(colours), training.label, len(CLASSES), seed, plan, say)
    warmth = network.temperature(trained.logits(features(tuned_on)), tuning.label)
    document = _document(trained, warmth, best, tuned_on)
    text = json.dumps(document, indent=None, separators=(",", ":")) + "\n"
    model = parse(document, f"ink-class@{version}", hashlib.sha256(text.encode()).hexdigest())
    cold = network.temperature(best.logits(tuned_on), tuning.label)
    scores = {}
    for index, (name, world) in enumerate(HELD_OUT.items()):
        say(f"measuring on {name}")
        scores[name] = _scores(model, best, cold, draw(seed + _HELD_OUT_SEED + index, world, sizes.held_out))
    return Run(
        version=version,
        seed=seed,
        sizes=sizes.__dict__,
        plan=plan.__dict__,
        params=text,
        training_sha256=_hash(training),
        git_revision=revision("models/inkclass", "svc_color"),
        losses=trained.losses,
        spreads={count: loss for count, (_, loss) in tried.items()},
        prototypes=each,
        temperature=warmth,
        spread_temperature=cold,
        parameters=sum(weights.size + offsets.size for weights, offsets in trained.layers),
        scores=scores,
        strange=_strange(model, seed, sizes.strange),
        seconds=time.perf_counter() - began,
    )


def _spreads(
    colours: Array, training: Samples, tuned_on: Array, tuning: Samples, seed: int, say: Say
) -> dict[int, tuple[Spread, float]]:
    """Prototypes with spread, by their number a class, with their cross-entropy on the tuning world."""
    found = {}
    for each in PROTOTYPES:
        fitted = spread.fit(colours[::_EVERY], training.label[::_EVERY], len(CLASSES), each, seed)
        logits = fitted.logits(tuned_on)
        loss = cross_entropy(logits / network.temperature(logits, tuning.label), tuning.label)
        say(f"{each} prototypes a class: cross-entropy {loss:.4f} on the tuning world")
        found[each] = (fitted, loss)
    return found


def _document(trained: Trained, warmth: float, known: Spread, tuned_on: Array) -> dict[str, object]:
    """What the released file holds, rounded to 7 significant digits."""
    apart = np.einsum("mij,nmj->nmi", known.whitener, tuned_on[:, None] - known.mean)
    distance = np.sqrt((apart**2).sum(axis=2)).min(axis=1)
    return {
        "classes": list(CLASSES),
        "least_posterior": LEAST_POSTERIOR,
        "temperature": round(warmth, 4),
        "log_base": _rounded(np.log([BASE_RATES[name] for name in CLASSES])),
        "network": {
            "centre": _rounded(trained.centre),
            "scale": _rounded(trained.scale),
            "layers": [{"weights": _rounded(w), "offsets": _rounded(b)} for w, b in trained.layers],
        },
        "known": {
            "farthest": round(float(np.quantile(distance, KNOWN_SHARE)), 4),
            "prototypes": _rounded(known.mean),
            "whiteners": _rounded(known.whitener),
        },
    }


def _rounded(values: Array) -> object:
    return np.vectorize(lambda value: float(f"{value:.7g}"))(values).tolist()


def _scores(model: Classifier, fitted: Spread, cold: float, samples: Samples) -> Mapping[str, Score]:
    """Before, prototypes with spread, network: on the same samples."""
    lab_t = transmission_lab(samples.ratio)
    posterior, apart = nearest.posterior(lab_t, samples.skin)
    chances = fitted.logits(lab_t) / cold + model.log_base
    chances = np.exp(chances - np.logaddexp.reduce(chances, axis=1)[:, None])
    return {
        "nearest": score(_named(posterior, apart <= nearest.FARTHEST), samples),
        "spread": score(_named(chances, model.distance(lab_t) <= model.farthest), samples),
        "network": score(predict(model, lab_t), samples),
    }


def predict(model: Classifier, lab_t: Array) -> Prediction:
    """What the classifier says of colours (n, 3), as `svc_color.classifier.classify` does of one."""
    return _named(model.posterior(lab_t), model.distance(lab_t) <= model.farthest)


def _named(posterior: Array, known: NDArray[np.bool_]) -> Prediction:
    return Prediction(posterior, (posterior.max(axis=1) >= LEAST_POSTERIOR) & known)


def _strange(model: Classifier, seed: int, groups: int) -> Mapping[str, Mapping[str, float]]:
    """Share of what is no single ink that gets a class all the same."""
    found = {}
    drawn = strange.draw(seed + _STRANGE_SEED, HELD_OUT["all of these"], groups)
    for kind, (ratio, skin) in drawn.items():
        lab_t = transmission_lab(ratio)
        before, apart = nearest.posterior(lab_t, skin)
        found[kind] = {
            "nearest": float(_named(before, apart <= nearest.FARTHEST).named.mean()),
            "network": float(predict(model, lab_t).named.mean()),
        }
    return found


def _hash(samples: Samples) -> str:
    """SHA-256 of samples to six digits, which no library's rounding reaches."""
    text = np.round(samples.ratio, 6).tobytes() + samples.label.tobytes()
    return hashlib.sha256(text).hexdigest()


def main() -> int:
    """Exit status 1 when a gate of the release fails; the model is then written as a candidate."""
    parser = argparse.ArgumentParser(description="Train and release the ink classifier.")
    parser.add_argument("--version", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--registry", type=Path, default=ROOT / "models" / "registry")
    parser.add_argument("--log", type=Path, default=ROOT / "docs" / "experiments")
    asked = parser.parse_args()
    run = train(asked.version, asked.seed, Sizes(), Plan(), lambda text: print(text, file=sys.stderr))
    write(run, asked.registry, asked.log)
    print(json.dumps({"metrics_sha256": run.metrics_sha256, "gates": run.gates, "released": run.passed}))
    return 0 if run.passed else 1


if __name__ == "__main__":
    sys.exit(main())
