"""What the student is asked for, and how its answers are scored."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.train.pose.network import CELL, Answer
from models.train.pose.views import SIDE, Batch

HEAT, STEADY, SEEN, SURE = 2.0, 0.5, 0.1, 0.1
"""Weights beside the distance: heatmaps, same error in both views, visibility, expected error."""
SPREAD = 1.2
"""Standard deviation of the heatmaps asked for, cells."""
HIDDEN = 0.3
"""Weight of points that something is in front of."""


def loss(answer: Answer, batch: Batch) -> Tensor:
    """Of the answer to a batch; distances in px of the input."""
    points, inside, visible, scale = (
        torch.from_numpy(label) for label in (batch.points, batch.inside, batch.visible, batch.scale)
    )
    weight = inside.float() * torch.where(visible, 1.0, HIDDEN)
    total = weight.sum().clamp(min=1)
    apart = answer.points - points
    distance = (nn.functional.smooth_l1_loss(answer.points, points, reduction="none").sum(2) * weight).sum()
    heat = (_cross_entropy(answer.heat, points) * weight).sum()
    steady = torch.zeros(())
    if batch.paired:
        first, other = (apart / scale[:, None, None]).chunk(2)
        steady = 2 * ((first - other).abs().sum(2) * torch.minimum(*weight.chunk(2))).sum()
    seen = nn.functional.binary_cross_entropy_with_logits(answer.visibility, visible.float())
    # Laplace's density: the absolute error against its expectation, standard deviation = sqrt(2) b.
    log_b = answer.log_error - 0.5 * torch.log(torch.tensor(2.0))
    likely = apart.detach().abs().sum(2) * torch.exp(-log_b) + 2 * log_b
    sure = (likely.clamp(max=50) * inside).sum() / inside.sum().clamp(min=1)
    return (distance + HEAT * heat + STEADY * steady) / total + SEEN * seen + SURE * sure


def _cross_entropy(heat: Tensor, points: Tensor) -> Tensor:
    """(B, 33): of the heatmaps against normal distributions round the points."""
    cells = torch.arange(SIDE // CELL, dtype=heat.dtype) + 0.5
    x, y = ((cells - points[..., axis, None] / CELL) ** 2 / (-2 * SPREAD**2) for axis in (0, 1))
    wanted = (y[..., :, None] + x[..., None, :]).flatten(2).softmax(2)
    return -(wanted * heat.flatten(2).log_softmax(2)).sum(2)
