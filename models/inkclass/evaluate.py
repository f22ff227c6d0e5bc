"""How good a classifier is on samples of known class: accuracy, likelihood, calibration, hazards,
abstention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.inkclass.samples import BASE_RATES, CLASSES, HAZARDS, Samples, skin_classes
from svc_color.ita import CLASSES as SKIN_CLASSES

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

# A hazard is raised from this posterior on (domain dossier, section 2.2).
RAISED = 0.15
BINS = 15


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of n samples. posterior: (n, 16). named: (n,), whether the top class is
    named."""

    posterior: Array
    named: Flags


@dataclass(frozen=True)
class Bin:
    """Samples whose top posterior lies in one bin: share of all, mean posterior, share that is right."""

    share: float
    said: float
    right: float


@dataclass(frozen=True)
class SkinScore:
    """One class of skin. hazards: share of hazard inks that are raised."""

    samples: int
    accuracy: float
    named: float
    named_right: float
    hazards: float


@dataclass(frozen=True)
class Score:
    """Figures over samples, as many of every class, but for `*_as_met`, where classes weigh as BASE_RATES
    says.

    accuracy: top class right. cross_entropy: nats. ece: expected calibration error of the top class (Guo et
    al. 2017) over BINS equal bins. named, named_right: share whose class is named, and of those right.
    recall, false_alarm: of each hazard at a posterior of RAISED. confusion: (16, 16), row the truth, shares.
    """

    accuracy: float
    accuracy_as_met: float
    cross_entropy: float
    cross_entropy_as_met: float
    ece_as_met: float
    reliability: tuple[Bin, ...]
    named: float
    named_right: float
    recall: Mapping[str, float]
    false_alarm: Mapping[str, float]
    by_skin: Mapping[str, SkinScore]
    confusion: tuple[tuple[float, ...], ...]


def score(prediction: Prediction, samples: Samples) -> Score:
    """Scores one prediction."""
    chances, label = prediction.posterior, samples.label
    right = chances.argmax(axis=1) == label
    surprise = -np.log(np.maximum(chances[np.arange(len(label)), label], 1e-12))
    met = np.array([BASE_RATES[CLASSES[k]] for k in label])
    met /= met.sum()
    bins = _reliability(chances.max(axis=1), right, met)
    raised = chances >= RAISED
    of = {name: CLASSES.index(name) for name in HAZARDS}
    skins = skin_classes(samples.ita)
    return Score(
        accuracy=float(right.mean()),
        accuracy_as_met=float(met @ right),
        cross_entropy=float(surprise.mean()),
        cross_entropy_as_met=float(met @ surprise),
        ece_as_met=sum(each.share * abs(each.said - each.right) for each in bins),
        reliability=bins,
        named=float(prediction.named.mean()),
        named_right=_share(right[prediction.named]),
        recall={name: _share(raised[label == k, k]) for name, k in of.items()},
        false_alarm={name: _share(raised[label != k, k]) for name, k in of.items()},
        by_skin={
            name: _skin(skins == name, prediction, samples)
            for _, name in SKIN_CLASSES
            if np.any(skins == name)
        },
        confusion=_confusion(chances.argmax(axis=1), label),
    )


def _skin(own: Flags, prediction: Prediction, samples: Samples) -> SkinScore:
    chances, label, named = prediction.posterior[own], samples.label[own], prediction.named[own]
    right = chances.argmax(axis=1) == label
    hazardous = np.isin(label, [CLASSES.index(name) for name in HAZARDS])
    raised = chances[np.arange(len(label)), label] >= RAISED
    return SkinScore(
        samples=int(own.sum()),
        accuracy=_share(right),
        named=_share(named),
        named_right=_share(right[named]),
        hazards=_share(raised[hazardous]),
    )


def _reliability(said: Array, right: Flags, weight: Array) -> tuple[Bin, ...]:
    place = np.minimum((said * BINS).astype(int), BINS - 1)
    found = []
    for index in range(BINS):
        own = place == index
        share = float(weight[own].sum())
        if share > 0:
            inside = weight[own] / share
            found.append(Bin(share, float(inside @ said[own]), float(inside @ right[own])))
    return tuple(found)


def _confusion(top: Indices, label: Indices) -> tuple[tuple[float, ...], ...]:
    counts = np.zeros((len(CLASSES), len(CLASSES)))
    np.add.at(counts, (label, top), 1)
    rows: list[list[float]] = (counts / counts.sum(axis=1, keepdims=True)).tolist()
    return tuple(tuple(row) for row in rows)


def _share(of: Flags) -> float:
    return float(of.mean()) if len(of) else float("nan")
