"""Photos of skin without a tattoo: whatever is outlined there, nothing may be concluded from it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from assay.common.v1.types_pb2 import FLAG_LEVEL_FAIL

from svc_segment import page
from svc_segment.core import segment
from svc_segment.model import load_model

MEGAPIXELS = 3e6


def photos(shared_data: Path) -> list[Path]:
    hands = sorted((shared_data / "skin" / "hands11k").glob("*.jpg"))[:50]
    limbs = sorted(p for p in (shared_data / "skin" / "healthy_limbs").iterdir() if p.suffix != ".md")
    return [*hands, *(p for p in limbs if p.suffix.lower() in (".jpg", ".jpeg", ".png"))]


def conclusive(paths: list[Path]) -> list[str]:
    """Names of the photos on which the segmenter is sure of ink."""
    model, sure = load_model(), []
    for path in paths:
        photo = cv2.imread(str(path))
        assert photo is not None, path
        scale = min(1.0, (MEGAPIXELS / (photo.shape[0] * photo.shape[1])) ** 0.5)
        small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        result = segment(np.ascontiguousarray(small[..., ::-1]), model)
        if not any(flag.level == FLAG_LEVEL_FAIL for flag in page.flags(result)):
            sure.append(path.name)
    return sure


def test_no_hand_is_taken_for_a_tattoo(shared_data: Path) -> None:
    assert conclusive(photos(shared_data)[::9]) == []


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_no_bare_skin_is_taken_for_a_tattoo(shared_data: Path) -> None:
    assert conclusive(photos(shared_data)) == []
