"""A BlazePose file of TFLite to ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.convert import onnx_writer, rewrite, tflite


def convert(files: Sequence[bytes], outputs: Mapping[str, int]) -> bytes:
    """ONNX of one file with the named outputs only (name -> place in the file); the same bytes each time.

    What the named outputs do not need is left out: without the segmentation that is half of the lite and
    full models' work. The heatmap stays [N, C, H, W]. Raises InvalidInput (MODEL_FILE_DAMAGED).
    """
    (data,) = files
    model = tflite.read(data)
    wanted = {name: model.outputs[place] for name, place in outputs.items()}
    model = rewrite.prune(model, list(wanted.values()))
    model = rewrite.explicit_padding(model)
    model = rewrite.convolve_before_enlarging(model)
    return onnx_writer.write(model, wanted, channels_first=frozenset({"heatmap"}))
