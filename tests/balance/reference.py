"""LiteRT, which runs the original files, and the pictures that both it and our ONNX files are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.convert.fetch import obtain
from svc_balance.pose.contract import STORE, Contract

Floats = NDArray[np.float32]
# The person in the first frame of camera 1: middle of the hips and half side of an upright square, px.
_PERSON = (500, 800, 490)


@dataclass(frozen=True)
class Reference:
    """The original network of a contract."""

    contract: Contract
    interpreter: Interpreter

    def run(self, image: Floats) -> tuple[Floats, ...]:
        """Outputs for one image [side, side, 3], in the contract's order, without the batch axis."""
        given, made = self.interpreter.get_input_details()[0], self.interpreter.get_output_details()
        self.interpreter.set_tensor(given["index"], image[None])
        self.interpreter.invoke()
        places = self.contract.outputs.values()
        return tuple(self.interpreter.get_tensor(made[place]["index"])[0] for place in places)


def reference(contract: Contract) -> Reference:
    (data,) = obtain(contract.source, STORE)
    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    return Reference(contract, interpreter)


def smooth(contract: Contract, count: int, seed: int = 0) -> Floats:
    """Random pictures [count, side, side, 3] without the pixel noise that no camera makes."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((count, 12, 12, 3)).astype(np.float32)
    side = (contract.side, contract.side)
    pictures = np.stack([cv2.resize(each, side, interpolation=cv2.INTER_LINEAR) for each in coarse])
    return contract.low + (contract.high - contract.low) * pictures


def people(contract: Contract, video: Path, count: int) -> Floats:
    """A person cut out of video frames evenly spread over the clip, [count, side, side, 3]."""
    x, y, half = _PERSON
    side = (contract.side, contract.side)
    cut = []
    with av.open(str(video)) as container:
        wanted = set(np.linspace(0, container.streams.video[0].frames - 1, count).astype(int).tolist())
        for at, frame in enumerate(container.decode(video=0)):
            if at in wanted:
                window = frame.to_ndarray(format="rgb24")[y - half : y + half, x - half : x + half]
                cut.append(cv2.resize(window, side, interpolation=cv2.INTER_AREA).astype(np.float32) / 255)
    return contract.low + (contract.high - contract.low) * np.stack(cut)
