"""Conditions of the (modified) Clinical Test of Sensory Interaction on Balance and their ratios.

Shumway-Cook & Horak 1986, Phys Ther 66:1548; ratios by analogy with the sensory organisation test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.balance.v1 import balance_pb2 as pb
from assay.balance.v1.balance_pb2 import BalanceTrial

# Eyes and surface of each condition.
_FULL = {
    (pb.EYES_OPEN, pb.SURFACE_FIRM): 1,
    (pb.EYES_CLOSED, pb.SURFACE_FIRM): 2,
    (pb.EYES_DOME, pb.SURFACE_FIRM): 3,
    (pb.EYES_OPEN, pb.SURFACE_FOAM): 4,
    (pb.EYES_CLOSED, pb.SURFACE_FOAM): 5,
    (pb.EYES_DOME, pb.SURFACE_FOAM): 6,
}
_MODIFIED = {
    (pb.EYES_OPEN, pb.SURFACE_FIRM): 1,
    (pb.EYES_CLOSED, pb.SURFACE_FIRM): 2,
    (pb.EYES_OPEN, pb.SURFACE_FOAM): 3,
    (pb.EYES_CLOSED, pb.SURFACE_FOAM): 4,
}
# Numerator and denominator of each ratio, as (eyes, surface).
RATIOS = {
    "somatosensory": ((pb.EYES_CLOSED, pb.SURFACE_FIRM), (pb.EYES_OPEN, pb.SURFACE_FIRM)),
    "visual": ((pb.EYES_OPEN, pb.SURFACE_FOAM), (pb.EYES_OPEN, pb.SURFACE_FIRM)),
    "vestibular": ((pb.EYES_CLOSED, pb.SURFACE_FOAM), (pb.EYES_OPEN, pb.SURFACE_FIRM)),
}


@dataclass(frozen=True)
class Ratio:
    """value: numerator over denominator. relative_uncertainty: standard. censored: one time is at its cap."""

    value: float
    relative_uncertainty: float
    censored: bool


@dataclass(frozen=True)
class Amount:
    """A time or a sway of one condition: value > 0, standard uncertainty, whether it is a censored time."""

    value: float
    standard_uncertainty: float = 0.0
    censored: bool = False


def condition(trial: BalanceTrial) -> int | None:
    """Number of the condition, 1 to 6 (CTSIB) or 1 to 4 (modified); None when eyes or surface are not stated.

    A dome on the modified test is no condition of it.
    """
    numbers = _MODIFIED if trial.task == pb.TASK_MCTSIB else _FULL
    return numbers.get((trial.eyes, trial.surface))


def ratios(amounts: Mapping[tuple[int, int], Amount], *, of_sway: bool) -> dict[str, Ratio]:
    """Ratios that the conditions at hand, keyed by (eyes, surface), allow.

    of_sway: amounts are sway, of which less is better, so that its inverse is compared; else times. 1 means
    as good as the reference, less means worse.
    """
    out = {}
    for name, (numerator, denominator) in RATIOS.items():
        if numerator in amounts and denominator in amounts:
            above, below = amounts[numerator], amounts[denominator]
            if of_sway:
                above, below = below, above
            if above.value > 0 and below.value > 0:
                spread = (
                    (above.standard_uncertainty / above.value) ** 2
                    + (below.standard_uncertainty / below.value) ** 2
                ) ** 0.5
                out[name] = Ratio(above.value / below.value, spread, above.censored or below.censored)
    return out
