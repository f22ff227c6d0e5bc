"""Predicted ink against hand-drawn boxes, for photos that have boxes and no mask.

    python -m models.evaluate.boxes --data DIR [--model ink-seg@1.0.0] [--json]

DIR holds photos (any depth) and, beside a folder `images`, a folder `bounding_boxes` with one text file per
photo: a line `x1 y1 x2 y2` per tattoo, pixels of the photo as it is stored. Photos that have a mask
(ink_masks/annotations.csv) are left out: their masks say more.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput
from models.evaluate.bootstrap import Interval, mean_interval, ratio_interval
from svc_segment.core import Segmentation, segment
from svc_segment.model import DEFAULT, Model, load_model

MATCH_IOU = 0.5

Rectangle = tuple[float, float, float, float]
"""x1, y1, x2, y2 with x2, y2 just outside, pixels."""


@dataclass(frozen=True)
class BoxedPhoto:
    """One photo with drawn boxes."""

    file: str
    path: Path
    boxes: tuple[Rectangle, ...]


@dataclass(frozen=True)
class BoxScore:
    """One photo: how its drawn boxes and its predicted ink agree."""

    file: str
    boxes: int
    matched: int
    """Drawn boxes that the box of a predicted region meets at IoU 0.5 or more, one to one."""
    best_iou: tuple[float, ...]
    """For each drawn box, the IoU of the best region's box, whoever it was matched to."""
    regions: int
    ink_px: int
    outside_px: int
    """Ink pixels outside all drawn boxes."""

    @property
    def outside_share(self) -> float | None:
        """0..1; None where no ink was predicted."""
        return self.outside_px / self.ink_px if self.ink_px else None


@dataclass(frozen=True)
class BoxEvaluation:
    photos: int
    boxes: int
    matched_share: float
    """Matched boxes of all drawn boxes, pooled: the figure of the release gate."""
    matched_interval: Interval | None
    outside_share: float
    """Ink pixels outside all boxes of all predicted ink pixels, pooled: the figure of the release gate."""
    outside_interval: Interval | None
    outside_mean_per_photo: float
    """Mean of each photo's share, photos with predicted ink only."""
    outside_mean_interval: Interval | None
    photos_without_ink: int
    scores: list[BoxScore]

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def evaluate(photos: Sequence[BoxedPhoto], model: Model) -> BoxEvaluation:
    """Segment each photo as the product does and compare with its boxes."""
    return summarize([score(p.file, segment(load(p), model), p.boxes) for p in photos])


