"""The centre of mass by view, over many bodies: `python -m models.evaluate.people_stills [--json]`.

One picture of a single-leg stance for every body and view. The pose stage finds the person and answers in
quality mode; the other estimators look once at its region. Their centre of mass (de Leva's segments, the
body's own sex) is compared with the exact one: its mean error is the view's bias, its spread what differs
between people. Neither shows in the sway of one trial; both show where a centre of mass is compared with a
foot or between people.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mesh.errors import AssayError, Unmeasurable
from mesh.landmarks import Landmarks
from models.evaluate.backbones import open_backend
from models.evaluate.people import MODELS, STAGE, centre_px, looks
from models.evaluate.people_cases import HEIGHT, WIDTH
from models.synth.people import ClipSpec, ClipTruth, clip
from models.synth.standing import StandingSpec
from svc_balance.pose.estimate import estimate
from svc_balance.pose.networks import networks
from svc_balance.pose.video import Frame

Floats = NDArray[np.float64]

# View of the table; the specification's view and the turn from it, deg.
VIEWS = {"front": ("front", 0.0), "back": ("back", 0.0), "side": ("left", 0.0), "oblique": ("front", 40.0)}
SEED = 700


@dataclass(frozen=True)
class StillScore:
    """One estimator on one picture. found: anything was. landmark_percent: median distance, % of stature.
    com_mm: error of the centre of mass across and up, in the plane through the true one; across is to the
    subject's right (front, back), forward (side), to the picture's right (oblique)."""

    model: str
    view: str
    seed: int
    found: bool
    landmark_percent: float
    com_mm: tuple[float, float]


@dataclass(frozen=True)
class StillSummary:
    """One estimator and view. bias_mm, spread_mm: mean and standard deviation over the people of the error
    across and up; rms_mm: of its length; landmark_percent: median."""

    model: str
    view: str
    people: int
    found: int
    landmark_percent: float
    bias_mm: tuple[float, float]
    spread_mm: tuple[float, float]
    rms_mm: float


def posed(view: str, seed: int) -> tuple[Iterator[NDArray[np.uint8]], ClipTruth]:
    """A body that stands on one leg, from a view of the table: a clip of one frame."""
    rng = np.random.default_rng([seed, 5])
    sex = ("female", "male")[seed % 2]
    said, turn = VIEWS[view]
    mirrored = bool(rng.integers(2))
    if said == "left" and mirrored:
        said = "right"
    stance = said if said in ("left", "right") else ("left", "right")[int(rng.integers(2))]
    standing = StandingSpec(
        duration_s=0.0,
        height_mm=float(rng.normal(1600 if sex == "female" else 1730, 70)),
        sex=sex,
        view=said,
        azimuth_deg=float((-turn if mirrored else turn) + rng.normal(0, 4)),
        roll_deg=float(rng.normal(0, 0.7)),
        stance_side=stance,
        foot_up_s=-1.0,
        arms=("hips", "down")[int(rng.integers(2))],
        width=WIDTH,
        height=HEIGHT,
    )
    spec = ClipSpec(standing, seed, float(rng.uniform(2500, 4500)), float(rng.uniform(700, 1400)))
    return clip(spec)


def evaluate(
    models: Sequence[str] = MODELS, bodies: int = 12, told: Callable[[str], None] = lambda _: None
) -> list[StillScore]:
    """Every estimator on `bodies` people in every view. Raises as `models.evaluate.people.evaluate`."""
    backends = {model: open_backend(model, threads=1) for model in models}
    loaded, out = networks(""), []
    for view in VIEWS:
        told(view)
        for seed in range(SEED, SEED + bodies):
            pictures, truth = posed(view, seed)
            frame = Frame(0, 0.0, next(pictures))
            try:
                stage = estimate([frame], loaded)
            except Unmeasurable:
                out += [StillScore(m, view, seed, False, np.nan, (np.nan, np.nan)) for m in (STAGE, *models)]
                continue
            series = {STAGE: stage.landmarks} | looks([frame], stage, backends)
            out += [score(model, view, seed, found, truth) for model, found in series.items()]
    return out


def score(model: str, view: str, seed: int, found: Landmarks, truth: ClipTruth) -> StillScore:
    """Compares one picture's landmarks with the truth."""
    px, mm = found.image_px[0], float(truth.mm_per_px[0])
    away = np.linalg.norm(px - truth.points_px[0], axis=1)
    seen = np.isfinite(away)
    off = (centre_px(found.image_px, truth.sex)[0] - truth.com_px[0]) * mm
    percent = 100 * float(np.median(away[seen])) * mm / truth.stature_mm if seen.any() else float("nan")
    across = float(off[0]) * _sign(view, truth)
    return StillScore(model, view, seed, bool(seen.any()), percent, (across, float(-off[1])))


def _sign(view: str, truth: ClipTruth) -> float:
    """What turns the picture's right into the subject's right or forward."""
    if view == "oblique":
        return 1.0
    return float(np.sign(truth.forward_px if view == "side" else truth.right_px))


def summarise(scores: Sequence[StillScore]) -> list[StillSummary]:
    """By estimator and view."""
    out = []
    for model in dict.fromkeys(s.model for s in scores):
        for view in VIEWS:
            own = [s for s in scores if s.model == model and s.view == view]
            known = [s for s in own if s.found and np.isfinite(s.com_mm).all()]
            if not known:
                continue
            off = np.array([s.com_mm for s in known])
            bias, spread = off.mean(axis=0), off.std(axis=0)
            out.append(
                StillSummary(
                    model=model,
                    view=view,
                    people=len(own),
                    found=len(known),
                    landmark_percent=float(np.median([s.landmark_percent for s in known])),
                    bias_mm=(float(bias[0]), float(bias[1])),
                    spread_mm=(float(spread[0]), float(spread[1])),
                    rms_mm=float(np.sqrt((off**2).sum(axis=1).mean())),
                )
            )
    return out


def lines(summaries: Sequence[StillSummary]) -> list[str]:
    """A Markdown table."""
    out = [
        "| estimator | view | people found | landmarks, % | CoM error across, mm | up, mm | RMS, mm |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for s in summaries:
        across, up = (f"{b:+.1f} ± {d:.1f}" for b, d in zip(s.bias_mm, s.spread_mm, strict=True))
        found, percent = f"{s.found} of {s.people}", f"{s.landmark_percent:.2f}"
        out.append(f"| {s.model} | {s.view} | {found} | {percent} | {across} | {up} | {s.rms_mm:.1f} |")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.people_stills", description=__doc__)
    parser.add_argument("--models", nargs="*", default=list(MODELS), metavar="NAME@VERSION")
    parser.add_argument("--bodies", type=int, default=12, help="people in each view")
    parser.add_argument("--json", action="store_true", help="print every picture's scores")
    asked = parser.parse_args()
    try:
        scores = evaluate(asked.models, asked.bodies, lambda what: print(f"{what} ...", file=sys.stderr))
    except AssayError as error:
        parser.exit(1, f"{error.message} {error.fix}\n")
    summaries = summarise(scores)
    if asked.json:
        held = {
            "pictures": [dataclasses.asdict(one) for one in scores],
            "summaries": [dataclasses.asdict(one) for one in summaries],
        }
        print(json.dumps(held, indent=2))
    else:
        print("\n".join(lines(summaries)))


if __name__ == "__main__":
    main()
