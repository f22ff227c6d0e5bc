"""A device without memory for a batch: halves, and in the end an error that may pass. With a real arena."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from mesh import device_memory
from mesh.errors import ResourceExhausted

# In a process of its own: an arena is registered for the whole process.
CHILD = """
import numpy as np
from mesh.errors import ResourceExhausted
from svc_segment.features import CHANNELS
from svc_segment.model import load_model
model = load_model("ink-seg@1.1.0", threads=1)
tiles = np.random.default_rng(1).random((8, CHANNELS, 512, 512), np.float32)
try:
    answers = model.logits(tiles)
    alone = np.stack([model.logits(tile[None])[0] for tile in tiles])
    print("answered", answers.shape, bool(np.allclose(answers, alone, atol=1e-4)))
except ResourceExhausted as error:
    print(error.code, error.permanent)
"""


def child(limit: int) -> tuple[str, str]:
    env = {**os.environ, "ASSAY_INFERENCE_MEMORY_BYTES": str(limit), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    *logged, last = done.stdout.strip().splitlines()
    return last, "\n".join(logged)


def test_a_batch_that_does_not_fit_is_run_in_halves_with_the_same_answers() -> None:
    last, logged = child(300_000_000)
    assert last == "answered (8, 512, 512) True"
    assert "device_memory_short" in logged


def test_a_tile_that_does_not_fit_is_refused_for_now() -> None:
    assert child(20_000_000)[0] == "DEVICE_MEMORY False"


def test_only_what_memory_is_at_fault_for_is_run_again() -> None:
    calls: list[int] = []

    def broken(batch: np.ndarray) -> np.ndarray:
        calls.append(len(batch))
        raise ValueError("Got: 3 Expected: 7")

    with pytest.raises(ValueError, match="Expected"):
        device_memory.in_pieces(broken, np.zeros((4, 1), np.float32), "m@1.0.0")
    assert calls == [4]


@pytest.mark.parametrize("room", [1, 2, 3, 7, 8])
def test_answers_keep_their_order_whatever_the_room(room: int) -> None:
    def run(batch: np.ndarray) -> np.ndarray:
        if len(batch) > room:
            raise RuntimeError("CUDA failure 2: out of memory")
        return batch * 2

    batch = np.arange(8, dtype=np.float32)[:, None]
    assert np.array_equal(device_memory.in_pieces(run, batch, "m@1.0.0"), batch * 2)


def test_one_that_never_fits_is_a_passing_error() -> None:
    def run(batch: np.ndarray) -> np.ndarray:
        raise MemoryError

    with pytest.raises(ResourceExhausted) as error:
        device_memory.in_pieces(run, np.zeros((5, 1), np.float32), "m@1.0.0")
    assert error.value.code == "DEVICE_MEMORY"
    assert not error.value.permanent
