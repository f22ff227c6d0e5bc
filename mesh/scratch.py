"""Folders for files that are being worked on: gone when the work is, swept when its process was killed.

A folder is locked while it is used; the lock goes with the process, whatever becomes of its number.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "assay-scratch-"
# A folder that is younger may have been made but not locked yet.
SETTLED_S = 60.0


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder of one's own, removed at the end."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        lock = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield Path(name)
        finally:
            os.close(lock)


def sweep() -> int:
    """Removes what killed processes have left; returns how many folders that were."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime < SETTLED_S or not _left(folder):
                continue
        except OSError:
            continue  # gone meanwhile, or somebody else's
        shutil.rmtree(folder, ignore_errors=True)
        removed += 1
    return removed


def _left(folder: Path) -> bool:
    """Whether nobody holds the folder's lock."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
