"""Agreement of ratings that each subject has its own number of: kappa after Fleiss, by subject.

Fleiss (1971), Psychological Bulletin 76:378, asks for as many ratings of every subject. Where numbers differ,
the agreement of a subject is still the share of its pairs of ratings that agree, every subject counts once
whatever its number, and chance is taken from how often each category occurs, again with every subject
counting once. kappa of a subject is (agreement - chance) / (1 - chance); the mean over subjects is kappa of
all.

Where nearly all subjects are of one category, chance comes near to 1 and kappa near to 0 though nearly all
ratings agree (Feinstein and Cicchetti 1990). So Gwet's AC1 (2008, British Journal of Mathematical and
Statistical Psychology 61:29) and the free-marginal kappa (Randolph 2005; chance 1 / categories) stand beside
it: their chance does not grow with the commonest category.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluate.bootstrap import Interval, interval

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """subjects, ratings: how many. observed: mean share of agreeing pairs, 0..1. chance: of Fleiss's kappa.
    kappa, ac1, free: see the module; None where chance is 1. *_interval: 95 %, bootstrap over subjects.
    by_subject: kappa of each. shares: how often each category occurs, subjects counting alike."""

    subjects: int
    ratings: int
    observed: float
    observed_interval: Interval | None
    chance: float
    kappa: float | None
    kappa_interval: Interval | None
    ac1: float | None
    free: float
    by_subject: Mapping[str, float]
    shares: Mapping[str, float]


def agreement(ratings: Mapping[str, Sequence[str]], categories: Sequence[str]) -> Agreement:
    """How far the ratings of each subject agree, of subjects that have at least two.

    Args:
        ratings: subject to its ratings, each one of `categories`.
        categories: all that could have been said, at least two.

    Raises:
        ValueError: no subject has two ratings, or a rating is no category.
    """
    counted = {name: given for name, given in ratings.items() if len(given) >= 2}
    if not counted:
        raise ValueError("no subject has two ratings")
    index = {name: place for place, name in enumerate(categories)}
    table = np.zeros((len(counted), len(categories)))
    for row, given in enumerate(counted.values()):
        for rating in given:
            if rating not in index:
                raise ValueError(f"{rating!r} is no category")
            table[row, index[rating]] += 1
    total = table.sum(axis=1)
    pairs = (table * (table - 1)).sum(axis=1) / (total * (total - 1))
    rows = np.hstack([pairs[:, None], table / total[:, None]])
    observed, chance, kappa, ac1 = (float(each[0]) for each in _figures(rows[None]))
    return Agreement(
        subjects=len(counted),
        ratings=int(total.sum()),
        observed=observed,
        observed_interval=interval(rows, lambda drawn: _figures(drawn)[0]),
        chance=chance,
        kappa=kappa if np.isfinite(kappa) else None,
        kappa_interval=interval(rows, lambda drawn: _figures(drawn)[2]) if np.isfinite(kappa) else None,
        ac1=ac1 if np.isfinite(ac1) else None,
        free=(observed - 1 / len(categories)) / (1 - 1 / len(categories)),
        by_subject={
            name: float((pair - chance) / (1 - chance))
            for name, pair in zip(counted, pairs, strict=True)
            if chance < 1
        },
        shares={
            name: float(share)
            for name, share in zip(categories, rows[:, 1:].mean(axis=0), strict=True)
            if share > 0
        },
    )


def _figures(rows: Array) -> tuple[Array, Array, Array, Array]:
    """Agreement, chance, kappa, AC1, each (rounds,), of (rounds, subjects, 1 + categories)."""
    observed, share = rows[..., 0].mean(axis=1), rows[..., 1:].mean(axis=1)
    chance = (share**2).sum(axis=1)
    even = (share * (1 - share)).sum(axis=1) / (share.shape[1] - 1)
    return observed, chance, _beyond(observed, chance), _beyond(observed, even)


def _beyond(observed: Array, chance: Array) -> Array:
    rest = 1 - chance
    return np.asarray(np.divide(observed - chance, rest, out=np.full(len(rest), np.nan), where=rest > 1e-12))
