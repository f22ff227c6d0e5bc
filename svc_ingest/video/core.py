"""A video as one function from file to file and measures: what the sandboxed worker runs."""

import time
from pathlib import Path

import numpy as np

from svc_ingest.result import Flag, Level
from svc_ingest.timing import pace_of
from svc_ingest.video import remarks
from svc_ingest.video.capture import Gathered, assess
from svc_ingest.video.decode import Decoding, Look
from svc_ingest.video.files import identify
from svc_ingest.video.limits import DEFAULT_LIMITS, VideoLimits
from svc_ingest.video.problems import refuse
from svc_ingest.video.remux import Remuxed, remux
from svc_ingest.video.result import Captured
from svc_ingest.video.track import Track, opened, pick

_MAX_DAMAGED = 0.05
"""Largest share of frames that may be damaged."""


def capture(source: Path, target: Path, limits: VideoLimits = DEFAULT_LIMITS) -> Captured:
    """Checks `source`, copies its picture track to `target` and measures what was copied.

    `target` is what later stages read, so it is that file that is decoded here. Raises InvalidInput (the
    codes of `svc_ingest.video.problems`) and MemoryError.
    """
    clock = time.perf_counter()
    file = identify(source, limits)
    with opened(source, file.demuxer, limits) as container:
        track = pick(container, file, limits)
        written = remux(container, track, file, target, limits)
    copied = time.perf_counter()
    frames = Decoding(written, limits)
    gathered = Gathered()
    for frame in frames:
        assert frames.look is not None  # of the first frame
        gathered.add(frame, frames.look)
    decoded = time.perf_counter()
    look = frames.look
    if look is None or frames.frames < 2:
        if frames.damaged:
            raise refuse("VIDEO_CORRUPT", "Hardly a frame of the video can be decoded.")
        raise refuse("VIDEO_TOO_FEW_FRAMES", f"The video has {frames.frames} frames; at least 2 are needed.")
    damaged = frames.damaged / (frames.damaged + frames.frames)
    if damaged > _MAX_DAMAGED:
        raise refuse("VIDEO_CORRUPT", f"{100 * damaged:.0f} % of the frames are damaged.")
    pace = pace_of(np.asarray(gathered.time_s), float(track.time_base))
    if pace.fps > limits.max_fps:
        raise refuse(
            "VIDEO_FRAME_RATE",
            f"The video has {pace.fps:.0f} frames/s; at most {limits.max_fps:.0f} are read.",
        )
    quality = assess(gathered, look, pace, frames.damaged)
    turned = look.rotation_deg % 180 != 0
    measured = time.perf_counter()
    return Captured(
        source_media_type=file.media_type,
        media_type=written.media_type,
        container=file.container,
        codec=track.codec,
        bits=look.bits,
        pixel_format=look.pixel_format,
        rotation_deg=look.rotation_deg,
        width=look.height if turned else look.width,
        height=look.width if turned else look.height,
        frames=frames.frames,
        duration_s=gathered.time_s[-1],
        fps=pace.fps,
        variable_frame_rate=pace.variable,
        cuts_s=quality.cuts_s,
        audio_dropped=track.audio,
        measures=remarks.measures(quality),
        flags=(*_make_up(track, written, look), *remarks.flags(quality)),
        milliseconds={
            "remux": round(1000 * (copied - clock), 2),
            "decode": round(1000 * (decoded - copied), 2),
            "measure": round(1000 * (measured - decoded), 2),
        },
    )


def _make_up(track: Track, written: Remuxed, look: Look) -> tuple[Flag, ...]:
    """What the file's make-up means for later stages."""
    told = [
        (
            track.others > 0,
            "SEVERAL_PICTURE_TRACKS",
            Level.INFO,
            f"The file has {track.others + 1} picture tracks; the largest one was used.",
        ),
        (
            written.ends_early,
            "VIDEO_ENDS_EARLY",
            Level.WARN,
            "The end of the file is missing; what is there was used.",
        ),
        (
            track.aspect != 1,
            "NON_SQUARE_PIXELS",
            Level.FAIL,
            f"Pixels are {track.aspect} times as wide as high: lengths across and along differ.",
        ),
        (
            look.mirrored,
            "PICTURE_MIRRORED",
            Level.FAIL,
            "The file asks to be shown mirrored, so left and right cannot be told; turn mirroring off.",
        ),
        (
            not look.right_angle,
            "ROTATION_ROUNDED",
            Level.WARN,
            "The file asks to be turned by an angle that is no multiple of 90 degrees; it was rounded.",
        ),
        (
            look.interlaced,
            "INTERLACED",
            Level.WARN,
            "Each frame mixes two moments (interlaced); record progressive video.",
        ),
    ]
    return tuple(Flag(code, level, message) for seen, code, level, message in told if seen)
