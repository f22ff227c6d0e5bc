"""Bare skin must stay empty: what the segmenter calls ink on photos of skin without a tattoo.

    python -m models.evaluate.negatives --data DIR [--model ink-seg@1.0.0] [--json]

DIR holds one folder of photos per set (hands11k, healthy_limbs). All ink that is found there is false.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput
from models.evaluate.bootstrap import Interval, mean_interval
from svc_segment.core import segment
from svc_segment.model import DEFAULT, Model, load_model
from svc_segment.page import flags

SETS = ("hands11k", "healthy_limbs")


@dataclass(frozen=True)
class BarePhoto:
    file: str
    set: str
    path: Path


@dataclass(frozen=True)
class BareScore:
    """One photo without ink."""

    file: str
    set: str
    false_ink_share: float
    """Predicted ink pixels of all pixels of the photo, 0..1."""
    flags: tuple[str, ...]
    """The page's quality flags."""


@dataclass(frozen=True)
class BareSet:
    photos: int
    mean: float
    mean_interval: Interval | None
    median: float
    p95: float
    worst: float
    empty: int
    """Photos in which no ink was found."""
    refused: int
    """Photos that are empty or flagged INK_NOT_CERTAIN: nothing would be advised on them."""


@dataclass(frozen=True)
class BareEvaluation:
    all: BareSet
    sets: dict[str, BareSet]
    scores: list[BareScore]

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def evaluate(photos: Sequence[BarePhoto], model: Model) -> BareEvaluation:
    """Segment each photo as the product does."""
    return summarize([measure(photo, model) for photo in photos])


def measure(photo: BarePhoto, model: Model) -> BareScore:
    """The photo's false ink and flags."""
    found = segment(load(photo), model)
    codes = tuple(flag.code for flag in flags(found))
    return BareScore(photo.file, photo.set, float((found.mask > 0).mean()), codes)


def summarize(scores: list[BareScore]) -> BareEvaluation:
    """Figures over all photos and per set."""
    names = sorted({s.set for s in scores})
    return BareEvaluation(_set(scores), {n: _set([s for s in scores if s.set == n]) for n in names}, scores)


def _set(scores: Sequence[BareScore]) -> BareSet:
    shares = np.array([s.false_ink_share for s in scores])
    return BareSet(
        photos=len(scores),
        mean=float(shares.mean()),
        mean_interval=mean_interval(shares.tolist()),
        median=float(np.median(shares)),
        p95=float(np.quantile(shares, 0.95)),
        worst=float(shares.max()),
        empty=int((shares == 0).sum()),
        refused=sum(bool({"NO_INK_FOUND", "INK_NOT_CERTAIN"} & set(s.flags)) for s in scores),
    )


def find_photos(data_dir: Path) -> list[BarePhoto]:
    """The photos of the sets that are there, sorted by set and name."""
    return [
        BarePhoto(path.name, name, path)
        for name in SETS
        for path in sorted((data_dir / name).glob("*"))
        if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    ]


def load(photo: BarePhoto) -> NDArray[np.uint8]:
    """Upright pixels (H, W, 3) sRGB."""
    pixels = cv2.imread(str(photo.path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise InvalidInput(
            "EVAL_DATA", f"{photo.file} cannot be read.", field="data", fix="Restore or remove the file."
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def lines(found: BareEvaluation) -> Iterable[str]:
    """The figures for people."""
    for name, part in [*found.sets.items(), ("all", found.all)]:
        yield (
            f"{name} ({part.photos}): false ink mean {part.mean:.3%}, median {part.median:.3%}, "
            f"p95 {part.p95:.3%}, worst {part.worst:.3%}; empty {part.empty}, empty or refused {part.refused}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure false ink on skin without a tattoo.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default=DEFAULT, help="name@version")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    bare = find_photos(given.data)
    if not bare:
        parser.error(f"{given.data} holds none of the folders {', '.join(SETS)}")
    result = evaluate(bare, load_model(given.model))
    print(json.dumps(result.as_json(), indent=2) if given.json else "\n".join(lines(result)))
