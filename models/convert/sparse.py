"""Sparse weights of TFLite made dense (operator DENSIFY).

A sparse tensor of rank r in b blocked dimensions is stored as a tree of r + b levels, one per entry of
`order`; a level is dense (every index present) or compressed (CSR: `segments` says where each parent's
`indices` begin). Format: TFLite schema, SparsityParameters; TACO (Kjolstad et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.convert.flatbuffer import damaged

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """One level of the tree: dense with `size` children, or compressed when `segments` has entries."""

    size: int
    segments: Ints
    indices: Ints


@dataclass(frozen=True)
class Sparsity:
    """order: level -> dimension (those from the tensor's rank on are blocks). blocked: block -> dimension."""

    order: tuple[int, ...]
    blocked: tuple[int, ...]
    levels: tuple[Level, ...]


def densify(values: NDArray[Any], sparsity: Sparsity, shape: tuple[int, ...]) -> NDArray[Any]:
    """Puts stored values [n] where they belong in zeros of `shape`; raises InvalidInput where none fits."""
    paths = np.zeros((1, 0), np.int64)
    nodes = np.zeros(1, np.int64)
    for level in sparsity.levels:
        parents, children, nodes = _descend(level, nodes)
        paths = np.column_stack([paths[parents], children])
    if len(paths) != len(values):
        raise damaged(f"{len(values)} stored weights for {len(paths)} places")
    out = np.zeros(shape, values.dtype)
    at = _coordinates(paths, sparsity, shape)
    if any((axis >= side).any() for axis, side in zip(at, shape, strict=True)):
        raise damaged("a sparse weight lies outside its tensor")
    out[at] = values
    return out


def _descend(level: Level, nodes: Ints) -> tuple[Ints, Ints, Ints]:
    """For nodes of one level: each child's parent (place in `nodes`), its coordinate, its own number."""
    if not len(level.segments):
        children = np.tile(np.arange(level.size, dtype=np.int64), len(nodes))
        parents = np.repeat(np.arange(len(nodes), dtype=np.int64), level.size)
        return parents, children, nodes[parents] * level.size + children
    if nodes.max(initial=-1) + 1 >= len(level.segments):
        raise damaged("a compressed level has too few segments")
    starts, ends = level.segments[nodes], level.segments[nodes + 1]
    counts = ends - starts
    if (counts < 0).any() or ends.max(initial=0) > len(level.indices):
        raise damaged("a compressed level points past its indices")
    parents = np.repeat(np.arange(len(nodes), dtype=np.int64), counts)
    offset = np.arange(counts.sum(), dtype=np.int64) - np.repeat(np.cumsum(counts) - counts, counts)
    numbers = starts[parents] + offset
    return parents, level.indices[numbers], numbers


def _coordinates(paths: Ints, sparsity: Sparsity, shape: tuple[int, ...]) -> tuple[Ints, ...]:
    """Coordinates in the tensor: a blocked dimension counts blocks, then places within the block."""
    rank = len(shape)
    at = [np.zeros(len(paths), np.int64) for _ in range(rank)]
    for column, dimension in enumerate(sparsity.order):
        if dimension < rank:
            at[dimension] += paths[:, column] * _block_size(sparsity, dimension, rank)
        else:
            at[sparsity.blocked[dimension - rank]] += paths[:, column]
    return tuple(at)


def _block_size(sparsity: Sparsity, dimension: int, rank: int) -> int:
    if dimension not in sparsity.blocked:
        return 1
    return sparsity.levels[sparsity.order.index(rank + sparsity.blocked.index(dimension))].size
