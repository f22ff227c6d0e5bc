"""Pictures at the size a page needs."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from mesh.errors import InvalidInput

LONG_SIDE_PX = 1400
"""More than 400 px per inch at the widths the report prints: enough to look closely at print or screen."""
MAX_PIXELS = 20_000_000
QUALITY = 85


def to_jpeg(data: bytes, field: str) -> bytes:
    """A PNG or JPEG as sRGB JPEG with at most LONG_SIDE_PX on its long side, without metadata.

    The same input gives the same bytes. Raises InvalidInput (REPORT_PICTURE_UNREADABLE,
    REPORT_PICTURE_TOO_LARGE) naming `field`; pixels are counted before any is decoded.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise InvalidInput(
                    "REPORT_PICTURE_TOO_LARGE",
                    f"The picture has {opened.width} x {opened.height} pixels; a report takes {MAX_PIXELS}.",
                    field=field,
                    fix="Refer to the working image that ingest wrote.",
                )
            opened.draft("RGB", (2 * LONG_SIDE_PX, 2 * LONG_SIDE_PX))
            picture = opened.convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise InvalidInput(
            "REPORT_PICTURE_UNREADABLE",
            "A picture of the report is not a readable PNG or JPEG.",
            field=field,
            fix="Run the analysis again from its upload.",
        ) from error
    picture.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()
