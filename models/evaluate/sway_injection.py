"""Sway injection: how much of a known movement the pose stage sees.

A still picture of a person is moved sideways by a known sine of a few millimetres (exactly, in the Fourier
domain), sensor noise and JPEG compression are added to every frame, and the centre of mass that the landmarks
give is compared with what was put in. Gain and correlation are those of the regression on the true movement;
the static standard deviation is what the stage sees where nothing moves. What `assay eval injection` prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.errors import InvalidInput, Unmeasurable
from mesh.landmarks import INDEX
from svc_balance.pose import landmarker
from svc_balance.pose.estimate import estimate
from svc_balance.pose.networks import Networks, networks
from svc_balance.pose.roi import Picture, Roi
from svc_balance.pose.video import Frame, decode
from svc_balance.sway.posture.body import landmark_weights

Floats = NDArray[np.float64]

STATURE_MM = 1700.0
"""Assumed height of every subject; the results in mm scale with it."""
EYE_HEIGHT = 0.936
AMPLITUDES_MM = (4.0, 9.0)
FREQUENCY_HZ = 1.0
FPS = 30.0
FRAMES = 45
NOISE = 3.0
"""Standard deviation of the sensor noise, of 255."""
JPEG = 85

STATIC_SD_MM = 0.35
GAIN = (0.95, 1.08)
CORRELATION = 0.99
"""Required of the full model in quality mode, as medians over the frames."""


@dataclass(frozen=True)
class Subject:
    """A person in one frame of a video. box: part of the picture to look at, shares x0, y0, x1, y1."""

    name: str
    person: str
    file: str
    frame: int
    chosen_on: bool
    """Whether the number of regions and their spread were chosen on it."""
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


_BALANCING = "pose2sim_balancing/videos"
_STATIC = "pose2sim_balancing/static_videos"
_YOGA = "single_leg_videos/yogaanytime_balance_28s.mp4"
_WALK = "sports2d_walk/demo.mp4"
SUBJECTS = (
    Subject("beam-front", "man in shorts", f"{_BALANCING}/cam01.mp4", 5, True),
    Subject("beam-back", "man in shorts", f"{_BALANCING}/cam03.mp4", 5, True),
    Subject(
        "figure-back", "rendered woman", f"{_BALANCING}/multiperson_cam01.mp4", 0, True, (0.35, 0.3, 1, 1)
    ),
    Subject("yoga-stand", "man in yellow", _YOGA, 100, True),
    Subject("yoga-knee", "man in yellow", _YOGA, 300, True),
    Subject("static-back", "man in shorts", f"{_STATIC}/static_cam01.mp4", 5, False),
    Subject("static-front", "man in shorts", f"{_STATIC}/static_cam03.mp4", 5, False),
    Subject("yoga-tree", "man in yellow", _YOGA, 600, False),
    Subject("walk-side", "walking woman", _WALK, 120, False, (0.4, 0.35, 0.85, 1)),
    Subject("roof", "man against the sun", _WALK, 60, False, (0.15, 0.0, 0.65, 0.6)),
)


@dataclass(frozen=True)
class Response:
    """What one mode saw of one subject. gains and correlations: one for each of AMPLITUDES_MM."""

    mode: str
    static_sd_mm: float
    gains: list[float]
    correlations: list[float]


@dataclass(frozen=True)
class Trial:
    subject: str
    person: str
    file: str
    frame: int
    chosen_on: bool
    mm_per_px: float
    error: str
    """Why nothing was measured; empty when it was."""
    responses: list[Response]


@dataclass(frozen=True)
class Injection:
    """All frames tried, and the medians over those that were measured, by mode."""

    model: str
    trials: list[Trial]
    medians: list[Response]
    passed: bool
    """Whether quality mode keeps to STATIC_SD_MM, GAIN and CORRELATION (at the largest amplitude)."""


def evaluate(
    data: Path,
    model: str = "",
    subjects: Sequence[Subject] = SUBJECTS,
    told: Callable[[str], None] = lambda _: None,
) -> Injection:
    """Injects sway into every subject whose video is below `data`.

    told is given the name of each subject as it begins. Raises InvalidInput (EVAL_DATA) when no video is
    there, and as `networks`.
    """
    loaded = networks(model)
    present = [subject for subject in subjects if (data / subject.file).is_file()]
    if not present:
        raise InvalidInput(
            "EVAL_DATA",
            f"None of the videos to inject sway into is below {data}.",
            field="data",
            fix=f"Give the folder that holds, for example, {subjects[0].file}.",
        )
    trials = []
    for subject in present:
        told(subject.name)
        trials.append(_trial(subject, data / subject.file, loaded))
    medians = _medians([response for trial in trials for response in trial.responses])
    return Injection(loaded.label, trials, medians, any(passes(m) for m in medians if m.mode == "quality"))


def passes(median: Response) -> bool:
    """Whether a mode's medians keep to what is required."""
    return (
        median.static_sd_mm <= STATIC_SD_MM
        and all(GAIN[0] <= gain <= GAIN[1] for gain in median.gains)
        and median.correlations[-1] >= CORRELATION
    )


def _trial(subject: Subject, path: Path, loaded: Networks) -> Trial:
    picture = still(path, subject.frame, subject.box)
    region, mm_per_px, error = scale(picture, loaded)
    responses = [] if error else _responses(picture, region, mm_per_px, subject.frame, loaded)
    return Trial(
        subject.name,
        subject.person,
        subject.file,
        subject.frame,
        subject.chosen_on,
        mm_per_px,
        error,
        responses,
    )


