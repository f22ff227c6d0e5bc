"""The pose backbones in one table: `python -m models.evaluate.backbones --data ../shared/data [--json]`.

Every network sees the same person in the same regions: those in which the pose stage's default model follows
the person in quality mode. It looks once, at the region itself, and at the eight regions of quality mode.
Compared are the points that all of them have (COCO's 17 without the eyes): accuracy against the calibrated
reference of Pose2Sim's balancing trial (`models.evaluate.pose`), steadiness and sway gain of the centre of
mass on injected sway (`models.evaluate.sway_injection`), file size and latency.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, POINTS, Landmarks
from mesh.point_sets import COCO_17
from models.evaluate.backbone_rows import (
    MODES,
    ONCE,
    QUALITY,
    ROWS,
    Accuracy,
    Facts,
    Row,
    Steadiness,
    markdown,
)
from models.evaluate.pose import MARKERS, Camera, Reference, read, score
from models.evaluate.sway_injection import (
    AMPLITUDES_MM,
    FPS,
    SUBJECTS,
    Response,
    Subject,
    moved,
    response_of,
    scale,
    still,
)
from svc_balance.pose.adapters.backend import Backend, places
from svc_balance.pose.adapters.registered import open_backend, size_bytes
from svc_balance.pose.estimate import estimate
from svc_balance.pose.networks import Networks, networks
from svc_balance.pose.quality_mode import REGIONS, offsets
from svc_balance.pose.roi import Roi, jittered
from svc_balance.pose.video import Ahead, Frame
from svc_balance.sway.posture.body import segment_weights, tables

__all__ = ["COMMON", "common_weights", "latency_ms", "look", "open_backend", "table"]

Floats = NDArray[np.float64]
COMMON = tuple(name for name in COCO_17 if "eye" not in name)
"""Points that every estimator has and that the centre of mass and the reference need."""
LOOKS = 30
"""Timed runs."""


def table(
    data: Path,
    rows: Sequence[Facts] = ROWS,
    subjects: Sequence[Subject] = SUBJECTS,
    told: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Measures every row that has a network on this machine, and what the data hold of the others.

    Raises InvalidInput (EVAL_DATA) when the data are not there, and as the adapters' `backend` for a network
    that was not fetched.
    """
    videos = data / "posevideo"
    loaded = networks("")
    backends = {row.model: open_backend(row.model, threads=1) for row in rows if row.model}
    accuracy: dict[str, list[Accuracy]] = {model: [] for model in backends}
    reference, cameras = read(videos / "pose2sim_balancing")
    for video, camera in cameras.items():
        told(video.name)
        for model, found in _places_known(video, reference, camera, loaded, backends).items():
            accuracy[model].extend(found)
    seen: dict[str, list[Response]] = {model: [] for model in backends}
    for subject in subjects:
        if not (videos / subject.file).is_file():
            continue
        told(subject.name)
        for model, answers in _injected(subject, videos / subject.file, loaded, backends).items():
            seen[model].extend(answers)
    out = []
    for row in rows:
        told(f"{row.name} latency")
        own = backends.get(row.model)
        out.append(
            Row(
                facts=row,
                size_bytes=size_bytes(row.model) if own else None,
                latency_ms={threads: latency_ms(row.model, threads) for threads in (1, 2)} if own else {},
                accuracy=accuracy[row.model] if own else _detections(row, reference, cameras),
                steadiness=_medians(seen[row.model]) if own else [],
            )
        )
    return out


def latency_ms(model: str, threads: int) -> float:
    """Of one crop, decoding included: the fastest of LOOKS, since other programs only ever add time.

    On one thread by processor time, which they hardly touch; on several by the clock, which they do.
    """
    backend = open_backend(model, threads=threads)
    crop = np.random.default_rng(1).random((1, backend.height, backend.width, 3)).astype(np.float32)
    clock = time.thread_time if threads == 1 else time.perf_counter
    spent = []
    for _ in range(LOOKS):
        begun = clock()
        backend.estimate(crop)
        spent.append(clock() - begun)
    return float(1000 * min(spent))


def _places_known(
    video: Path, reference: Reference, camera: Camera, loaded: Networks, backends: dict[str, Backend]
) -> dict[str, list[Accuracy]]:
    with Ahead(video) as frames:
        followed = estimate(frames, loaded).landmarks
    with Ahead(video) as frames:
        looks = look(frames, followed, backends)
    out: dict[str, list[Accuracy]] = {}
    for model, by_mode in looks.items():
        out[model] = []
        for mode, image_px in by_mode.items():
            found = score(_common(followed, image_px), reference, camera, video.name, mode)
            out[model].append(
                Accuracy(
                    video.name,
                    mode,
                    found.supported_median_percent,
                    found.median_percent,
                    found.frames_without_person,
                )
            )
    return out


