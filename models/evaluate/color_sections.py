"""Everything that is measured about colour, section by section (`assay eval color`).

A section whose data is not there says so and is not a failure; nothing is downloaded and nothing made up.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mesh.errors import InvalidInput
from models.evaluate import chart, color, skin_spectra
from models.evaluate.ring_scenes import MELANIN, Trouble, scene
from models.inkclass.evaluate import score
from models.inkclass.samples import draw
from models.inkclass.train import predict
from models.inkclass.worlds import HELD_OUT
from svc_color.classifier import active
from svc_color.difference import delta_e_2000
from svc_color.skin import SkinReference, skin_reference
from svc_color.transmission import transmission_lab
from svc_segment.model import load_model

PAIRS: Final = "golden/ciede2000/sharma_wu_dalal_34_pairs.csv"
# Where photos of one tattoo lie below the reference data; else the folder itself is searched.
TATTOOS: Final = "tattoo/bivtatt/images"
RING: Final[Mapping[str, Trouble]] = {
    "nothing": Trouble(),
    "hair on 35 %": Trouble(hair=0.35),
    "half in a shadow of 30 %": Trouble(shadow=0.3),
    "half in a shadow of 70 %": Trouble(shadow=0.7),
    "glare on 20 %": Trouble(glare=0.2),
    "blood 3 %, narrow": Trouble(blood=0.03, halo=0.05),
    "blood 3 %, half the ring": Trouble(blood=0.03, halo=0.1),
    "blood 3 %, all of the ring": Trouble(blood=0.03, halo=0.25),
    "all but the last": Trouble(hair=0.15, shadow=0.4, glare=0.05, blood=0.025, halo=0.08),
}
_SEEDS: Final = 3
_EQUITY_SAMPLES: Final = 24_000
_EQUITY_SEED: Final = 7_000_000

Say = Callable[[str], None]


@dataclass(frozen=True)
class Section:
    """lines: for people. figures: the same and more, for JSON; None where `missing` says what data lacks."""

    name: str
    lines: tuple[str, ...]
    figures: Mapping[str, object] | None
    missing: str = ""


def sections(data: Path, model: str, names: Iterable[str], say: Say = lambda _: None) -> list[Section]:
    """Measures the named sections. model: segmenter NAME@VERSION; "" for the served one.

    Raises AssayError as the models' loading does.
    """
    found = []
    for name in names:
        say(name)
        try:
            found.append(SECTIONS[name](data, model, say))
        except InvalidInput as error:
            if error.code != "EVAL_DATA":
                raise
            found.append(Section(name, (f"not measured: {error.message}",), None, error.message))
    return found


def document(found: Iterable[Section]) -> dict[str, object]:
    """What `assay eval color --json` prints: figures by section; what is not finite is null."""
    return {
        one.name: {"not_measured": one.missing} if one.figures is None else _finite(one.figures)
        for one in found
    }


def _finite(value: object) -> object:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return value


def pairs(data: Path, _model: str, _say: Say) -> Section:
    """Sharma's pairs by both paths, against the published four decimals."""
    try:
        rows = [[float(cell) for cell in row[1:]] for row in list(csv.reader((data / PAIRS).open()))[1:]]
    except (OSError, ValueError) as error:
        fix = f"Give a folder that holds {PAIRS}."
        raise InvalidInput("EVAL_DATA", f"No pairs: {error}", field="data", fix=fix) from error
    table = np.array(rows)
    off = {
        name: float(np.abs(delta_e_2000(table[:, :3], table[:, 3:6], fast=fast) - table[:, 6]).max())
        for name, fast in (("exact", False), ("fast", True))
    }
    lines = [f"{name} path: {len(table)} pairs, largest error {error:.1e}" for name, error in off.items()]
    return Section("pairs", tuple(lines), {"pairs": len(table), "largest_error": off})


def spectra(data: Path, _model: str, _say: Say) -> Section:
    """Measured skin from spectra against colour-science."""
    found = skin_spectra.figures(data)
    off = f"L* {found.lightness:.4f}, a* {found.a:.4f}, b* {found.b:.4f}, ITA {found.ita:.4f} degrees"
    shares = ", ".join(f"{name} {count}" for name, count in found.classes.items())
    lines = (f"{found.people} people, largest difference: {off}", f"ITA classes: {shares}")
    return Section("spectra", lines, asdict(found))


def ring(_data: Path, _model: str, _say: Say) -> Section:
    """The skin reference on scenes of known truth."""
    rows, lines = {}, [f"CIEDE2000 to the plain skin, mean (largest) of {_SEEDS} scenes; R: redness flagged"]
    lines.append(f"{'':27}" + "".join(f"{name:>14}" for name in MELANIN))
    for name, trouble in RING.items():
        cells = {skin: _ring_cell(skin, trouble) for skin in MELANIN}
        rows[name] = cells
        shown = (
            f"{c['mean']:.2f} ({c['largest']:.2f}){'R' if c['reddened'] else ' '}" for c in cells.values()
        )
        lines.append(f"{name:27}" + "".join(f"{cell:>14}" for cell in shown))
    return Section("ring", tuple(lines), {"de2000": rows})


def _ring_cell(skin: str, trouble: Trouble) -> dict[str, float]:
    errors, reddened = [], 0
    for seed in range(_SEEDS):
        photo = scene(skin, trouble, seed)
        found = skin_reference(photo.rgb, photo.mask, photo.probability)
        lab = found.lab if isinstance(found, SkinReference) else None
        errors.append(math.inf if lab is None else float(delta_e_2000(lab, photo.truth)))
        reddened += "SKIN_REFERENCE_REDDENED" in [flag.code for flag in found.flags]
    return {"mean": float(np.mean(errors)), "largest": max(errors), "reddened": reddened}


def equity(_data: Path, _model: str, _say: Say) -> Section:
    """The ink classifier by class of skin, on inks, tissue and cameras that it was not trained on."""
    model, worlds, lines = active(), {}, [f"{active().label}, {_EQUITY_SAMPLES} samples a world"]
    for index, (name, world) in enumerate(HELD_OUT.items()):
        samples = draw(_EQUITY_SEED + index, world, _EQUITY_SAMPLES)
        by_skin = score(predict(model, transmission_lab(samples.ratio)), samples).by_skin
        worlds[name] = {skin: asdict(each) for skin, each in by_skin.items()}
        lines.append(f"{name}: right; of named right; hazards raised")
        lines += [
            f"  {skin:13} {each.accuracy:.2f}; {each.named_right:.2f}; {each.hazards:.2f}"
            for skin, each in by_skin.items()
        ]
    return Section("equity", tuple(lines), worlds)


def charts(data: Path, _model: str, _say: Say) -> Section:
    """Charts on real photos, and what they do to skin."""
    found = chart.evaluate(*chart.find_photos(data))
    return Section("chart", tuple(chart.lines(found)), found.as_json())


def palette(data: Path, model: str, say: Say) -> Section:
    """Whether photos of one tattoo get the same dominant ink."""
    folder = data / TATTOOS if (data / TATTOOS).is_dir() else data
    color.find_photos(folder)
    found = color.evaluate(folder, load_model(model), say)
    return Section("palette", tuple(color.lines(found)), found.as_json())


SECTIONS: Final[Mapping[str, Callable[[Path, str, Say], Section]]] = {
    "pairs": pairs,
    "spectra": spectra,
    "ring": ring,
    "equity": equity,
    "chart": charts,
    "palette": palette,
}
