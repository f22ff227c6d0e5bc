"""What a killed process leaves behind is swept; what is in use is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mesh import scratch

HOLD = """
import time
from mesh.scratch import scratch
with scratch() as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


def old(folder: Path) -> None:
    """As if it had been made some time ago."""
    then = time.time() - 2 * scratch.SETTLED_S
    os.utime(folder, (then, then))


def test_a_folder_goes_with_its_work(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch.scratch() as folder:
        (folder / "clip.mp4").write_bytes(b"x")
        old(folder)
        assert scratch.sweep() == 0
        assert folder.is_dir()
    assert not folder.exists()


def test_what_a_killed_process_left_is_swept(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().decode().strip())
        (folder / "clip.mp4").write_bytes(b"x")
        old(folder)
        assert scratch.sweep() == 0
        holder.send_signal(signal.SIGKILL)
    assert folder.is_dir()
    assert scratch.sweep() == 1
    assert not folder.exists()


def test_a_folder_just_made_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"{scratch.PREFIX}new").mkdir()
    assert scratch.sweep() == 0
