"""Released models: one folder per name and version, verified by hash, withdrawn by a switch.

models/registry/<name>/<version>/ holds model.json (contract, hashes, release gates), card.md, and at most one
file of weights. What runs is always named name@version; an empty version means the active one: what operators
chose (`mesh.activations`), else the newest that is released and not recalled (`mesh.recalls`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesh import activations, recalls
from mesh.errors import FailedPrecondition, Internal, NotFound

REGISTRY = Path(__file__).resolve().parents[1] / "models" / "registry"
RELEASED = "released"
_LABEL = re.compile(r"([a-z][a-z0-9-]{0,40})@(\d{1,10}\.\d{1,10}\.\d{1,10})")


@dataclass(frozen=True)
class Entry:
    """A version of a model. said: its model.json, whole."""

    name: str
    version: str
    folder: Path
    said: Mapping[str, Any]

    @property
    def label(self) -> str:
        """For example "ink-seg@1.0.0"."""
        return f"{self.name}@{self.version}"

    @property
    def state(self) -> str:
        """ "released"; "candidate" for one that did not pass its gates and is never served."""
        return str(self.said.get("release", {}).get("state", ""))


def entries(name: str = "", folder: Path = REGISTRY) -> list[Entry]:
    """Every version in the registry (of one model, where named), by name, oldest first."""
    places = [path.parent for path in folder.glob(f"{name or '*'}/*/model.json")]
    return sorted((_read(place) for place in places), key=lambda entry: (entry.name, _order(entry.version)))


def find(label: str, folder: Path = REGISTRY) -> Entry:
    """The entry of a name with version, whatever its state, for example "ink-seg@1.0.0".

    Raises NotFound (MODEL_NOT_FOUND), Internal (MODEL_CONTRACT) when its model.json is none.
    """
    match = _LABEL.fullmatch(label)
    place = folder / match[1] / match[2] if match else folder
    if match is None or not (place / "model.json").is_file():
        known = ", ".join(entry.label for entry in entries(folder=folder))
        raise NotFound(
            "MODEL_NOT_FOUND",
            f"There is no model {label[:64]!r}.",
            field="model",
            fix=f"Use one of: {known or 'none is installed'}.",
        )
    return _read(place)


def serve(label: str, name: str, folder: Path = REGISTRY) -> Entry:
    """The entry to run: of `label` where it is not empty, else the active version of `name`.

    Raises NotFound (MODEL_NOT_FOUND), FailedPrecondition (MODEL_RECALLED, MODEL_NOT_RELEASED). A recalled
    version that was asked for by name is never replaced by another; in the place of a chosen one comes the
    version before it, never a newer one that nobody chose.
    """
    if label:
        entry = find(label, folder)
        _check(entry, folder)
        return entry
    every = entries(name, folder)
    usable = [entry for entry in every if entry.state == RELEASED and recalls.of(entry.label) is None]
    chosen = activations.of(name)
    if chosen is not None:
        usable = [entry for entry in usable if _order(entry.version) <= _order(chosen.version)]
    if not usable:
        raise FailedPrecondition(
            "MODEL_RECALLED" if every else "MODEL_NOT_FOUND",
            f"No version of {name} may be served.",
            field="model",
            fix="Release a version, or restore one: assay models restore NAME@VERSION.",
        )
    return usable[-1]


def verified(path: Path, sha256: str, label: str, fix: str = "Restore the file from the release.") -> bytes:
    """The bytes of a model's file; raises FailedPrecondition (MODEL_HASH_MISMATCH) for any other ones."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise FailedPrecondition(
            "MODEL_HASH_MISMATCH",
            f"{label}: the file's SHA-256 is {digest}, released was {sha256}.",
            field="model",
            fix=fix,
        )
    return data


def _check(entry: Entry, folder: Path) -> None:
    recall = recalls.of(entry.label)
    others = [e.label for e in entries(entry.name, folder) if recalls.of(e.label) is None]
    fix = f"Leave the model out, or name one of: {', '.join(others) or 'none is left'}."
    if recall is not None:
        reason = f"{entry.label} was recalled: {recall.reason}"
        raise FailedPrecondition("MODEL_RECALLED", reason, field="model", fix=fix)
    if entry.state != RELEASED:
        reason = f"{entry.label} is not released for use: its card says why."
        raise FailedPrecondition("MODEL_NOT_RELEASED", reason, field="model", fix=fix)


def _read(folder: Path) -> Entry:
    name, version = folder.parts[-2:]
    said = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if not isinstance(said, dict) or (said.get("name"), said.get("version")) != (name, version):
        raise Internal("MODEL_CONTRACT", f"{name}/{version}/model.json does not name {name}@{version}.")
    return Entry(name, version, folder, said)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
