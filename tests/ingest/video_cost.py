"""What ingest of a video costs: `python -m tests.ingest.video_cost VIDEO ...`.

Prints frames, seconds and frames/s (starting the decoder process included), and its largest resident size.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from svc_ingest.video.sandbox import VideoSandbox


def main(paths: list[str]) -> None:
    print("video                          frames   wall s    CPU s   frames/s   RSS MB")
    for path in paths:
        pool = VideoSandbox()
        before = _child_seconds()
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            done = pool.capture(Path(path), Path(folder, "picture"))
        wall = time.perf_counter() - started
        pool.close()
        print(
            f"{Path(path).name:30} {done.frames:6} {wall:8.2f} {_child_seconds() - before:8.2f}"
            f" {done.frames / wall:10.0f} {pool.peak_rss_bytes / 1e6:8.0f}"
        )


def _child_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(sys.argv[1:])
