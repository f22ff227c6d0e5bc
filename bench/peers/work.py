"""What every contender does with a photo: our released core, so that only the serving differs.

Runs in each peer's environment, which holds what `svc_segment.core` needs (core.in) and nothing else of ours.
"""

from __future__ import annotations

import os

from assay.segment.v1.segment_pb2 import SegmentResponse

from svc_segment import page
from svc_segment.core import segment
from svc_segment.images import decode, png
from svc_segment.model import Model, load_model

VERSION = "peer"
CORES = len(os.sched_getaffinity(0))


def load(threads: int = 1) -> Model:
    """The released model, run once; one thread a call, for servers that start a process a core."""
    model = load_model(os.environ["ASSAY_BENCH_MODEL"], threads=threads)
    with open(os.environ["ASSAY_BENCH_PHOTO"], "rb") as photo:
        answer(photo.read(), model)
    return model


def answer(photo: bytes, model: Model) -> bytes:
    """A JPEG's page and mask, a serialised SegmentResponse: the answer of SegmentService/Segment."""
    found = segment(decode(photo, "content"), model)
    made = SegmentResponse(page=page.build(found, model, VERSION), mask_png=png(found.mask))
    return made.SerializeToString()


def reference(photo: bytes, model: str) -> SegmentResponse:
    """The answer that every contender must give."""
    return SegmentResponse.FromString(answer(photo, load_model(model)))
