"""What training makes small: cross-entropy and soft Dice of ink, cross-entropy of visible skin."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.train.ink.plan import Loss

_entropy = nn.functional.binary_cross_entropy_with_logits
_DICE_FLOOR = 200.0  # pixels: crops with hardly any ink are left to the cross-entropy


def loss(logits: Tensor, mask: Tensor, skin: Tensor, weights: Loss) -> Tensor:
    """Of logits (B, 2, H, W), mask (B, H, W) in {255 ink, 128 unknown, 0}, skin (B, H, W) in {255, 0}."""
    known = (mask != 128).float()
    ink = (mask == 255).float()
    pixel = _entropy(logits[:, 0], ink, reduction="none")
    weight = known
    if weights.focal:
        sure = torch.sigmoid(logits[:, 0].detach())
        weight = weight * (1 - (sure * ink + (1 - sure) * (1 - ink))) ** weights.focal
    if weights.edge:
        weight = weight * (1 + weights.edge * _near_edge(ink))
    total = (pixel * weight).sum() / weight.sum().clamp(min=1)
    if weights.dice:
        p = torch.sigmoid(logits[:, 0]) * known
        both, either = (p * ink).sum((1, 2)), (p + ink * known).sum((1, 2))
        total = total + weights.dice * (1 - (2 * both + _DICE_FLOOR) / (either + _DICE_FLOOR)).mean()
    return total + weights.skin * _entropy(logits[:, 1], (skin == 255).float())


def _near_edge(ink: Tensor) -> Tensor:
    """1 within 2 px of where ink begins or ends, else 0."""
    planes = ink[:, None]
    widest = nn.functional.max_pool2d(planes, 5, 1, 2)
    narrowest = -nn.functional.max_pool2d(-planes, 5, 1, 2)
    return (widest - narrowest)[:, 0]
