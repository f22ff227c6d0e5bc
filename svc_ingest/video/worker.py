"""The video decoder process: file names on standard input, measures on standard output, under hard limits.

Like `svc_ingest.worker` it is started with no environment; it may write one file, the picture track, and no
larger than a video may be. It serves one video, so that nothing of one is left for the next.
"""

import os
import resource
import sys
from pathlib import Path

import cv2

from mesh.errors import InvalidInput
from svc_ingest import confine, wire
from svc_ingest.video import wire as video_wire
from svc_ingest.video.core import capture
from svc_ingest.video.limits import VideoLimits
from svc_ingest.video.problems import refuse

_OVERHEAD = 1.05
"""A written container may be this much larger than the one it was read from."""


def main() -> None:
    """Serves one request: source, target, limits."""
    answers = confine.quiet_output()
    cv2.setNumThreads(1)
    idle_bytes = confine.address_space()
    try:
        fields, _ = wire.receive(sys.stdin.buffer)
    except EOFError:
        return
    limits = VideoLimits(**fields["limits"])
    most = int(limits.max_bytes * _OVERHEAD) + 2**20
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    confine.bound(limits.memory_bytes, limits.cpu_seconds, idle_bytes)
    try:
        answer = video_wire.pack(capture(Path(fields["source"]), Path(fields["target"]), limits))
    except InvalidInput as error:
        answer = confine.refusal(error)
    except (MemoryError, cv2.error):
        # OpenCV has an error type of its own; on decoded frames, memory is all it can lack.
        needed = refuse("VIDEO_TOO_COMPLEX", "Decoding the video takes more memory than is allowed.")
        answer = confine.refusal(needed)
    wire.send(answers, {**answer, "spent": True, **confine.cost()})
    # Threads of the decoder may still hold pictures; nothing of this process is needed any more.
    answers.close()
    os._exit(0)


if __name__ == "__main__":
    main()
