"""Layouts of colour charts and the reference colours of their editions, as data.

A chart is a lattice of square patches, read row by row from its top left. The charts that ship lie in
`charts/` as JSON of the same form as a site's own reference file (`charts/schema.json`).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from mesh.errors import InvalidInput
from svc_color.space import CHROMATICITY, Array, adaptation, lab_to_xyz, xyz_to_lab

CHARTS: Final = Path(__file__).parent / "charts"
CLASSIC: Final = "classic24"

# Bounds of a custom chart. Fewer than 12 patches leave the fit of six terms by leaving one out no freedom.
LEAST_PATCHES: Final = 12
_LINES: Final = (2, 16)
_MOST_EDITIONS: Final = 8
_MOST_FILES: Final = 32
MOST_BYTES: Final = 1 << 20
# A patch of at most this chroma is neutral; three of them, apart in lightness, carry the gate on neutrals.
NEUTRAL_CHROMA: Final = 5.0
LEAST_NEUTRALS: Final = 3
_LIGHTNESS, _OPPONENT = (0.0, 100.0), (-150.0, 150.0)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")


@dataclass(frozen=True)
class Edition:
    """Reference colours of one formulation, D65 and 2 degree observer, in the layout's order.

    name: for example "after_2014_11". source: who says so. xyz: (n, 3), Y = 1 for white. lab: (n, 3).
    """

    name: str
    source: str
    xyz: Array
    lab: Array


@dataclass(frozen=True)
class Layout:
    """A chart: rows and columns of square patches, equally far apart in both directions.

    patches: names, row by row. neutral: indices of the grey patches, lightest first. pitch_mm: distance of
    the centres of neighbouring patches; None where the chart is made in several sizes.
    """

    name: str
    title: str
    rows: int
    columns: int
    patches: tuple[str, ...]
    editions: tuple[Edition, ...]
    neutral: tuple[int, ...]
    pitch_mm: float | None


def to_d65(lab: Array, illuminant: str) -> tuple[Array, Array]:
    """XYZ and CIELAB (n, 3) under D65 of CIELAB under an illuminant, by linear Bradford adaptation."""
    xyz = lab_to_xyz(lab, white=illuminant)
    if illuminant != "D65":
        xyz = xyz @ adaptation(illuminant, "D65").T
    return xyz, xyz_to_lab(xyz)


@cache
def known(folder: str = "") -> tuple[Layout, ...]:
    """The charts that ship, and those whose reference files lie in a folder; at most 32 of these.

    Raises:
        InvalidInput: as `read`, also where two charts have one name; the field is the file's.
    """
    own = [path for path in sorted(CHARTS.glob("*.json")) if path.name != "schema.json"]
    layouts = {layout.name: layout for layout in map(read, own)}
    if not folder:
        return tuple(layouts.values())
    files = sorted(Path(folder).glob("*.json"))
    if not files or len(files) > _MOST_FILES:
        message = f"The folder of charts {folder} holds {len(files)} reference files."
        fix = f"Put 1 to {_MOST_FILES} *.json there, or leave ASSAY_CHARTS_DIR empty."
        raise InvalidInput("CHART_FILE_UNREADABLE", message, field="charts_dir", fix=fix)
    for path in files:
        layout = read(path)
        if layout.name in layouts:
            raise _invalid("name", f"is {layout.name!r}, which another chart has", "Give it one of its own.")
        layouts[layout.name] = layout
    return tuple(layouts.values())


def read(path: Path) -> Layout:
    """A chart from its reference file.

    Raises:
        InvalidInput: CHART_FILE_UNREADABLE (no such file, too large, no JSON) or CHART_FILE_INVALID, naming
            the field.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _unreadable(path, f"it is larger than {MOST_BYTES} bytes")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error
    return parse(document)


def _unreadable(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        "CHART_FILE_UNREADABLE",
        f"The reference file {path.name} cannot be read: {why}.",
        field="chart",
        fix="Give a JSON file of the form of svc_color/chart/charts/schema.json.",
    )


def parse(document: object) -> Layout:
    """A chart from a decoded reference file. Raises InvalidInput (CHART_FILE_INVALID), naming the field."""
    fields = _object(document, "", {"name", "title", "rows", "columns", "patches", "editions", "pitch_mm"})
    name = fields.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _invalid("name", "is no name", "Use 1 to 32 of a-z, 0-9, '_', '.', '-'.")
    title = fields.get("title", name)
    if not isinstance(title, str) or not 0 < len(title) <= 200:
        raise _invalid("title", "is no title", "Give 1 to 200 characters, or leave it out.")
    rows, columns = (_count(fields.get(each), each) for each in ("rows", "columns"))
    if rows * columns < LEAST_PATCHES:
        raise _invalid("rows", f"and columns make {rows * columns} patches", f"Use at least {LEAST_PATCHES}.")
    patches = _names(fields.get("patches"), rows * columns)
    editions = _editions(fields.get("editions"), rows * columns)
    pitch = fields.get("pitch_mm")
    if pitch is not None and not (_is_number(pitch) and 1.0 <= pitch <= 200.0):
        raise _invalid("pitch_mm", "is no length", "Give 1 to 200 mm between centres, or leave it out.")
    return Layout(
        name=name,
        title=title,
        rows=rows,
        columns=columns,
        patches=patches,
        editions=editions,
        neutral=_neutrals(editions[0]),
        pitch_mm=None if pitch is None else float(pitch),
    )


