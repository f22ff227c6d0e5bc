"""A pose model, checked against its registered hash, and the session that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mesh import inference, providers, registry
from mesh.errors import FailedPrecondition, Internal
from mesh.registry import REGISTRY
from svc_balance.pose.contract import STORE, Contract, find
from svc_balance.pose.heatmap import refine

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class PoseModel:
    contract: Contract
    session: ort.InferenceSession

    @property
    def label(self) -> str:
        """For example "blazepose-full@0.10.14"."""
        return self.contract.label

    @property
    def sha256(self) -> str:
        return self.contract.sha256

    @property
    def provider(self) -> str:
        """The execution provider that really runs it."""
        return str(self.session.get_providers()[0])

    def run(self, images: Floats32) -> tuple[Floats32, ...]:
        """Outputs for images [N, side, side, 3], RGB from contract.low to contract.high.

        Detector: boxes [N, 2254, 12] and scores [N, 2254, 1] (logits). Landmarks: points [N, 195], refined
        by the heatmaps, presence [N, 1] (a probability) and world points [N, 117].
        """
        names = list(self.contract.outputs)
        with inference.session("pose", self.label, self.provider, len(images)):
            outputs = self.session.run(names, {"image": images})
        made = dict(zip(names, outputs, strict=True))
        if "landmarks" in made and "heatmap" in made:
            made["landmarks"] = refine(made["landmarks"], made.pop("heatmap"), self.contract.side)
        return tuple(made.values())


def load(
    name_version: str = "", *, threads: int = 0, folder: Path = REGISTRY, store: Path = STORE
) -> PoseModel:
    """Reads, verifies and opens a model, for example "blazepose-lite@0.5.1675469404".

    Raises NotFound (MODEL_NOT_FOUND), FailedPrecondition (MODEL_NOT_FETCHED: its file is not on this machine;
    MODEL_HASH_MISMATCH: the file is not the registered one), Internal (MODEL_CONTRACT).
    """
    contract = find(name_version, folder)
    session = ort.InferenceSession(
        verified(contract, store), providers.options(threads), providers=providers.choose()
    )
    given = {output.name for output in session.get_outputs()}
    if session.get_inputs()[0].shape[1:] != [contract.side, contract.side, 3] or given != set(
        contract.outputs
    ):
        raise Internal("MODEL_CONTRACT", f"{contract.label}: the file does not have the registered shape.")
    model = PoseModel(contract, session)
    inference.loaded("svc_balance.pose", model.label, model.provider)
    return model


def verified(contract: Contract, store: Path = STORE) -> bytes:
    """The model's bytes; raises FailedPrecondition (MODEL_NOT_FETCHED, MODEL_HASH_MISMATCH)."""
    command = f"python -m models.convert {contract.label}"
    path = contract.file(store)
    if not path.is_file():
        raise FailedPrecondition(
            "MODEL_NOT_FETCHED",
            f"{contract.label} is registered, but its file is not on this machine.",
            field="model",
            fix=f"Fetch it: {command}",
        )
    return registry.verified(path, contract.sha256, contract.label, f"Make it again: {command} --again")
