"""The model card: what a released segmenter is for, what it was made of, how far to trust it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.synth.sources import attributions

_TEXT = """# {name}@{version}

Finds tattoo ink in a phone photo: one probability per pixel that the skin there holds ink.

## Intended use

Decision support for trained laser operators inside Assay: the mask says where colours are measured and how
large the tattoo is. A person compares the outline with the photo before anything follows from it.

Not to be used: for a diagnosis of skin or of moles; to identify a person by a tattoo; to settle a device;
on photos of anything but skin; alone, as proof that no ink is left. White, flesh-coloured and very faded ink
is mostly missed.

## Data

No photograph was trained on, and none chose a threshold, a bias or a checkpoint. Scenes are composed by
`models/synth`: skin from layered spectra of ITA -50 to 60 degrees on curved limbs, a quarter of them without
ink; ink as pigment spectra at a depth; marks, hair, shadows, clothes, jewellery and pens that are no ink; a
phone's camera. The mask is exact: ink that changes the skin's colour by 3 CIEDE2000 or more, its edge at
half of its contrast. Real photos were looked at to learn what the generator lacked, and to measure; their
figures were in view when the plan was made, and flatter a little (docs/experiments/ink-seg-ideas.md).

Designs use these sets and fonts, deformed, recoloured and composited:

{attributions}
Pool SHA-256 {pool} ({scenes} scenes); validation {validation}.

## Method

A U-Net of {parameters} parameters on features of seven channels: the photo, the log of its ratio to local
skin in linear light, and how far skin encloses each place. Its two heads, ink and visible skin, are joined to
one answer: both must be there. Weights are Apache-2.0 as the project. ONNX opset {opset}, weights stored in
half precision; largest difference to PyTorch in logit {parity}. Code revision {revision}.

Threshold {threshold}, temperature {temperature}, bias {bias}.
Calibration: {method}.

## Results on synthetic scenes

Never trained on ({with_ink} with ink, {without} without); mean IoU {iou}, false ink on scenes without any
{false_ink} of the photo, expected calibration error {error}.

| skin, by ITA | scenes | mean IoU |
| --- | --- | --- |
{by_ita}

| nearest sample of the Monk scale | scenes | mean IoU |
| --- | --- | --- |
{by_monk}

## Results on real photos

{photos}

## Limits

- Real photos were measured on very light to brown skin. **None shows dark skin: what the tables say of it is
  synthetic, and no claim about dark skin can rest on it.**
- Those photos are mostly fresh tattoos in studio light; healed, faded, cross-polarised and laser-treated ink
  is hardly among them.
- The area interval was set on synthetic scenes; on real photos it holds the true area less often.
- Two neighbouring tattoos are one region when little bare skin lies between them.
"""


def write_card(folder: Path) -> None:
    """Write card.md from the model.json beside it."""
    said: dict[str, Any] = json.loads((folder / "model.json").read_text())
    told, seen = said["calibration"], said["synthetic_validation"]
    text = _TEXT.format(
        name=said["name"],
        version=said["version"],
        attributions=attributions(),
        pool=said["data"]["pool_sha256"],
        scenes=said["data"]["scenes"],
        validation=said["data"]["validation_sha256"],
        parameters=f"{said['parameters']:,}",
        opset=said["format"]["onnx_opset"],
        parity=said["parity_max_logit_difference"],
        revision=said["git_revision"],
        threshold=told["threshold"],
        temperature=told["temperature"],
        bias=told["bias"],
        method=told["method"],
        with_ink=seen["all"]["scenes_with_ink"],
        without=seen["all"]["scenes_without"],
        iou=seen["all"]["mean_iou"],
        false_ink=_percent(seen["all"]["false_ink"]),
        error=seen["all"]["expected_calibration_error"],
        by_ita=_rows(seen["by_ita"]),
        by_monk=_rows(seen["by_monk"]),
        photos=_photos(said.get("release", {}).get("gates", [])),
    )
    (folder / "card.md").write_text(text)


def _rows(groups: dict[str, dict[str, Any]]) -> str:
    return "\n".join(
        f"| {name} | {g['scenes']} | {g['mean_iou'] if g['mean_iou'] is not None else '-'} |"
        for name, g in sorted(groups.items())
    )


def _photos(gates: list[dict[str, Any]]) -> str:
    rows = "\n".join(f"| {g['gate']} | {g['value']} | {'yes' if g['passed'] else 'no'} |" for g in gates)
    if not rows:
        return "Not measured yet: `python -m models.train.ink gates` does it."
    return f"| gate | measured | passed |\n| --- | --- | --- |\n{rows}\n\nBy skin and colour: docs/models.md."


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
