"""The leak verdict: on series of known course, and on a process that really leaks."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.leaks import trend
from bench.stack_usage import Use, use_of

HOUR = [10.0 * i for i in range(300)]


def noise(seed: int, size: float) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(0, size) for _ in HOUR]


def test_noise_around_a_level_is_no_leak() -> None:
    found = trend("p", "rss_mib", HOUR, [200 + n for n in noise(1, 4.0)], count=False)
    assert not found.leaks
    assert abs(found.growth) < 0.01


@pytest.mark.parametrize("per_hour", [6.0, 20.0, 200.0])
def test_a_steady_rise_is_found_below_noise(per_hour: float) -> None:
    values = [200 + per_hour * at / 3600 + n for at, n in zip(HOUR, noise(2, 4.0), strict=True)]
    found = trend("p", "rss_mib", HOUR, values, count=False)
    assert found.leaks
    assert found.per_hour == pytest.approx(per_hour, rel=0.1, abs=3.0)


def test_teeth_of_a_garbage_collector_are_no_leak() -> None:
    values = [100 + 40 * ((at / 70) % 1) for at in HOUR]
    assert not trend("s3", "rss_mib", HOUR, values, count=False).leaks


def test_what_came_to_rest_is_told_from_what_goes_on() -> None:
    filled = trend("s3", "uss_mib", HOUR, [200 + min(at / 60, 25.0) for at in HOUR], count=False)
    assert filled.leaks
    assert filled.late_growth == 0
    rising = trend("s3", "uss_mib", HOUR, [200 + at / 60 for at in HOUR], count=False)
    assert rising.leaks
    assert rising.late_growth == pytest.approx(25 / 225, rel=0.02)


def test_a_few_high_samples_are_no_leak() -> None:
    values = [100.0 if i % 20 else 400.0 for i in range(len(HOUR))]
    values[-3:] = [500.0] * 3
    assert not trend("p", "rss_mib", HOUR, values, count=False).leaks


def test_one_more_open_file_is_no_leak_but_one_a_minute_is() -> None:
    one_more = [20.0 if at < 1500 else 21.0 for at in HOUR]
    assert not trend("p", "files", HOUR, one_more, count=True).leaks
    one_a_minute = [20.0 + math.floor(at / 60) for at in HOUR]
    assert trend("p", "files", HOUR, one_a_minute, count=True).leaks


@given(st.floats(1, 1e4), st.floats(-0.5, 0.5))
def test_growth_is_that_of_the_line(level: float, growth: float) -> None:
    values = [level * (1 + growth * at / HOUR[-1]) for at in HOUR]
    found = trend("p", "rss_mib", HOUR, values, count=False)
    assert found.growth == pytest.approx(growth, abs=1e-6)


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="three samples"):
        trend("p", "files", [0.0, 1.0], [1.0, 1.0], count=True)


LEAKY = """
import time
kept, files = [], []
while True:
    kept.append(bytearray(200_000))
    files.append(open("/dev/null"))
    time.sleep(0.05)
"""
# They wait to be killed; the sleep only ends what a killed test left behind.
SHARING = """
import mmap, os, time
shared = mmap.mmap(-1, 64 * 2**20)
children = [os.fork() for _ in range(2) if os.getpid() == os.getpgrp()]
shared.write(b"x" * len(shared))
os.write(1, b"ready\\n")
time.sleep(60)
"""
OPENED = """
import os, time
children = [os.fork() for _ in range(2) if os.getpid() == os.getpgrp()]
kept = [open(os.environ["TABLE"]) for _ in range(int(os.environ["TIMES"]))]
kept += [open(os.environ["OWN"] + str(os.getpid()), "w")] if os.getpid() == os.getpgrp() else []
os.write(1, b"ready\\n")
time.sleep(60)
"""
STEADY = "import time\nwhile True: time.sleep(0.05)"


@pytest.mark.parametrize(("program", "leaks"), [(LEAKY, True), (STEADY, False)])
def test_a_leak_in_a_process_is_found(program: str, leaks: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            time.sleep(0.5)
            times, seen = [], []
            for _ in range(12):
                times.append(time.monotonic())
                seen.append(use_of(psutil.Process(process.pid)))
                time.sleep(0.15)
        finally:
            process.kill()
    memory = trend("p", "rss_mib", times, [each.rss_mib for each in seen], count=False)
    files = trend("p", "files", times, [each.files for each in seen], count=True)
    assert (memory.leaks, files.leaks) == (leaks, leaks)


def test_what_processes_share_counts_once() -> None:
    used = used_by(SHARING, {})
    assert len(used.pids) == 3
    assert 64 < used.rss_mib < 128


def test_a_file_counts_as_often_as_the_process_that_has_it_most_often_open(tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.touch()
    own = {"TABLE": str(table), "OWN": str(tmp_path / "own")}
    never, thrice = (used_by(OPENED, {**own, "TIMES": times}) for times in ("0", "3"))
    assert thrice.files - never.files == 3


def used_by(program: str, environment: dict[str, str]) -> Use:
    """What a program and its two children use, once all three are ready."""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, start_new_session=True, env={**os.environ, **environment}
    ) as process:
        assert process.stdout
        try:
            for _ in range(3):
                assert process.stdout.readline() == b"ready\n"
            return use_of(psutil.Process(process.pid))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
