"""Two results side by side. A pure function: no server, no clock, no file."""

from __future__ import annotations

from assay.events.v1.analysis_pb2 import Analysis

from cli.diff.decided import Decided
from cli.diff.difference import KINDS, Comparison, Difference, keyed, pairs
from cli.diff.measured import measurement_differences, quality_differences
from cli.diff.origin import MEASURED, ORDER, PAGES, differing, order_differences, version_differences


def compare(a: Analysis, b: Analysis) -> Comparison:
    """Every difference between two results of one kind of assessment.

    Comparing the other way round gives the same differences with `before` and `after` exchanged; a result
    compared with itself gives none.
    """
    order = order_differences(a, b)
    measured, within = measurement_differences(a, b, other_order=bool(order))
    versions = differing(a, b, PAGES) + ((ORDER,) if order else ())
    found = [
        *order,
        *version_differences(a, b),
        *quality_differences(a, b, other_order=bool(order)),
        *measured,
        *_palette(a, b, other_order=bool(order)),
        *Decided(a, b, versions).differences(),
    ]
    return Comparison(tuple(sorted(found, key=lambda one: KINDS.index(one.kind))), within)


def _palette(a: Analysis, b: Analysis, *, other_order: bool) -> list[Difference]:
    """Inks that the colour stage found in one photo only, by class."""
    versions = differing(a, b, MEASURED) + ((ORDER,) if other_order else ())
    ours, theirs = (
        keyed((ink.ink_class, f"{ink.area_share:.0%} of the ink") for ink in one.color.inks) for one in (a, b)
    )
    return [
        Difference("palette", name, before or "", after or "", (), (), versions)
        for name, before, after in pairs(ours, theirs)
        if before is None or after is None
    ]
