"""The process of the segment room."""

from __future__ import annotations

from assay.segment.v1 import segment_pb2

from mesh import service
from svc_segment.service import register
from svc_segment.stage import STAGE

if __name__ == "__main__":
    service.run(
        "svc_segment",
        services=[segment_pb2.DESCRIPTOR.services_by_name["SegmentService"]],
        register=register,
        stages=[STAGE],
    )
