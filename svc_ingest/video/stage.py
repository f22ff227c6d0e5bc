"""Videos in the ingest stage: an upload in, its picture track alone and its capture quality out."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from assay.events.v1.analysis_pb2 import Analysis
from assay.ingest.v1.ingest_pb2 import IngestPage, Video

from mesh.scratch import scratch
from mesh.settings import Settings
from mesh.stage import StageContext
from svc_ingest.page import measurements, provenance, quality_flags
from svc_ingest.upload import fetch_file
from svc_ingest.video.limits import DEFAULT_LIMITS
from svc_ingest.video.problems import refuse
from svc_ingest.video.result import Captured
from svc_ingest.video.sandbox import VideoSandbox

# Whatever shapes the measures; `av` brings FFmpeg.
_LIBRARIES: Final = ("av", "opencv-python-headless", "numpy")
_SUFFIX: Final = {"video/mp4": "mp4", "video/webm": "webm", "video/x-matroska": "mkv"}
_FETCHED, _CAPTURED = 20.0, 90.0
"""Progress in percent after the two long steps."""
MOST_CUTS: Final = 128
"""More are flicker or a slide show; nobody stands still in either."""


@lru_cache(maxsize=1)
def sandbox() -> VideoSandbox:
    """The video decoders of this process, one per fact that is worked on at once."""
    settings = Settings()
    limits = replace(DEFAULT_LIMITS, max_bytes=settings.max_video_bytes)
    return VideoSandbox(workers=settings.stage_concurrency, limits=limits)


async def handle(analysis: Analysis, ctx: StageContext) -> IngestPage:
    """Fetches the video to a file, has it checked, copied and measured, writes the picture track.

    Raises InvalidInput (docs/video.md), NotFound (UPLOAD_NOT_FOUND), Transient.
    """
    upload = analysis.job.upload
    most = sandbox().limits.max_bytes
    with scratch() as folder:
        source, target = folder / "upload", folder / "picture"
        await fetch_file(upload, ctx, source, most, lambda detail: refuse("VIDEO_TOO_LARGE", detail))
        await ctx.progress(_FETCHED, "Video received")
        left = (ctx.deadline - datetime.now(UTC)).total_seconds()
        done = await ctx.compute(sandbox().capture, source, target, left)
        await ctx.progress(_CAPTURED, "Video checked")
        ctx.log.info("ingested", steps_ms=done.milliseconds, flags=[flag.code for flag in done.flags])
        digest = upload.sha256 or await ctx.compute(_sha256, source)
        written = page(done, digest, upload.size_bytes)
        name = f"video.{_SUFFIX[done.media_type]}"
        written.video.object.CopyFrom(await ctx.upload(name, target, done.media_type))
    return written


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def page(done: Captured, sha256: str, size_bytes: int) -> IngestPage:
    """The page of a video; the reference to the stored picture track is left empty.

    Raises InvalidInput (VIDEO_CUT_UP): the page travels in every later fact, and holds the times of cuts.
    """
    if len(done.cuts_s) > MOST_CUTS:
        raise refuse("VIDEO_CUT_UP", f"The video has {len(done.cuts_s)} cuts; at most {MOST_CUTS} are taken.")
    return IngestPage(
        source_media_type=done.source_media_type,
        source_sha256=sha256,
        source_size_bytes=size_bytes,
        source_bits=done.bits,
        source_mode=done.pixel_format,
        exif_orientation=1,
        width=done.width,
        height=done.height,
        video=Video(
            container=done.container,
            codec=done.codec,
            rotation_deg=done.rotation_deg,
            width=done.width,
            height=done.height,
            frames=done.frames,
            duration_s=done.duration_s,
            fps=done.fps,
            variable_frame_rate=done.variable_frame_rate,
            cuts_s=done.cuts_s,
            audio_dropped=done.audio_dropped,
        ),
        quality=measurements(done.measures),
        flags=quality_flags(done.flags),
        provenance=provenance(_LIBRARIES),
    )
