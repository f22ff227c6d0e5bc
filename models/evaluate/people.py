"""Pose estimators on generated people: `python -m models.evaluate.people [--clips N] [--json]`.

Every clip (`models.evaluate.people_cases`) goes through the pose stage's own path in quality mode
("pose stage"); the other estimators look once at the regions in which it follows the person. Each series
then goes through `svc_balance.sway`, as does the truth itself ("truth"), which shows what of an error is the
measurement's own. Compared with the exact truth: landmarks, centre of mass, sway below 3 Hz,
times of events, strategy.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from assay.balance.v1 import balance_pb2 as pb
from numpy.typing import NDArray
from scipy import signal

from mesh.errors import AssayError, Unmeasurable
from mesh.landmarks import INDEX, NAMES, POINTS, Landmarks
from models.evaluate.backbones import open_backend
from models.evaluate.people_cases import EVENT_TIMES_S, QUIET_S, Case, cases
from models.synth.people import ClipTruth, clip
from svc_balance.pose.adapters.backend import Backend, places
from svc_balance.pose.estimate import Estimate, estimate
from svc_balance.pose.networks import networks
from svc_balance.pose.roi import Roi
from svc_balance.pose.video import Frame
from svc_balance.sway.posture.body import segment_weights, tables
from svc_balance.sway.trial import Result, assess

Floats = NDArray[np.float64]

CUTOFF_HZ = 3.0
"""Of what is called sway here (and in the sway stage's pose metrics)."""
VIEWS = {"front": pb.VIEW_FRONT, "back": pb.VIEW_BACK, "left": pb.VIEW_LEFT, "right": pb.VIEW_RIGHT}
TRUTH, STAGE = "truth", "pose stage"
MODELS = (
    "blazepose-lite@0.5.1675469404",
    "blazepose-full@0.10.14",
    "blazepose-heavy@0.5.1675469404",
    "movenet-lightning@3.0.4",
    "movenet-thunder@3.0.4",
)


@dataclass(frozen=True)
class ClipScore:
    """One estimator on one clip. Lengths mm in the plane through the centre of mass; NaN: not measured.

    landmark_percent, landmark_px: median distance over points and frames, % of stature and px.
    offset_percent: [33] length of each landmark's mean error, % of stature, None where it has none.
    steady_percent: median distance once that mean is taken off. com_bias_mm: mean error to the picture's
    right and up during QUIET_S; com_sd_mm: its standard deviation to the right. sway_error_mm: RMS of the
    error below CUTOFF_HZ about its mean; sway_true_mm: of the true sway; gain, r: regression of the measured
    sway on it. measured_share: of the samples that the sway stage gives a centre of mass for, enough
    landmarks being visible. event_error_s: by event, measured minus true onset, None when not found. hsi,
    label: strategy as the sway stage gives it; hsi_missing: why there is no index.
    """

    model: str
    clip: str
    view: str
    hip_share: float
    seen: float
    landmark_percent: float
    landmark_px: float
    offset_percent: list[float | None]
    steady_percent: float
    com_bias_mm: tuple[float, float]
    com_sd_mm: float
    sway_error_mm: float
    sway_true_mm: float
    gain: float
    r: float
    measured_share: float
    event_error_s: dict[str, float | None]
    hsi: float | None
    hsi_missing: str
    label: str


@dataclass(frozen=True)
class ViewSummary:
    """One estimator over the clips of one view ("all" for all).

    Bias: mean and standard deviation between clips, of the error to the right and up; the other numbers are
    medians. event_error_ms: of the truth's own landmarks against when the event was made (thresholds lie
    above zero), of the others against those. hsi_error, labels_agree: strategy against what the truth's
    landmarks give.
    """

    model: str
    view: str
    clips: int
    landmark_percent: float
    landmark_px: float
    steady_percent: float
    com_bias_mm: tuple[float, float]
    com_bias_sd_mm: tuple[float, float]
    com_sd_mm: float
    sway_error_mm: float
    gain: float
    r: float
    measured_share: float
    events_found: dict[str, int]
    event_error_ms: dict[str, float | None]
    hsi_error: float | None
    labels_agree: float


def evaluate(
    models: Sequence[str] = MODELS,
    clips: int = 8,
    first: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> list[ClipScore]:
    """Every estimator on every clip. Raises FailedPrecondition (PEOPLE_NOT_BAKED, MODEL_NOT_FETCHED)."""
    backends = {model: open_backend(model, threads=1) for model in models}
    loaded, out = networks(""), []
    for case in cases(clips, first):
        told(case.name)
        shots, truth = clip(case.spec)
        frames = [Frame(at, float(truth.time_s[at]), shot) for at, shot in enumerate(shots)]
        series = {TRUTH: truth.landmarks()}
        try:
            stage = estimate(frames, loaded)
            series |= {STAGE: stage.landmarks} | looks(frames, stage, backends)
        except Unmeasurable as error:
            told(f"{case.name}: {error.message}")
        for model, landmarks in series.items():
            out.append(score(model, landmarks, truth, case))
    return out


def looks(frames: Iterable[Frame], stage: Estimate, backends: dict[str, Backend]) -> dict[str, Landmarks]:
    """One look of every estimator at the regions of the pose stage."""
    followed = stage.landmarks
    assert followed.roi is not None
    points = {model: np.full((len(followed), POINTS, 2), np.nan) for model in backends}
    for at, (frame, row) in enumerate(zip(frames, followed.roi, strict=True)):
        if np.isfinite(row).all():
            for model, backend in backends.items():
                points[model][at] = places(frame.rgb, [Roi(*row.tolist())], backend)[0][0]
    return {
        model: replace(followed, image_px=px, standard_error_px=None, world_m=None, model=model)
        for model, px in points.items()
    }


def score(model: str, landmarks: Landmarks, truth: ClipTruth, case: Case) -> ClipScore:
    """Compares one series with the truth of its clip."""
    stature_px = truth.stature_mm / float(np.median(truth.mm_per_px))
    error = landmarks.image_px - truth.points_px
    height, width = truth.camera.height, truth.camera.width
    inside = np.asarray(((truth.points_px >= 0) & (truth.points_px < [width, height])).all(axis=2))
    error[~inside] = np.nan
    away = np.linalg.norm(error, axis=2)
    known: NDArray[np.bool_] = np.isfinite(away)
    offset = np.full((POINTS, 2), np.nan)
    for column in np.flatnonzero(known.any(axis=0)):
        offset[column] = error[known[:, column], column].mean(axis=0)
    steady = np.linalg.norm(error - offset, axis=2)
    lengths = 100 * np.linalg.norm(offset, axis=1) / stature_px
    found = _assessed(landmarks, truth, case)
    sway = _sway(landmarks, truth)
    strategy = found.sway.strategy if found and found.sway else None
    return ClipScore(
        model=model,
        clip=case.name,
        view=case.view,
        hip_share=case.hip_share,
        seen=float(np.isfinite(landmarks.image_px[:, 11, 0]).mean()),
        landmark_percent=float(100 * np.nanmedian(away) / stature_px),
        landmark_px=float(np.nanmedian(away)),
        offset_percent=[None if np.isnan(length) else float(length) for length in lengths],
        steady_percent=float(100 * np.nanmedian(steady) / stature_px),
        com_bias_mm=sway.bias_mm,
        com_sd_mm=sway.sd_mm,
        sway_error_mm=sway.error_mm,
        sway_true_mm=sway.true_mm,
        gain=sway.gain,
        r=sway.r,
        measured_share=float(np.isfinite(found.com.position_px[:, 0]).mean()) if found else 0.0,
        event_error_s={name: _event_error(found, name, at) for name, at in EVENT_TIMES_S.items()},
        hsi=strategy.index.value if strategy else None,
        hsi_missing=strategy.index.reason if strategy else "NO_STANCE",
        label=strategy.label if strategy else "",
    )


def _assessed(landmarks: Landmarks, truth: ClipTruth, case: Case) -> Result | None:
    trial = pb.BalanceTrial(
        height_cm=truth.stature_mm / 10,
        sex=pb.SEX_FEMALE if truth.sex == "female" else pb.SEX_MALE,
        side=pb.STANCE_SIDE_LEFT if truth.stance_side == "left" else pb.STANCE_SIDE_RIGHT,
        arms=pb.ARMS_HIPS,
        view=VIEWS[case.spec.standing.view],
    )
    try:
        return assess(landmarks, trial)
    except Unmeasurable:
        return None


@dataclass(frozen=True)
class _Sway:
    bias_mm: tuple[float, float]
    sd_mm: float
    error_mm: float
    true_mm: float
    gain: float
    r: float


def _sway(landmarks: Landmarks, truth: ClipTruth) -> _Sway:
    """The centre of mass of the landmarks against the true one while nothing but sway happens."""
    measured, true_px = centre_px(landmarks.image_px, truth.sex), truth.com_px
    known: NDArray[np.bool_] = np.isfinite(measured[:, 0])
    if known.mean() < 0.9:
        nan = float("nan")
        return _Sway((nan, nan), nan, nan, nan, nan, nan)
    time_s, mm = truth.time_s, float(np.median(truth.mm_per_px))
    measured = np.stack(
        [np.interp(time_s, time_s[known], measured[known, axis]) for axis in range(2)], axis=1
    )
    quiet = (time_s >= QUIET_S[0]) & (time_s <= QUIET_S[1])
    error = (measured - true_px)[quiet] * mm
    # Filtered over the whole clip, so that the filter's ends lie outside the quiet time.
    slow = signal.butter(4, CUTOFF_HZ, fs=1 / float(np.median(np.diff(time_s))), output="sos")
    own, true = (signal.sosfiltfilt(slow, px[:, 0])[quiet] * mm for px in (measured, true_px))
    own, true = own - own.mean(), true - true.mean()
    return _Sway(
        bias_mm=(float(error[:, 0].mean()), float(-error[:, 1].mean())),
        sd_mm=float(error[:, 0].std()),
        error_mm=float(np.sqrt(np.mean((own - true) ** 2))),
        true_mm=float(np.sqrt(np.mean(true**2))),
        gain=float(np.polyfit(true, own, 1)[0]),
        r=float(np.corrcoef(true, own)[0, 1]),
    )


def centre_px(image_px: Floats, sex: str) -> Floats:
    """Centre of mass [N, 2] px of landmarks [N, 33, 2], whatever their visibility: de Leva's segments.

    Where hands or feet are never given (MoveNet) the table without them stands in.
    """
    given: NDArray[np.bool_] = np.asarray(np.isfinite(image_px[..., 0]).any(axis=0))
    hands, feet = bool(given[INDEX["left_index"]]), bool(given[INDEX["left_heel"]])
    mass, _ = tables(sex)
    weights = mass @ segment_weights(sex, hands=hands, feet=feet)
    used = weights != 0
    return np.asarray(np.einsum("k,nkc->nc", weights[used], image_px[:, used]))


def _event_error(found: Result | None, name: str, at_s: float) -> float | None:
    """Onset of the nearest event of a name against when it was made; None when none is within 1 s."""
    onsets = [event.onset_s - at_s for event in found.events if event.id == name] if found else []
    near = [error for error in onsets if abs(error) <= 1.0]
    return min(near, key=abs) if near else None


def summarise(scores: Sequence[ClipScore]) -> list[ViewSummary]:
    """By estimator and view; strategy is compared with what the truth's own landmarks give."""
    true = {s.clip: s for s in scores if s.model == TRUTH}
    out = []
    for model in dict.fromkeys(s.model for s in scores):
        for view in ("front", "back", "side", "all"):
            own = [s for s in scores if s.model == model and view in (s.view, "all")]
            if own:
                out.append(_summary(model, view, own, true))
    return out


def _summary(model: str, view: str, own: Sequence[ClipScore], true: dict[str, ClipScore]) -> ViewSummary:
    def middle(name: str) -> float:
        return _median([getattr(s, name) for s in own])

    bias = np.array([s.com_bias_mm for s in own if np.isfinite(s.com_bias_mm).all()]).reshape(-1, 2)
    known = len(bias) > 0
    errors = {name: [_against(s, true[s.clip], name) for s in own] for name in EVENT_TIMES_S}
    hsi = [abs(s.hsi - exact) for s in own if s.hsi is not None and (exact := true[s.clip].hsi) is not None]
    return ViewSummary(
        model=model,
        view=view,
        clips=len(own),
        landmark_percent=middle("landmark_percent"),
        landmark_px=middle("landmark_px"),
        steady_percent=middle("steady_percent"),
        com_bias_mm=_pair(bias.mean(axis=0)) if known else (np.nan, np.nan),
        com_bias_sd_mm=_pair(bias.std(axis=0)) if known else (np.nan, np.nan),
        com_sd_mm=middle("com_sd_mm"),
        sway_error_mm=middle("sway_error_mm"),
        gain=middle("gain"),
        r=middle("r"),
        measured_share=middle("measured_share"),
        events_found={name: sum(e is not None for e in found) for name, found in errors.items()},
        event_error_ms={name: _median_ms(found) for name, found in errors.items()},
        hsi_error=float(np.median(hsi)) if hsi else None,
        labels_agree=float(np.mean([s.label == true[s.clip].label for s in own])),
    )


def _against(own: ClipScore, true: ClipScore, name: str) -> float | None:
    """Error of an event: the truth's own landmarks against when it was made, others against those."""
    found, exact = own.event_error_s[name], true.event_error_s[name]
    if found is None or exact is None:
        return None
    return found if own.model == TRUTH else found - exact


def _median(values: Sequence[float]) -> float:
    """Of what is there; NaN of nothing."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else float("nan")


def _pair(values: Floats) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _median_ms(errors: Sequence[float | None]) -> float | None:
    known = [error for error in errors if error is not None]
    return float(1000 * np.median(known)) if known else None


def lines(summaries: Sequence[ViewSummary]) -> list[str]:
    """A Markdown table."""
    out = [
        "| estimator | view | landmarks, % (px) | steady, % | CoM bias right, up, mm | CoM sd, mm "
        "| sway error, mm | gain | r | CoM given, % "
        "| foot up, hands, foot down, ms | HSI off, labels alike |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for s in summaries:
        bias = ", ".join(f"{b:+.0f} ± {d:.0f}" for b, d in zip(s.com_bias_mm, s.com_bias_sd_mm, strict=True))
        events = ", ".join(
            "none" if (ms := s.event_error_ms[n]) is None else f"{ms:+.0f} ({s.events_found[n]}/{s.clips})"
            for n in EVENT_TIMES_S
        )
        hsi = "none" if s.hsi_error is None else f"{s.hsi_error:.2f}"
        out.append(
            f"| {s.model} | {s.view} | {s.landmark_percent:.2f} ({s.landmark_px:.1f}) "
            f"| {s.steady_percent:.2f} "
            f"| {bias} | {s.com_sd_mm:.1f} | {s.sway_error_mm:.2f} | {s.gain:.2f} | {s.r:.3f} "
            f"| {100 * s.measured_share:.0f} "
            f"| {events} | {hsi}, {100 * s.labels_agree:.0f} % |"
        )
    return out


def worst_landmarks(scores: Sequence[ClipScore], model: str, count: int = 8) -> list[tuple[str, float]]:
    """Landmarks whose mean place is farthest from the truth, % of stature, median over the clips."""
    own = np.array([s.offset_percent for s in scores if s.model == model], np.float64)
    middle = np.array([_median(column) for column in own.T.tolist()])
    order = np.argsort(-np.nan_to_num(middle))[:count]
    return [(NAMES[row], float(middle[row])) for row in order]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.people", description=__doc__)
    parser.add_argument("--models", nargs="*", default=list(MODELS), metavar="NAME@VERSION")
    parser.add_argument("--clips", type=int, default=8, help="how many, 8 shots over and over")
    parser.add_argument("--first", type=int, default=0, help="number of the first clip")
    parser.add_argument("--json", action="store_true", help="print every clip's scores")
    asked = parser.parse_args()
    try:
        scores = evaluate(
            asked.models, asked.clips, asked.first, lambda what: print(f"{what} ...", file=sys.stderr)
        )
    except AssayError as error:
        parser.exit(1, f"{error.message} {error.fix}\n")
    summaries = summarise(scores)
    if asked.json:
        held = {
            "clips": [dataclasses.asdict(one) for one in scores],
            "summaries": [dataclasses.asdict(one) for one in summaries],
        }
        print(json.dumps(held, indent=2))
        return
    print("\n".join(lines(summaries)))
    for name, percent in worst_landmarks(scores, STAGE):
        print(f"{STAGE}: {name} {percent:.2f} % of stature off in the mean")


if __name__ == "__main__":
    main()
