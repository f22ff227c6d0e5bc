"""The decoder process: reads images from standard input, answers on standard output, under hard limits.

It is started by `svc_ingest.sandbox` with no environment, so it holds no secrets; it can open no new
files for writing, take no more memory than its limit and no more processor time per image than its limit.
"""

import resource
import sys
from typing import BinaryIO

import cv2

from mesh.errors import InvalidInput
from svc_ingest import confine, wire
from svc_ingest.core import ingest
from svc_ingest.limits import Limits
from svc_ingest.problems import refuse


def main() -> None:
    """Serves requests until standard input ends. A request: declared type, limits, one blob."""
    answers = confine.quiet_output()
    cv2.setNumThreads(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    idle_bytes = confine.address_space()
    while _serve(sys.stdin.buffer, answers, idle_bytes):
        pass


def _serve(requests: BinaryIO, answers: BinaryIO, idle_bytes: int) -> bool:
    try:
        fields, blobs = wire.receive(requests)
    except EOFError:
        return False
    limits = Limits(**fields["limits"])
    confine.bound(limits.memory_bytes, limits.cpu_seconds, idle_bytes)
    try:
        answer, images = wire.pack(ingest(blobs[0], fields["declared"], limits))
    except InvalidInput as error:
        answer, images = confine.refusal(error), ()
    except (MemoryError, cv2.error):
        # OpenCV has an error type of its own; after decoding, memory is all it can lack.
        needed = refuse("IMAGE_TOO_COMPLEX", "Decoding the image takes more memory than is allowed.")
        # What is left of the heap may be in pieces, so this process has done its last image.
        answer, images = {**confine.refusal(needed), "spent": True}, ()
    wire.send(answers, {**answer, **confine.cost()}, images)
    return True


if __name__ == "__main__":
    main()
