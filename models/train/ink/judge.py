"""Whether a measured version may be served. Needs no PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mesh.registry import RELEASED, find, serve
from models.train.ink.card import write_card

NAME = "ink-seg"
CANDIDATE = "candidate"
OWN = ("ONNX", "file")
"""How the names of gates begin that hold whatever a version finds in photos."""


def judge(version: str, measured: list[dict[str, Any]], registry: Path, release: bool) -> None:
    """Add gates measured on real photos to a version; `release` makes it one that is served.

    A version may fall short of a demand that the one in use falls short of, too; it says so in its entry.
    Raises RuntimeError when it fails a gate of its own, or a demand that the version in use meets.
    """
    entry = find(f"{NAME}@{version}", registry)
    said = dict(entry.said)
    own = [gate for gate in said["release"]["gates"] if gate["gate"].startswith(OWN)]
    unmet = sorted(gate["gate"] for gate in measured if not gate["passed"])
    said["release"] = {"state": RELEASED if release else CANDIDATE, "gates": own + measured}
    if release:
        before = serve("", NAME, registry)
        met = {gate["gate"] for gate in before.said["release"]["gates"] if gate["passed"]}
        barred = [gate["gate"] for gate in own if not gate["passed"]] + [
            gate for gate in unmet if gate in met
        ]
        if barred:
            raise RuntimeError(f"{entry.label} is not released. It fails: {'; '.join(barred)}")
        if unmet:
            said["release"]["reason"] = (
                f"It falls short of: {'; '.join(unmet)}. So does {before.label}, in use until then, and it"
                " meets every demand which that one meets."
            )
    (entry.folder / "model.json").write_text(json.dumps(said, indent=2) + "\n")
    write_card(entry.folder)
