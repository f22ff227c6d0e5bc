"""Rows of the table of backbones: what is known of each estimator, what was measured, how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ONCE, QUALITY = "once", "quality"
MODES = (ONCE, QUALITY)


@dataclass(frozen=True)
class Facts:
    """One estimator. model: its name@version in the registry; empty where no network is at hand.

    made_the_reference: the reference was triangulated from its detections. missing: why a column is empty.
    """

    name: str
    model: str
    points: int
    licence: str
    made_the_reference: bool = False
    missing: str = ""


ROWS = (
    Facts("blazepose-lite", "blazepose-lite@0.5.1675469404", 33, "Apache-2.0"),
    Facts("blazepose-full", "blazepose-full@0.10.14", 33, "Apache-2.0"),
    Facts("blazepose-heavy", "blazepose-heavy@0.5.1675469404", 33, "Apache-2.0"),
    Facts("movenet-lightning", "movenet-lightning@3.0.4", 17, "Apache-2.0"),
    Facts("movenet-thunder", "movenet-thunder@3.0.4", 17, "Apache-2.0"),
    Facts("pose-student", "pose-student@1.0.0", 33, "Apache-2.0, ours"),
    Facts(
        "rtmpose",
        "",
        17,
        "Apache-2.0 (code)",
        missing="no package registry has its weights; your own file is measured by assay eval pose --rtmpose",
    ),
    Facts(
        "openpose",
        "",
        25,
        "academic or non-commercial use only",
        made_the_reference=True,
        missing="no weights at hand, and a licence that forbids shipping them; its detections of the videos"
        " are in the data. The reference was triangulated from them: supported points are its own",
    ),
    Facts(
        "ml kit",
        "",
        33,
        "Google's terms of service, closed",
        missing="runs on phones only; its landmark files are read (mlkit-pose), none comes with the videos",
    ),
)


@dataclass(frozen=True)
class Accuracy:
    """Median distance to the reference, % of body height, at the common points. supported_percent is None
    where the reference is supported by the estimator's own detections."""

    video: str
    mode: str
    supported_percent: float | None
    all_percent: float
    frames_without_person: int


@dataclass(frozen=True)
class Steadiness:
    """Medians over the subjects, of the centre of mass of the common points."""

    mode: str
    subjects: int
    static_sd_mm: float
    gains: list[float]
    correlations: list[float]


@dataclass(frozen=True)
class Row:
    """One estimator, measured; lists are empty and numbers None where nothing could be measured."""

    facts: Facts
    size_bytes: int | None
    latency_ms: dict[int, float]
    """Of one look, by threads."""
    accuracy: list[Accuracy]
    steadiness: list[Steadiness]


def markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown, and below it why cells are empty."""
    videos = sorted({a.video for row in rows for a in row.accuracy})
    head = ["estimator", "looks", *(f"{video.partition('.')[0]}: supported, all, %" for video in videos)]
    head += [
        "static sd, mm",
        "gain at 4, 9 mm",
        "r at 4, 9 mm",
        "MB",
        "ms on 1, 2 threads",
        "points",
        "licence",
    ]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        modes = [m for m in MODES if any(a.mode == m for a in row.accuracy)] or [ONCE]
        for mode in modes:
            lines.append(_line(_cells(row, mode, videos, first=mode == modes[0])))
    notes = [f"- {row.facts.name}: {row.facts.missing}." for row in rows if row.facts.missing]
    return "\n".join([*lines, "", *notes])


def _cells(row: Row, mode: str, videos: Sequence[str], *, first: bool) -> list[str]:
    cells = [row.facts.name if first else "", "1" if mode == ONCE else "8"]
    for video in videos:
        own = [a for a in row.accuracy if (a.video, a.mode) == (video, mode)]
        cells.append(", ".join(_number(v) for a in own for v in (a.supported_percent, a.all_percent)) or "-")
    steady = [s for s in row.steadiness if s.mode == mode]
    cells.append(f"{steady[0].static_sd_mm:.2f}" if steady else "-")
    cells.append(", ".join(f"{gain:.2f}" for gain in steady[0].gains) if steady else "-")
    cells.append(", ".join(f"{r:.3f}" for r in steady[0].correlations) if steady else "-")
    if not first:
        return [*cells, "", "", "", ""]
    cells.append(f"{row.size_bytes / 1e6:.1f}" if row.size_bytes else "-")
    cells.append(", ".join(f"{ms:.1f}" for ms in row.latency_ms.values()) or "-")
    return [*cells, str(row.facts.points), row.facts.licence]


def _number(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.2f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
