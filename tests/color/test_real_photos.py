"""Real tattoos with hand-made masks and colours by eye: what the colour core makes of them.

The annotator's shares are good to about 0.1 and the photos are uncalibrated, so the bounds below hold the
level that was reached; they are not accuracies of an instrument.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from svc_color.analyze import ColorResult, analyze
from svc_color.classifier import UNKNOWN
from svc_color.clusters import MOST_CLUSTERS
from svc_color.ita import CLASSES
from svc_color.skin import SkinReference

FAMILIES = {
    "black": "dark", "grey": "dark", "dark_blue": "blue", "blue": "blue", "light_blue": "blue",
    "teal": "blue", "dark_green": "green", "light_green": "green", "pink": "red", "white": "light",
    "flesh": "light",
}  # fmt: skip


@dataclass(frozen=True)
class Photo:
    """One annotated photo: shares of ink colours by eye, skin class by eye, and what was measured."""

    name: str
    colours: dict[str, float]
    skin: str
    result: ColorResult


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> list[Photo]:
    return list(_measured(shared_data / "tattoo"))


def _measured(folder: Path) -> Iterator[Photo]:
    with (folder / "ink_masks" / "annotations.csv").open() as file:
        for row in csv.DictReader(file):
            mask = cv2.imread(str(folder / "ink_masks" / row["mask"]), cv2.IMREAD_GRAYSCALE)
            found = [path for path in folder.rglob(row["file"]) if "ink_masks" not in path.parts]
            photo = cv2.imread(str(found[0]), cv2.IMREAD_COLOR_RGB)
            assert mask is not None
            assert photo is not None
            rgb = cv2.resize(photo, mask.shape[::-1], interpolation=cv2.INTER_AREA)
            # Unsure pixels (128) count as possible ink, so they are kept out of the skin.
            result = analyze(np.asarray(rgb, np.uint8), mask == 255, np.asarray(mask, np.uint8))
            yield Photo(row["file"], json.loads(row["colours"]), row["skin"], result)


def by_family(shares: dict[str, float]) -> Counter[str]:
    total: Counter[str] = Counter()
    for name, share in shares.items():
        total[FAMILIES.get(name, name)] += share  # type: ignore[assignment]  # shares, not whole counts
    return total


def test_ink_families_overlap_what_the_eye_saw(photos: list[Photo]) -> None:
    overlaps = []
    for photo in photos:
        seen, found = by_family(photo.colours), Counter[str]()
        for ink in photo.result.inks:
            name = ink.posterior[0][0]
            found[FAMILIES.get(name, name)] += ink.area_share  # type: ignore[assignment]  # shares
        overlaps.append(sum(min(share, found[family]) for family, share in seen.items()))
    print(f"ink family overlap, mean of {len(overlaps)} photos: {np.mean(overlaps):.3f}")
    assert np.mean(overlaps) > 0.65


def test_a_class_that_is_named_is_rarely_absent(photos: list[Photo]) -> None:
    """What the page names, rather than leaves unknown, can be relied on; the price is paid in unknowns."""
    named = absent = 0.0
    for photo in photos:
        for ink in photo.result.inks:
            if ink.ink_class != UNKNOWN:
                named += ink.area_share
                absent += ink.area_share * (ink.ink_class not in photo.colours)
    print(f"named: {named / len(photos):.2f} of the ink; of that, absent by eye: {absent / named:.3f}")
    assert named / len(photos) > 0.5
    assert absent / named < 0.1


def test_skin_class_lies_in_the_possible_set(photos: list[Photo]) -> None:
    names = [name for _, name in CLASSES]
    inside, steps = 0, []
    for photo in photos:
        skin = photo.result.skin
        assert isinstance(skin, SkinReference), photo.name
        assert skin.ita is not None, photo.name
        inside += photo.skin in skin.ita.possible
        steps.append(abs(names.index(skin.ita.skin_class) - names.index(photo.skin)))
    print(f"skin class in the possible set: {inside}/{len(photos)}; mean steps off: {np.mean(steps):.2f}")
    assert inside / len(photos) > 0.75
    assert np.mean(steps) < 1.2


def test_every_photo_is_flagged_and_bounded(photos: list[Photo]) -> None:
    for photo in photos:
        assert "COLOUR_UNCALIBRATED" in [flag.code for flag in photo.result.flags], photo.name
        assert 1 <= len(photo.result.inks) <= MOST_CLUSTERS, photo.name
        assert sum(ink.area_share for ink in photo.result.inks) == pytest.approx(1)
