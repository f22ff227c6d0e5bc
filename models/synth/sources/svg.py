"""Icons as Iconify packs them (one SVG fragment each) to motifs."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ET
from typing import Any

import cv2
import numpy as np

from models.synth.arrays import Points
from models.synth.designs.raster import signed_area
from models.synth.library import Motif
from models.synth.outline import subpaths

_INHERITED = ("fill", "stroke", "stroke-width", "fill-rule")
_IGNORED = {"defs", "clipPath", "mask"}
"""What only clips: the sets use it to clip to the icon's own box."""
_UNSUPPORTED = ("transform", "style", "opacity", "href")
MIN_POINTS = 6


def motif(body: str, width: float, height: float, source: str) -> Motif | None:
    """One icon in the unit square; None where it uses what is not read here, or holds next to nothing."""
    side = max(width, height)
    shift = np.array([(side - width) / 2, (side - height) / 2])
    fills: list[tuple[Points, ...]] = []
    lines: list[tuple[Points, float]] = []
    try:
        root = ET.fromstring(f"<g>{body}</g>")  # noqa: S314 - from a package whose hash is pinned
        for style, parts in _shapes(root, {}):
            placed = [((points + shift) / side, closed) for points, closed in parts]
            if style.get("fill", "black") not in ("none", "#fff", "white"):
                contours = [p for p, _ in placed if len(p) > 2]
                fills.append(tuple(evenodd(contours) if style.get("fill-rule") == "evenodd" else contours))
            if style.get("stroke", "none") != "none":
                stroke = float(style.get("stroke-width", "1")) / side
                lines += [(np.concatenate([p, p[:1]]) if c else p, stroke) for p, c in placed]
    except (ValueError, ET.ParseError):
        return None
    fills = [f for f in fills if f]
    if sum(len(c) for f in fills for c in f) + sum(len(p) for p, _ in lines) < MIN_POINTS:
        return None
    return Motif(tuple(fills), tuple(lines), source)


def _shapes(element: ET.Element, inherited: dict[str, str]) -> Any:
    """Every shape below an element: its style and its subpaths. Raises ValueError for what is not read."""
    if element.tag in _IGNORED:
        return
    if any(name in element.attrib for name in _UNSUPPORTED) or element.tag == "use":
        raise ValueError(f"{element.tag}: uses what is not read")
    style = {**inherited, **{k: element.attrib[k] for k in _INHERITED if k in element.attrib}}
    get = {k: float(v) for k, v in element.attrib.items() if _is_number(v)}
    match element.tag:
        case "path":
            yield style, subpaths(element.attrib["d"])
        case "circle":
            yield style, [_ellipse(get.get("cx", 0), get.get("cy", 0), get["r"], get["r"])]
        case "ellipse":
            yield style, [_ellipse(get.get("cx", 0), get.get("cy", 0), get["rx"], get["ry"])]
        case "rect":
            yield style, subpaths(_rectangle(get))
        case "g":
            for child in element:
                yield from _shapes(child, style)
        case _:
            raise ValueError(f"{element.tag}: is not read")


def _is_number(text: str) -> bool:
    with contextlib.suppress(ValueError):
        float(text)
        return True
    return False


def _ellipse(cx: float, cy: float, rx: float, ry: float) -> tuple[Points, bool]:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], 1), True


def _rectangle(get: dict[str, float]) -> str:
    """A rectangle's path data (SVG 1.1 section 9.2); both radii alike."""
    x, y, width, height = get.get("x", 0), get.get("y", 0), get["width"], get["height"]
    r = min(get.get("rx", get.get("ry", 0)), width / 2, height / 2)
    across, down, turn = width - 2 * r, height - 2 * r, f"a{r} {r} 0 0 1"
    return (
        f"M{x + r} {y}h{across}{turn} {r} {r}v{down}{turn} {-r} {r}"
        f"h{-across}{turn} {-r} {-r}v{-down}{turn} {r} {-r}Z"
    )


def evenodd(contours: list[Points]) -> list[Points]:
    """The same shape for the non-zero rule: contours turned by how deep they are nested."""
    turned = []
    for k, contour in enumerate(contours):
        x, y = (float(v) for v in contour[0])
        others = (c for j, c in enumerate(contours) if j != k)
        depth = sum(
            cv2.pointPolygonTest((c * 4096).astype(np.float32), (x * 4096, y * 4096), False) > 0
            for c in others
        )
        wanted = 1 if depth % 2 == 0 else -1
        turned.append(contour if np.sign(signed_area(contour)) == wanted else contour[::-1])
    return turned
