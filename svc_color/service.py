"""ColorService: the stage for one image without storing anything, and colour differences in batches."""

import asyncio
import math
from collections.abc import Iterable
from typing import Any, Final

import grpc.aio
import numpy as np
from assay.color.v1 import color_pb2
from assay.color.v1.color_pb2_grpc import ColorServiceServicer
from assay.common.v1 import types_pb2

from mesh.errors import FieldError, InvalidInput
from mesh.objects import ObjectStore
from svc_color.difference import Array, delta_e_76, delta_e_94, delta_e_2000
from svc_color.images import MOST_BYTES
from svc_color.page import code_versions
from svc_color.stage import measure

# Range of L*, then of a* and b*. Real surfaces lie well inside; ink transmission colours pass L* = 100.
_RANGES: Final = {"l": (0.0, 200.0), "a": (-200.0, 200.0), "b": (-200.0, 200.0)}
_MOST_LISTED: Final = 20


class ColorService(ColorServiceServicer):
    """The typed door to colour; the mesh's interceptor authorises, validates and maps errors."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def AnalyzeColor(
        self, request: color_pb2.AnalyzeColorRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> color_pb2.AnalyzeColorResponse:
        """Measures one segmented image. Raises InvalidInput, NotFound, Transient."""
        refs = (request.working, request.mask, request.probability)
        working, mask, probability = await asyncio.gather(
            *(self._objects.get(ref, max_bytes=MOST_BYTES) for ref in refs)
        )
        measured = await asyncio.to_thread(measure, working, mask, probability)
        return color_pb2.AnalyzeColorResponse(page=measured.page)

    async def Difference(
        self, request: color_pb2.DifferenceRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> color_pb2.DifferenceResponse:
        """Differences of up to 1000 pairs. Raises InvalidInput."""
        return difference(request)


def difference(request: color_pb2.DifferenceRequest) -> color_pb2.DifferenceResponse:
    """Colour differences of a batch of pairs, in their order.

    Raises:
        InvalidInput: LAB_OUT_OF_RANGE (L* outside 0..200, a* or b* outside -200..200, or no number), or
            FACTORS_NOT_APPLICABLE (parametric factors with CIE76, which has none).
    """
    out_of_range = [
        error
        for index, pair in enumerate(request.pairs)
        for side, lab in (("reference", pair.reference), ("sample", pair.sample))
        for error in _range_errors(f"pairs[{index}].{side}", lab)
    ]
    if out_of_range:
        first = out_of_range[0]
        raise InvalidInput(
            "LAB_OUT_OF_RANGE",
            f"{first.field}: {first.message} ({len(out_of_range)} values in all)",
            field=first.field,
            fix="Give L* within 0..200, a* and b* within -200..200.",
            fields=out_of_range[:_MOST_LISTED],
        )
    formula = request.formula or color_pb2.DIFFERENCE_FORMULA_CIEDE2000
    reference = _array(pair.reference for pair in request.pairs)
    sample = _array(pair.sample for pair in request.pairs)
    factors = [getattr(request, name) if request.HasField(name) else 1.0 for name in ("k_l", "k_c", "k_h")]
    if formula == color_pb2.DIFFERENCE_FORMULA_CIE76:
        given = [name for name in ("k_l", "k_c", "k_h") if request.HasField(name)]
        if given:
            message = f"CIE76 has no parametric factor, yet {given[0]} is given."
            fix = "Leave the factors out, or ask for CIEDE2000 or CIE94."
            raise InvalidInput("FACTORS_NOT_APPLICABLE", message, field=given[0], fix=fix)
        values, factors = delta_e_76(reference, sample), []
    elif formula == color_pb2.DIFFERENCE_FORMULA_CIE94:
        values = delta_e_94(reference, sample, k_l=factors[0], k_c=factors[1], k_h=factors[2])
    else:
        values = delta_e_2000(reference, sample, k_l=factors[0], k_c=factors[1], k_h=factors[2])
    return color_pb2.DifferenceResponse(
        differences=values.tolist(),
        formula=formula,
        parametric_factors=factors,
        provenance=types_pb2.Provenance(versions=code_versions()),
    )


def _range_errors(path: str, lab: types_pb2.Lab) -> Iterable[FieldError]:
    for channel, (low, high) in _RANGES.items():
        value = getattr(lab, channel)
        if not (math.isfinite(value) and low <= value <= high):
            yield FieldError(f"{path}.{channel}", f"{value} is outside {low:g}..{high:g}")


def _array(colours: Iterable[types_pb2.Lab]) -> Array:
    return np.array([(lab.l, lab.a, lab.b) for lab in colours])
