"""Ink masks drawn by hand, and how far a found mask agrees with one."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput

IGNORE = 128
TOLERANCE_PX = 2


@dataclass(frozen=True)
class Photo:
    """One annotated photo."""

    file: str
    path: Path
    mask: Path
    skin: str
    """The annotator's impression."""
    colours: Mapping[str, float]
    """Ink class to share of the ink's area, by eye, about 0.1 either way; empty where nobody judged it."""


@dataclass(frozen=True)
class PhotoScore:
    """Scores over the pixels whose annotation is known; each 0..1. Two empty masks agree: 1."""

    file: str
    iou: float
    f1_2px: float
    """F1 where a pixel counts as right when the other mask has ink within 2 px."""
    precision: float
    recall: float


def find_photos(data_dir: Path) -> list[Photo]:
    """The photos that ink_masks/annotations.csv names, wherever below `data_dir` they lie, sorted by name."""
    table = data_dir / "ink_masks" / "annotations.csv"
    if not table.is_file():
        raise _unusable(f"{table} is missing")
    places: dict[str, list[Path]] = {}
    for path in data_dir.rglob("*"):
        if path.is_file() and "ink_masks" not in path.relative_to(data_dir).parts:
            places.setdefault(path.name, []).append(path)
    photos = []
    with table.open(newline="") as lines:
        for row in csv.DictReader(lines):
            mask = data_dir / "ink_masks" / row["mask"]
            here = [p for p in places.get(row["file"], []) if row["dataset"] in p.parts] or places.get(
                row["file"], []
            )
            if not here or not mask.is_file():
                raise _unusable(f"{row['file']}: the photo or its mask {row['mask']} is missing")
            colours = json.loads(row.get("colours") or "{}")
            photos.append(Photo(row["file"], sorted(here)[0], mask, row["skin"], colours))
    return sorted(photos, key=lambda p: p.file)


def load(photo: Photo) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The photo (H, W, 3) sRGB resized to its mask, and the mask (H, W): 255 ink, 128 unknown, 0 not."""
    pixels = cv2.imread(str(photo.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    mask = cv2.imread(str(photo.mask), cv2.IMREAD_GRAYSCALE)
    if pixels is None or mask is None:
        raise _unusable(f"{photo.file}: the photo or its mask cannot be read")
    if pixels.shape[:2] != mask.shape:
        pixels = cv2.resize(pixels, (mask.shape[1], mask.shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8), np.asarray(mask, np.uint8)


def score(file: str, found: NDArray[np.bool_], truth: NDArray[np.uint8]) -> PhotoScore:
    """Scores of a found mask (H, W) against an annotation (H, W) with unknown pixels left out."""
    known = truth != IGNORE
    ink = truth == 255
    found = found & known
    both, either = int((found & ink).sum()), int((found | ink).sum())
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * TOLERANCE_PX + 1, 2 * TOLERANCE_PX + 1))
    near_ink = cv2.dilate(ink.astype(np.uint8), reach) > 0
    near_found = cv2.dilate(found.astype(np.uint8), reach) > 0
    loose_precision = _share(int((found & near_ink).sum()), int(found.sum()), int(ink.sum()))
    loose_recall = _share(int((ink & near_found).sum()), int(ink.sum()), int(found.sum()))
    total = loose_precision + loose_recall
    return PhotoScore(
        file=file,
        iou=both / either if either else 1.0,
        f1_2px=2 * loose_precision * loose_recall / total if total else 0.0,
        precision=_share(both, int(found.sum()), int(ink.sum())),
        recall=_share(both, int(ink.sum()), int(found.sum())),
    )


def _share(part: int, whole: int, other: int) -> float:
    """part / whole; of nothing it is 1 when the other mask is empty too, else 0."""
    if whole:
        return part / whole
    return 0.0 if other else 1.0


def _unusable(what: str) -> InvalidInput:
    return InvalidInput(
        "EVAL_DATA",
        f"The folder cannot be measured against: {what}.",
        field="data",
        fix="Give a folder with photos, ink_masks/annotations.csv and ink_masks/masks/*.png.",
    )
