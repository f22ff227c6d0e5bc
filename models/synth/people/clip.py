"""A generated video of a standing trial: frames one after the other, and everything that is true of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import INDEX, NAMES, POINTS, Landmarks
from models.synth.people import asset, body, dress, lens, render, room
from models.synth.people.body import Body, Posed
from models.synth.people.fields import BODY
from models.synth.people.picture import sampled_light
from models.synth.people.raster import triangles_of
from models.synth.people.stance import Stance
from models.synth.people.view import Camera, look_at
from models.synth.standing import EventTruth, StandingSpec, trial
from models.synth.standing.trial import AZIMUTH_DEG
from svc_balance.sway.posture.body import landmark_weights

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

BODY_SHARE = 0.78
"""Height of the body in the picture."""


@dataclass(frozen=True)
class ClipSpec:
    """standing: motion, events, view, picture size, frame rate, stature (`models.synth.standing`; its
    mm_per_px, noise_px and far_visibility are not used). seed: body, look, room, light. distance_mm,
    height_mm: of the camera. shot: sensor noise; quality: of the JPEG of every frame, 0 for none."""

    standing: StandingSpec
    seed: int = 0
    distance_mm: float = 3200.0
    height_mm: float = 1000.0
    shot: float = 0.012
    quality: int = 88


@dataclass(frozen=True)
class ClipTruth:
    """What is exactly known of N frames. World axes as in `view`.

    joints_mm: [N, 33, 3]; points_px: [N, 33, 2]. com_mm: [N, 3], de Leva's segments at the true joints, as
    svc_balance weighs landmarks (sex: the table used); com_px: [N, 2], its picture. leg_rad, trunk_rad:
    [N, 2], ml then ap, against the vertical, from the joints: standing ankle to hip, mid-hip to mid-shoulder.
    mm_per_px: at the depth of the centre of mass, [N]. right_px, forward_px: pixels to the picture's right
    for 1 px of motion to the subject's right and forward.
    """

    time_s: Floats
    camera: Camera
    joints_mm: Floats
    points_px: Floats
    com_mm: Floats
    com_px: Floats
    leg_rad: Floats
    trunk_rad: Floats
    mm_per_px: Floats
    right_px: float
    forward_px: float
    sex: str
    stature_mm: float
    stance_side: str
    foot_up_s: float | None
    end_s: float | None
    events: tuple[EventTruth, ...]

    def landmarks(self) -> Landmarks:
        """The truth as a landmark series: what a perfect estimator would give."""
        ones = np.full((len(self.time_s), POINTS), 0.99)
        seen = self.joints_mm @ self.camera.turn.T / 1000
        hips = (seen[:, INDEX["left_hip"]] + seen[:, INDEX["right_hip"]]) / 2
        return Landmarks(
            width=self.camera.width,
            height=self.camera.height,
            time_s=self.time_s,
            image_px=self.points_px,
            visibility=ones,
            presence=ones,
            world_m=seen - hips[:, None],
            model="synthetic-people@1",
        )


def clip(spec: ClipSpec) -> tuple[Iterator[Bytes], ClipTruth]:
    """The frames, [height, width, 3] uint8 sRGB, made one by one as they are asked for, and the truth.

    The same for the same spec on the same NumPy and OpenCV. Raises ValueError as `standing.trial` and
    FailedPrecondition (PEOPLE_NOT_BAKED).
    """
    stance = staged(spec)
    camera = _camera(spec, stance.shape)
    return _frames(spec, stance, camera), _truth(spec, stance, camera)


def staged(spec: ClipSpec) -> Stance:
    """The body that does the trial, at every frame's time. standing.sex, when said, is the body's."""
    standing, rng = spec.standing, np.random.default_rng([spec.seed, 2])
    shape = body.sampled(rng)
    while standing.sex and shape.sex != standing.sex:
        shape = body.sampled(rng)
    # `body` measures up to the hair's mesh, a few mm above the head: here the head counts.
    head_mm = float(shape.vertices[asset.load()["own"], 2].max())
    shape = replace(shape, stature_mm=head_mm).of_stature(standing.height_mm)
    time_s = np.arange(round(standing.duration_s * standing.fps) + 1) / standing.fps
    return Stance(standing, shape, time_s)


def volume_centre(posed: Posed) -> Floats:
    """Centroid of the body's volume at even density, [3] mm: signed tetrahedra over its closed surface."""
    held = asset.load()
    triangles = triangles_of(held["quads"][held["parts"] == BODY].astype(np.int64))
    one, two, three = (posed.vertices[triangles[:, corner]].astype(np.float64) for corner in range(3))
    volume = np.einsum("ti,ti->t", one, np.cross(two, three)) / 6
    return np.asarray(volume @ (one + two + three) / 4 / volume.sum())


