"""A body: one person's rest shape, posed by linear blend skinning, with exact joint centres.

Joint centres and surface points follow the bones rigidly or through their vertices' own weights, so a
posed body's landmarks are exact. Lengths mm; x to the subject's right, y forward, z up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.synth.people import asset

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Body:
    """A rest shape. heads: [B, 3] joint centres the bones turn about. points: [33, 3] landmarks. vertices:
    [V, 3]. sex: "female" or "male". stature_mm: sole to vertex, standing. old: 0 young to 1 old."""

    heads: Floats
    points: Floats
    vertices: Singles
    sex: str
    stature_mm: float
    old: float
    weight: float

    def of_stature(self, stature_mm: float) -> Body:
        """The same shape, scaled."""
        scale = stature_mm / self.stature_mm
        return replace(
            self,
            heads=self.heads * scale,
            points=self.points * scale,
            vertices=np.asarray(self.vertices * scale, np.float32),
            stature_mm=stature_mm,
        )

    @cached_property
    def normals(self) -> Singles:
        """Unit normals of the vertices at rest, [V, 3]."""
        quads = asset.load()["quads"].astype(np.int64)
        corner = self.vertices[quads]
        across = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
        total = np.zeros_like(self.vertices)
        for place in range(4):
            for axis in range(3):
                total[:, axis] += np.bincount(quads[:, place], across[:, axis], len(total))
        length = np.sqrt(total[:, 0] ** 2 + total[:, 1] ** 2 + total[:, 2] ** 2)
        return np.asarray(total / np.maximum(length, 1e-6)[:, None], np.float32)


@dataclass(frozen=True)
class Posed:
    """A body in one posture. vertices, normals: [V, 3] float32. points: [33, 3] landmarks, mm."""

    vertices: Singles
    normals: Singles
    points: Floats


def body(first: int, second: int, share: float, stature_mm: float) -> Body:
    """A body between two baked ones (0 the first, 1 the second), scaled to a stature.

    Joints are means of vertices, so that they stay exact in between.
    """
    held = asset.load()
    mixed = {
        name: (1 - share) * held[name][first].astype(np.float64) + share * held[name][second]
        for name in ("heads", "points", "vertices", "old", "weight")
    }
    vertices = mixed["vertices"] / 10
    scale = stature_mm / float(vertices[held["group"] == 2, 2].max())
    return Body(
        heads=mixed["heads"] * scale,
        points=mixed["points"] * scale,
        vertices=np.asarray(vertices * scale, np.float32),
        sex=str(held["sex"][first]),
        stature_mm=stature_mm,
        old=float(mixed["old"]),
        weight=float(mixed["weight"]),
    )


def sampled(rng: np.random.Generator) -> Body:
    """A body of either sex; stature: normal, of adults of many countries (NCD-RisC 2016: 1.59 and 1.71 m)."""
    sexes = asset.load()["sex"]
    sex = ("female", "male")[int(rng.integers(2))]
    first, second = rng.choice(np.flatnonzero(sexes == sex), 2)
    stature = rng.normal(1595 if sex == "female" else 1715, 75)
    return body(int(first), int(second), float(rng.uniform(0, 1)), float(np.clip(stature, 1400, 2050)))


def skin(shape: Body, turns: Floats, places: Floats, *, surface: bool = True) -> Posed:
    """Poses a body. turns: [B, 3, 3] of the bones from rest, places: [B, 3] of their heads, mm.

    v' = sum of w_b (R_b (v - h_b) + p_b); normals are turned alike. Without surface only the landmarks are
    computed.
    """
    held = asset.load()
    moves = places - np.einsum("bij,bj->bi", turns, shape.heads)
    bones = held["point_bones"].astype(np.int64)
    points = np.einsum("kij,kj->ki", turns[bones], shape.points) + moves[bones]
    if not surface:
        empty = np.zeros((0, 3), np.float32)
        return Posed(empty, empty, points)
    affine = np.concatenate([turns, moves[:, :, None]], axis=2).astype(np.float32).reshape(-1, 12)
    mixed = np.zeros((len(shape.vertices), 12), np.float32)
    for place in range(held["bone_of"].shape[1]):
        mixed += held["weights"][:, place, None] * affine[held["bone_of"][:, place]]
    moved = mixed.reshape(-1, 3, 4)
    vertices = np.einsum("vij,vj->vi", moved[:, :, :3], shape.vertices) + moved[:, :, 3]
    normals = np.einsum("vij,vj->vi", moved[:, :, :3], shape.normals)
    return Posed(vertices, normals, points)
