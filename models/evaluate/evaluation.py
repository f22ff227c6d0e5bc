"""The ink segmenter on real photos: masks, boxes and bare skin, as `assay eval segment` measures them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mesh.errors import InvalidInput
from models.evaluate import boxes, negatives
from models.evaluate.bootstrap import Interval, mean_interval
from models.evaluate.boxes import BoxEvaluation
from models.evaluate.conditions import conditions
from models.evaluate.groups import (
    Fairness,
    Groups,
    Measured,
    by_colour,
    by_name,
    by_quality,
    fairness,
)
from models.evaluate.negatives import BareEvaluation
from models.evaluate.segment import IGNORE, Photo, find_photos, load, score
from svc_color.ita import CLASSES
from svc_segment.core import segment
from svc_segment.model import Model

SKIN_CLASSES = tuple(name for _, name in CLASSES)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Gate:
    """One demand of a release on real photos."""

    name: str
    value: float
    bound: float
    at_least: bool
    """Whether the bound is a floor; else it is a ceiling."""
    interval: Interval | None

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured of one model."""

    model: str
    sha256: str
    mean_iou: float
    iou_interval: Interval | None
    mean_f1_2px: float
    f1_interval: Interval | None
    measured: list[Measured]
    by_skin: Groups
    """By the annotator's impression."""
    by_ita: Groups
    """By the measured class of the skin around the ink; uncalibrated photos."""
    by_colour: Groups
    by_quality: dict[str, Groups]
    fairness: Fairness
    boxes: BoxEvaluation | None
    """None where the folder holds no boxes."""
    bare_skin: BareEvaluation | None
    """None where there are no photos of bare skin."""

    @property
    def gates(self) -> list[Gate]:
        """What a release is asked for; those that could be measured."""
        found = [
            Gate("mean IoU", self.mean_iou, 0.75, True, self.iou_interval),
            Gate("mean F1 within 2 px", self.mean_f1_2px, 0.88, True, self.f1_interval),
            Gate("worst skin class below the mean", self.fairness.largest_gap, 0.08, False, None),
        ]
        if (b := self.boxes) is not None:
            found.append(Gate("drawn boxes matched", b.matched_share, 0.9, True, b.matched_interval))
            found.append(Gate("ink outside all boxes", b.outside_share, 0.05, False, b.outside_interval))
        if (s := self.bare_skin) is not None:
            found.append(Gate("false ink on bare skin", s.all.mean, 0.005, False, s.all.mean_interval))
        return found

    def as_json(self) -> dict[str, object]:
        """The document that `assay eval segment --json` prints."""
        return {
            "model": self.model,
            "sha256": self.sha256,
            "mean_iou": self.mean_iou,
            "iou_interval": self.iou_interval,
            "mean_f1_2px": self.mean_f1_2px,
            "f1_interval": self.f1_interval,
            "photos": [_row(m) for m in self.measured],
            "by_skin": {name: asdict(g) for name, g in self.by_skin.items()},
            "by_ita": {name: asdict(g) for name, g in self.by_ita.items()},
            "by_colour": {name: asdict(g) for name, g in self.by_colour.items()},
            "by_quality": {
                what: {name: asdict(g) for name, g in groups.items()}
                for what, groups in self.by_quality.items()
            },
            "fairness": asdict(self.fairness),
            "gates": [{**asdict(gate), "holds": gate.holds} for gate in self.gates],
            "boxes": self.boxes and self.boxes.as_json(),
            "bare_skin": self.bare_skin and self.bare_skin.as_json(),
        }


def _row(measured: Measured) -> dict[str, object]:
    return {
        **asdict(measured.score),
        "skin": measured.photo.skin,
        "colours": dict(measured.photo.colours),
        "conditions": asdict(measured.conditions),
        "area_interval_holds": measured.area_interval_holds,
    }


def evaluate(
    data_dir: Path,
    model: Model,
    *,
    bare_dir: Path | None = None,
    files: Iterable[str] | None = None,
    say: Say = lambda _: None,
) -> Evaluation:
    """Segment every photo as the product does and score it.

    `data_dir` holds annotated photos (`segment.find_photos`) and perhaps boxes (`boxes.find_photos`),
    `bare_dir` photos without ink (`negatives.find_photos`). `files` restricts the annotated photos to those
    names and leaves the rest unmeasured. `say` is told what is being done.

    Raises InvalidInput (EVAL_DATA) when the folder lacks the annotations, a photo, or a mask.
    """
    photos = find_photos(data_dir)
    boxed = boxes.find_photos(data_dir)
    bare = negatives.find_photos(bare_dir) if bare_dir is not None else []
    if files is not None:
        wanted = set(files)
        photos, boxed, bare = [p for p in photos if p.file in wanted], [], []
    if not photos:
        raise InvalidInput(
            "EVAL_DATA",
            f"No annotated photo is left to measure in {data_dir.name}.",
            field="data",
            fix="Name photos that ink_masks/annotations.csv lists.",
        )
    say(f"{model.contract.label}: {len(photos)} photos with masks")
    measured = [measure(photo, model) for photo in photos]
    if boxed:
        say(f"{model.contract.label}: {len(boxed)} photos with boxes")
    found = boxes.evaluate(boxed, model) if boxed else None
    if bare:
        say(f"{model.contract.label}: {len(bare)} photos of bare skin")
    return conclude(model, measured, found, negatives.evaluate(bare, model) if bare else None)


def measure(photo: Photo, model: Model) -> Measured:
    """One annotated photo; only pixels whose annotation is known count."""
    rgb, truth = load(photo)
    found = segment(rgb, model)
    known = truth != IGNORE
    area = int((truth == 255).sum())
    sure = int((found.probability[known] > 255 * model.contract.area_low).sum())
    maybe = int((found.probability[known] > 255 * model.contract.area_high).sum())
    return Measured(
        photo=photo,
        score=score(photo.file, found.mask > 0, truth),
        conditions=conditions(rgb, truth == 255),
        area_interval_holds=sure <= area <= maybe,
    )


def conclude(
    model: Model, measured: list[Measured], found: BoxEvaluation | None, bare: BareEvaluation | None
) -> Evaluation:
    """Figures over photos that were measured."""
    iou, f1 = [m.score.iou for m in measured], [m.score.f1_2px for m in measured]
    by_skin = by_name(measured, lambda m: m.photo.skin, SKIN_CLASSES)
    return Evaluation(
        model=model.contract.label,
        sha256=model.contract.sha256,
        mean_iou=float(np.mean(iou)),
        iou_interval=mean_interval(iou),
        mean_f1_2px=float(np.mean(f1)),
        f1_interval=mean_interval(f1),
        measured=measured,
        by_skin=by_skin,
        by_ita=by_name(measured, lambda m: m.conditions.ita_class, SKIN_CLASSES),
        by_colour=by_colour(measured),
        by_quality=by_quality(measured),
        fairness=fairness(by_skin, SKIN_CLASSES),
        boxes=found,
        bare_skin=bare,
    )
