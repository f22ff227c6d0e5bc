"""What ways of looking at a photo give: one net, several uses; on synthetic scenes, photos only tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.evaluate.segment import find_photos, load, score
from models.train.ink.calibrate import platt
from models.train.ink.crops import Scenes
from models.train.ink.export import Use
from models.train.ink.network import InkNet, joined
from models.train.ink.plan import Plan, changed
from models.train.ink.trainer import MEAN
from models.train.ink.truth import half_contrast
from svc_segment.model import Contract
from svc_segment.tiles import blend, passes

Example = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A photo (H, W, 3) and its mask (H, W)."""
_RELEASED = Use()
_STRIDE = 5


@dataclass(frozen=True)
class Way:
    name: str
    skin: bool = True
    """Whether the skin head is asked too."""
    mirrored: bool = False
    """Whether the mirrored photo is asked too, and both answers averaged."""
    coarse_weight: float = 0.5
    coarse_side: int = 320


WAYS = (
    Way("fine look and coarse look of 320 px, half each"),
    Way("the same, ink head alone", skin=False),
    Way("the same, mirrored too", mirrored=True),
    Way("the same, coarse look 75 %", coarse_weight=0.75),
    Way("fine look alone", coarse_weight=0.0),
    Way("coarse look alone, 256 px", coarse_weight=1.0, coarse_side=256),
    Way("coarse look alone, 320 px", coarse_weight=1.0),
    Way("coarse look alone, 384 px", coarse_weight=1.0, coarse_side=384),
    Way("coarse look alone, 448 px", coarse_weight=1.0, coarse_side=448),
)


def compare(folder: Path, scenes: Scenes, count: int, photos: Path | None) -> list[dict[str, object]]:
    """A row per way of looking with the net of a run's folder, calibrated on every second of the scenes.

    Photos are measured with what the scenes gave.
    """
    net = read(folder)
    real = [] if photos is None else [load(photo) for photo in find_photos(photos)]
    rows = []
    for way in WAYS:
        rows.append(_row(net, way, scenes, count, real))
        print(json.dumps(rows[-1]), flush=True)
    return rows


def _row(net: InkNet, way: Way, scenes: Scenes, count: int, real: list[Example]) -> dict[str, object]:
    tuned = list(_answers(net, way, (_example(scenes[k]) for k in range(0, count, 2))))
    logits = np.concatenate([z[::_STRIDE, ::_STRIDE].ravel() for z, _ in tuned]).astype(np.float64)
    truth = np.concatenate([m[::_STRIDE, ::_STRIDE].ravel() for _, m in tuned])
    temperature, bias = platt(logits[truth != 128], truth[truth != 128] == 255)
    held = list(_answers(net, way, (_example(scenes[k]) for k in range(1, count, 2))))
    inked = [score("", z > bias, m) for z, m in held if (m == 255).any()]
    row: dict[str, object] = {
        "way": way.name,
        "temperature": round(temperature, 2),
        "bias": round(bias, 2),
        "scenes IoU": _mean(s.iou for s in inked),
        "scenes false ink": _mean((z > bias).mean() for z, m in held if not (m == 255).any()),
    }
    if real:
        scores = [score("", z > bias, m) for z, m in _answers(net, way, real)]
        row |= {"photos IoU": _mean(s.iou for s in scores), "photos F1 2 px": _mean(s.f1_2px for s in scores)}
    return row


def read(folder: Path) -> InkNet:
    """The last mean of weights of a run, in evaluation mode."""
    saved = torch.load(folder / "checkpoint.pt", weights_only=True)
    shape = json.loads(saved["plan"])["net"]
    plan = changed(Plan(), [f"net.{name}={json.dumps(value)}" for name, value in shape.items()])
    net = InkNet(plan.net)
    net.load_state_dict(torch.load(folder / MEAN, weights_only=True))
    return net.eval()


def _example(scene: NDArray[np.uint8]) -> Example:
    rgb = np.ascontiguousarray(scene[..., :3])
    return rgb, half_contrast(rgb, np.ascontiguousarray(scene[..., 3]))


def _answers(net: InkNet, way: Way, examples: Iterable[Example]) -> Iterator[Example]:
    """(logit, mask) of each example."""
    contract = replace(_CONTRACT, coarse_weight=way.coarse_weight, coarse_side=way.coarse_side)
    for rgb, mask in examples:
        logit = _look(net, way, contract, rgb)
        if way.mirrored:
            logit = 0.5 * (logit + _look(net, way, contract, np.ascontiguousarray(rgb[:, ::-1]))[:, ::-1])
        yield logit, mask


def _look(net: InkNet, way: Way, contract: Contract, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    looks = passes(rgb, contract)
    answers = []
    for one in looks:
        with torch.no_grad():
            both = [net(torch.from_numpy(tile[None]))[0] for tile in one.tiles()]
        answers.append([(joined(b[0], b[1]) if way.skin else b[0]).numpy() for b in both])
    return blend(looks, answers, (rgb.shape[0], rgb.shape[1]))


_CONTRACT = Contract(
    name="",
    version="",
    sha256="",
    multiple=32,
    tile=_RELEASED.tile,
    overlap=_RELEASED.overlap,
    fine_side=_RELEASED.fine_side,
    coarse_side=_RELEASED.coarse_side,
    coarse_weight=_RELEASED.coarse_weight,
    temperature=1.0,
    bias=0.0,
    threshold=0.5,
    area_low=0.5,
    area_high=0.5,
)


def _mean(values: Iterable[float]) -> float | None:
    got = list(values)
    return round(float(np.mean(got)), 4) if got else None