def _responses(
    picture: Picture, region: Roi, mm_per_px: float, seed: int, loaded: Networks
) -> list[Response]:
    seen: dict[str, dict[float, Floats]] = {mode: {} for mode in MODES}
    for mm in (0.0, *AMPLITUDES_MM):
        frames = list(moved(picture, mm / mm_per_px, seed))
        for mode, follow in MODES.items():
            seen[mode][mm] = follow(frames, region, loaded) * mm_per_px
    return [response_of(mode, positions) for mode, positions in seen.items()]


def still(path: Path, frame: int, box: tuple[float, float, float, float]) -> Picture:
    """One frame of a video, cut to a box given as shares of its width and height."""
    for taken in decode(path):
        if taken.index == frame:
            height, width = taken.rgb.shape[:2]
            x0, y0, x1, y1 = box
            part = taken.rgb[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]
            return np.ascontiguousarray(part)
    raise InvalidInput(
        "EVAL_DATA", f"{path.name} has no frame {frame}.", field="data", fix="Use the whole video."
    )


def moved(picture: Picture, amplitude_px: float, seed: int) -> Iterator[Picture]:
    """FRAMES pictures shifted sideways by a sine, each with noise of its own and compressed."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(picture.astype(np.float32), axis=1).astype(np.complex64)
    turns = np.arange(spectrum.shape[1]) / picture.shape[1]
    for shift in amplitude_px * sine():
        phase = np.exp(-2j * np.pi * turns * shift).astype(np.complex64)
        exact = np.fft.irfft(spectrum * phase[None, :, None], n=picture.shape[1], axis=1)
        noisy = exact + NOISE * rng.standard_normal(picture.shape, np.float32)
        whole = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
        _, packed = cv2.imencode(
            ".jpg", cv2.cvtColor(whole, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG]
        )
        unpacked = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        assert unpacked is not None
        yield np.asarray(cv2.cvtColor(unpacked, cv2.COLOR_BGR2RGB), np.uint8)


def sine() -> Floats:
    """The movement of amplitude 1 at the frames' times, [FRAMES]."""
    return np.asarray(np.sin(2 * np.pi * FREQUENCY_HZ * np.arange(FRAMES) / FPS), np.float64)


def scale(picture: Picture, loaded: Networks) -> tuple[Roi, float, str]:
    """The subject's settled region and the millimetres per pixel, or why there is none."""
    try:
        made = estimate([Frame(0, 0.0, picture)], loaded).landmarks
    except Unmeasurable:
        return Roi(0, 0, 1, 0), float("nan"), "no person was found"
    points = made.image_px[0]
    feet = max(points[INDEX[f"{side}_heel"], 1] for side in ("left", "right"))
    eyes = np.mean([points[INDEX[f"{side}_eye"], 1] for side in ("left", "right")])
    assert made.roi is not None
    return Roi(*made.roi[0]), float(STATURE_MM * EYE_HEIGHT / (feet - eyes)), ""


def _centre(image_px: Floats) -> Floats:
    """Horizontal centre of mass in px, of landmarks (..., 33, 2); de Leva's segments, mean of the sexes."""
    return np.asarray(image_px[..., 0] @ landmark_weights(""), np.float64)


def _fixed(frames: Sequence[Picture], region: Roi, loaded: Networks) -> Floats:
    return np.array([_centre(_once(frame, region, loaded).image_px) for frame in frames])


def _retracked(frames: Sequence[Picture], region: Roi, loaded: Networks) -> Floats:
    seen = []
    for frame in frames:
        body = _once(frame, region, loaded)
        seen.append(_centre(body.image_px))
        region = body.roi
    return np.array(seen)


def _once(frame: Picture, region: Roi, loaded: Networks) -> landmarker.Body:
    return landmarker.bodies(loaded.landmark(landmarker.crops(frame, [region])), [region])[0]


def _product(regions: int | None) -> Callable[[Sequence[Picture], Roi, Networks], Floats]:
    def run(frames: Sequence[Picture], _: Roi, loaded: Networks) -> Floats:
        timed = [Frame(index, index / FPS, picture) for index, picture in enumerate(frames)]
        made = estimate(timed, loaded) if regions is None else estimate(timed, loaded, regions=regions)
        return _centre(made.landmarks.image_px)

    return run


MODES: dict[str, Callable[[Sequence[Picture], Roi, Networks], Floats]] = {
    "fixed": _fixed,
    "retracked": _retracked,
    "single_pass": _product(1),
    "quality": _product(None),
}
"""fixed: one region that never moves. retracked: each frame's region from the frame before, as live trackers
do. single_pass, quality: the pose stage as it is."""


def response_of(mode: str, seen: dict[float, Floats]) -> Response:
    """Static spread, gain and correlation of what was seen, mm, [FRAMES] by amplitude."""
    gains, correlations = [], []
    for mm in AMPLITUDES_MM:
        true = mm * sine()
        gains.append(float(np.polyfit(true, seen[mm], 1)[0]))
        correlations.append(float(np.corrcoef(true, seen[mm])[0, 1]))
    return Response(mode, float(seen[0.0].std()), gains, correlations)


def _medians(responses: Sequence[Response]) -> list[Response]:
    out = []
    for mode in MODES:
        own = [response for response in responses if response.mode == mode]
        if own:
            out.append(
                Response(
                    mode,
                    float(np.median([r.static_sd_mm for r in own])),
                    np.median([r.gains for r in own], axis=0).tolist(),
                    np.median([r.correlations for r in own], axis=0).tolist(),
                )
            )
    return out
