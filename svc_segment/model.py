"""A released model: its contract, checked against the file's hash, and the session that runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mesh import device_memory, inference, providers, registry
from mesh.errors import Internal
from mesh.registry import REGISTRY, Entry
from svc_segment import features

NAME = "ink-seg"
DEFAULT = ""
"""No name: the active version (`mesh.registry.serve`)."""


@dataclass(frozen=True)
class Contract:
    """What model.json says about using the file beside it."""

    name: str
    version: str
    sha256: str
    multiple: int
    """Height and width of an input are multiples of this, pixels."""
    tile: int
    overlap: int
    fine_side: int
    """Longest side of the photo as the fine pass sees it, pixels."""
    coarse_side: int
    """Longest side in the coarse pass, pixels; a photo not larger gets one pass only."""
    coarse_weight: float
    """Share of the coarse pass in the mean of logits, 0..1."""
    temperature: float
    bias: float
    """p = sigmoid((logit - bias) / temperature) (Platt 1999, Guo et al. 2017)."""
    threshold: float
    area_low: float
    """Ink area counted above this probability is the lower end of the area's 95 % interval."""
    area_high: float
    """Ink area counted above this probability is the upper end."""

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Model:
    contract: Contract
    session: ort.InferenceSession

    @property
    def provider(self) -> str:
        """The execution provider that really runs it."""
        return str(self.session.get_providers()[0])

    def logits(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """Ink logits (B, H, W) of features (B, CHANNELS, H, W); H and W multiples of contract.multiple.

        Raises ResourceExhausted (DEVICE_MEMORY) when the device has no memory for one tile.
        """
        return device_memory.in_pieces(self._run, tiles, self.contract.label)

    def _run(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        with inference.session("segment", self.contract.label, self.provider, len(tiles)):
            (out,) = self.session.run(None, {"features": tiles})
        return np.asarray(out, np.float32)[:, 0]


def load_model(name_version: str = DEFAULT, folder: Path = REGISTRY, threads: int = 0) -> Model:
    """Read, verify and open a version, for example "ink-seg@1.0.0", whether it may be served or not.

    Raises NotFound (MODEL_NOT_FOUND) for a version that is not there, FailedPrecondition
    (MODEL_HASH_MISMATCH) when the file is not the one released, Internal (MODEL_CONTRACT) when model.json
    does not fit this code.
    """
    entry = registry.find(name_version, folder) if name_version else registry.serve("", NAME, folder)
    return open_model(entry, threads)


def open_model(entry: Entry, threads: int = 0) -> Model:
    """Verify and open an entry of the registry; errors as `load_model`."""
    contract = _contract(entry.said, entry.label)
    data = registry.verified(entry.folder / "model.onnx", contract.sha256, entry.label)
    session = ort.InferenceSession(data, providers.options(threads), providers=providers.choose())
    shape = session.get_inputs()[0].shape
    if session.get_inputs()[0].name != "features" or shape[1] != features.CHANNELS:
        raise Internal("MODEL_CONTRACT", f"{entry.label} takes {shape}, not {features.CHANNELS} channels.")
    inference.loaded("svc_segment", entry.label, str(session.get_providers()[0]))
    return Model(contract, session)


def _contract(said: Mapping[str, Any], label: str) -> Contract:
    try:
        use, calibration = said["use"], said["calibration"]
        return Contract(
            name=said["name"],
            version=said["version"],
            sha256=said["sha256"],
            multiple=said["input"]["multiple"],
            tile=use["tile"],
            overlap=use["overlap"],
            fine_side=use["fine_side"],
            coarse_side=use["coarse_side"],
            coarse_weight=use["coarse_weight"],
            temperature=calibration["temperature"],
            bias=calibration["bias"],
            threshold=calibration["threshold"],
            area_low=calibration["area_low"],
            area_high=calibration["area_high"],
        )
    except KeyError as missing:
        raise Internal("MODEL_CONTRACT", f"{label}: model.json lacks {missing}.") from missing
