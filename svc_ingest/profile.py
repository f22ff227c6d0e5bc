"""Colours of any ICC profile to sRGB, by LittleCMS.

Rendering intent: media-relative colorimetric without black point compensation (ICC.1:2022, 6.2), because
the colours are going to be measured: inside the sRGB gamut it keeps them, where the perceptual intent and
black point compensation would move them on purpose. Colours outside the gamut are clipped to its surface;
`clipped_share` says how many.
"""

import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from svc_ingest.limits import Limits
from svc_ingest.raster import Pixels, Raster
from svc_ingest.result import Flag, Level

_INTENT: Final = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS: Final = ImageCms.Flags.HIGHRESPRECALC
_SPACES: Final = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK", "LAB": "Lab "}
_SAMPLE_STRIDE: Final = 4
_NAME_LENGTH: Final = 80


@dataclass(frozen=True)
class Converted:
    """sRGB pixels (height, width, 3) and where they came from."""

    rgb: Pixels
    name: str
    """Description of the profile that was used; empty when sRGB was assumed."""
    clipped_share: float
    """Share (0 to 1) of pixels moved to the surface of the sRGB gamut by the conversion."""
    flags: tuple[Flag, ...]


@dataclass(frozen=True)
class _Transform:
    name: str
    apply: ImageCms.ImageCmsTransform | None
    """None where the profile is sRGB itself."""


def to_srgb(raster: Raster, limits: Limits) -> Converted:
    """Converts `raster` to 8-bit sRGB.

    No profile, or one that cannot be used (damaged, larger than `limits.max_profile_bytes`, for another
    colour model), means sRGB or its grey axis; CMYK without a profile is converted by the plain
    complement and flagged. Never raises for the profile's sake.
    """
    flags: list[Flag] = []
    transform = None
    if raster.mode == "LAB":
        transform = _lab_transform()
    elif raster.icc is not None:
        transform, problem = _usable(raster.icc, raster.mode, limits)
        if problem:
            flags.append(Flag("ICC_PROFILE_UNREADABLE", Level.WARN, f"{problem}; sRGB was assumed."))
    if transform is None or transform.apply is None:
        if raster.mode == "CMYK":
            flags.append(
                Flag(
                    "CMYK_WITHOUT_PROFILE",
                    Level.FAIL,
                    "The colours are printing inks with no usable profile; they cannot be measured.",
                )
            )
        plain = raster.pixels if raster.mode == "RGB" else np.asarray(_image(raster).convert("RGB"))
        return Converted(plain, transform.name if transform else "", 0.0, tuple(flags))
    out = ImageCms.applyTransform(_image(raster), transform.apply)
    assert out is not None  # only the in-place form returns None
    rgb = np.asarray(out)
    share = _clipped_share(raster.pixels, rgb) if raster.mode == "RGB" else 0.0
    return Converted(rgb, transform.name, share, tuple(flags))


def _image(raster: Raster) -> Image.Image:
    height, width = raster.pixels.shape[:2]
    pixels = np.ascontiguousarray(raster.pixels)
    return Image.frombuffer(raster.mode, (width, height), pixels, "raw", raster.mode, 0, 1)


def _usable(icc: bytes, mode: str, limits: Limits) -> tuple[_Transform | None, str]:
    """The transform of an embedded profile, or why there is none."""
    if len(icc) > limits.max_profile_bytes:
        return None, f"The colour profile is larger than {limits.max_profile_bytes} bytes"
    # ICC.1:2022, 7.2: bytes 16 to 19 name the colour model, 36 to 39 hold the signature.
    if len(icc) < 128 or icc[36:40] != b"acsp":
        return None, "The colour profile is damaged"
    space = icc[16:20].decode("latin-1")
    if space != _SPACES[mode]:
        return None, f"The colour profile is for {space.strip()} colours, the image is {mode}"
    try:
        return _transform(icc, mode), ""
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        return None, f"The colour profile cannot be used ({str(error)[:80]})"


@lru_cache(maxsize=8)
def _transform(icc: bytes, mode: str) -> _Transform:
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    apply = ImageCms.buildTransform(source, _srgb(), mode, "RGB", _INTENT, _FLAGS)
    name = _name(source, icc)
    return _Transform(name, None if mode == "RGB" and _is_identity(apply) else apply)


@lru_cache(maxsize=1)
def _lab_transform() -> _Transform:
    lab = ImageCms.createProfile("LAB")
    return _Transform("CIELAB D50", ImageCms.buildTransform(lab, _srgb(), "LAB", "RGB", _INTENT, _FLAGS))


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _name(profile: ImageCms.ImageCmsProfile, icc: bytes) -> str:
    try:
        text = ImageCms.getProfileDescription(profile)
    except ImageCms.PyCMSError:
        text = ""
    printable = "".join(c for c in text if c.isprintable()).strip()[:_NAME_LENGTH]
    return printable or f"unnamed profile {hashlib.sha256(icc).hexdigest()[:12]}"


def _is_identity(apply: ImageCms.ImageCmsTransform) -> bool:
    """Whether the profile is sRGB in all but name: no colour of a 9 x 9 x 9 grid moves by over one level."""
    axis = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.ascontiguousarray(np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(27, 27, 3))
    out = ImageCms.applyTransform(Image.fromarray(grid), apply)
    assert out is not None  # only the in-place form returns None
    return int(np.abs(np.asarray(out).astype(np.int16) - grid).max()) <= 1


def _clipped_share(before: Pixels, after: Pixels) -> float:
    """Share of sampled pixels with a channel that was inside the range and ends at 0 or 255."""
    old, new = before[::_SAMPLE_STRIDE, ::_SAMPLE_STRIDE], after[::_SAMPLE_STRIDE, ::_SAMPLE_STRIDE]
    moved = ((new == 0) & (old >= 8)) | ((new == 255) & (old <= 247))
    return float(moved.any(axis=-1).mean())
