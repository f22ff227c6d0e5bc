"""The model card: what a released segmenter is for, what it was made of, how far to trust it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_TEXT = """# {name}@{version}

Finds tattoo ink in a phone photo: one probability per pixel that the skin there holds ink.

## Intended use

Decision support for trained laser operators inside Assay: the mask says where colours are measured and how
large the tattoo is. A person compares the outline with the photo before anything follows from it.

Not to be used: for a diagnosis of skin or of moles; to identify a person by a tattoo; to settle a device;
on photos of anything but skin (the network knows few things that are not skin and may call dark or coloured
objects ink); alone, as proof that no ink is left. White, flesh-coloured and very faded ink is mostly missed.

## Data

No photograph was trained on; where the calibration below names real photos, they set the bias and the area
interval only. Scenes are composed by `models/synth`: designs drawn from random numbers and motifs of an
icon set, multiplied as ink transmission, in linear light, into rendered skin of ITA -50 to 60 degrees, then
seen by a rendered phone camera. The mask is exact. Motifs: game-icons.net by Lorc, Delapouite and
contributors (https://game-icons.net), {motifs}; they were deformed, recoloured and composited.

Pool SHA-256 {pool}; validation {validation}.

## Method

A U-Net of {parameters} parameters on features of seven channels: the photo, the log of its ratio to local
skin in linear light, and how far skin encloses each place. Weights are Apache-2.0 as the project. ONNX opset
{opset}, weights stored in half precision; largest difference to PyTorch in logit {parity}. Code revision
{revision}.

Threshold {threshold}, temperature {temperature}, bias {bias}.
Calibration: {method}.

## Results

Synthetic validation, never trained on; IoU of scenes that hold ink, by the skin's ITA:

| skin | scenes | mean IoU |
| --- | --- | --- |
{table}

Real photos: docs/models.md holds the figures over 46 annotated photos, by skin tone, and the command.

## Limits

- Real photos were measured on very light to brown skin. **None shows dark skin: what the table says of it is
  synthetic, and no claim about dark skin can rest on it.**
- Those photos are mostly fresh tattoos in studio light; healed, faded, cross-polarised and laser-treated ink
  is hardly among them.
- The area interval rests on few photos; elsewhere it may hold the true area less often.
- Two neighbouring tattoos are one region when their ink touches; a design of separate lines is many regions.
"""


def write_card(path: Path) -> None:
    """Write card.md from the model.json beside it."""
    said: dict[str, Any] = json.loads(path.with_name("model.json").read_text())
    rows = [
        f"| {skin} | {m['scenes']} | {m['mean_iou'] if m['mean_iou'] is not None else '-'} |"
        for skin, m in said["synthetic_validation"].items()
    ]
    text = _TEXT.format(
        name=said["name"],
        version=said["version"],
        motifs="CC BY 3.0, as npm " + said["data"]["motifs"].split(",")[0],
        pool=said["data"]["pool_sha256"],
        validation=said["data"]["validation_sha256"],
        parameters=f"{said['parameters']:,}",
        opset=said["format"]["onnx_opset"],
        parity=said["parity_max_logit_difference"],
        revision=said["git_revision"],
        threshold=said["calibration"]["threshold"],
        temperature=said["calibration"]["temperature"],
        bias=said["calibration"]["bias"],
        method=said["calibration"]["method"],
        table="\n".join(rows),
    )
    path.write_text(text)
