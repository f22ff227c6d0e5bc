"""The ingest stage: one upload in; an image, a video or landmarks as the later stages read them out."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis, Job
from assay.ingest.v1.ingest_pb2 import IngestPage

from mesh.errors import InvalidInput
from mesh.settings import Settings
from mesh.stage import Outcome, Stage, StageContext
from svc_ingest import landmarks, upload
from svc_ingest.limits import DEFAULT_LIMITS
from svc_ingest.page import page
from svc_ingest.problems import refuse
from svc_ingest.result import Encoded
from svc_ingest.sandbox import Sandbox
from svc_ingest.video import stage as video

_EXTENSION = {"image/png": "png", "image/jpeg": "jpg"}


@lru_cache(maxsize=1)
def sandbox() -> Sandbox:
    """The image decoders of this process, one per fact that is worked on at once."""
    settings = Settings()
    limits = replace(DEFAULT_LIMITS, max_bytes=settings.max_upload_bytes)
    return Sandbox(workers=settings.stage_concurrency, limits=limits)


def prepare() -> None:
    """Starts the first image decoder."""
    sandbox().start()


async def handle(analysis: Analysis, ctx: StageContext) -> IngestPage | Outcome:
    """Fetches the upload once, checks it and writes what later stages read.

    Raises InvalidInput (docs/ingest.md and docs/video.md list the codes; the field is `upload_id`, for
    landmarks the place in the file), NotFound (UPLOAD_NOT_FOUND), Transient.
    """
    job = analysis.job
    try:
        _check_purpose(job)
        if job.upload_purpose == "landmarks":
            return await landmarks.handle(analysis, ctx)
        if job.upload_purpose == "video":
            return await video.handle(analysis, ctx)
        return await _image(job, ctx)
    except InvalidInput as error:
        if not error.field.startswith("landmarks"):
            error.field = upload.FIELD
        raise


def _check_purpose(job: Job) -> None:
    """Raises InvalidInput when the kind of assessment does not take what was uploaded."""
    moving = job.upload_purpose in ("video", "landmarks")
    if job.kind == "balance" and not moving:
        raise refuse("UPLOAD_WRONG_PURPOSE", "A balance test is analysed from a video or from landmarks.")
    if job.kind == "tattoo" and moving:
        raise refuse("UPLOAD_WRONG_PURPOSE", "A tattoo is analysed from a photo.")


async def _image(job: Job, ctx: StageContext) -> IngestPage:
    """Checks and normalises a photo, writes both images."""
    most = sandbox().limits.max_bytes
    data = await upload.fetch(job.upload, ctx, most, lambda detail: refuse("IMAGE_TOO_LARGE", detail))
    left = (ctx.deadline - datetime.now(UTC)).total_seconds()
    done = await ctx.compute(sandbox().ingest, data, job.upload.media_type, left)
    ctx.log.info("ingested", steps_ms=done.milliseconds, flags=[flag.code for flag in done.flags])
    written = page(data, done)
    original, working = await asyncio.gather(
        _put("original", done.original, ctx), _put("working", done.working, ctx)
    )
    written.original.CopyFrom(original)
    written.working.CopyFrom(working)
    return written


async def _put(name: str, image: Encoded, ctx: StageContext) -> ObjectRef:
    return await ctx.put(f"{name}.{_EXTENSION[image.media_type]}", image.data, image.media_type)


STAGE = Stage(
    name="ingest",
    kind="*",
    consumes="requested",
    publishes="ingested",
    page="ingest",
    handle=handle,
    prepare=prepare,
)
