"""Scores broken down: by skin, by ink colour, by the quality of the photo, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluate.bootstrap import Interval, mean_interval
from models.evaluate.conditions import NOT_MEASURABLE, Conditions
from models.evaluate.segment import Photo, PhotoScore

ENOUGH_PHOTOS = 10
LARGEST_GAP = 0.08
COLOUR_SHARE = 0.1
"""A photo counts for a colour that covers this much of its ink: no less can be told by eye."""
_LONG_SIDE_PX = 480


@dataclass(frozen=True)
class Measured:
    """One annotated photo, measured."""

    photo: Photo
    score: PhotoScore
    conditions: Conditions
    area_interval_holds: bool
    """Whether the 95 % interval of the ink's area that the product states holds the annotated area."""


@dataclass(frozen=True)
class Group:
    """Photos that have something in common."""

    photos: int
    mean_iou: float
    iou_interval: Interval | None
    mean_f1_2px: float
    f1_interval: Interval | None
    mean_precision: float
    mean_recall: float
    below_mean: float
    """Mean IoU of all photos less the group's."""
    area_intervals_hold: int


Groups = dict[str, Group]


@dataclass(frozen=True)
class Fairness:
    """No skin class of at least `ENOUGH_PHOTOS` photos may lie more than `LARGEST_GAP` IoU below the mean."""

    largest_gap: float
    """Of the classes with enough photos; negative where all lie above the mean."""
    worst_class: str
    holds: bool
    too_few_photos: tuple[str, ...]
    """Classes that only their interval can speak for."""
    absent: tuple[str, ...]
    """Classes of skin without any photo."""


def group(members: Sequence[Measured], mean_iou: float) -> Group:
    """Figures of photos (at least one) beside the mean IoU of all."""
    iou = [m.score.iou for m in members]
    f1 = [m.score.f1_2px for m in members]
    return Group(
        photos=len(members),
        mean_iou=float(np.mean(iou)),
        iou_interval=mean_interval(iou),
        mean_f1_2px=float(np.mean(f1)),
        f1_interval=mean_interval(f1),
        mean_precision=float(np.mean([m.score.precision for m in members])),
        mean_recall=float(np.mean([m.score.recall for m in members])),
        below_mean=mean_iou - float(np.mean(iou)),
        area_intervals_hold=sum(m.area_interval_holds for m in members),
    )


def by_name(
    members: Sequence[Measured], name: Callable[[Measured], str], order: Sequence[str] = ()
) -> Groups:
    """One group per name, in `order` (others after it, by alphabet)."""
    mean = float(np.mean([m.score.iou for m in members]))
    found = {name(m) for m in members}
    names = [n for n in order if n in found] + sorted(found - set(order))
    return {n: group([m for m in members if name(m) == n], mean) for n in names}


def by_colour(members: Sequence[Measured]) -> Groups:
    """Photos in which a colour covers at least `COLOUR_SHARE` of the ink; a photo may be in several."""
    mean = float(np.mean([m.score.iou for m in members]))
    shares = [c for m in members for c, share in m.photo.colours.items() if share >= COLOUR_SHARE]
    return {
        c: group([m for m in members if m.photo.colours.get(c, 0) >= COLOUR_SHARE], mean)
        for c in sorted(set(shares), key=lambda c: (-shares.count(c), c))
    }


def by_quality(members: Sequence[Measured]) -> dict[str, Groups]:
    """Size in two classes; sharpness, exposure and noise in thirds of the photos."""
    return {
        "longer side": by_name(
            members,
            lambda m: (
                f"{'at most' if m.conditions.long_side_px <= _LONG_SIDE_PX else 'above'} {_LONG_SIDE_PX} px"
            ),
        ),
        "blur, 0 sharp to 1": thirds(members, lambda m: m.conditions.blur),
        "median lightness, L*": thirds(members, lambda m: m.conditions.lightness),
        "noise, grey levels": thirds(members, lambda m: m.conditions.noise),
    }


def thirds(members: Sequence[Measured], value: Callable[[Measured], float | None]) -> Groups:
    """Three groups of one size by rising value, named by their range; where it is unknown, a fourth."""
    mean = float(np.mean([m.score.iou for m in members]))
    known = sorted(((v, i) for i, m in enumerate(members) if (v := value(m)) is not None))
    unknown = [m for m in members if value(m) is None]
    groups = {}
    for name, part in zip(
        ("lower", "middle", "upper"), np.array_split(np.arange(len(known)), 3), strict=True
    ):
        if len(part):
            span = f"{known[part[0]][0]:.3g} to {known[part[-1]][0]:.3g}"
            groups[f"{name} third, {span}"] = group([members[known[k][1]] for k in part], mean)
    if unknown:
        groups[NOT_MEASURABLE] = group(unknown, mean)
    return groups


def fairness(by_skin: Groups, classes: Sequence[str]) -> Fairness:
    """The rule's answer for groups by skin, of all `classes` that there are."""
    enough = {name: g for name, g in by_skin.items() if g.photos >= ENOUGH_PHOTOS and name in classes}
    worst = max(enough, key=lambda name: enough[name].below_mean, default="")
    gap = enough[worst].below_mean if worst else 0.0
    return Fairness(
        largest_gap=gap,
        worst_class=worst,
        holds=gap <= LARGEST_GAP,
        too_few_photos=tuple(n for n in classes if n in by_skin and n not in enough),
        absent=tuple(n for n in classes if n not in by_skin),
    )