def _camera(spec: ClipSpec, shape: Body) -> Camera:
    standing = spec.standing
    if standing.view not in AZIMUTH_DEG:
        raise ValueError(f"view is {standing.view!r}: say one of {', '.join(AZIMUTH_DEG)}")
    reach = min(BODY_SHARE * standing.height, 1.6 * standing.width)
    return look_at(
        np.array([0.0, 0.0, 0.51 * shape.stature_mm]),
        azimuth_deg=AZIMUTH_DEG[standing.view] + standing.azimuth_deg,
        distance_mm=spec.distance_mm,
        height_mm=spec.height_mm,
        focal_px=reach * spec.distance_mm / shape.stature_mm,
        size=(standing.width, standing.height),
        roll_deg=standing.roll_deg,
        levelled=1.0,
    )


def _frames(spec: ClipSpec, stance: Stance, camera: Camera) -> Iterator[Bytes]:
    rng = np.random.default_rng([spec.seed, 3])
    look = dress.sampled(rng, stance.shape)
    dressed = dress.dress(stance.shape, look)
    light = sampled_light(rng, camera)
    scene = room.draw(room.sampled(rng, camera), camera, light)
    dark = float(rng.uniform(0.3, 0.7))
    glass = None
    for row in range(len(stance.time_s)):
        posed = stance.posed(row)
        figure = render.draw(stance.shape, posed, dressed, look, camera, light)
        shade = cv2.resize(render.shadow(posed, light, camera), (camera.width, camera.height))
        picture = np.asarray(scene * (1 - np.float32(dark) * shade)[..., None], np.float32)
        figure.onto(picture)
        if glass is None:
            seen = float(figure.colour.sum() / max(3 * float(figure.cover.sum()), 1.0))
            gains = lens.sampled(rng, 0.5 * seen + 0.5 * float(scene.mean())).gains
            glass = lens.Lens(gains, 0.5, spec.shot, 0.002, spec.quality)
        yield lens.develop(picture, glass, rng)


def _truth(spec: ClipSpec, stance: Stance, camera: Camera) -> ClipTruth:
    standing, shape = spec.standing, stance.shape
    joints = np.stack([stance.posed(row, surface=False).points for row in range(len(stance.time_s))])
    points, _ = camera.project(joints)
    com = np.einsum("k,nkc->nc", landmark_weights(shape.sex), joints)
    com_px, depth = camera.project(com)
    _, said = trial(standing)
    at = {name: joints[:, INDEX[name]] for name in NAMES}
    hips, shoulders = ((at[f"left_{name}"] + at[f"right_{name}"]) / 2 for name in ("hip", "shoulder"))
    side = standing.stance_side
    return ClipTruth(
        time_s=stance.time_s,
        camera=camera,
        joints_mm=joints,
        points_px=points,
        com_mm=com,
        com_px=com_px,
        leg_rad=_tilt(at[f"{side}_hip"] - at[f"{side}_ankle"]),
        trunk_rad=_tilt(shoulders - hips),
        mm_per_px=depth / camera.focal_px,
        right_px=said.right_px,
        forward_px=said.forward_px,
        sex=shape.sex,
        stature_mm=shape.stature_mm,
        stance_side=side,
        foot_up_s=said.foot_up_s,
        end_s=said.end_s,
        events=said.events,
    )


def _tilt(up: Floats) -> Floats:
    """Angles [N, 2] of vectors [N, 3] against the vertical, to the right and forward, rad."""
    return np.arctan2(up[:, :2], up[:, 2:])
