"""Palette repeatability: whether photos of one tattoo get the same dominant ink (`assay eval color`).

Photos are named `<tattoo>_<n>`; those of one folder with one number show one tattoo. Every photo takes the
product's own path: ingest, segmentation, colour. No truth is needed, and none is used: photos that agree may
be wrong together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mesh.errors import InvalidInput
from models.evaluate.agreement import Agreement, agreement
from svc_color.analyze import InkColour, analyze
from svc_color.classifier import UNKNOWN, active
from svc_color.images import read_png
from svc_color.skin import SkinReference
from svc_decision.loader import load_ruleset
from svc_ingest.core import ingest
from svc_segment.core import segment
from svc_segment.model import Model

NEUTRAL: Final = ("black", "grey")
NONE: Final = "none"
_NAME: Final = re.compile(r"(\d+)_(\d+)\.(jpe?g|png|webp|heic)", re.IGNORECASE)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Named:
    """One ink of a photo. ink_class, family: as the product says without a colour chart; may be unknown.

    posterior: over the classes; empty where no skin could be measured.
    """

    ink_class: str
    family: str
    area_share: float
    posterior: Mapping[str, float]


@dataclass(frozen=True)
class PhotoPalette:
    """One photo. tattoo: which. inks: largest first. dominant: the answer to each question."""

    file: str
    tattoo: str
    skin_measured: bool
    inks: tuple[Named, ...]
    dominant: Mapping[str, str]


@dataclass(frozen=True)
class ColorEvaluation:
    """segmenter, classifier: name@version. agreement: by question."""

    segmenter: str
    classifier: str
    photos: tuple[PhotoPalette, ...]
    agreement: Mapping[str, Agreement]

    def as_json(self) -> dict[str, object]:
        """Its part of the document that `assay eval color --json` prints."""
        return asdict(self)


def find_photos(data_dir: Path) -> dict[str, list[Path]]:
    """Photos below `data_dir` by tattoo, of tattoos that have at least two.

    Raises InvalidInput (EVAL_DATA) when there is none.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(data_dir.rglob("*")):
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            folder = path.parent.relative_to(data_dir)
            found.setdefault(f"{folder / match[1]}", []).append(path)
    several = {tattoo: paths for tattoo, paths in found.items() if len(paths) >= 2}
    if not several:
        raise InvalidInput(
            "EVAL_DATA",
            f"No tattoo in {data_dir.name} is photographed twice.",
            field="data",
            fix="Give a folder with photos named <tattoo>_<n>.jpg, several of a tattoo.",
        )
    return several


def evaluate(data_dir: Path, model: Model, say: Say = lambda _: None) -> ColorEvaluation:
    """Measures every photo of tattoos that are photographed more than once, and how far the photos agree."""
    photos = []
    for tattoo, paths in find_photos(data_dir).items():
        say(f"{tattoo}: {len(paths)} photos")
        photos += [measure(path, tattoo, model) for path in paths]
    return ColorEvaluation(model.contract.label, active().label, tuple(photos), compare(photos))


def measure(path: Path, tattoo: str, model: Model) -> PhotoPalette:
    """One photo by the product's path."""
    rgb = read_png(ingest(path.read_bytes()).working.data, "working", "rgb")
    found = segment(rgb, model)
    result = analyze(rgb, found.mask > 0, found.probability)
    inks = tuple(_named(ink) for ink in result.inks)
    return PhotoPalette(path.name, tattoo, isinstance(result.skin, SkinReference), inks, dominant(inks))


def _named(ink: InkColour) -> Named:
    posterior = dict(ink.posterior)
    return Named(ink.ink_class, family(posterior, ink.ink_class), ink.area_share, posterior)


