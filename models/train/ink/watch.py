"""How a network does on synthetic scenes that it was not trained on, while it is trained."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.train.ink.crops import Scenes
from models.train.ink.network import joined
from models.train.ink.plan import Plan
from models.train.ink.truth import half_contrast, shrink_mask
from svc_segment.features import features, surroundings

_AT_ONCE = 8


@dataclass(frozen=True)
class Watched:
    """Whole scenes, plan.watched_side pixels wide."""

    inputs: NDArray[np.float32]
    mask: NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    iou: float
    """Mean over scenes that hold ink, at p = 0.5, without calibration."""
    entropy: float
    """Cross-entropy per known pixel, nats."""
    false_ink: float
    """Mean share of the photo that is called ink in scenes without any."""
    precision: float
    recall: float
    """Mean over scenes with ink."""


def prepare(plan: Plan, scenes: Scenes) -> Watched:
    """The first `plan.watched` of the validation scenes, as the product would see them."""
    made = [_whole(scenes[k], plan) for k in range(plan.watched)]
    return Watched(np.stack([m[0] for m in made]), np.stack([m[1] for m in made]))


def _whole(scene: NDArray[np.uint8], plan: Plan) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    rgb = np.ascontiguousarray(scene[..., :3])
    mask = half_contrast(rgb, scene[..., 3]) if plan.examples.half_contrast else scene[..., 3]
    side = plan.watched_side
    small = np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    return features(small, surroundings(rgb)), shrink_mask(mask, side)


def measure(net: nn.Module, watched: Watched) -> Seen:
    """Metrics of a network in evaluation mode."""
    logits = np.concatenate([_logits(net, part) for part in _parts(watched.inputs)])
    ious, empty, precisions, recalls, entropies = [], [], [], [], []
    for logit, mask in zip(logits, watched.mask, strict=True):
        known, ink = mask != 128, mask == 255
        found = (logit > 0) & known
        z = logit[known].astype(np.float64)
        entropies.append(float(np.mean(np.logaddexp(0, z) - z * ink[known])))
        if not ink.any():
            empty.append(float(found.mean()))
            continue
        both = int((found & ink).sum())
        ious.append(both / int(((found | ink) & known).sum()))
        precisions.append(both / max(1, int(found.sum())))
        recalls.append(both / int(ink.sum()))
    return Seen(*(_mean(v) for v in (ious, entropies, empty, precisions, recalls)))


def _parts(inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [inputs[k : k + _AT_ONCE] for k in range(0, len(inputs), _AT_ONCE)]


def _logits(net: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    planes = torch.from_numpy(inputs).to(memory_format=torch.channels_last)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        both = net(planes).float()
    return joined(both[:, 0], both[:, 1]).numpy()


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0
