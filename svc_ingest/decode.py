"""Decodes an image file of one of the allowed formats to 8-bit pixels.

Runs inside the sandboxed worker (`svc_ingest.worker`); the functions themselves only promise that the
size is checked against the header before any pixel is decoded.
"""

import io
import warnings
from typing import Final

import cv2
import numpy as np
import pi_heif
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mesh.errors import InvalidInput
from svc_ingest import exif, headers, sniff
from svc_ingest.jpeg import JpegFile, read_jpeg
from svc_ingest.limits import Limits
from svc_ingest.png import read_png
from svc_ingest.problems import refuse
from svc_ingest.raster import Pixels, Raster
from svc_ingest.result import Flag, Level

_DNG_VERSION: Final = 50706
_NEW_SUBFILE_TYPE: Final = 254
_ORIENTATION: Final = 274
_BITS_PER_SAMPLE: Final = 258
_COMPRESSION: Final = 259
_IMAGE_WIDTH: Final = 256
_IMAGE_LENGTH: Final = 257
_STRIP_OFFSETS: Final = 273
_SAMPLES_PER_PIXEL: Final = 277
_ROWS_PER_STRIP: Final = 278
_PLANAR: Final = 284
_SEPARATE_PLANES: Final = 2
_TILE_WIDTH: Final = 322
_TILE_LENGTH: Final = 323
_TILE_OFFSETS: Final = 324
_TIFF_JPEG: Final = (6, 7)
_PILLOW_FORMAT: Final = {
    sniff.GIF: "GIF",
    sniff.WEBP: "WEBP",
    sniff.TIFF: "TIFF",
    sniff.AVIF: "AVIF",
}
# ITU-T H.273: 1 is BT.709 (sRGB's), 2 unspecified, 0 reserved; transfer 16 is PQ, 18 HLG.
_SRGB_PRIMARIES: Final = (0, 1, 2)
_HDR_TRANSFERS: Final = (16, 18)
_TRUNCATED_WORDS: Final = ("truncat", "premature end", "end of file", "unexpected end", "not enough data")
_MEMORY_WORDS: Final = ("memory", "allocat", "security limit")

_FIRST_ONLY: Final = Flag(
    "MULTIPLE_IMAGES", Level.INFO, "The file holds several images; the first (primary) one was used."
)
_EXIF_DAMAGED: Final = Flag(
    "EXIF_UNREADABLE", Level.WARN, "The EXIF data is damaged, so the photo may not be upright."
)
_ICC_DAMAGED: Final = Flag(
    "ICC_PROFILE_UNREADABLE", Level.WARN, "The colour profile is damaged or too large; sRGB was assumed."
)


