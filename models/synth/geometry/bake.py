"""Bakes views of limbs and torsos: `python -m models.synth.geometry.bake`.

Random bodies in random postures (models.synth.people: MakeHuman, CC0 1.0) are looked at along parallel rays
from close by; height and normals of what is seen are kept in the cache. Deterministic.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.errors import AssayError
from mesh.landmarks import INDEX
from models.synth.geometry.views import CACHE, NOTHING, SIDE, save
from models.synth.library import Views
from models.synth.people import asset, body, moves, posture
from models.synth.people.fields import BODY, LEFT_ARM, LEFT_LEG, RIGHT_ARM, RIGHT_LEG
from models.synth.people.raster import rasterise, triangles_of

Floats = NDArray[np.float64]

COUNT = 480
SEED = 7
SIGHTS: dict[str, tuple[float, tuple[float, float], tuple[str, ...]]] = {
    "hand": (0.24, (14, 26), ("wrist", "index", "pinky", "index")),
    "forearm": (0.15, (14, 34), ("elbow", "wrist")),
    "upper arm": (0.11, (16, 38), ("shoulder", "elbow")),
    "shoulder": (0.09, (22, 48), ("shoulder",)),
    "calf": (0.09, (20, 46), ("knee", "ankle")),
    "thigh": (0.08, (24, 56), ("hip", "knee")),
    "foot": (0.08, (18, 36), ("ankle", "heel", "foot_index")),
    "chest": (0.05, (28, 60), ("other shoulder", "shoulder", "hip")),
    "back": (0.07, (28, 65), ("other shoulder", "shoulder", "hip")),
    "neck": (0.04, (16, 34), ("other shoulder", "shoulder", "ear")),
}
"""How often, how much is seen in cm, and the landmarks in whose middle the camera aims."""

_ARMS, _LEGS = (LEFT_ARM, RIGHT_ARM), (LEFT_LEG, RIGHT_LEG)
ALONE = {"hand": _ARMS, "forearm": _ARMS, "calf": _LEGS, "foot": _LEGS}
"""Groups of vertices, left and right, of what may be seen without the rest of the body."""


def main() -> int:
    """Bakes, says where the files are."""
    try:
        print(bake(CACHE))
    except AssayError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def bake(cache: Path = CACHE, count: int = COUNT) -> Path:
    """Writes the views. Raises FailedPrecondition (PEOPLE_NOT_BAKED)."""
    made = [_view(np.random.default_rng([SEED, k])) for k in range(count)]
    made = [m for m in made if (m[0] > NOTHING).mean() > 0.08]
    height, normal, cm_per_px, part = (list(column) for column in zip(*made, strict=True))
    return save(
        Views(np.stack(height), np.stack(normal), np.array(cm_per_px, np.float32), tuple(part)), cache
    )


def _view(rng: np.random.Generator) -> tuple[NDArray[np.float16], NDArray[np.int8], float, str]:
    """One sight of one body: height in cm, normal's x and y times 127, cm per pixel, part."""
    part = str(rng.choice(list(SIGHTS), p=[s[0] for s in SIGHTS.values()]))
    _, (low, high), names = SIGHTS[part]
    shape = body.sampled(rng)
    sampled = moves.sampled(rng)
    pose = posture.Posture(
        sampled.turns, curl_deg=float(rng.uniform(0, 30) if part == "hand" else sampled.curl_deg)
    )
    posed = body.skin(shape, *posture.bones(shape, pose))
    side, other = ("left", "right") if rng.random() < 0.5 else ("right", "left")
    aim = _aim(rng, posed.points, names, side, other)
    right, down, away = _camera(rng, posed.points, part)
    cm_per_px = float(rng.uniform(low, high)) / SIDE
    local = (posed.vertices - aim) / 10
    xy = np.stack([local @ right, local @ down], 1) / cm_per_px + SIDE / 2
    depth = local @ away + 500
    held = asset.load()
    quads = held["quads"].astype(np.int64)[held["parts"] == BODY]
    if part in ALONE and rng.random() < 0.6:  # the limb alone, as held before a wall
        quads = quads[held["group"][quads[:, 0]] == ALONE[part][side == "right"]]
    triangles = triangles_of(quads)
    seen = rasterise(xy.astype(np.float32), depth.astype(np.float32), triangles, SIDE, SIDE)
    corners = triangles[seen.triangles]
    height = np.full(SIDE * SIDE, NOTHING, np.float16)
    height[seen.pixels] = -((depth[corners] - 500) * seen.weights).sum(1)
    normals = (posed.normals[corners] * seen.weights[:, :, None]).sum(1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-6
    flat = np.zeros((SIDE * SIDE, 2), np.int8)
    flat[seen.pixels] = np.round(127 * np.stack([normals @ right, normals @ down], 1))
    return height.reshape(SIDE, SIDE), flat.reshape(SIDE, SIDE, 2), cm_per_px, part


def _aim(rng: np.random.Generator, points: Floats, names: tuple[str, ...], side: str, other: str) -> Floats:
    """The middle of landmarks of one side, mm, off by a few centimetres."""
    chosen = [
        points[INDEX[f"{other}_{n.removeprefix('other ')}" if n.startswith("other ") else f"{side}_{n}"]]
        for n in names
    ]
    return np.asarray(np.mean(chosen, 0) + rng.normal(0, 20, 3), np.float64)


def _camera(rng: np.random.Generator, points: Floats, part: str) -> tuple[Floats, Floats, Floats]:
    """Axes of the picture in the body's world: right, down, away."""
    across = points[INDEX["right_shoulder"]] - points[INDEX["left_shoulder"]]
    ahead = np.cross([0.0, 0.0, 1.0], across)
    facing = np.arctan2(ahead[1], ahead[0])
    if part == "chest":
        azimuth = facing + rng.normal(0, 0.4)
    elif part == "back":
        azimuth = facing + np.pi + rng.normal(0, 0.4)
    else:
        azimuth = rng.uniform(0, 2 * np.pi)
    elevation = rng.uniform(-1.2, 1.2) if part in ("hand", "foot", "forearm") else rng.normal(0.1, 0.35)
    to = np.array(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
    )
    right = np.cross([0.0, 0.0, 1.0], to)
    right /= np.linalg.norm(right)
    down = np.cross(-to, right)
    roll = rng.normal(0, 0.3)
    turned = right * np.cos(roll) + down * np.sin(roll)
    return turned, np.cross(-to, turned), -to


if __name__ == "__main__":
    sys.exit(main())
