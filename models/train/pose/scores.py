"""How well a student does on people that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.train.pose.network import PoseNet
from models.train.pose.pool import People
from models.train.pose.views import MARGIN, held_out

_BATCH = 50
# A region's side is this many body heights: hips in the middle, feet on the body's circle.
_HEIGHTS = 2 * MARGIN * 0.53


@dataclass(frozen=True)
class Scores:
    """Over all points in the picture. error_percent: median distance, % of body height (0.53 of it being
    from the feet to the hips); p90_percent likewise; tremble_percent: median difference between the errors of
    two regions a few percent apart; covered: share of distances within 1.96 predicted standard errors in x
    and in y (0.94 for Laplace's law)."""

    error_percent: float
    p90_percent: float
    visible_percent: float
    """Median distance at visible points."""
    tremble_percent: float
    covered: float
    visible_right: float
    """Share of points whose visibility is told rightly."""


def scores(net: PoseNet, people: People) -> Scores:
    """Of a student in evaluation mode on held-out people, rounded to six digits."""
    net.eval()
    apart, tremble, ratio, right, seen = [], [], [], [], []
    for batch in held_out(people, _BATCH):
        with torch.inference_mode():
            answer = net(torch.from_numpy(batch.pictures).permute(0, 3, 1, 2))
        error = answer.points.numpy() - batch.points
        percent = 100 * _HEIGHTS / batch.pictures.shape[1]
        inside = batch.inside
        apart.append(percent * np.linalg.norm(error, axis=2)[inside])
        seen.append(batch.visible[inside])
        first, other = np.split(error / batch.scale[:, None, None], 2)
        both = np.logical_and(*np.split(inside, 2))
        tremble.append(percent * np.linalg.norm(first - other, axis=2)[both])
        ratio.append((np.abs(error) / answer.log_error.exp().numpy()[..., None])[inside])
        right.append(((answer.visibility.numpy() > 0) == batch.visible)[inside])
    distance, visible = np.concatenate(apart), np.concatenate(seen)
    return Scores(
        error_percent=_six(np.median(distance)),
        p90_percent=_six(np.percentile(distance, 90)),
        visible_percent=_six(np.median(distance[visible])),
        tremble_percent=_six(np.median(np.concatenate(tremble))),
        covered=_six(np.mean(np.concatenate(ratio) <= 1.96)),
        visible_right=_six(np.mean(np.concatenate(right))),
    )


def _six(value: np.floating | NDArray[np.floating]) -> float:
    return round(float(value), 6)
