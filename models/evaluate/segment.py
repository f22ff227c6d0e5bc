"""The ink segmenter against hand-drawn masks: what `assay eval segment` prints."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput
from svc_segment.core import segment
from svc_segment.model import Model, load_model

IGNORE = 128
TOLERANCE_PX = 2


@dataclass(frozen=True)
class Photo:
    """One annotated photo."""

    file: str
    path: Path
    mask: Path
    skin: str


@dataclass(frozen=True)
class PhotoScore:
    """Scores over the pixels whose annotation is known; each 0..1. Two empty masks agree: 1."""

    file: str
    iou: float
    f1_2px: float
    """F1 where a pixel counts as right when the other mask has ink within 2 px."""
    precision: float
    recall: float


@dataclass(frozen=True)
class SkinScore:
    photos: int
    mean_iou: float
    mean_f1_2px: float
    mean_precision: float
    mean_recall: float


@dataclass(frozen=True)
class SegmentEvaluation:
    mean_iou: float
    mean_f1_2px: float
    photos: list[PhotoScore]
    by_skin: dict[str, SkinScore]
    """By the annotator's impression of the skin."""

    def as_json(self) -> dict[str, object]:
        """The document that `assay eval segment --json` prints."""
        return asdict(self)


def evaluate(
    data_dir: Path, model: Model | None = None, files: Iterable[str] | None = None
) -> SegmentEvaluation:
    """Segment every annotated photo in `data_dir` as the product does and score it.

    `files` restricts it to those names. Raises InvalidInput (EVAL_DATA) when the folder does not hold
    ink_masks/annotations.csv, a named photo, or a mask.
    """
    model = model or load_model()
    photos = find_photos(data_dir)
    if files is not None:
        wanted = set(files)
        photos = [p for p in photos if p.file in wanted]
    if not photos:
        raise _unusable(f"no annotated photo is left to measure in {data_dir}")
    scores = [measure(photo, model)[0] for photo in photos]
    skins = sorted({p.skin for p in photos})
    return SegmentEvaluation(
        mean_iou=float(np.mean([s.iou for s in scores])),
        mean_f1_2px=float(np.mean([s.f1_2px for s in scores])),
        photos=scores,
        by_skin={
            skin: _skin([s for s, p in zip(scores, photos, strict=True) if p.skin == skin]) for skin in skins
        },
    )


def measure(photo: Photo, model: Model) -> tuple[PhotoScore, bool]:
    """The photo's scores, and whether the interval of its ink area holds the annotated area.

    Only pixels whose annotation is known count.
    """
    rgb, truth = load(photo)
    found = segment(rgb, model)
    known = truth != IGNORE
    area = int((truth == 255).sum())
    sure = found.probability[known] > 255 * model.contract.area_low
    maybe = found.probability[known] > 255 * model.contract.area_high
    return score(photo.file, found.mask > 0, truth), int(sure.sum()) <= area <= int(maybe.sum())


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
            photos.append(Photo(row["file"], sorted(here)[0], mask, row["skin"]))
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


def _skin(scores: list[PhotoScore]) -> SkinScore:
    return SkinScore(
        photos=len(scores),
        mean_iou=float(np.mean([s.iou for s in scores])),
        mean_f1_2px=float(np.mean([s.f1_2px for s in scores])),
        mean_precision=float(np.mean([s.precision for s in scores])),
        mean_recall=float(np.mean([s.recall for s in scores])),
    )


def _unusable(what: str) -> InvalidInput:
    return InvalidInput(
        "EVAL_DATA",
        f"The folder cannot be measured against: {what}.",
        field="data",
        fix="Give a folder with photos, ink_masks/annotations.csv and ink_masks/masks/*.png.",
    )


def halves(photos: list[Photo]) -> tuple[list[Photo], list[Photo]]:
    """The tuning half (even places in name order) and the half that no choice was made on (odd places)."""
    return photos[0::2], photos[1::2]
