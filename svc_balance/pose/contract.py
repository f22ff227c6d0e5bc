"""What the registry says about a pose model: where its file comes from, its hash, what it takes and gives.

Third-party weights are never kept in git: the registry names the package they are in, `python -m
models.convert` fetches and converts them, and the result's SHA-256 says whether that went right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesh.errors import Internal, NotFound

_PROJECT = Path(__file__).resolve().parents[2]
REGISTRY = _PROJECT / "models" / "registry"
STORE = _PROJECT / ".tools" / "cache" / "models"
"""Where converted files lie."""
DETECTOR = "blazepose-detector@0.10.14"
DEFAULT = "blazepose-full@0.10.14"
FORMAT = "assay-pose-model/1"
_NAME = re.compile(r"([a-z][a-z0-9-]{0,40})@(\d{1,10}\.\d{1,10}\.\d{1,10})")


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


def find(name_version: str = "", registry: Path = REGISTRY) -> Contract:
    """The contract of a model, for example "blazepose-full@0.10.14"; empty means the default one.

    Raises NotFound (MODEL_NOT_FOUND) for a name that is not there, Internal (MODEL_CONTRACT) when model.json
    does not fit this code.
    """
    wanted = name_version or DEFAULT
    match = _NAME.fullmatch(wanted)
    path = registry / match[1] / match[2] / "model.json" if match else registry
    said = _read(path) if match and path.is_file() else {}
    if said.get("format") != FORMAT:
        raise NotFound(
            "MODEL_NOT_FOUND",
            f"There is no pose model {wanted[:64]!r}.",
            field="model",
            fix=f"Use one of: {', '.join(known(registry)) or 'none is registered'}.",
        )
    return _contract(said, path)


def known(registry: Path = REGISTRY) -> list[str]:
    """Names of all pose models in the registry, sorted, fetched or not."""
    paths = sorted(registry.glob("*/*/model.json"))
    return [f"{path.parts[-3]}@{path.parts[-2]}" for path in paths if _read(path).get("format") == FORMAT]


def _read(path: Path) -> dict[str, Any]:
    said = json.loads(path.read_text(encoding="utf-8"))
    return said if isinstance(said, dict) else {}


def _contract(said: Mapping[str, Any], path: Path) -> Contract:
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
        raise Internal("MODEL_CONTRACT", f"{path.parts[-3]}/{path.parts[-2]}/model.json: {wrong}.") from wrong
