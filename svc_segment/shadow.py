"""A second version beside the active one: it sees the same photo and is only compared.

For judging a release on real traffic before it is made active, or the one before it afterwards. It runs when
the answer is complete, and whatever happens to it, the answer stays.
"""

from __future__ import annotations

import numpy as np
from assay.common.v1.types_pb2 import ComponentVersion, Measurement
from assay.segment.v1.segment_pb2 import ShadowComparison
from numpy.typing import NDArray

from mesh.errors import AssayError
from mesh.signals import counter, histogram
from mesh.stage import StageContext
from svc_segment.core import Segmentation
from svc_segment.engine import engine

MASK_IOU = histogram("assay_shadow_mask_iou")
FAILURES = counter("assay_shadow_failures_total")


async def compare(label: str, data: bytes, served: Segmentation, ctx: StageContext) -> ShadowComparison:
    """How the version `label` sees the working image (JPEG or PNG bytes). Never raises AssayError."""
    name, _, version = label.partition("@")
    try:
        seen = await engine().segment(data, "ingest.working", label, ctx.deadline, lambda found: found)
    except AssayError as error:
        FAILURES.labels(label, error.code).inc()
        ctx.log.warning("shadow_failed", model=label, code=error.code, reason=error.message)
        return ShadowComparison(
            model=ComponentVersion(kind="model", name=name, version=version), failure=error.code
        )
    overlap = iou(served.mask, seen.segmentation.mask)
    MASK_IOU.labels(label).observe(overlap)
    found = seen.segmentation.uncertainty
    return ShadowComparison(
        model=ComponentVersion(kind="model", name=name, version=version, sha256=seen.model.contract.sha256),
        mask_iou=Measurement(id="mask_iou", value=overlap, unit="1"),
        ink_share=Measurement(
            id="ink_share",
            value=found.ink_share,
            unit="1",
            low_95=found.ink_share_low,
            high_95=found.ink_share_high,
        ),
    )


def iou(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Intersection over union of two masks (H, W), above 0 is ink; 1 when both are empty."""
    either = int(((a > 0) | (b > 0)).sum())
    return int(((a > 0) & (b > 0)).sum()) / either if either else 1.0
