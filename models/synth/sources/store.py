"""A library as one file of arrays, so that every process reads it in a second."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np

from models.synth.arrays import Points
from models.synth.library import Alphabet, Library, Motif


def save(library: Library, path: Path) -> None:
    """Write the library; the file is whole or not there."""
    contours: list[Points] = []
    motifs = []
    for m in library.motifs:
        motifs.append([[len(f) for f in m.fills], [w for _, w in m.lines], m.source])
        contours += [c for f in m.fills for c in f] + [line for line, _ in m.lines]
    alphabets = []
    for a in library.alphabets:
        alphabets.append([{k: len(g) for k, g in a.glyphs.items()}, a.advance, list(a.words), a.source])
        contours += [c for g in a.glyphs.values() for c in g]
    meta = json.dumps({"motifs": motifs, "alphabets": alphabets}).encode()
    with NamedTemporaryFile(dir=path.parent, prefix=".writing-", suffix=".npz", delete=False) as part:
        np.savez(
            part,
            xy=np.concatenate(contours).astype(np.float32),
            lengths=np.array([len(c) for c in contours], np.int32),
            meta=np.frombuffer(meta, np.uint8),
        )
    Path(part.name).replace(path)


def read(path: Path) -> Library:
    """The library that `save` wrote."""
    with np.load(path, allow_pickle=False) as held:
        xy, lengths, meta = held["xy"].astype(np.float64), held["lengths"], json.loads(held["meta"].tobytes())
    pieces = iter(np.split(xy, np.cumsum(lengths)[:-1]))

    def take(count: int) -> tuple[Points, ...]:
        return tuple(next(pieces) for _ in range(count))

    motifs = tuple(_motif(entry, take) for entry in meta["motifs"])
    alphabets = tuple(
        Alphabet({k: take(n) for k, n in glyphs.items()}, advance, tuple(words), source)
        for glyphs, advance, words, source in meta["alphabets"]
    )
    return Library(motifs, alphabets)


def _motif(entry: Any, take: Any) -> Motif:
    fills, widths, source = entry
    filled = tuple(take(count) for count in fills)
    return Motif(filled, tuple(zip(take(len(widths)), widths, strict=True)), source)
