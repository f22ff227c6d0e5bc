"""What a version reaches on real photos. Nothing of it is chosen by that."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mesh.registry import REGISTRY
from svc_segment.model import load_model

STUBS = Path(__file__).resolve().parents[3] / "proto" / "gen"


def gates(label: str, data: Path, registry: Path = REGISTRY) -> list[dict[str, Any]]:
    """The demands on a release, as measured in `data` (folders tattoo and skin)."""
    if str(STUBS) not in sys.path:  # the training environment does not hold them
        sys.path.append(str(STUBS))
    from models.evaluate.evaluation import evaluate  # needs the stubs

    model = load_model(label, registry)
    bare = data / "skin"
    found = evaluate(data / "tattoo", model, bare_dir=bare if bare.is_dir() else None, say=print)
    return [
        {
            "gate": f"{gate.name} {'at least' if gate.at_least else 'at most'} {gate.bound}",
            "value": round(gate.value, 4),
            "passed": gate.holds,
        }
        for gate in found.gates
    ]
