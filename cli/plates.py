"""Force-plate recordings of published data sets, with the values published beside them."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from cli import quijoux
from svc_balance.sway import metrics
from svc_balance.sway.measures import compute
from svc_balance.sway.measures.conventions import BDS

Floats = NDArray[np.float64]

MOST_FILES = 20_000
MOST_BYTES = 64 * 1024 * 1024
# Rows of its own recording that the code of Quijoux 2021 describes.
JYTHEN_ROWS = slice(4000, 7000)
# Columns of the two tables of Santos & Duarte, in cm/s and cm², and what they are here.
BDS_VALUES = {"COPvelo": ("MVELO", 0.1, "cm/s"), "COParea": ("AREA_PEA95_F", 0.01, "cm2")}


@dataclass(frozen=True)
class Comparison:
    """One published value, and ours in its unit."""

    id: str
    published_as: str
    unit: str
    ours: float
    theirs: float

    @property
    def relative_difference(self) -> float:
        """(ours - theirs) / |theirs|; the plain difference where theirs is 0."""
        return (self.ours - self.theirs) / (abs(self.theirs) or 1.0)


@dataclass(frozen=True)
class Recording:
    """One trial.

    file: relative to the folder. points_cm: [N, 2] ML and AP. fs_hz: rate. layout: "bds" or "jythen".
    """

    file: str
    points_cm: Floats
    fs_hz: float
    layout: str


@dataclass(frozen=True)
class Found:
    """What a folder holds: recordings to read, published values by trial, files with nothing to compare."""

    recordings: tuple[Path, ...]
    published: dict[str, dict[str, float]]
    descriptors: dict[Path, dict[str, float]]
    skipped: dict[str, str]


def look(folder: Path) -> Found:
    """Finds recordings below `folder` by their content, bounded to 20 000 files of 64 MB.

    Layouts: BDS (`f_time;copX;copY` in cm, and its raw form), PDS (`COPNET_X`, `COPNET_Z` in m), both with a
    table `*infoCOP.txt` of COPvelo and COParea; the AMTI recording of Quijoux 2021 with a `*features*.json`.
    """
    recordings: list[Path] = []
    published: dict[str, dict[str, float]] = {}
    descriptors: dict[Path, dict[str, float]] = {}
    skipped: dict[str, str] = {}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()][:MOST_FILES]
    for path in files:
        if path.stat().st_size > MOST_BYTES:
            skipped[str(path.relative_to(folder))] = "larger than 64 MB"
        elif "infoCOP" in path.name:
            published |= _bds_table(path)
        elif path.suffix == ".json" and "features" in path.name:
            # Two runs of the same code may lie side by side; the one of its last version counts.
            if path.parent not in descriptors or "HEAD" in path.name:
                descriptors[path.parent] = _descriptors(path)
        elif path.name.endswith((".csv", ".csv.gz", ".txt", ".txt.gz")) and _layout(_first_line(path)):
            recordings.append(path)
    return Found(tuple(recordings), published, descriptors, skipped)


def compare(path: Path, folder: Path, found: Found) -> tuple[Comparison, ...]:
    """Ours against every value published for the recording; empty when there is none.

    Raises:
        InvalidInput: a recording whose numbers no sway can be computed from.
        ValueError: a recording that is not in its layout.
    """
    if _layout(_first_line(path)) == "jythen":
        descriptors = found.descriptors.get(path.parent, {})
        return _compare_jythen(read(path, folder), descriptors) if descriptors else ()
    values = found.published.get(_trial(path))
    return _compare_bds(read(path, folder), values) if values else ()


def read(path: Path, folder: Path) -> Recording:
    """Reads a recording in any of the known layouts."""
    name = str(path.relative_to(folder))
    layout = _layout(_first_line(path))
    if layout == "jythen":
        return Recording(name, _amti(path), 100.0, layout)
    with _open(path) as file:
        delimiter = ";" if layout == "bds" else "\t"
        rows = csv.reader(file, delimiter=delimiter)
        header = next(rows)
        table = np.array([row for row in rows if row], np.float64)
    time = table[:, 0]
    fs_hz = round((len(time) - 1) / (time[-1] - time[0]), 6)
    columns, factor = _COLUMNS[layout]
    points = np.column_stack([table[:, header.index(column)] for column in columns]) * factor
    return Recording(name, points, fs_hz, "bds")


# Columns of ML and AP, and what makes them cm. On the BDS plate x is AP and y is ML; on the PDS plates
# x is AP and z ML.
_COLUMNS = {
    "bds": (("copY", "copX"), 1.0),
    "bds_raw": (("COPy[cm]", "COPx[cm]"), 1.0),
    "pds": (("COPNET_Z", "COPNET_X"), 100.0),
}


def _layout(first_line: str) -> str:
    marks = {"f_time;copX;copY": "bds", "COPx[cm]": "bds_raw", "COPNET_X": "pds", "Format Version": "jythen"}
    return next((layout for mark, layout in marks.items() if mark in first_line), "")


def _compare_bds(recording: Recording, values: dict[str, float]) -> tuple[Comparison, ...]:
    ml, ap = recording.points_cm.T * 10
    ml = compute.centred(compute.checked_signal("ml_mm", ml, recording.fs_hz))
    ap = compute.centred(compute.checked_signal("ap_mm", ap, recording.fs_hz))
    # What `metrics` does by these conventions, without the slower metrics that nothing was published for.
    ours = compute.static(ml, ap, BDS) | compute.dynamic(ml, ap, recording.fs_hz, BDS)
    return tuple(
        Comparison(ours_id, column, unit, ours[ours_id] * factor, values[column])
        for column, (ours_id, factor, unit) in BDS_VALUES.items()
        if column in values
    )


def _compare_jythen(recording: Recording, descriptors: dict[str, float]) -> tuple[Comparison, ...]:
    points = quijoux.prepare(recording.points_cm[JYTHEN_ROWS], recording.fs_hz) * 10
    ours = metrics(points[:, 0], points[:, 1], quijoux.RATE_HZ, conventions="jythen")
    duration_s = len(points) / quijoux.RATE_HZ
    named = ((name, quijoux.our_id(name), value) for name, value in descriptors.items())
    return tuple(
        Comparison(
            ours_id,
            name,
            quijoux.unit(ours_id),
            quijoux.as_published(ours_id, ours[ours_id], duration_s),
            value,
        )
        for name, ours_id, value in named
        if ours_id in ours
    )


def _amti(path: Path) -> Floats:
    """[N, 2] centre of pressure in cm, 100 My / Fz and 100 Mx / Fz; NaN where the plate dropped out."""
    with _open(path) as file:
        rows = csv.reader(file)
        header = next(row for row in rows if row and row[0] == "MocapFrame")
        columns = [name.strip() for name in header]
        table = np.array([row for row in rows if row], np.float64)
    force = table[:, columns.index("Fz")]
    moments = table[:, [columns.index("My"), columns.index("Mx")]]
    force = np.where(force == 0, np.nan, force)
    points = 100 * moments / force[:, None]
    return np.asarray(points - np.nanmean(points, axis=0))


def _bds_table(path: Path) -> dict[str, dict[str, float]]:
    with _open(path) as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {
            row["Trial"]: {column: float(row[column]) for column in BDS_VALUES if row.get(column)}
            for row in rows
        }


def _descriptors(path: Path) -> dict[str, float]:
    document = json.loads(path.read_text())
    return {name: float(value) for name, value in document.get("features", document).items()}


def _trial(path: Path) -> str:
    return path.name.split(".")[0].removesuffix("grf")


def _first_line(path: Path) -> str:
    with _open(path) as file:
        return file.readline(4096)


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="latin-1", newline="")
    return path.open(encoding="latin-1", newline="")
