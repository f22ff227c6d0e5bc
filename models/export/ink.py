"""The ink segmenter as something to export: its tiles, its photos, its masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mesh import registry
from models.export.gate import MaskParity, mask_parity
from models.export.sessions import FixedTiles, Session, mirrored
from models.export.subject import Form
from models.synth import scene
from svc_segment.core import segment
from svc_segment.features import CHANNELS
from svc_segment.model import Model, load_model
from svc_segment.tiles import passes

SAMPLE = Path(__file__).resolve().parents[1] / "sample" / "tattoo.jpg"
SCENES = range(3_000_000, 3_000_020)
CALIBRATION_SCENES = range(3_100_000, 3_100_016)
"""Seeds of synthetic photos, beyond those of training and validation."""

Photo = NDArray[np.uint8]


class Ink:
    """A version of the ink segmenter. Phones take tiles of two sizes: `tile`; `whole` for the coarse look."""

    input = "features"
    channels_last = True

    def __init__(self, label: str, scenes: Iterable[int] = SCENES) -> None:
        """scenes: seeds of the synthetic photos that it is judged on, besides the sample photo."""
        self._model: Model = load_model(label, threads=1)
        self._scenes = scenes
        entry = registry.find(self._model.contract.label)
        self.label, self.file = entry.label, entry.folder / "model.onnx"
        contract = self._model.contract
        coarse = -(-contract.coarse_side // contract.multiple) * contract.multiple
        self.signatures = {
            "tile": (1, CHANNELS, contract.tile, contract.tile),
            "whole": (1, CHANNELS, coarse, coarse),
        }

    @property
    def sides(self) -> list[int]:
        return [shape[-1] for shape in self.signatures.values()]

    def calibration(self) -> Mapping[str, NDArray[np.float32]]:
        """The tiles that the product cuts from synthetic photos, mirrored to whole size, [N, H, W, C]."""
        found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in self.signatures}
        for seed in CALIBRATION_SCENES:
            for name, tile in self._tiles(scene.compose(seed).rgb):
                found[name].append(np.ascontiguousarray(tile.transpose(1, 2, 0)))
        return {name: np.stack(tiles) for name, tiles in found.items()}

    def parity(self, session: Session, form: Form) -> MaskParity:
        if form.file.endswith((".tflite", ".mlpackage")):
            session = FixedTiles(session, self.sides, channels_last=form.file.endswith(".tflite"))
        return mask_parity(self._released, self._masks(session))

    @cached_property
    def _photos(self) -> tuple[Photo, ...]:
        return sample(), *(scene.compose(seed).rgb for seed in self._scenes)

    @cached_property
    def _released(self) -> list[NDArray[np.bool_]]:
        return self._masks(self._model.session)

    def _masks(self, session: Session) -> list[NDArray[np.bool_]]:
        """Ink in every photo, through the product's own passes."""
        used = dataclasses.replace(self._model, session=session)
        return [segment(photo, used).mask > 0 for photo in self._photos]

    def _tiles(self, photo: Photo) -> Iterator[tuple[str, NDArray[np.float32]]]:
        for look in passes(photo, self._model.contract):
            for tile in look.tiles():
                least = max(tile.shape[1:])
                fitting = [(s[-1], name) for name, s in self.signatures.items() if s[-1] >= least]
                side, name = min(fitting)
                yield name, mirrored(tile, side)


def sample() -> Photo:
    """The product's sample photo, 1600 x 1200: several tiles."""
    photo = cv2.imread(str(SAMPLE), cv2.IMREAD_COLOR)
    if photo is None:
        raise FileNotFoundError(SAMPLE)
    return np.ascontiguousarray(photo[..., ::-1], np.uint8)
