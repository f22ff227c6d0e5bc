"""Pose models as something to export: crops of the sample video, landmarks, the gain of an injected sway."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import POINTS
from models.evaluate.sway_injection import AMPLITUDES_MM, moved, scale, sine
from models.export.gate import LandmarkParity, landmark_parity
from models.export.sessions import Session
from models.export.subject import Array, Form
from svc_balance.pose.adapters import student
from svc_balance.pose.contract import find
from svc_balance.pose.landmarker import crops
from svc_balance.pose.model import PoseModel, load
from svc_balance.pose.networks import networks
from svc_balance.pose.roi import Picture, Roi
from svc_balance.pose.video import decode
from svc_balance.sway.posture.body import landmark_weights

SAMPLE = Path(__file__).resolve().parents[1] / "sample" / "balance.mp4"
EVERY, PICTURES = 16, 32
"""Frames of the sample video that are used, in turn for judging and for calibration."""
STILL = 0
GATE_PX = 256.0

Crops = NDArray[np.float32]
Points = NDArray[np.float64]
Estimate = Callable[[Session, Crops], Points]
"""A session and crops [N, side, side, 3] to points [N, 33, 2], px of the crop."""


class Pose:
    """A version of a pose model."""

    input = "image"
    channels_last = False

    def __init__(self, label: str, file: Path, side: int, released: Session, estimate: Estimate) -> None:
        self.label, self.file, self._side = label, file, side
        self._session, self._estimate = released, estimate
        self.signatures = {"crop": (1, side, side, 3)}

    def calibration(self) -> Mapping[str, Crops]:
        return {"crop": crops_of(pictures()[1::2], region(), self._side)}

    def parity(self, session: Session, form: Form) -> LandmarkParity:
        points, gains = self._seen(OneByOne(session))
        released, expected = self._released
        return landmark_parity(released, points, list(zip(expected, gains, strict=True)))

    @cached_property
    def _released(self) -> tuple[Points, list[float]]:
        return self._seen(self._session)

    @cached_property
    def _still(self) -> Crops:
        return crops_of(pictures()[::2], region(), self._side)

    @cached_property
    def _swaying(self) -> list[Crops]:
        """The first picture as it sways by each amplitude."""
        per_mm = 1 / millimetres()
        frames = (moved(pictures()[STILL], mm * per_mm, seed=STILL) for mm in AMPLITUDES_MM)
        return [crops_of(list(each), region(), self._side) for each in frames]

    def _seen(self, session: Session) -> tuple[Points, list[float]]:
        """Landmarks of the pictures, px of 256, and the gain of each amplitude."""
        to_mm = region().side / self._side * millimetres()
        gains = []
        for mm, swaying in zip(AMPLITUDES_MM, self._swaying, strict=True):
            across = self._estimate(session, swaying)[..., 0] @ landmark_weights("") * to_mm
            gains.append(float(np.polyfit(mm * sine(), across, 1)[0]))
        return self.points(session, self._still), gains

    def points(self, session: Session, given: Crops) -> Points:
        """Landmarks of crops, [N, 33, 2], px of 256."""
        return self._estimate(session, given) * (GATE_PX / self._side)


class OneByOne:
    """A session whose file takes one crop at a time, behind one that takes many."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def run(self, names: Sequence[str] | None, feeds: Mapping[str, Array]) -> list[Array]:
        made = [self._session.run(names, {"image": one[None]}) for one in feeds["image"]]
        return [np.concatenate(parts) for parts in zip(*made, strict=True)]

    def get_providers(self) -> list[str]:
        return self._session.get_providers()


def blazepose(label: str) -> Pose:
    """One of MediaPipe's landmark models, as `models.convert` made it; raises as `pose.model.load`."""
    model, contract = load(label, threads=1), find(label)

    def estimate(session: Session, given: Crops) -> Points:
        run = PoseModel(model.contract, session).run(given)
        return np.asarray(run[0].reshape(len(given), -1, 5)[:, :POINTS, :2], np.float64)

    return Pose(contract.label, contract.file(), contract.side, model.session, estimate)


def own(label: str) -> Pose:
    """A version of the student; raises as `adapters.student.open_version`."""
    model = student.open_version(label, threads=1)

    def estimate(session: Session, given: Crops) -> Points:
        return np.asarray(student.estimate(replace(model, session=session), given).crop_px, np.float64)

    return Pose(model.entry.label, model.entry.folder / student.FILE, model.side, model.session, estimate)


@lru_cache(maxsize=1)
def pictures() -> tuple[Picture, ...]:
    """Frames of the sample video."""
    return tuple(frame.rgb for frame in islice(decode(SAMPLE), 0, EVERY * PICTURES, EVERY))


@lru_cache(maxsize=1)
def _placed() -> tuple[Roi, float]:
    found, per_px, error = scale(pictures()[STILL], networks())
    if error:
        raise RuntimeError(f"{SAMPLE.name}: {error}")
    return found, per_px


def region() -> Roi:
    """Where the person is in the sample video's first picture, upright."""
    found, _ = _placed()
    return replace(found, rotation=0.0)


def millimetres() -> float:
    """Per pixel of the sample video, at the height that sway injection assumes."""
    return _placed()[1]


def crops_of(frames: tuple[Picture, ...] | list[Picture], where: Roi, side: int) -> Crops:
    """What a network sees of one region in each frame, (N, side, side, 3)."""
    return np.concatenate([crops(frame, [where], side) for frame in frames])
