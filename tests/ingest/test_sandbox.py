"""The decoder process: limits, death, replacement."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mesh.errors import InvalidInput, Transient
from svc_ingest.core import ingest
from svc_ingest.limits import DEFAULT_LIMITS
from svc_ingest.sandbox import Sandbox
from tests.ingest.conftest import encode, scene

PHOTO = encode(scene(2000, 1500), "JPEG", quality=95)
# About a second of work: time enough to be killed in the middle.
SLOW = encode(scene(4000, 3000), "PNG", compress_level=1)


def test_same_result_as_in_process(sandbox: Sandbox) -> None:
    there, here = sandbox.ingest(PHOTO, "image/jpeg"), ingest(PHOTO, "image/jpeg")
    assert replace(there, milliseconds={}) == replace(here, milliseconds={})


def test_too_little_memory_is_a_typed_error_and_the_pool_lives_on() -> None:
    pool = Sandbox(limits=replace(DEFAULT_LIMITS, memory_bytes=64 * 2**20))
    try:
        with pytest.raises(InvalidInput) as refused:
            pool.ingest(SLOW)
        assert refused.value.code == "IMAGE_TOO_COMPLEX"
        assert pool.ingest(encode(scene(), "PNG")).original.width == 240
    finally:
        pool.close()


def test_too_little_processor_time_is_a_typed_error_and_a_fresh_process_follows() -> None:
    pool = Sandbox(limits=replace(DEFAULT_LIMITS, cpu_seconds=1))
    try:
        pool.start()
        noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3)).astype(np.uint8)
        turned = Image.Exif()
        turned[0x0112] = 6
        options = {"quality": 50, "progressive": True, "subsampling": 0, "exif": turned.tobytes()}
        slow = encode(np.tile(noise, (16, 16, 1)), "JPEG", **options)
        with pytest.raises(InvalidInput) as refused:
            pool.ingest(slow)
        assert refused.value.code == "IMAGE_TOO_COMPLEX"
        assert pool.ingest(encode(scene(), "PNG")).original.width == 240
    finally:
        pool.close()


def test_a_wall_clock_limit_is_a_passing_error() -> None:
    pool = Sandbox()
    try:
        pool.start()
        with pytest.raises(Transient) as late:
            pool.ingest(PHOTO, seconds=0.02)
        assert late.value.code == "DECODER_TIMEOUT"
        assert pool.ingest(PHOTO).original.width == 2000
    finally:
        pool.close()


def kill_at_work(pool: Sandbox, pid: int, number: signal.Signals) -> None:
    """Signals the process soon after it was taken out of the pool to work."""
    end = time.monotonic() + 20
    while pool.pids() and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(0.05)
    os.kill(pid, number)


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (signal.SIGKILL, Transient, "DECODER_LOST"),
        (signal.SIGTERM, Transient, "DECODER_LOST"),
        (signal.SIGSEGV, InvalidInput, "IMAGE_TOO_COMPLEX"),
        (signal.SIGABRT, InvalidInput, "IMAGE_TOO_COMPLEX"),
    ],
)
def test_death_in_the_middle_of_an_image(number: signal.Signals, kind: type[Exception], code: str) -> None:
    pool = Sandbox()
    try:
        pool.start()
        (pid,) = pool.pids()
        threading.Thread(target=kill_at_work, args=(pool, pid, number)).start()
        with pytest.raises((Transient, InvalidInput)) as lost:
            pool.ingest(SLOW)
        assert (type(lost.value), lost.value.code) == (kind, code)
        assert pool.ingest(PHOTO).original.width == 2000
        assert pool.pids() != [pid]
    finally:
        pool.close()


def test_a_process_that_died_idle_is_replaced_unnoticed() -> None:
    pool = Sandbox()
    try:
        pool.start()
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        assert pool.ingest(PHOTO).original.width == 2000
    finally:
        pool.close()


def test_no_free_process_in_time() -> None:
    pool = Sandbox()
    try:
        pool.start()
        busy = threading.Thread(target=pool.ingest, args=(SLOW,))
        busy.start()
        time.sleep(0.05)
        with pytest.raises(Transient) as full:
            pool.ingest(PHOTO, seconds=0.1)
        assert full.value.code == "DECODERS_BUSY"
        busy.join()
    finally:
        pool.close()


def test_processes_end_with_the_pool_and_hold_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_S3_SECRET_KEY", "hunter2")
    pool = Sandbox(workers=2)
    pool.start()
    (pid,) = pool.pids()
    with open(f"/proc/{pid}/environ", "rb") as environment:
        assert b"hunter2" not in environment.read()
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_many_threads_share_the_pool() -> None:
    pool = Sandbox(workers=2)
    small = [encode(scene(100 + i, 100), "PNG") for i in range(16)]
    widths: dict[int, int] = {}

    def work(i: int) -> None:
        widths[i] = pool.ingest(small[i]).original.width

    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert widths == {i: 100 + i for i in range(16)}
        assert len(pool.pids()) <= 2
    finally:
        pool.close()