def _object(value: object, path: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(
            path or "file", "is no JSON object", f"Give an object with {', '.join(sorted(known))}."
        )
    strange = sorted(str(key) for key in value if key not in known)
    if strange:
        raise _invalid(f"{path}{strange[0]}", "is not known", f"Known are {', '.join(sorted(known))}.")
    return value


def _count(value: object, field: str) -> int:
    low, high = _LINES
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _invalid(field, "is no count of patches", f"Give a whole number from {low} to {high}.")
    return value


def _names(value: object, needed: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) != needed:
        raise _invalid("patches", f"does not hold {needed} names", "Name every patch, row by row.")
    for index, each in enumerate(value):
        if not isinstance(each, str) or not 0 < len(each) <= 40:
            raise _invalid(f"patches[{index}]", "is no name", "Give 1 to 40 characters.")
    if len(set(value)) != needed:
        twice = next(name for name in value if value.count(name) > 1)
        raise _invalid("patches", f"names {twice!r} twice", "Give every patch a name of its own.")
    return tuple(value)


def _editions(value: object, patches: int) -> tuple[Edition, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_EDITIONS:
        raise _invalid("editions", "is no list of editions", f"Give 1 to {_MOST_EDITIONS}.")
    editions = tuple(_edition(each, f"editions[{index}].", patches) for index, each in enumerate(value))
    names = [edition.name for edition in editions]
    if len(set(names)) != len(names):
        raise _invalid("editions", "has one name twice", "Give every edition a name of its own.")
    return editions


def _edition(value: object, path: str, patches: int) -> Edition:
    fields = _object(value, path, {"name", "illuminant", "source", "lab"})
    name, source, illuminant = (fields.get(key) for key in ("name", "source", "illuminant"))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _invalid(f"{path}name", "is no name", "Use 1 to 32 of a-z, 0-9, '_', '.', '-'.")
    if not isinstance(source, str) or not 0 < len(source) <= 300:
        raise _invalid(f"{path}source", "is missing", "Say who measured the patches, with what and when.")
    if not isinstance(illuminant, str) or illuminant not in CHROMATICITY:
        raise _invalid(f"{path}illuminant", "is not known", f"Known are {', '.join(sorted(CHROMATICITY))}.")
    rows = fields.get("lab")
    if not isinstance(rows, list) or len(rows) != patches:
        raise _invalid(f"{path}lab", f"does not hold {patches} colours", "Give [L*, a*, b*] of every patch.")
    for index, row in enumerate(rows):
        _check_lab(row, f"{path}lab[{index}]")
    xyz, lab = to_d65(np.array(rows, dtype=np.float64), illuminant)
    return Edition(name=name, source=source, xyz=xyz, lab=lab)


def _check_lab(row: object, path: str) -> None:
    bounds = (_LIGHTNESS, _OPPONENT, _OPPONENT)
    if not isinstance(row, list) or len(row) != 3 or not all(map(_is_number, row)):
        raise _invalid(path, "is no colour", "Give three numbers: L*, a*, b*.")
    if not all(low <= value <= high for value, (low, high) in zip(row, bounds, strict=True)):
        raise _invalid(path, "lies outside what a surface can be", "L* is 0..100, a* and b* are -150..150.")


def _neutrals(edition: Edition) -> tuple[int, ...]:
    grey = np.flatnonzero(np.hypot(edition.lab[:, 1], edition.lab[:, 2]) <= NEUTRAL_CHROMA)
    if len(grey) < LEAST_NEUTRALS:
        message = f"hold {len(grey)} neutral patches (C* at most {NEUTRAL_CHROMA:g})"
        raise _invalid("editions[0].lab", message, f"A chart needs at least {LEAST_NEUTRALS} greys.")
    return tuple(int(each) for each in grey[np.argsort(-edition.lab[grey, 0])])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _invalid(field: str, what: str, fix: str) -> InvalidInput:
    message = f"The chart's reference file: {field} {what}."
    return InvalidInput("CHART_FILE_INVALID", message, field=field, fix=fix)
