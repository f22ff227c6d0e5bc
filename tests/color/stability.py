"""How much the inks of a photo change when its mask or its pixels change by next to nothing.

    python -m tests.color.stability FOLDER

measures the sample photo and every photo of FOLDER (the tattoo data set with its `ink_masks`); rows "even"
and "odd" are the photos at even and at odd places of annotations.csv.
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from svc_color.analyze import ColorResult, InkColour, analyze
from svc_color.classifier import UNKNOWN
from svc_color.difference import delta_e_2000
from tests.color.painting import Image, Mask

_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Scene:
    """A photo with its ink mask and ink probability."""

    name: str
    rgb: Image
    mask: Mask
    probability: Image


@dataclass(frozen=True)
class Change:
    """One perturbed run against the plain one. Per ink of the plain run, largest first.

    inks: how many more were found. shifts: CIEDE2000 of the mean colour to the ink that has most of its
    pixels now. shares: change of the area share. flips: inks named otherwise, with the two
    posteriors of the name they had. unsure: inks that went to or from "unknown".
    """

    what: str
    inks: int
    shifts: tuple[float, ...]
    shares: tuple[float, ...]
    flips: tuple[tuple[str, str, float, float], ...]
    unsure: int


def perturbed(scene: Scene, seed: int = 0) -> Iterator[tuple[str, Scene]]:
    """The scene with its mask or its pixels changed by next to nothing."""
    rng = np.random.default_rng(seed)
    rgb, mask, ink = scene.rgb, scene.mask, scene.mask.view(np.uint8)
    for what, other in (
        ("erode 1 px", cv2.erode(ink, _SQUARE) > 0),
        ("dilate 1 px", cv2.dilate(ink, _SQUARE) > 0),
        ("drop 1 %", mask & (rng.random(mask.shape) > 0.01)),
        ("shift 1 px", np.roll(mask, (1, 1), axis=(0, 1))),
        ("mask noise", _noisy(mask, rng)),
    ):
        if np.count_nonzero(other) >= 0.5 * np.count_nonzero(mask):
            yield what, Scene(scene.name, rgb, other, scene.probability)
    _, file = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    again = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR_RGB), np.uint8)
    yield "JPEG 95", Scene(scene.name, again, mask, scene.probability)
    noisy = np.clip(rgb.astype(np.int16) + rng.integers(-1, 2, rgb.shape), 0, 255).astype(np.uint8)
    yield "levels +-1", Scene(scene.name, noisy, mask, scene.probability)


def _noisy(mask: Mask, rng: np.random.Generator) -> Mask:
    """The mask as another network might see it: its soft edge crossed a little earlier or later."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.0)
    noise = cv2.GaussianBlur(rng.standard_normal(mask.shape).astype(np.float32), (0, 0), 2.0)
    return np.asarray(soft + noise > 0.5, np.bool_)


def run(scene: Scene) -> ColorResult:
    return analyze(scene.rgb, scene.mask, scene.probability)


def changes(scene: Scene) -> Iterator[Change]:
    """Every perturbation of the scene, against the scene itself."""
    plain = run(scene)
    for what, other in perturbed(scene):
        yield compare(what, plain, run(other))


def compare(what: str, plain: ColorResult, other: ColorResult) -> Change:
    pairs = [(ink, _match(ink, plain, other)) for ink in plain.inks]
    named = [(a, b) for a, b in pairs if a.ink_class != b.ink_class]
    return Change(
        what=what,
        inks=len(other.inks) - len(plain.inks),
        shifts=tuple(float(delta_e_2000(a.lab, b.lab)) for a, b in pairs),
        shares=tuple(abs(a.area_share - b.area_share) for a, b in pairs),
        flips=tuple(
            (a.ink_class, b.ink_class, dict(a.posterior)[a.ink_class], dict(b.posterior)[a.ink_class])
            for a, b in named
            if UNKNOWN not in (a.ink_class, b.ink_class)
        ),
        unsure=sum(UNKNOWN in (a.ink_class, b.ink_class) for a, b in named),
    )


def _match(ink: InkColour, plain: ColorResult, other: ColorResult) -> InkColour:
    votes = np.bincount(other.labels[plain.labels == ink.id], minlength=len(other.inks) + 1)[1:]
    return other.inks[int(np.argmax(votes))]


def scenes(folder: Path) -> list[Scene]:
    """The tattoo data set's photos with hand-drawn masks, in the order of annotations.csv."""
    found = []
    with (folder / "ink_masks" / "annotations.csv").open() as file:
        for row in csv.DictReader(file):
            mask = cv2.imread(str(folder / "ink_masks" / row["mask"]), cv2.IMREAD_GRAYSCALE)
            place = next(path for path in folder.rglob(row["file"]) if "ink_masks" not in path.parts)
            photo = cv2.imread(str(place), cv2.IMREAD_COLOR_RGB)
            assert mask is not None
            assert photo is not None
            rgb = cv2.resize(photo, mask.shape[::-1], interpolation=cv2.INTER_AREA)
            found.append(
                Scene(row["file"], np.asarray(rgb, np.uint8), mask == 255, np.asarray(mask, np.uint8))
            )
    return found


def sample() -> Scene:
    """The repository's sample photo, with the ink that its generator drew."""
    from models.sample.photo import ink

    file = Path(__file__).parents[2] / "models" / "sample" / "tattoo.jpg"
    rgb = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
    assert rgb is not None
    mask = ink()
    soft = cv2.GaussianBlur(mask.astype(np.uint8) * 255, (0, 0), 1.5)
    return Scene("sample", np.asarray(rgb, np.uint8), mask, np.asarray(soft, np.uint8))


def summary(all_changes: list[Change]) -> str:
    shifts = np.array([s for c in all_changes for s in c.shifts])
    shares = np.array([s for c in all_changes for s in c.shares])
    flips = [flip for c in all_changes for flip in c.flips]
    return (
        f"{len(all_changes):4d} runs: count changed {np.mean([c.inks != 0 for c in all_changes]):.3f},"
        f" colour median {np.median(shifts):.2f} p95 {np.percentile(shifts, 95):.2f} dE00,"
        f" share median {np.median(shares):.4f} p95 {np.percentile(shares, 95):.3f},"
        f" {len(flips)} flips and {sum(c.unsure for c in all_changes)} to or from unknown"
        f" of {len(shifts)} inks"
    )


def main(folder: Path) -> None:
    per_photo = [list(changes(scene)) for scene in scenes(folder)]
    every = [change for photo in per_photo for change in photo]
    print("sample    ", summary(list(changes(sample()))))
    for name, part in (("even", per_photo[::2]), ("odd", per_photo[1::2])):
        print(f"{name:10}", summary([change for photo in part for change in photo]))
    for what in dict.fromkeys(change.what for change in every):
        print(f"{what:10}", summary([change for change in every if change.what == what]))
    for change in every:
        for flip in change.flips:
            print("flip", change.what, *flip)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
