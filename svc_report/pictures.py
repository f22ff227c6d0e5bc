"""Pictures at the size a page needs."""

from __future__ import annotations

import io
import math

from PIL import Image, ImageDraw, UnidentifiedImageError

from mesh.errors import InvalidInput

LONG_SIDE_PX = 1400
"""More than 400 px per inch at the widths the report prints: enough to look closely at print or screen."""
SMALL_PX = 800
"""The same for pictures that stand three to a line."""
MAX_PIXELS = 20_000_000
QUALITY = 85
MARGIN = 0.35
"""Room around the chart's patches, as a share of their longer side: shows the rest of the chart."""


def opened(data: bytes, field: str) -> Image.Image:
    """A PNG or JPEG, decoded, at most twice as large as the report needs.

    Raises InvalidInput (REPORT_PICTURE_UNREADABLE, REPORT_PICTURE_TOO_LARGE) naming `field`; pixels are
    counted before any is decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as found:
            if found.width * found.height > MAX_PIXELS:
                raise InvalidInput(
                    "REPORT_PICTURE_TOO_LARGE",
                    f"The picture has {found.width} x {found.height} pixels; a report takes {MAX_PIXELS}.",
                    field=field,
                    fix="Refer to the working image that ingest wrote.",
                )
            found.draft("RGB", (2 * LONG_SIDE_PX, 2 * LONG_SIDE_PX))
            return found.convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise InvalidInput(
            "REPORT_PICTURE_UNREADABLE",
            "A picture of the report is not a readable PNG or JPEG.",
            field=field,
            fix="Run the analysis again from its upload.",
        ) from error


def to_jpeg(picture: Image.Image, long_side_px: int = LONG_SIDE_PX) -> bytes:
    """A picture as sRGB JPEG with at most that many pixels on its long side, without metadata.

    The same picture gives the same bytes.
    """
    small = picture.copy()
    small.thumbnail((long_side_px, long_side_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def outlined(picture: Image.Image, corners: list[tuple[float, float]]) -> Image.Image | None:
    """The part of a picture around a quadrilateral, with its outline drawn; None when it is none.

    corners: four points as shares of width and height, in the order of the outline.
    """
    if len(corners) != 4 or not all(math.isfinite(value) for corner in corners for value in corner):
        return None
    points = [(x * picture.width, y * picture.height) for x, y in corners]
    (left, right), (top, bottom) = ((min(values), max(values)) for values in zip(*points, strict=True))
    room = MARGIN * max(right - left, bottom - top)
    box = (
        max(0, int(left - room)), max(0, int(top - room)),
        min(picture.width, math.ceil(right + room)), min(picture.height, math.ceil(bottom + room)),
    )  # fmt: skip
    if box[2] - box[0] < 2 or box[3] - box[1] < 2:
        return None
    part = picture.crop(box)
    moved = [(x - box[0], y - box[1]) for x, y in points]
    width = max(2, max(part.size) // 160)
    draw = ImageDraw.Draw(part)
    # Dark under light, so that the line is seen on every ground.
    draw.line([*moved, moved[0]], fill="#16202e", width=2 * width, joint="curve")
    draw.line([*moved, moved[0]], fill="#ffffff", width=width, joint="curve")
    return part
