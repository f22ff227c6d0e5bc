"""Prototypes with spread: every class as a few colours, each with a covariance learned from samples.

A Gaussian mixture per class in Lab_t, fitted by expectation maximisation (Dempster, Laird and Rubin 1977).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

# Added to every variance, (units of Lab_t)^2: no prototype is sharper than a camera sees.
_FLOOR = 1.0
_ROUNDS = 60


@dataclass(frozen=True)
class Spread:
    """owner: (m,) class of each prototype. weight: (m,), sums to 1 within a class. mean: (m, 3). whitener:
    (m, 3, 3), inverse Cholesky factor of the covariance."""

    owner: Indices
    weight: Array
    mean: Array
    whitener: Array

    def logits(self, lab_t: Array) -> Array:
        """Log likelihood (n, k) of colours (n, 3) under each class."""
        joint = np.log(self.weight) + _log_density(lab_t, self.mean, self.whitener)
        return np.stack(
            [np.logaddexp.reduce(joint[:, self.owner == k], axis=1) for k in range(self.owner.max() + 1)],
            axis=1,
        )


def fit(lab_t: Array, label: Indices, classes: int, each: int, seed: int) -> Spread:
    """`each` prototypes for every class from colours (n, 3) with labels (n,)."""
    rng = np.random.default_rng(seed)
    parts = [_fit_one(rng, lab_t[label == k], each) for k in range(classes)]
    weight, mean, whitener = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return Spread(np.repeat(np.arange(classes), each), weight, mean, whitener)


def _fit_one(rng: np.random.Generator, colours: Array, each: int) -> tuple[Array, Array, Array]:
    mean = colours[rng.choice(len(colours), each, replace=False)]
    whole = np.cov(colours.T) + _FLOOR * np.eye(3)
    whitener, weight = np.repeat(_inverse_root(whole)[None], each, axis=0), np.full(each, 1.0 / each)
    for _ in range(_ROUNDS):
        joint = np.log(weight) + _log_density(colours, mean, whitener)
        share = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
        total = share.sum(axis=0) + 1e-9
        weight, mean = total / total.sum(), (share.T @ colours) / total[:, None]
        for k in range(each):
            apart = colours - mean[k]
            whitener[k] = _inverse_root(
                (apart * share[:, k : k + 1]).T @ apart / total[k] + _FLOOR * np.eye(3)
            )
    return weight, mean, whitener


def _inverse_root(covariance: Array) -> Array:
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)))


def _log_density(colours: Array, mean: Array, whitener: Array) -> Array:
    """(n, m), up to a constant."""
    apart = np.einsum("mij,nmj->nmi", whitener, colours[:, None] - mean)
    scale = np.log(np.diagonal(whitener, axis1=1, axis2=2)).sum(axis=1)
    return np.asarray(scale - 0.5 * (apart**2).sum(axis=2))