def score(file: str, found: Segmentation, boxes: Sequence[Rectangle]) -> BoxScore:
    """One photo. Regions are the product's own: connected ink, the 64 largest that it lists."""
    predicted = [
        (float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in (r.box for r in found.regions)
    ]
    table = overlaps(boxes, predicted)
    ink = found.mask > 0
    inside = np.zeros(ink.shape, bool)
    for x1, y1, x2, y2 in boxes:
        inside[int(np.floor(y1)) : int(np.ceil(y2)), int(np.floor(x1)) : int(np.ceil(x2))] = True
    return BoxScore(
        file=file,
        boxes=len(boxes),
        matched=matches(table),
        best_iou=tuple(float(row.max()) if len(row) else 0.0 for row in table),
        regions=len(found.regions) + found.regions_omitted,
        ink_px=int(ink.sum()),
        outside_px=int((ink & ~inside).sum()),
    )


def overlaps(drawn: Sequence[Rectangle], predicted: Sequence[Rectangle]) -> NDArray[np.float64]:
    """IoU (drawn, predicted) of rectangles."""
    a = np.asarray(drawn, np.float64).reshape(-1, 1, 4)
    b = np.asarray(predicted, np.float64).reshape(1, -1, 4)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = np.clip(sides, 0, None).prod(-1)
    either = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - both
    return np.asarray(both / np.maximum(either, 1e-9))


def matches(table: NDArray[np.float64], least: float = MATCH_IOU) -> int:
    """Pairs of a greedy one-to-one matching by falling IoU (PASCAL VOC's way), of IoU `least` or more."""
    left, count = table.copy(), 0
    while left.size and left.max() >= least:
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        left[row, :] = left[:, column] = -1.0
        count += 1
    return count


def summarize(scores: list[BoxScore]) -> BoxEvaluation:
    """Figures over photos, with bootstrap intervals over photos."""
    boxes, ink = [s.boxes for s in scores], [s.ink_px for s in scores]
    matched, outside = [s.matched for s in scores], [s.outside_px for s in scores]
    shares = [s.outside_share for s in scores if s.outside_share is not None]
    return BoxEvaluation(
        photos=len(scores),
        boxes=sum(boxes),
        matched_share=sum(matched) / max(1, sum(boxes)),
        matched_interval=ratio_interval(matched, boxes),
        outside_share=sum(outside) / max(1, sum(ink)),
        outside_interval=ratio_interval(outside, ink),
        outside_mean_per_photo=float(np.mean(shares)) if shares else 0.0,
        outside_mean_interval=mean_interval(shares),
        photos_without_ink=sum(not n for n in ink),
        scores=scores,
    )


def find_photos(data_dir: Path) -> list[BoxedPhoto]:
    """Photos with boxes and without a mask, sorted by name; none where no folder holds boxes.

    Raises InvalidInput (EVAL_DATA) for a box file without its photo or with a line that is no box.
    """
    masked = _masked(data_dir)
    photos = []
    for folder in sorted(data_dir.rglob("bounding_boxes")):
        images = {p.stem: p for p in (folder.parent / "images").glob("*") if p.is_file()}
        for table in sorted(folder.glob("*.txt")):
            if table.stem not in images:
                raise _unusable(f"{table.name} has no photo in {folder.parent.name}/images")
            path = images[table.stem]
            if (folder.parent.name, path.name) not in masked:
                photos.append(BoxedPhoto(path.name, path, _boxes(table)))
    return photos


def _masked(data_dir: Path) -> set[tuple[str, str]]:
    table = data_dir / "ink_masks" / "annotations.csv"
    if not table.is_file():
        return set()
    with table.open(newline="") as lines:
        return {(row["dataset"], row["file"]) for row in csv.DictReader(lines)}


def _boxes(table: Path) -> tuple[Rectangle, ...]:
    rows: list[Rectangle] = []
    for line in filter(str.strip, table.read_text().splitlines()):
        try:
            x1, y1, x2, y2 = map(float, line.split())
        except ValueError:
            raise _unusable(f"{table.name}: {line[:60]!r} is not x1 y1 x2 y2") from None
        if not (0 <= x1 < x2 and 0 <= y1 < y2):
            raise _unusable(f"{table.name}: {line[:60]!r} holds no area")
        rows.append((x1, y1, x2, y2))
    return tuple(rows)


def load(photo: BoxedPhoto) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) sRGB as stored (the boxes are in stored pixels)."""
    pixels = cv2.imread(str(photo.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise _unusable(f"{photo.file} cannot be read")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _unusable(what: str) -> InvalidInput:
    return InvalidInput(
        "EVAL_DATA",
        f"The folder cannot be measured against: {what}.",
        field="data",
        fix="Give a folder with images/ and bounding_boxes/NAME.txt (lines x1 y1 x2 y2).",
    )


def lines(found: BoxEvaluation) -> Iterable[str]:
    """The figures for people."""
    yield f"{found.photos} photos, {found.boxes} drawn boxes, {found.photos_without_ink} photos without ink"
    yield f"boxes matched at IoU {MATCH_IOU}: {found.matched_share:.3f} {_range(found.matched_interval)}"
    yield f"ink outside all boxes, pooled: {found.outside_share:.4f} {_range(found.outside_interval)}"
    yield f"  mean per photo: {found.outside_mean_per_photo:.4f} {_range(found.outside_mean_interval)}"


def _range(interval: Interval | None) -> str:
    return f"[{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare predicted ink with drawn boxes.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default=DEFAULT, help="name@version")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = evaluate(find_photos(given.data), load_model(given.model))
    print(json.dumps(result.as_json(), indent=2) if given.json else "\n".join(lines(result)))
