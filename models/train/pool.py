"""The training pool: composed scenes as memory-mapped arrays, made once per seed range by all free cores."""

from __future__ import annotations

import hashlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models import synth
from models.synth.designs import Motif
from models.synth.scene import compose
from models.train import icons

SIZE = 512
PLANES = 5
"""R, G, B, ink mask (255, 128 ignore, 0), visible skin (255, 0)."""
_CHUNK = 50
_motifs: list[Motif] = []


@dataclass(frozen=True)
class Pool:
    scenes: NDArray[np.uint8]
    """(N, SIZE, SIZE, PLANES), memory-mapped."""
    ita: NDArray[np.float32]
    sha256: str


def build(cache: Path, first_seed: int, count: int, workers: int) -> Pool:
    """The scenes of seeds first_seed .. first_seed + count - 1; a finished pool on disk is read again."""
    path = cache / f"pool-{first_seed}-{count}-{_recipe()}.npy"
    ita_path = path.with_suffix(".ita.npy")
    if not ita_path.exists():
        icons.load(cache)
        scenes = np.lib.format.open_memmap(path, "w+", np.uint8, (count, SIZE, SIZE, PLANES))
        starts = range(0, count, _CHUNK)
        jobs = [(first_seed + s, min(_CHUNK, count - s)) for s in starts]
        ita = np.zeros(count, np.float32)
        with ProcessPoolExecutor(workers, initializer=_prepare, initargs=(cache,)) as pool:
            for start, (block, angles) in zip(starts, pool.map(_compose, jobs), strict=True):
                scenes[start : start + len(block)] = block
                ita[start : start + len(block)] = angles
        scenes.flush()
        np.save(ita_path, ita)
    scenes = np.load(path, mmap_mode="r")
    return Pool(scenes, np.load(ita_path), _sha256(path))


def _recipe() -> str:
    """Short hash of the generator's source: another recipe is another pool."""
    parts = sorted(Path(synth.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(p.read_bytes() for p in parts)).hexdigest()[:12]


def _prepare(cache: Path) -> None:
    cv2.setNumThreads(1)
    _motifs[:] = icons.load(cache)


def _compose(job: tuple[int, int]) -> tuple[NDArray[np.uint8], list[float]]:
    first, count = job
    made = [compose(seed, SIZE, _motifs) for seed in range(first, first + count)]
    block = np.stack([np.dstack([s.rgb, s.mask, s.skin]) for s in made])
    return block, [s.ita for s in made]


def _sha256(path: Path) -> str:
    """Hash of a finished pool, kept beside it: a pool is gigabytes."""
    kept = path.with_suffix(".sha256")
    if not kept.exists():
        with path.open("rb") as file:
            kept.write_text(hashlib.file_digest(file, "sha256").hexdigest())
    return kept.read_text()