def _detections(row: Facts, reference: Reference, cameras: dict[Path, Camera]) -> list[Accuracy]:
    """What the reference was made from, for the estimator that made it."""
    if not row.made_the_reference:
        return []
    out = []
    for video, camera in cameras.items():
        frames = len(camera.detected)
        px = np.full((frames, POINTS, 2), np.nan)
        for column, name in enumerate(reference.names):
            if (landmark := MARKERS.get(name)) in COMMON:
                px[:, INDEX[str(landmark)]] = camera.detected[:, column]
        ones = np.ones((frames, POINTS))
        series = Landmarks(1, 1, np.arange(frames) / FPS, px, ones, ones)
        found = score(series, reference, camera, video.name, ONCE)
        out.append(Accuracy(video.name, ONCE, None, found.median_percent, found.frames_without_person))
    return out


def look(
    frames: Iterable[Frame], followed: Landmarks, backends: dict[str, Backend]
) -> dict[str, dict[str, Floats]]:
    """Points [N, 33, 2] of every estimator, by mode, in the regions of `followed`."""
    assert followed.roi is not None
    shifts = offsets(REGIONS)
    out = {model: {mode: np.full((len(followed), POINTS, 2), np.nan) for mode in MODES} for model in backends}
    for at, (frame, row) in enumerate(zip(frames, followed.roi, strict=True)):
        if not np.isfinite(row).all():
            continue
        region = Roi(*row.tolist())
        for model, backend in backends.items():
            out[model][ONCE][at] = places(frame.rgb, [region], backend)[0][0]
            out[model][QUALITY][at] = places(frame.rgb, jittered(region, shifts), backend)[0].mean(axis=0)
    return out


def _injected(
    subject: Subject, path: Path, loaded: Networks, backends: dict[str, Backend]
) -> dict[str, list[Response]]:
    picture = still(path, subject.frame, subject.box)
    _, mm_per_px, error = scale(picture, loaded)
    if error:
        return {}
    weights = common_weights()
    seen: dict[str, dict[str, dict[float, Floats]]] = {m: {mode: {} for mode in MODES} for m in backends}
    for mm in (0.0, *AMPLITUDES_MM):
        shots = [
            Frame(at, at / FPS, shot) for at, shot in enumerate(moved(picture, mm / mm_per_px, subject.frame))
        ]
        followed = estimate(shots, loaded).landmarks
        for model, by_mode in look(shots, followed, backends).items():
            for mode, image_px in by_mode.items():
                seen[model][mode][mm] = np.nan_to_num(image_px[..., 0]) @ weights * mm_per_px
    return {model: [response_of(mode, own[mode]) for mode in MODES] for model, own in seen.items()}


def common_weights() -> Floats:
    """Weights [33] of the common points in the centre of mass (de Leva without hands and feet)."""
    mass, _ = tables("")
    weights = np.asarray(mass @ segment_weights("", hands=False, feet=False))
    assert not any(weights[place] for name, place in INDEX.items() if name not in COMMON)
    return weights


def _common(followed: Landmarks, image_px: Floats) -> Landmarks:
    kept = np.full_like(image_px, np.nan)
    columns = [INDEX[name] for name in COMMON]
    kept[:, columns] = image_px[:, columns]
    return replace(followed, image_px=kept, standard_error_px=None)


def _medians(responses: Sequence[Response]) -> list[Steadiness]:
    out = []
    for mode in MODES:
        own = [response for response in responses if response.mode == mode]
        if own:
            out.append(
                Steadiness(
                    mode,
                    len(own),
                    float(np.median([r.static_sd_mm for r in own])),
                    np.median([r.gains for r in own], axis=0).tolist(),
                    np.median([r.correlations for r in own], axis=0).tolist(),
                )
            )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.backbones", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds posevideo/")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="names of rows, for example pose-student")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    asked = parser.parse_args()
    rows = [row for row in ROWS if not asked.only or row.name in asked.only]
    made = table(asked.data, rows, told=lambda what: print(f"{what} ...", file=sys.stderr))
    if asked.json:
        print(json.dumps([dataclasses.asdict(row) for row in made], indent=2))
    else:
        print(markdown(made))


if __name__ == "__main__":
    main()
