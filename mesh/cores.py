"""How many cores a process plans its threads for.

A container without a limit of processor time sees every core of its node, and would start a thread for each.
What it asked for is told in ASSAY_CORES.
"""

from __future__ import annotations

import os

from mesh.settings import Settings


def cores() -> int:
    """ASSAY_CORES where it is set, never more than the cores this process may run on; else those."""
    allowed = len(os.sched_getaffinity(0))
    return min(Settings().cores or allowed, allowed)