def family(posterior: Mapping[str, float], named: str) -> str:
    """The hue family that the decision goes by where no chart calibrated the photo, or unknown.

    The family with the largest summed posterior, if that is large enough, and the colour was not found too
    far from everything known (a class that is probable enough and was not named all the same).
    """
    ruleset = load_ruleset()
    least = ruleset.engine.min_family_probability
    if not posterior or (named == UNKNOWN and max(posterior.values()) >= least):
        return UNKNOWN
    classes = ruleset.efficacy.classes
    families = _areas((classes[name].hue_family, chance) for name, chance in posterior.items())
    best = max(families, key=lambda name: families[name])
    return best if families[best] >= least else UNKNOWN


def dominant(inks: Sequence[Named]) -> dict[str, str]:
    """The class, or hue family, with most of the ink's area: of all, of black and grey, of colours.

    Inks that are not named count as "unknown" where all are asked for and nowhere else; where a photo has
    none of the kind asked for, the answer is "none". By posterior, an ink's area is shared among all classes
    as its posterior says, and unknown is only what has none.
    """
    hue = load_ruleset().efficacy.classes
    classes = _areas((ink.ink_class, ink.area_share) for ink in inks)
    families = _areas((ink.family, ink.area_share) for ink in inks)
    expected = _areas(
        (name, chance * ink.area_share)
        for ink in inks
        for name, chance in (ink.posterior or {UNKNOWN: 1.0}).items()
    )
    expected_families = _areas(
        (hue[name].hue_family if name in hue else name, area) for name, area in expected.items()
    )
    return {
        "class": _most(classes, lambda name: True),
        "class, black and grey": _most(classes, lambda name: name in NEUTRAL),
        "class, colours": _most(classes, lambda name: name not in (*NEUTRAL, UNKNOWN)),
        "class by posterior": _most(expected, lambda name: True),
        "family": _most(families, lambda name: True),
        "family, colours": _most(families, lambda name: name not in (*NEUTRAL, UNKNOWN)),
        "family by posterior": _most(expected_families, lambda name: True),
    }


def _areas(parts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The sum of areas by name."""
    total: dict[str, float] = {}
    for name, area in parts:
        total[name] = total.get(name, 0.0) + area
    return total


def _most(area: Mapping[str, float], asked: Callable[[str], bool]) -> str:
    return max((name for name in area if asked(name)), key=lambda name: area[name], default=NONE)


def compare(photos: Iterable[PhotoPalette]) -> dict[str, Agreement]:
    """How far photos of one tattoo agree, by question."""
    classes, table = active().classes, load_ruleset().efficacy.classes
    families = tuple(dict.fromkeys(table[name].hue_family for name in classes))
    categories = {
        "class": (*classes, UNKNOWN, NONE),
        "class, black and grey": (*NEUTRAL, NONE),
        "class, colours": (*(name for name in classes if name not in NEUTRAL), NONE),
        "class by posterior": (*classes, UNKNOWN, NONE),
        "family": (*families, UNKNOWN, NONE),
        "family, colours": (*(name for name in families if name not in NEUTRAL), NONE),
        "family by posterior": (*families, UNKNOWN, NONE),
    }
    answers: dict[str, dict[str, list[str]]] = {question: {} for question in categories}
    for photo in photos:
        for question, given in answers.items():
            given.setdefault(photo.tattoo, []).append(photo.dominant[question])
    return {question: agreement(answers[question], allowed) for question, allowed in categories.items()}


def lines(found: ColorEvaluation) -> Iterable[str]:
    """The figures for people."""
    yield f"{found.segmenter}, {found.classifier}, {len(found.photos)} photos"
    for question, each in found.agreement.items():
        span = "" if each.kappa_interval is None else " [{:.2f}, {:.2f}]".format(*each.kappa_interval)
        kappa = "not defined: every photo says the same" if each.kappa is None else f"{each.kappa:.3f}{span}"
        yield (
            f"{question}: {each.subjects} tattoos agree in {each.observed:.3f} of pairs, "
            f"chance {each.chance:.3f}, kappa {kappa}, free-marginal {each.free:.3f}"
        )
    for photo in found.photos:
        inks = ", ".join(f"{ink.ink_class} {ink.area_share:.2f}" for ink in photo.inks)
        yield f"{photo.tattoo} {photo.file}: {inks or 'no ink'}"
