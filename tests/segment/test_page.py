"""The page: flags that follow from the numbers, typed "not measurable", versions."""

from __future__ import annotations

import dataclasses

import numpy as np
from assay.common.v1.types_pb2 import FLAG_LEVEL_FAIL

from svc_segment import page
from svc_segment.core import Segmentation, Uncertainty
from svc_segment.regions import Region

REGION = Region(1, 500, 1.0, (1, 2, 30, 40), (15.5, 20.5), 0.9)
CLEAR = Segmentation(
    probability=np.zeros((100, 100), np.uint8),
    mask=np.zeros((100, 100), np.uint8),
    regions=(REGION,),
    regions_omitted=0,
    uncertainty=Uncertainty(0.05, 0.045, 0.055, 0.2, 0.3),
    mean_probability=0.9,
    border_share=0.0,
)


def codes(result: Segmentation) -> list[str]:
    return [flag.code for flag in page.flags(result)]


def with_uncertainty(**changes: float) -> Segmentation:
    return dataclasses.replace(CLEAR, uncertainty=dataclasses.replace(CLEAR.uncertainty, **changes))


def test_a_clear_result_has_no_flag() -> None:
    assert codes(CLEAR) == []


def test_no_ink_is_a_valid_answer_with_its_own_flag() -> None:
    (flag,) = page.flags(dataclasses.replace(CLEAR, regions=(), mean_probability=0.0))
    assert (flag.code, flag.level) == ("NO_INK_FOUND", FLAG_LEVEL_FAIL)


def test_ink_that_may_not_be_there_allows_no_conclusion() -> None:
    (flag,) = page.flags(
        dataclasses.replace(CLEAR, uncertainty=dataclasses.replace(CLEAR.uncertainty, ink_share_low=0.0009))
    )
    assert (flag.code, flag.level) == ("INK_NOT_CERTAIN", FLAG_LEVEL_FAIL)
    assert codes(with_uncertainty(ink_share_low=0.0011)) == []


def test_doubt_edges_and_little_skin_are_told() -> None:
    assert codes(dataclasses.replace(CLEAR, mean_probability=0.6)) == ["LOW_CONFIDENCE"]
    assert codes(with_uncertainty(boundary_share=6.0)) == ["LOW_CONFIDENCE"]
    assert codes(dataclasses.replace(CLEAR, border_share=0.1)) == ["INK_TOUCHES_BORDER"]
    assert codes(with_uncertainty(ink_share=0.7, ink_share_high=0.75)) == ["LITTLE_BARE_SKIN"]
