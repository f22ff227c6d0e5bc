"""docs/video.md names every refusal, flag, measure and limit that the code knows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mesh.settings import Settings
from svc_ingest import landmarks, timing
from svc_ingest.result import Measure
from svc_ingest.video import remarks
from svc_ingest.video.capture import Quality
from svc_ingest.video.limits import DEFAULT_LIMITS
from svc_ingest.video.motion import CameraMotion
from svc_ingest.video.problems import FIXES

REPO = Path(__file__).resolve().parents[2]
DOCS = (REPO / "docs" / "video.md").read_text()
SOURCES = [*(REPO / "svc_ingest" / "video").glob("*.py"), *map(Path, (timing.__file__, landmarks.__file__))]


def test_every_refusal_is_explained_and_used() -> None:
    used = set()
    for module in (REPO / "svc_ingest" / "video").glob("*.py"):
        used |= set(re.findall(r'\brefuse\(\s*"([A-Z_]+)"', module.read_text()))
    assert used == set(FIXES)
    assert [code for code in FIXES if f"| `{code}` |" not in DOCS] == []


def test_every_flag_is_explained() -> None:
    codes = set()
    for module in SOURCES:
        text = module.read_text()
        codes |= set(re.findall(r'(?:Flag|_over)\(\s*"([A-Z_]+)"', text))
        codes |= set(re.findall(r'^ {12}"([A-Z_]{6,})",$', text, re.MULTILINE))
    assert len(codes) >= 20
    assert [code for code in sorted(codes) if f"`{code}`" not in DOCS] == []


def test_every_measure_is_explained() -> None:
    quality = Quality(
        1920, timing.pace_of(np.arange(9) / 30, 0.001), 9, 0.3, (), 0, None, 0, 50, 0, 0, 0,
        Measure("edge_rise", 1.0, "px"), 0, CameraMotion(None, None, None),
    )  # fmt: skip
    assert [m.id for m in remarks.measures(quality) if f"`{m.id}`" not in DOCS] == []


def test_the_limits_are_those_of_the_code() -> None:
    limits = DEFAULT_LIMITS
    for value in (
        f"{Settings.model_fields['max_video_bytes'].default // 2**20} MiB",
        f"{limits.max_seconds:.0f} s; {limits.max_frames:,}",
        f"| {limits.max_fps:.0f} Hz |",
        f"{limits.max_pixels:,} and {limits.max_side:,}",
        f"| {limits.min_side} px |",
        f"| {limits.max_tracks}; 65,536 |",
        f"{limits.memory_bytes / 2**30} GiB",
        f"{limits.cpu_seconds} s (`RLIMIT_CPU`)",
        f"{limits.wall_seconds:.0f} s, or what is left",
        f"{Settings.model_fields['max_landmark_bytes'].default // 2**20} MiB (`ASSAY_MAX_LANDMARK_BYTES`)",
        f"more than {landmarks.MAX_SECONDS:.0f} s",
    ):
        assert value in DOCS, value
    assert limits.max_bytes == Settings.model_fields["max_video_bytes"].default


def test_the_thresholds_are_those_of_the_code() -> None:
    for value in (
        f"fail below {timing.LEAST_FPS:.0f}; `FPS_LOW`: warn below {timing.USUAL_FPS:.0f}",
        f"fail above {timing.MOST_DROPPED:.0f} %",
        f"`VIDEO_TOO_SHORT`, fail below {timing.LEAST_SECONDS:g} s",
        f"`REPEATED_FRAMES`: warn above {remarks.MOST_REPEATED:.0f} %",
        f"`FROZEN_PICTURE`: fail above {remarks.MOST_STILL:.0f} %",
        "`FRAMES_DAMAGED`: warn",
        f"`EXPOSURE_FLICKER`: warn above {remarks.MOST_FLICKER:.0f}",
        f"`VIDEO_BLURRED`: warn above {remarks.WIDE_EDGE:.0f}",
        f"`MOTION_BLUR`: warn above {remarks.MOST_BLURRED:.0f}",
        f"`CAMERA_MOVED`: fail above {remarks.MOST_CAMERA_SPEED}",
        f"`CAMERA_MOVED`: fail above {remarks.MOST_CAMERA_DRIFT}",
        f"`CAMERA_ZOOMED`: warn above {remarks.MOST_ZOOM:.0f}",
        "outside {:.0f} to {:.0f} or with over".format(*remarks.LEVELS),
        f"{remarks.MOST_CLIPPED:.0f} % clipped, fail outside {{:.0f}} to {{:.0f}}".format(
            *remarks.EXTREME_LEVELS
        ),
    ):
        assert value in DOCS, value