def decode(data: bytes, kind: sniff.Sniffed, limits: Limits) -> Raster:
    """Decodes the primary image of `data`, whose real type is `kind`.

    Raises InvalidInput with IMAGE_TRUNCATED, IMAGE_CORRUPT, IMAGE_TOO_SMALL, IMAGE_TOO_MANY_PIXELS,
    IMAGE_TOO_COMPLEX or UNSUPPORTED_MEDIA_TYPE; MemoryError when the worker's limit is reached.
    """
    try:
        if kind == sniff.JPEG:
            return _decode_jpeg(data, limits)
        if kind == sniff.PNG:
            return _decode_png(data, limits)
        if kind in (sniff.HEIC, sniff.HEIF):
            return _decode_heif(data, limits)
        return _decode_with_pillow(data, kind, limits)
    except (InvalidInput, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise refuse("IMAGE_TOO_MANY_PIXELS", f"The decoder refused the image: {error}") from error
    except Exception as error:
        # The libraries raise nearly every type on hostile bytes; whatever it is, the file is at fault.
        raise _damaged(str(error)) from error


def _damaged(reason: str) -> InvalidInput:
    said = reason.lower()
    code = "IMAGE_CORRUPT"
    if any(words in said for words in _TRUNCATED_WORDS):
        code = "IMAGE_TRUNCATED"
    elif any(words in said for words in _MEMORY_WORDS):
        code = "IMAGE_TOO_COMPLEX"
    return refuse(code, f"The image cannot be decoded: {reason[:200]}")


def _decode_jpeg(data: bytes, limits: Limits) -> Raster:
    file = read_jpeg(data, limits)
    headers.check_size(file.width, file.height, limits)
    mode, space = {1: ("L", "GRAY"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK")}[file.components]
    pixels, bare = _strict_jpeg(file, space)
    if mode == "L":
        pixels = pixels[..., 0]
    elif mode == "CMYK":
        # Adobe's applications store inverted CMYK and every reader assumes it (libjpeg.txt, "Special
        # color spaces").
        pixels = np.invert(pixels)
    flags = []
    if file.more_images:
        flags.append(_FIRST_ONLY)
    if file.icc_damaged:
        flags.append(_ICC_DAMAGED)
    if file.subsampled:
        flags.append(
            Flag(
                "CHROMA_SUBSAMPLED",
                Level.INFO,
                "The JPEG stores colour at a lower resolution than lightness.",
            )
        )
    orientation, remarks = _orientation(file.exif)
    return Raster(
        pixels, mode, 8, True, icc=file.icc, orientation=orientation, flags=(*flags, *remarks), bare=bare,
        camera=_camera(file.exif),
    )  # fmt: skip


def _strict_jpeg(file: JpegFile, space: str) -> tuple[Pixels, bytes]:
    """Decodes and refuses what libjpeg would patch up with a warning: missing data is never filled in.

    Answers the pixels, and the bytes that they were decoded from.
    """
    try:
        decoded = simplejpeg.decode_jpeg(file.essential, colorspace=space, strict=True)
        return np.asarray(decoded, np.uint8), file.essential
    except ValueError as error:
        padded = file.essential[:-2]
        stripped = padded.rstrip(b"\x00")
        if "before marker 0xd9" not in str(error) or len(stripped) == len(padded):
            raise
    # Some cameras pad the image data with zeros; without them the decoder must have nothing to say.
    unpadded = stripped + b"\xff\xd9"
    return np.asarray(simplejpeg.decode_jpeg(unpadded, colorspace=space, strict=True), np.uint8), unpadded


def _decode_png(data: bytes, limits: Limits) -> Raster:
    file = read_png(data, limits)
    headers.check_size(file.width, file.height, limits)
    pixels, mode, alpha = _by_opencv(file.essential, "PNG", grey=file.colour_type in (0, 4))
    flags = []
    if file.more_images:
        flags.append(_FIRST_ONLY)
    if file.icc_damaged:
        flags.append(_ICC_DAMAGED)
    if file.colour_type == 3:
        flags.append(_palette_flag())
    flags.extend(_coded_colour(file.colour, file.icc))
    orientation, remarks = _orientation(file.exif)
    return Raster(
        pixels, mode, file.bits, False, alpha=alpha, icc=file.icc, orientation=orientation,
        flags=(*flags, *remarks), camera=_camera(file.exif),
    )  # fmt: skip


def _decode_heif(data: bytes, limits: Limits) -> Raster:
    """HEIC and HEIF by libheif, which applies the file's own rotation and mirroring itself."""
    headers.check_size(*headers.heif_size(data), limits)
    file = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    image = file[file.primary_index]
    width, height = image.size
    headers.check_size(width, height, limits)
    channels = {"L": 1, "RGB": 3, "RGBA": 4}.get(image.mode)
    if channels is None:
        raise refuse("UNSUPPORTED_MEDIA_TYPE", f"HEIF images of mode {image.mode} are not read.")
    rows = np.frombuffer(image.data, np.uint8).reshape(height, image.stride)
    pixels = rows[:, : width * channels].reshape(height, width, channels)
    # Copies: the buffer belongs to libheif and is gone with `file`.
    alpha = _opacity(pixels[..., 3].copy()) if channels == 4 else None
    colours = (pixels[..., 0] if channels == 1 else pixels[..., :3]).copy()
    icc = image.info.get("icc_profile") or None
    flags = [_FIRST_ONLY] if len(file) > 1 else []
    return Raster(
        colours,
        "L" if channels == 1 else "RGB",
        int(image.info.get("bit_depth", 8)),
        True,
        alpha=alpha,
        icc=icc,
        flags=(*flags, *_coded_colour(headers.heif_colour(data), icc)),
        camera=_camera(image.info.get("exif")),
    )


def _decode_with_pillow(data: bytes, kind: sniff.Sniffed, limits: Limits) -> Raster:
    """WebP, AVIF, TIFF and GIF; of an animation the first frame."""
    if kind != sniff.TIFF:
        reader = {sniff.WEBP: headers.webp_size, sniff.AVIF: headers.heif_size, sniff.GIF: headers.gif_size}
        headers.check_size(*reader[kind](data), limits)
    with _open(data, _PILLOW_FORMAT[kind], limits) as image:
        headers.check_size(*image.size, limits)
        flags = [_FIRST_ONLY] if getattr(image, "is_animated", False) else []
        if kind == sniff.GIF:
            flags.append(_palette_flag())
        icc = image.info.get("icc_profile") or None
        if kind == sniff.AVIF:
            flags.extend(_coded_colour(headers.heif_colour(data), icc))
        if kind == sniff.TIFF:
            return _tiff(image, data, icc, tuple(flags))
        block = image.info.get("exif")
        orientation, remarks = _orientation(block)
        pixels, mode, alpha = _pixels(image)
    return Raster(
        pixels, mode, 8, kind != sniff.GIF, alpha=alpha, icc=icc, orientation=orientation,
        flags=(*flags, *remarks), camera=_camera(block),
    )  # fmt: skip


def _tiff(image: Image.Image, data: bytes, icc: bytes | None, flags: tuple[Flag, ...]) -> Raster:
    tags: dict[int, object] = dict(image.tag_v2)  # type: ignore[attr-defined] # only TIFF images have it
    reduced = tags.get(_NEW_SUBFILE_TYPE, 0)
    if _DNG_VERSION in tags or (isinstance(reduced, int) and reduced & 1):
        raise refuse("UNSUPPORTED_MEDIA_TYPE", "This is a camera raw file; raw files are not read.")
    _check_strips(tags)
    depths = tags.get(_BITS_PER_SAMPLE, (8,))
    bits = int(max(depths)) if isinstance(depths, tuple) else 8
    orientation = tags.get(_ORIENTATION, 1)
    if bits == 16 and image.mode in ("RGB", "RGBA"):
        pixels, mode, alpha = _by_opencv(data, "TIFF", grey=False)
    else:
        pixels, mode, alpha = _pixels(image)
    return Raster(
        pixels,
        mode,
        bits,
        tags.get(_COMPRESSION) in _TIFF_JPEG,
        alpha=alpha,
        icc=icc,
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        upright=True,  # Pillow and OpenCV both turn TIFF images while they load them
        flags=flags,
        camera=_camera(data),  # a TIFF file is what an EXIF block is
    )


def _check_strips(tags: dict[int, object]) -> None:
    """Checks that there are as many strips or tiles as cover the image (TIFF 6.0, sections 3 and 15).

    Pillow leaves the area of missing ones black without a word.
    """

    def number(tag: int, otherwise: int) -> int:
        value = tags.get(tag)
        return value if isinstance(value, int) and value > 0 else otherwise

    width, height = number(_IMAGE_WIDTH, 1), number(_IMAGE_LENGTH, 1)
    if _TILE_OFFSETS in tags:
        there = tags[_TILE_OFFSETS]
        needed = -(-width // number(_TILE_WIDTH, width)) * -(-height // number(_TILE_LENGTH, height))
    else:
        there = tags.get(_STRIP_OFFSETS)
        needed = -(-height // number(_ROWS_PER_STRIP, height))
    if tags.get(_PLANAR) == _SEPARATE_PLANES:
        needed *= number(_SAMPLES_PER_PIXEL, 1)
    if not isinstance(there, tuple) or len(there) < needed:
        raise refuse("IMAGE_TRUNCATED", f"Parts of the TIFF image are missing; it needs {needed}.")


def _open(data: bytes, name: str, limits: Limits) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return Image.open(io.BytesIO(data), formats=(name,))
        except UnidentifiedImageError as error:
            raise refuse("IMAGE_CORRUPT", f"The header of the {name} file is damaged.") from error


def _pixels(image: Image.Image) -> tuple[Pixels, str, Pixels | None]:
    """Decodes; returns colours, their mode ("L", "RGB", "CMYK" or "LAB") and opacity."""
    image.load()
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        deep = np.asarray(image)
        if deep.min() < 0 or deep.max() > 65_535:
            raise refuse("UNSUPPORTED_MEDIA_TYPE", "Images of more than 16 bits per channel are not read.")
        return _to_8_bit(deep.astype(np.uint16)), "L", None
    if image.mode in ("F", "YCbCr", "HSV"):
        raise refuse("UNSUPPORTED_MEDIA_TYPE", f"Images of mode {image.mode} are not read.")
    if image.mode in ("L", "RGB", "CMYK", "LAB") and "transparency" not in image.info:
        return np.asarray(image), image.mode, None
    if image.mode in ("1", "L", "LA", "La"):
        grey = np.asarray(image.convert("LA"))
        return np.ascontiguousarray(grey[..., 0]), "L", _opacity(grey[..., 1])
    rgba = np.asarray(image.convert("RGBA"))
    return np.ascontiguousarray(rgba[..., :3]), "RGB", _opacity(rgba[..., 3])


def _by_opencv(data: bytes, name: str, *, grey: bool) -> tuple[Pixels, str, Pixels | None]:
    """Decodes PNG and deep TIFF, for which Pillow would fill missing rows or cut 16 bits down to 8.

    OpenCV gives (h, w) grey, (h, w, 3) BGR or (h, w, 4) BGRA; of a `grey` file with opacity three equal
    channels.
    """
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise refuse("IMAGE_CORRUPT", f"The image data of the {name} file is damaged or incomplete.")
    if decoded.dtype not in (np.uint8, np.uint16):
        raise refuse("UNSUPPORTED_MEDIA_TYPE", "Images of more than 16 bits per channel are not read.")
    pixels = _to_8_bit(decoded) if decoded.dtype == np.uint16 else np.asarray(decoded, np.uint8)
    if pixels.ndim == 2:
        return pixels, "L", None
    alpha = _opacity(pixels[..., 3]) if pixels.shape[2] == 4 else None
    if grey:
        return np.ascontiguousarray(pixels[..., 0]), "L", alpha
    code = cv2.COLOR_BGRA2RGB if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8), "RGB", alpha


def _to_8_bit(deep: NDArray[np.generic]) -> Pixels:
    """Rounds 16 bits to 8 (Pillow itself would cut off the low byte, which darkens by half a level)."""
    return np.asarray(cv2.convertScaleAbs(np.asarray(deep), alpha=1 / 257), np.uint8)


def _opacity(alpha: Pixels) -> Pixels | None:
    return np.ascontiguousarray(alpha) if alpha.min() < 255 else None


def _palette_flag() -> Flag:
    return Flag(
        "PALETTE_COLOURS", Level.WARN, "The file holds at most 256 colours; measured colours are coarse."
    )


def _coded_colour(colour: tuple[int, int], icc: bytes | None) -> tuple[Flag, ...]:
    """Remarks on colours that are declared by code points (ITU-T H.273) instead of an ICC profile."""
    primaries, transfer = colour
    if transfer in _HDR_TRANSFERS:
        return (Flag("HDR_TRANSFER", Level.FAIL, "The photo is coded for HDR screens; its colours are off."),)
    if icc is not None or primaries in _SRGB_PRIMARIES:
        return ()
    return (
        Flag(
            "COLOUR_SPACE_ASSUMED",
            Level.WARN,
            f"The file declares colour primaries {primaries} without an ICC profile; sRGB was assumed.",
        ),
    )


def _orientation(block: bytes | None) -> tuple[int, tuple[Flag, ...]]:
    if not block:
        return 1, ()
    value = exif.orientation(block)
    return (1, (_EXIF_DAMAGED,)) if value is None else (value, ())


def _camera(block: bytes | None) -> str:
    return exif.camera(block) if block else ""
