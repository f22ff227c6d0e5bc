"""Two versions on the same photos: the difference of each figure with its paired interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluate.bootstrap import Interval, interval, mean_interval
from models.evaluate.evaluation import Evaluation


@dataclass(frozen=True)
class Difference:
    """How much a figure of the first version is above that of the second."""

    figure: str
    first: float
    second: float
    interval: Interval | None
    """95 % interval of first - second: both versions' values of a photo are drawn together."""


def compare(first: Evaluation, second: Evaluation) -> list[Difference]:
    """Every figure that both have. Both were measured on the same photos in the same order."""
    rows = [
        _means("IoU", first, second, lambda e: [m.score.iou for m in e.measured]),
        _means("F1 within 2 px", first, second, lambda e: [m.score.f1_2px for m in e.measured]),
    ]
    if first.boxes and second.boxes:
        rows.append(_shares("drawn boxes matched", first, second, _matched))
        rows.append(_shares("ink outside all boxes", first, second, _outside))
    if first.bare_skin and second.bare_skin:
        rows.append(_means("false ink on bare skin", first, second, _false_ink))
    return rows


def _means(
    figure: str, first: Evaluation, second: Evaluation, values: Callable[[Evaluation], list[float]]
) -> Difference:
    a, b = np.array(values(first)), np.array(values(second))
    return Difference(figure, float(a.mean()), float(b.mean()), mean_interval((a - b).tolist()))


def _shares(
    figure: str,
    first: Evaluation,
    second: Evaluation,
    counts: Callable[[Evaluation], NDArray[np.float64]],
) -> Difference:
    """Of (photos, 2) parts and wholes, pooled."""
    both = np.concatenate([counts(first), counts(second)], 1)
    a, b = (float(part / max(1.0, whole)) for part, whole in both.sum(0).reshape(2, 2))

    def difference(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        total = drawn.sum(1)
        whole = np.maximum(total[:, 1::2], 1.0)
        shares = total[:, 0::2] / whole
        return np.asarray(shares[:, 0] - shares[:, 1])

    return Difference(figure, a, b, interval(both, difference))


def _matched(found: Evaluation) -> NDArray[np.float64]:
    rows = found.boxes.scores if found.boxes else []
    return np.array([(s.matched, s.boxes) for s in rows], np.float64)


def _outside(found: Evaluation) -> NDArray[np.float64]:
    rows = found.boxes.scores if found.boxes else []
    return np.array([(s.outside_px, s.ink_px) for s in rows], np.float64)


def _false_ink(found: Evaluation) -> list[float]:
    return [s.false_ink_share for s in found.bare_skin.scores] if found.bare_skin else []
