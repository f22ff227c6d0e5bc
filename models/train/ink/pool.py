"""The training pool: composed scenes in files of 50, made ahead by worker processes while training runs."""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from models import synth
from models.synth.designs import EMPTY, Library
from models.synth.scene import BARE, Scene, compose
from models.synth.sources import load
from svc_color.space import linear_to_lab

SIZE = 512
PLANES = 5
"""R, G, B, ink mask (255, 128 ignore, 0), visible skin (255, 0)."""
CHUNK = 50
PATIENCE_S = 1200.0
_library: list[Library] = [EMPTY]


@dataclass(frozen=True)
class About:
    """What is said of a finished file of scenes."""

    sha256: str
    ita: list[float]
    """The skin's typology angle in each scene, degrees."""
    lab: list[list[float]]
    """CIELAB (D65) of the bare skin, light and camera apart."""
    bare: list[bool]
    """Whether a scene was composed without ink."""
    seconds: float
    """CPU time of composing."""


class Pool:
    """The scenes of seeds first_seed .. first_seed + count - 1, each there when it is first asked for.

    library: folder of designs; None draws from random numbers alone, for which another cache is to be given.
    Finished files are used again; another generator is another folder. Use as a context manager: leaving it
    stops the workers (a file that is not finished is made anew next time).
    """

    def __init__(
        self, cache: Path, library: Path | None, first_seed: int, count: int, workers: int, nice: int = 0
    ) -> None:
        self.count = count
        self.waited = 0.0
        """Seconds that a reader waited for scenes."""
        self._folder = cache / f"scenes-{recipe()}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._first = first_seed
        self._open: dict[int, NDArray[np.uint8]] = {}
        starts = range(first_seed, first_seed + count, CHUNK)
        jobs = [(self._path(s), s, min(CHUNK, first_seed + count - s)) for s in starts]
        missing = [job for job in jobs if not _said(job[0]).exists()]
        self._workers: ProcessPoolExecutor | None = None
        self._made: dict[Path, Future[None]] = {}
        if missing:
            self._workers = ProcessPoolExecutor(workers, initializer=_prepare, initargs=(library, nice))
            self._made = {job[0]: self._workers.submit(_make, *job) for job in missing}

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._workers is not None:
            self._workers.shutdown(wait=False, cancel_futures=True)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Scene (SIZE, SIZE, PLANES), memory-mapped; raises TimeoutError when it is not made in time."""
        chunk = index // CHUNK
        if chunk not in self._open:
            path = self._ready(self._first + chunk * CHUNK)
            self._open[chunk] = np.load(path, mmap_mode="r")
        return self._open[chunk][index % CHUNK]

    def about(self) -> list[About]:
        """What is said of every file; waits until all are finished."""
        starts = range(self._first, self._first + self.count, CHUNK)
        return [About(**json.loads(_said(self._ready(s)).read_text())) for s in starts]

    @property
    def sha256(self) -> str:
        """Hash over the hashes of all files."""
        return hashlib.sha256("".join(a.sha256 for a in self.about()).encode()).hexdigest()

    @property
    def ita(self) -> list[float]:
        return [angle for a in self.about() for angle in a.ita]

    @property
    def lab(self) -> list[list[float]]:
        return [lab for a in self.about() for lab in a.lab]

    @property
    def scenes_per_core_second(self) -> float:
        return self.count / max(1e-9, sum(a.seconds for a in self.about()))

    def _path(self, start: int) -> Path:
        size = min(CHUNK, self._first + self.count - start)
        return self._folder / f"{start}-{size}.npy"

    def _ready(self, start: int) -> Path:
        path = self._path(start)
        if path in self._made:
            began = time.monotonic()
            self._made.pop(path).result(timeout=PATIENCE_S)
            self.waited += time.monotonic() - began
        return path


def recipe() -> str:
    """Short hash of the generator's source: another recipe is another pool."""
    folder = Path(synth.__file__).parent
    parts = [folder / "scene.py", *(p for p in sorted(folder.rglob("*.py")) if not _apart(p, folder))]
    told = hashlib.sha256()
    for part in parts:
        told.update(part.read_bytes())
    told.update(f"{cv2.__version__} {np.__version__}".encode())
    return told.hexdigest()[:12]


def _apart(path: Path, folder: Path) -> bool:
    """Whether a file makes something else than tattoos: people and standing trials have their own truth."""
    return path.relative_to(folder).parts[0] in {"people", "standing", "figure.py"}


def _said(path: Path) -> Path:
    return path.with_suffix(".json")


def _prepare(library: Path | None, nice: int) -> None:
    cv2.setNumThreads(1)
    os.nice(nice)
    _library[0] = EMPTY if library is None else load(library)


def _make(path: Path, first: int, count: int) -> None:
    began = time.process_time()
    made = [compose(seed, SIZE, _library[0]) for seed in range(first, first + count)]
    block = np.stack([np.dstack([s.rgb, s.mask, s.skin]) for s in made])
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.save(file, block)
    partial.replace(path)
    about = {
        "sha256": hashlib.sha256(block.tobytes()).hexdigest(),
        "ita": [s.ita for s in made],
        "lab": [_bare_lab(s) for s in made],
        "bare": [s.kind == "bare" for s in made],
        "seconds": time.process_time() - began,
    }
    _said(path).write_text(json.dumps(about))


def _bare_lab(scene: Scene) -> list[float]:
    """Median colour of the skin without ink; of all that is drawn where none of it is seen."""
    bare = (scene.mask == BARE) & (scene.skin > 0)
    linear = scene.albedo[bare if bare.any() else np.ones_like(bare)].astype(np.float64)
    return [round(float(v), 2) for v in linear_to_lab(np.median(linear, axis=0))]
