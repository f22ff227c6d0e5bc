"""Training of the classifier's network: two hidden layers, Adam, in NumPy alone and the same for the same
seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Layers = tuple[tuple[Array, Array], ...]


@dataclass(frozen=True)
class Plan:
    """How to train."""

    hidden: int = 48
    epochs: int = 24
    batch: int = 512
    rate: float = 3e-3
    """At the start; it falls to 0 by half a cosine."""
    decay: float = 1e-4
    """Weight decay."""


@dataclass(frozen=True)
class Trained:
    """centre, scale: of the features. losses: mean cross-entropy of each epoch, nats."""

    centre: Array
    scale: Array
    layers: Layers
    losses: tuple[float, ...]

    def logits(self, features: Array) -> Array:
        """(n, k) of features (n, f)."""
        return _forward(self.layers, (features - self.centre) / self.scale)[-1]


def train(
    features: Array, label: Indices, classes: int, seed: int, plan: Plan, say: Callable[[str], None]
) -> Trained:
    """Cross-entropy of labels (n,) from features (n, f); Adam (Kingma and Ba 2015) with weight decay."""
    rng = np.random.default_rng(seed)
    centre, scale = features.mean(axis=0), features.std(axis=0)
    values = (features - centre) / scale
    sizes = (features.shape[1], plan.hidden, plan.hidden, classes)
    layers: Layers = tuple(
        (rng.standard_normal((before, after)) * np.sqrt(1.0 / before), np.zeros(after))
        for before, after in pairwise(sizes)
    )
    adam = _Adam(layers)
    steps, losses = plan.epochs * (len(label) // plan.batch), []
    for epoch in range(plan.epochs):
        lost = []
        for chosen in _batches(rng, len(label), plan.batch):
            loss, gradients = _gradients(layers, values[chosen], label[chosen], plan.decay)
            rate = plan.rate * 0.5 * (1.0 + np.cos(np.pi * adam.steps / steps))
            layers = adam.step(layers, gradients, rate)
            lost.append(loss)
        losses.append(float(np.mean(lost)))
        say(f"epoch {epoch + 1} of {plan.epochs}: cross-entropy {losses[-1]:.4f}")
    return Trained(centre, scale, layers, tuple(losses))


def temperature(logits: Array, label: Indices) -> float:
    """The temperature in steps of 0.01 under which labels (n,) are likeliest (Guo et al. 2017)."""
    candidates = np.arange(0.5, 4.0, 0.01)
    return float(min(candidates, key=lambda each: cross_entropy(logits / each, label)))


def cross_entropy(logits: Array, label: Indices) -> float:
    """Mean of -log softmax at the label, nats."""
    highest = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - highest).sum(axis=1)) + highest[:, 0]
    return float((total - logits[np.arange(len(label)), label]).mean())


def _batches(rng: np.random.Generator, count: int, size: int) -> Iterator[Indices]:
    order = rng.permutation(count)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]


def _forward(layers: Layers, values: Array) -> list[Array]:
    """Input and what each layer gives, the last without tanh."""
    seen = [values]
    for index, (weights, offsets) in enumerate(layers):
        out = seen[-1] @ weights + offsets
        seen.append(out if index == len(layers) - 1 else np.tanh(out))
    return seen


def _gradients(layers: Layers, values: Array, label: Indices, decay: float) -> tuple[float, Layers]:
    seen = _forward(layers, values)
    rows = np.arange(len(label))
    chances = np.exp(seen[-1] - seen[-1].max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    loss = float(-np.log(np.maximum(chances[rows, label], 1e-12)).mean())
    chances[rows, label] -= 1.0
    error, found = chances / len(label), []
    for index in range(len(layers) - 1, -1, -1):
        weights, _ = layers[index]
        found.append((seen[index].T @ error + decay * weights, error.sum(axis=0)))
        error = (error @ weights.T) * (1.0 - seen[index] ** 2)
    return loss, tuple(reversed(found))


class _Adam:
    """First and second moments of every parameter's gradient."""

    def __init__(self, layers: Layers) -> None:
        self.steps = 0
        self._moments = [[(np.zeros_like(each), np.zeros_like(each)) for each in layer] for layer in layers]

    def step(self, layers: Layers, gradients: Layers, rate: float) -> Layers:
        self.steps += 1
        return tuple(
            (self._moved(0, index, layer, slope, rate), self._moved(1, index, layer, slope, rate))
            for index, (layer, slope) in enumerate(zip(layers, gradients, strict=True))
        )

    def _moved(
        self, part: int, index: int, layer: tuple[Array, Array], slope: tuple[Array, Array], rate: float
    ) -> Array:
        first, second = self._moments[index][part]
        first = 0.9 * first + 0.1 * slope[part]
        second = 0.999 * second + 0.001 * slope[part] ** 2
        self._moments[index][part] = (first, second)
        mean, power = first / (1.0 - 0.9**self.steps), second / (1.0 - 0.999**self.steps)
        return np.asarray(layer[part] - rate * mean / (np.sqrt(power) + 1e-8))
