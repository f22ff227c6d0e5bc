"""Generated people as arrays on disk; made once, in parts, so that a run that was cut off goes on."""

from __future__ import annotations

import hashlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh.landmarks import POINTS
from models.synth import people
from models.synth.people import person

SIDE = 192
_PART = 125
_FILMS = ("clip.py", "pendulum.py", "stance.py")
"""Sources of the generator that pictures do not depend on."""


@dataclass(frozen=True)
class People:
    """rgb: (N, SIDE, SIDE, 3), memory-mapped. points: (N, 33, 2) px. visible, in_frame: (N, 33), as
    `models.synth.people.PersonImage` has them. sha256: of all of it. recipe: of the generator's sources."""

    rgb: NDArray[np.uint8]
    points: NDArray[np.float32]
    visible: NDArray[np.bool_]
    in_frame: NDArray[np.bool_]
    sha256: str
    recipe: str

    def __len__(self) -> int:
        return len(self.rgb)


def build(cache: Path, first_seed: int, count: int, workers: int) -> People:
    """The people of seeds first_seed .. first_seed + count - 1; parts that are on disk are read again."""
    recipe = _recipe()
    folder = cache / f"people-{SIDE}-{recipe}"
    folder.mkdir(parents=True, exist_ok=True)
    parts = [(folder, first_seed + start, min(_PART, count - start)) for start in range(0, count, _PART)]
    missing = [part for part in parts if not _files(*part[:2])[1].exists()]
    with ProcessPoolExecutor(workers, initializer=cv2.setNumThreads, initargs=(1,)) as makers:
        for done, _ in enumerate(makers.map(_make, missing), 1):
            print(f"people {count - (len(missing) - done) * _PART} of {count}", flush=True)
    return _read(folder, parts, recipe)


def _make(part: tuple[Path, int, int]) -> None:
    folder, first, count = part
    made = [person(seed, SIDE) for seed in range(first, first + count)]
    pictures, labels = _files(folder, first)
    np.save(pictures, np.stack([one.rgb for one in made]))
    partial = labels.with_suffix(".part.npz")
    np.savez(
        partial,
        points=np.stack([one.points_px for one in made]).astype(np.float32),
        visible=np.stack([one.visible for one in made]),
        in_frame=np.stack([one.in_frame for one in made]),
    )
    partial.replace(labels)


def _read(folder: Path, parts: list[tuple[Path, int, int]], recipe: str) -> People:
    count = sum(part[2] for part in parts)
    whole = folder / f"rgb-{parts[0][1]}-{count}.npy"
    if not whole.exists():
        partial = whole.with_suffix(".part.npy")
        rgb = np.lib.format.open_memmap(partial, "w+", np.uint8, (count, SIDE, SIDE, 3))
        for at, part in enumerate(parts):
            rgb[at * _PART : at * _PART + part[2]] = np.load(_files(*part[:2])[0])
        rgb.flush()
        partial.replace(whole)
    labels = [np.load(_files(*part[:2])[1]) for part in parts]
    points, visible, in_frame = (
        np.concatenate([each[name] for each in labels]) for name in ("points", "visible", "in_frame")
    )
    assert points.shape == (count, POINTS, 2)
    digest = hashlib.sha256(points.tobytes() + visible.tobytes() + in_frame.tobytes())
    with whole.open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    return People(np.load(whole, mmap_mode="r"), points, visible, in_frame, digest.hexdigest(), recipe)


def _files(folder: Path, first: int) -> tuple[Path, Path]:
    return folder / f"{first:08d}.npy", folder / f"{first:08d}.npz"


def _recipe() -> str:
    """Short hash of the generator's source: another recipe is another pool."""
    sources = [s for s in sorted(Path(people.__file__).parent.glob("*.py")) if s.name not in _FILMS]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
