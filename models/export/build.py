"""Builds every form of a model, judges it, times it, and removes what did not pass."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.export import coreml, onnx_forms
from models.export.sessions import LiteRt, Session, onnx_session
from models.export.subject import FORMS, Array, Form, Subject

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "models" / "build"
RECORD = "exports.json"
CONVERTERS = Path(__file__).resolve().parent / ".venv" / "bin" / "python"
CONVERSION_LIMIT_S = 1800
TIMED_RUNS = 40
THREADS = (1, 2)


@dataclass(frozen=True)
class Export:
    """One form of one model. sha256 and size of a folder are those of its files, in order of their paths."""

    model: str
    form: str
    made_of: str
    file: str
    size_bytes: int
    sha256: str
    parity: str
    passed: bool
    """Whether it passed its gate; where not, its file is not there."""
    latency_ms: Mapping[str, float]
    """Fastest of TIMED_RUNS calls by number of threads; empty where it cannot run here."""


class ConversionError(RuntimeError):
    """The converters failed; the message ends with what they said."""


def build(subject: Subject, out: Path, told: Callable[[str], None] = lambda _: None) -> list[Export]:
    """Writes the forms of a model into `out`/<name>-<version> and answers for each of them.

    Raises ConversionError, and FileNotFoundError where the converters' environment is not there.
    """
    folder = out / subject.label.replace("@", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    told(f"{subject.label}: ONNX")
    wide = onnx_forms.single(subject.file)
    onnx_forms.save(wide, folder / "model-fp32.onnx")
    onnx_forms.save(onnx_forms.half(wide), folder / "model-fp16.onnx")
    onnx_forms.to_ort(subject.file, folder / "model.ort")
    told(f"{subject.label}: LiteRT and Core ML")
    convert(subject, folder)
    return [_judged(subject, form, folder, told) for form in FORMS]


def convert(subject: Subject, folder: Path) -> None:
    """Runs `models.export.convert` in the environment that has the converters."""
    if not CONVERTERS.exists():
        raise FileNotFoundError(f"{CONVERTERS} is not there: make it by `make models`")
    with tempfile.TemporaryDirectory() as place:
        names = ("concrete.onnx", "calibration.npz", "job.json", "log")
        concrete, calibration, job, log = (Path(place) / name for name in names)
        onnx_forms.concrete(subject.file, concrete)
        np.savez(calibration, allow_pickle=False, **subject.calibration())
        said = {
            "onnx": str(concrete),
            "folder": str(folder),
            "signatures": {name: list(shape) for name, shape in subject.signatures.items()},
            "channels_last": subject.channels_last,
            "calibration": str(calibration),
        }
        job.write_text(json.dumps(said))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        with log.open("wb") as sink:
            done = subprocess.run(  # noqa: S603 - our own module
                [str(CONVERTERS), "-m", "models.export.convert", str(job)],
                cwd=ROOT,
                env=environment,
                stdout=sink,
                stderr=subprocess.STDOUT,
                timeout=CONVERSION_LIMIT_S,
                check=False,
            )
        if done.returncode:
            raise ConversionError(f"{subject.label}: {log.read_text(errors='replace')[-4000:]}")


def open_form(path: Path, threads: int = 0, *, rounded: bool = False) -> Session:
    """What runs a built file; rounded as in `onnx_session`. Core ML's runs by our reading of it."""
    if path.suffix == ".tflite":
        return LiteRt(path, threads)
    if path.suffix == ".mlpackage":
        return onnx_session(coreml.to_onnx(coreml.read(path)), threads, rounded=rounded)
    return onnx_session(path, threads, rounded=rounded)


def judge(subject: Subject, form: Form, path: Path) -> tuple[str, bool]:
    """The parity of a built file in words, and whether it passed. What did not is removed."""
    parity = subject.parity(open_form(path, 1, rounded="fp16" in form.name), form)
    if not parity.passed:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return parity.said, parity.passed


def timed(subject: Subject, made: Export, out: Path) -> Export:
    """The same with its times taken again."""
    return replace(made, latency_ms=latency(subject, out / made.file)) if made.passed else made


def _judged(subject: Subject, form: Form, folder: Path, told: Callable[[str], None]) -> Export:
    path = folder / form.file
    size, digest = weight(path)
    parity, passed = judge(subject, form, path)
    told(f"{subject.label}: {form.name}: {parity}, {'kept' if passed else 'removed'}")
    taken = latency(subject, path) if passed else {}
    file = str(path.relative_to(folder.parent))
    return Export(subject.label, form.name, form.made_of, file, size, digest, parity, passed, taken)


def latency(subject: Subject, path: Path) -> dict[str, float]:
    """Milliseconds of one call, by number of threads; nothing for Core ML.

    The fastest of many, since other work on the machine only ever adds.
    """
    if path.suffix == ".mlpackage":
        return {}
    shape = next(iter(subject.signatures.values()))
    rng = np.random.default_rng(11)
    batch, *rest = shape
    laid = (batch, *rest[1:], rest[0]) if path.suffix == ".tflite" and subject.channels_last else shape
    given = rng.random(laid, np.float32)
    return {str(threads): _fastest(open_form(path, threads), subject, given) for threads in THREADS}


def _fastest(session: Session, subject: Subject, given: Array) -> float:
    feeds = {subject.input: given}
    session.run(None, feeds)
    taken = []
    for _ in range(TIMED_RUNS):
        began = time.perf_counter()
        session.run(None, feeds)
        taken.append(time.perf_counter() - began)
    return round(min(taken) * 1e3, 1)


def weight(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file, or of all files of a folder with their paths."""
    if path.is_file():
        return path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return sum(each.stat().st_size for each in files), _digest(path, files)


def _digest(folder: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for each in files:
        digest.update(str(each.relative_to(folder)).encode() + b"\0" + each.read_bytes())
    return digest.hexdigest()
