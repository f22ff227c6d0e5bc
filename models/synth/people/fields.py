"""What the vertices of MakeHuman's mesh are: landmarks, parts, zones for clothes, regions of the face.

Regions are found through the targets that move them (the vertex that `mouth-angles-up` moves most is a corner
of the mouth), so that they hold for every body.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import NAMES
from models.synth.people.mpfb import Mesh, read_target

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BODY, EYES, HAIR, TIGHTS, SKIRT = 1, 2, 3, 4, 5
PARTS = {"body": BODY, "helper-l-eye": EYES, "helper-r-eye": EYES, "helper-hair": HAIR} | {
    "helper-tights": TIGHTS,
    "helper-skirt": SKIRT,
}
TORSO, NECK, HEAD, LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = range(7)
# Landmarks that are centres of joints: their names without the side, MakeHuman's cubes (mean of several).
JOINTS = {
    "shoulder": ("joint-{}-shoulder",),
    "elbow": ("joint-{}-elbow",),
    "wrist": ("joint-{}-hand",),
    "pinky": ("joint-{}-finger-5-1",),
    "index": ("joint-{}-finger-2-1",),
    "thumb": ("joint-{}-finger-1-2",),
    "hip": ("joint-{}-upper-leg",),
    "knee": ("joint-{}-knee",),
    "ankle": ("joint-{}-ankle",),
    "foot_index": ("joint-{}-toe-1-3", "joint-{}-toe-2-4"),
}
# Bones whose heads those joints are, and the bones that knuckles and toes lie on.
CARRIERS = {
    "shoulder": "upperarm",
    "elbow": "lowerarm",
    "wrist": "hand",
    "pinky": "hand",
    "index": "hand",
    "thumb": "thumb_01",
    "hip": "thigh",
    "knee": "calf",
    "ankle": "foot",
    "heel": "foot",
    "foot_index": "ball",
}
HEEL_HEIGHT_MM = 22.0


def parts(mesh: Mesh) -> NDArray[np.uint8]:
    """[F]: which drawn part a face belongs to, 0 for none."""
    return np.array([PARTS.get(str(name), 0) for name in mesh.groups], np.uint8)


def landmark_vertices(folder: Path, mesh: Mesh, joints: dict[str, Ints], shape: Floats) -> list[Ints]:
    """Vertices whose mean is each landmark, in the order of `mesh.landmarks`."""
    found: dict[str, Ints] = {"nose": _most(folder, mesh, "nose/nose-point-up", 1, 0)}
    for side, letter, sign in (("left", "l", -1), ("right", "r", 1)):
        for name, cubes in JOINTS.items():
            found[f"{side}_{name}"] = np.concatenate([joints[cube.format(letter)] for cube in cubes])
        eyeball = np.unique(mesh.quads[mesh.groups == f"helper-{letter}-eye"])
        found[f"{side}_eye"] = eyeball[np.argsort(-shape[eyeball, 1], kind="stable")[:4]]
        corners = [_most(folder, mesh, f"eyes/{letter}-eye-corner{n}-up", 1, 0) for n in (1, 2)]
        corners.sort(key=lambda rows: abs(float(shape[rows, 0].mean())))
        found[f"{side}_eye_inner"], found[f"{side}_eye_outer"] = corners
        found[f"{side}_ear"] = _most(folder, mesh, f"ears/{letter}-ear-rot-forward", 0, 0, share=0.05)
        found[f"mouth_{side}"] = _most(folder, mesh, "mouth/mouth-angles-up", 1, sign)
        found[f"{side}_heel"] = _heel(mesh, shape, sign)
    return [found[name] for name in NAMES]


def _most(folder: Path, mesh: Mesh, name: str, count: int, sign: int, share: float = 0.0) -> Ints:
    """The `count` body vertices that a target moves most, on one side (0: both); or all above a share."""
    moved = np.linalg.norm(read_target(folder, name, len(mesh.vertices)), axis=1)
    moved[~_body(mesh)] = 0
    if sign:
        moved[np.sign(mesh.vertices[:, 0]) != sign] = 0
    if share:
        return np.flatnonzero(moved > share * moved.max())
    return np.argsort(-moved, kind="stable")[:count]


def _heel(mesh: Mesh, shape: Floats, sign: int) -> Ints:
    """The hindmost vertices of a foot, two centimetres above the floor."""
    low = _body(mesh) & (np.sign(shape[:, 0]) == sign) & (np.abs(shape[:, 2] - HEEL_HEIGHT_MM) < 10)
    rows = np.flatnonzero(low)
    return rows[np.argsort(shape[rows, 1], kind="stable")[:4]]


def _body(mesh: Mesh) -> NDArray[np.bool_]:
    inside = np.zeros(len(mesh.vertices), np.bool_)
    inside[mesh.quads[mesh.groups == "body"]] = True
    return inside


def carriers(bones: list[str], chosen: Ints, weights: Floats, rows_of: list[Ints]) -> list[int]:
    """The bone that carries each landmark: a joint goes with the bone that turns about it."""
    found = []
    for name, rows in zip(NAMES, rows_of, strict=True):
        side, _, part = name.partition("_")
        if part in CARRIERS:
            found.append(bones.index(f"{CARRIERS[part]}_{side[0]}"))
            continue
        total = np.zeros(len(bones))
        np.add.at(total, chosen[rows], weights[rows])
        found.append(int(total.argmax()))
    return found


def zones(
    bones: list[str], chosen: Ints, weights: Floats, shape: Floats, heads: dict[str, Floats]
) -> tuple[NDArray[np.uint8], Floats]:
    """Group of every vertex and how far along it lies.

    Arms: 0 shoulder, 1 elbow, 2 wrist, on to 3 at the fingers; legs: 0 hip, 1 knee, 2 ankle, 3 sole; trunk
    and neck: 0 hips, 1 shoulders.
    """
    main = np.array(bones)[np.take_along_axis(chosen, weights.argmax(axis=1)[:, None], axis=1)[:, 0]]
    low, high = heads["thigh_l"][2], heads["upperarm_l"][2]
    group, along = np.zeros(len(shape), np.uint8), (shape[:, 2] - low) / (high - low)
    for row, name in enumerate(main):
        part, _, side = str(name).rpartition("_")
        if name in ("neck_01", "head"):
            group[row] = NECK if name == "neck_01" else HEAD
        elif part in ("upperarm", "lowerarm", "hand") or part[-2:] in ("01", "02", "03"):
            if side in ("l", "r"):
                group[row], along[row] = _on_arm(part, side, shape[row], heads)
        elif part in ("thigh", "calf", "foot", "ball"):
            group[row], along[row] = _on_leg(part, side, shape[row], heads)
    return group, along


def _on_arm(part: str, side: str, place: Floats, heads: dict[str, Floats]) -> tuple[int, float]:
    group = LEFT_ARM if side == "l" else RIGHT_ARM
    stops = [heads[f"{name}_{side}"] for name in ("upperarm", "lowerarm", "hand", "middle_03")]
    start = {"upperarm": 0, "lowerarm": 1}.get(part, 2)
    return group, start + _share(place, stops[start], stops[start + 1])


def _on_leg(part: str, side: str, place: Floats, heads: dict[str, Floats]) -> tuple[int, float]:
    group = LEFT_LEG if side == "l" else RIGHT_LEG
    if part in ("foot", "ball"):
        return group, 2 + float(1 - place[2] / heads[f"foot_{side}"][2])
    stops = [heads[f"{name}_{side}"] for name in ("thigh", "calf", "foot")]
    start = 0 if part == "thigh" else 1
    return group, start + _share(place, stops[start], stops[start + 1])


def _share(place: Floats, start: Floats, end: Floats) -> float:
    way = end - start
    return float((place - start) @ way / (way @ way))


def face(folder: Path, mesh: Mesh, shape: Floats) -> dict[str, Floats]:
    """Fields over the vertices: lips, brows 0 to 1; scalp, mm above the hairline; iris, deg from its axis."""
    size = len(mesh.vertices)

    def strength(name: str) -> Floats:
        moved = np.linalg.norm(read_target(folder, name, size), axis=1)
        return np.asarray(moved / moved.max())

    lips = np.maximum(
        strength("mouth/mouth-upperlip-volume-incr"), strength("mouth/mouth-lowerlip-volume-incr")
    )
    ears = strength("ears/l-ear-rot-forward") + strength("ears/r-ear-rot-forward") > 0.02
    eyes = {x: np.unique(mesh.quads[mesh.groups == f"helper-{x}-eye"]) for x in "lr"}
    level = np.mean([shape[rows].mean(axis=0) for rows in eyes.values()], axis=0)
    behind = level[1] - shape[:, 1]
    scalp = (shape[:, 2] - level[2]) - (62 - behind * 0.78)
    iris = np.full(size, 180.0)
    for rows in eyes.values():
        off = shape[rows] - shape[rows].mean(axis=0)
        iris[rows] = np.degrees(np.arctan2(np.hypot(off[:, 0], off[:, 2]), off[:, 1]))
    return {
        "lips": lips,
        "brows": np.clip(strength("eyebrows/eyebrows-trans-up") * 6 - 5, 0, 1),
        "scalp": np.where(ears, -50.0, scalp),
        "iris": iris,
    }
