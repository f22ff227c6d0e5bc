"""How far the landmarks of a trial can be trusted: flags that reject or warn.

A "fail" withholds what it names, a "warn" marks it. Limits after the domain review 2026-11, section 5.4; they
are proposals, versioned together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, Landmarks
from svc_balance.sway.posture.body import NEEDED_MASS, CentreOfMass, landmark_weights
from svc_balance.sway.posture.filters import runs
from svc_balance.sway.posture.planar import RIGHT
from svc_balance.sway.posture.reading import Reading
from svc_balance.sway.posture.scale import MOST_DISAGREEMENT, MOST_DRIFT, Scale, trunk_px
from svc_balance.sway.posture.series import GATE, Prepared
from svc_balance.sway.posture.view import ViewReading

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Level = Literal["info", "warn", "fail"]

VERSION = "quality@1"
FOOT = ("ankle", "heel", "foot_index")


@dataclass(frozen=True)
class Flag:
    """A remark: stable UPPER_SNAKE code, one sentence for people, what was seen and the limit it passed."""

    code: str
    level: Level
    message: str
    value: float
    threshold: float


@dataclass(frozen=True)
class Trial:
    """What the checks look at. inside: [M] samples of the window; frames: [N] frames of it."""

    landmarks: Landmarks
    prepared: Prepared
    side: str
    window: tuple[float, float]
    view: ViewReading
    com: CentreOfMass
    scale: Scale
    roll: Reading
    inside: Mask
    frames: Mask


def flags(
    landmarks: Landmarks,
    prepared: Prepared,
    side: str,
    window: tuple[float, float],
    *,
    view: ViewReading,
    com: CentreOfMass,
    scale: Scale,
    roll: Reading,
) -> tuple[Flag, ...]:
    """All flags of a window (start and end, s) of standing on `side` ("" for both feet), gravest first."""
    time_s = np.asarray(landmarks.time_s)
    trial = Trial(
        landmarks=landmarks,
        prepared=prepared,
        side=side,
        window=window,
        view=view,
        com=com,
        scale=scale,
        roll=roll,
        inside=prepared.between(*window),
        frames=(time_s >= window[0] - 1e-9) & (time_s <= window[1] + 1e-9),
    )
    if not (trial.inside.any() and trial.frames.any()):
        return ()
    found = [flag for check in CHECKS for flag in check(trial)]
    return tuple(sorted(found, key=lambda flag: ("fail", "warn", "info").index(flag.level)))


def _graded(
    code: str, value: float, warn: float | None, fail: float | None, message: str, fix: str
) -> list[Flag]:
    """A flag when the value is above a limit; NaN passes none."""
    for level, limit in (("fail", fail), ("warn", warn)):
        if limit is not None and value > limit:
            text = f"{message.format(value=value)} (limit {limit:g}). {fix}"
            return [Flag(code, "fail" if level == "fail" else "warn", text, float(value), limit)]
    return []


def _rate(trial: Trial) -> list[Flag]:
    """Frame rate, dropped frames and uneven times."""
    steps = np.diff(trial.landmarks.time_s)
    typical = float(np.median(steps))
    dropped = float(np.maximum(np.rint(steps / typical) - 1, 0).sum())
    share = 100 * dropped / (len(steps) + dropped)
    uneven = 100 * float(steps.std() / steps.mean())
    found = _graded(
        "FRAMES_DROPPED",
        share,
        1,
        5,
        "{value:.1f} % of the frames are missing",
        "Record without interruption.",
    )
    found += _graded(
        "FRAME_TIMES_UNEVEN", uneven, 2, None, "Frame times vary by {value:.1f} %", "Fix the frame rate."
    )
    # Compared as rates so that the value reads as frames per second.
    if 1 / typical < 24 - 0.1:
        found.append(
            Flag(
                "FPS_TOO_LOW",
                "fail",
                f"The video has {1 / typical:.1f} frames/s; sway needs at least 24. Record at 30 or 60.",
                1 / typical,
                24.0,
            )
        )
    return found


def _bones(trial: Trial) -> list[Flag]:
    """Lengths of bones that lie in the camera's plane and so should stay as they are."""
    lengths = {"trunk": trunk_px(trial.prepared)}
    for side in (trial.side,) if trial.side else tuple(RIGHT):
        hip, knee, ankle = (trial.prepared.point(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        lengths[f"{side} thigh"] = np.linalg.norm(hip - knee, axis=1)
        lengths[f"{side} shank"] = np.linalg.norm(knee - ankle, axis=1)
    variation = {bone: _variation(length[trial.inside]) for bone, length in lengths.items()}
    worst = max(variation, key=lambda bone: np.nan_to_num(variation[bone]))
    # Where the camera looks obliquely, bones that turn change their length in the picture.
    oblique = trial.view.view == "oblique"
    return _graded(
        "BONE_LENGTH_UNSTABLE",
        100 * variation[worst],
        8 if oblique else None,
        None if oblique else 8,
        f"The length of the {worst} varies by {{value:.1f}} %: the landmarks do not follow the body",
        "Film against a plain background in close-fitting clothes.",
    )


def _sides(trial: Trial) -> list[Flag]:
    """Frames in which left and right legs change places from one frame to the next."""
    px = trial.landmarks.image_px[trial.frames]
    pairs = [
        (px[:, INDEX[f"left_{name}"]], px[:, INDEX[f"right_{name}"]]) for name in ("hip", "knee", "ankle")
    ]
    swaps = 0
    for left, right in pairs:
        stay = np.linalg.norm(np.diff(left, axis=0), axis=1) + np.linalg.norm(np.diff(right, axis=0), axis=1)
        cross = np.linalg.norm(left[1:] - right[:-1], axis=1) + np.linalg.norm(right[1:] - left[:-1], axis=1)
        apart = np.linalg.norm(left[:-1] - right[:-1], axis=1)
        # A swap moves both by their distance at once, and leaves the pair of places as it was.
        far = apart > 0.05 * trial.scale.leg_px
        swaps = max(swaps, int((far & (stay > 1.5 * apart) & (cross < 0.3 * stay)).sum()))
    return _graded(
        "SIDES_SWAPPED",
        swaps,
        None,
        0,
        "Left and right leg change places {value:.0f} times",
        "Film from the front, with both legs in view.",
    )


def _lost(trial: Trial) -> list[Flag]:
    """The longest stretch in which too little of the body is seen."""
    gone = trial.inside & ~(trial.com.mass_share >= NEEDED_MASS)
    longest = max((run.stop - run.start for run in runs(gone)), default=0) / trial.prepared.fs_hz
    return _graded(
        "PERSON_LOST",
        longest,
        None,
        0.5,
        "For {value:.1f} s less than 90 % of the body is seen",
        "Keep the whole body in the picture.",
    )


def _foot(trial: Trial) -> list[Flag]:
    """Whether the standing foot is seen, and lies in the picture."""
    sides = (trial.side,) if trial.side else tuple(RIGHT)
    points = [INDEX[f"{side}_{name}"] for side in sides for name in FOOT]
    visibility = trial.landmarks.visibility[trial.frames][:, points]
    if not visibility.size:
        return []
    unseen = 100 * float((~(visibility >= GATE)).mean(axis=0).max())
    found = _graded(
        "STANCE_FOOT_HIDDEN",
        unseen,
        None,
        5,
        "A landmark of the standing foot is not visible in {value:.0f} % of the frames",
        "Film barefoot, with the floor around the foot in the picture.",
    )
    px = trial.landmarks.image_px[trial.frames][:, points]
    outside = (px[..., 0] < 0) | (px[..., 0] > trial.landmarks.width) | (px[..., 1] > trial.landmarks.height)
    found += _graded(
        "FEET_OUT_OF_FRAME",
        100 * float(outside.any(axis=1).mean()),
        None,
        5,
        "The standing foot is outside the picture in {value:.0f} % of the frames",
        "Step back with the camera.",
    )
    return found


def _gaps(trial: Trial) -> list[Flag]:
    """Share of the body's mass that was filled in or is missing."""
    weights = landmark_weights(trial.com.sex)
    filled = 100 * float((trial.prepared.filled[trial.inside] @ weights).mean())
    missing = 100 * float((~np.isfinite(trial.com.position_px[trial.inside, 0])).mean())
    return _graded(
        "GAPS_FILLED",
        filled,
        2,
        5,
        "{value:.1f} % of the samples were filled in",
        "Record again in better light.",
    ) + _graded(
        "GAPS_LEFT",
        missing,
        2,
        20,
        "{value:.1f} % of the samples are missing",
        "Keep the whole body in the picture.",
    )


def _scale(trial: Trial) -> list[Flag]:
    return _graded(
        "SCALE_DRIFT",
        100 * abs(trial.scale.drift),
        100 * MOST_DRIFT,
        None,
        "The body's size changes by {value:.1f} % over the window",
        "Stand on one spot, with the camera on a tripod.",
    ) + _graded(
        "SCALE_DISAGREES",
        100 * abs(trial.scale.shoulder_ratio - 1),
        100 * MOST_DISAGREEMENT,
        None,
        "Scales from the leg and from the shoulder's height differ by {value:.0f} %",
        "Film from hip height, with the standing knee straight.",
    )


def _size(trial: Trial) -> list[Flag]:
    """Height of the body, from ears to the lower heel, as a share of the picture's."""
    px = trial.prepared.image_px[trial.inside][..., 1]
    top = _median(px[:, [INDEX["left_ear"], INDEX["right_ear"]]].ravel())
    heels = [_median(px[:, INDEX[f"{side}_heel"]]) for side in RIGHT]
    known = [heel for heel in heels if np.isfinite(heel)]
    share = 100 * (max(known) - top) / trial.landmarks.height if known else float("nan")
    for level, limit in (("fail", 40.0), ("warn", 50.0)):
        if share < limit:
            text = f"The body fills {share:.0f} % of the picture's height (at least {limit:.0f}). Go closer."
            return [Flag("BODY_SMALL", "fail" if level == "fail" else "warn", text, share, limit)]
    return []


def _seen(trial: Trial) -> list[Flag]:
    weights = landmark_weights(trial.com.sex)
    visibility = float(np.nan_to_num(trial.landmarks.visibility[trial.frames]).mean(axis=0) @ weights)
    if visibility < 0.7:
        text = f"The mean visibility of the body is {visibility:.2f} (at least 0.7). Improve the light."
        return [Flag("VISIBILITY_LOW", "warn", text, visibility, 0.7)]
    return []


def _camera(trial: Trial) -> list[Flag]:
    """Cuts, turned body, rolled camera, a view other than stated."""
    cuts = sum(trial.window[0] < cut < trial.window[1] for cut in trial.prepared.cuts_s)
    found = _graded(
        "CUT_IN_WINDOW", cuts, None, 0, "The video is cut {value:.0f} times", "Send one uncut trial."
    )
    view = trial.view
    if view.turned_beyond(15):
        text = (
            f"The body is turned {view.turned_deg:.0f} degrees (limit 15). Face the camera, or stand side on."
        )
        found.append(Flag("BODY_TURNED", "warn", text, view.turned_deg, 15.0))
    if view.seen and view.confidence < 0.7:
        share = 100 * view.confidence
        text = f"Only {share:.0f} % of the samples show the view {view.seen} (limit 70). Do not turn."
        found.append(Flag("VIEW_UNSTEADY", "warn", text, view.confidence, 0.7))
    if view.disagrees and view.seen:
        text = f"The view was stated otherwise, but the landmarks show: {view.seen}. Check how it was filmed."
        found.append(Flag("VIEW_DISAGREES", "warn", text, view.confidence, 0.0))
    if trial.roll.value is not None and trial.roll.low_95 is not None and trial.roll.high_95 is not None:
        certain = max(trial.roll.low_95, -trial.roll.high_95)
        if certain > 2:
            text = (
                f"The camera is rolled by about {trial.roll.value:.1f} degrees (limit 2). Level the tripod."
            )
            found.append(Flag("CAMERA_ROLLED", "warn", text, trial.roll.value, 2.0))
    return found


def _people(trial: Trial) -> list[Flag]:
    people = trial.prepared.people
    share = 100 * float((people[trial.inside] > 1).mean()) if people is not None else 0.0
    return _graded(
        "SEVERAL_PEOPLE",
        share,
        5,
        None,
        "Several people are in {value:.0f} % of the frames",
        "Film one person alone.",
    )


def _still(trial: Trial) -> list[Flag]:
    """Frames that repeat the one before to the last digit: duplicates, or a still picture."""
    px = trial.landmarks.image_px[trial.frames]
    if len(px) < 2:
        return []
    same = np.nan_to_num(np.abs(np.diff(px, axis=0))).max(axis=(1, 2)) == 0
    known = np.isfinite(px[1:]).any(axis=(1, 2))
    return _graded(
        "REPEATED_FRAMES",
        100 * float((same & known).mean()),
        5,
        50,
        "{value:.0f} % of the frames repeat the one before",
        "Send the original recording.",
    )


def _variation(values: Floats) -> float:
    values = values[np.isfinite(values)]
    return float(values.std() / values.mean()) if len(values) and values.mean() > 0 else float("nan")


def _median(values: Floats) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else float("nan")


CHECKS: tuple[Callable[[Trial], list[Flag]], ...] = (
    _rate,
    _bones,
    _sides,
    _lost,
    _foot,
    _gaps,
    _scale,
    _size,
    _seen,
    _camera,
    _people,
    _still,
)
