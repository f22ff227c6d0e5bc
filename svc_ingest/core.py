"""Ingest as one function from bytes to images and measures: what the sandboxed worker runs."""

import time
from dataclasses import replace

from svc_ingest import sniff
from svc_ingest.decode import decode
from svc_ingest.limits import DEFAULT_LIMITS, Limits
from svc_ingest.normalise import encode_original, encode_png, on_white, shrink, upright, working_size
from svc_ingest.problems import refuse
from svc_ingest.profile import to_srgb
from svc_ingest.quality import assess
from svc_ingest.result import Flag, Ingested, Level


def check_type(data: bytes, limits: Limits, declared: str = "") -> sniff.Sniffed:
    """The real type of `data` when it is an image that ingest reads.

    `declared` is the media type the sender stated, if any; it only sharpens the error.
    Raises InvalidInput: UPLOAD_EMPTY, IMAGE_TOO_LARGE, VIDEO_SENT_AS_IMAGE, MEDIA_TYPE_MISMATCH (declared
    as an image, but is none), UNSUPPORTED_MEDIA_TYPE.
    """
    found = sniff.sniff(data)
    if found.kind is sniff.Kind.EMPTY:
        raise refuse("UPLOAD_EMPTY", "The upload is empty.")
    if len(data) > limits.max_bytes:
        raise refuse(
            "IMAGE_TOO_LARGE", f"The file has {len(data)} bytes; at most {limits.max_bytes} are read."
        )
    if found.kind is sniff.Kind.IMAGE:
        return found
    seen = {"media_type": found.media_type, "declared": declared}
    if found.kind is sniff.Kind.VIDEO:
        raise refuse("VIDEO_SENT_AS_IMAGE", f"The file is {found.label}, not a photo.", **seen)
    if found.kind is not sniff.Kind.OTHER_IMAGE and declared.startswith("image/"):
        raise refuse(
            "MEDIA_TYPE_MISMATCH", f"The file was declared as {declared} but is {found.label}.", **seen
        )
    raise refuse("UNSUPPORTED_MEDIA_TYPE", f"The file is {found.label}, which is not read.", **seen)


def ingest(data: bytes, declared: str = "", limits: Limits = DEFAULT_LIMITS) -> Ingested:
    """Checks, decodes, converts to sRGB, turns upright, measures and encodes one image.

    Raises InvalidInput (see `check_type` and `svc_ingest.decode.decode`) and MemoryError.
    """
    steps: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        steps[step] = round(1000 * (now - clock), 2)
        clock = now

    kind = check_type(data, limits, declared)
    raster = decode(data, kind, limits)
    lap("decode")
    converted = to_srgb(raster, limits)
    lap("profile")
    rgb, name, share = converted.rgb, converted.name, converted.clipped_share
    flags = [*raster.flags, *converted.flags]
    del converted
    if raster.alpha is not None:
        rgb = on_white(rgb, raster.alpha)
        flags.append(Flag("TRANSPARENCY_REMOVED", Level.WARN, "Transparent parts were laid on white."))
    if raster.bits > 8:
        flags.append(
            Flag("REDUCED_TO_8_BIT", Level.INFO, f"{raster.bits} bits per channel were rounded to 8.")
        )
    bare = raster.bare if rgb is raster.pixels and raster.orientation == 1 else b""
    raster = replace(
        raster, pixels=rgb[:0, :0], alpha=None, bare=b""
    )  # frees the memory of what is done with
    if not raster.upright:
        rgb = upright(rgb, raster.orientation)
    lap("orient")
    working = shrink(rgb, *working_size(rgb.shape[1], rgb.shape[0], limits.working_pixels))
    lap("shrink")
    quality = assess(rgb, working, share)
    lap("quality")
    original = encode_original(rgb, raster.lossy, bare)
    lap("encode_original")
    small = encode_png(working)
    lap("encode_working")
    return Ingested(
        source_media_type=kind.media_type,
        source_mode=raster.mode,
        source_bits=raster.bits,
        orientation=raster.orientation,
        icc_profile=name,
        camera=raster.camera,
        original=original,
        working=small,
        measures=quality.measures,
        flags=(*flags, *quality.flags),
        milliseconds=steps,
    )
