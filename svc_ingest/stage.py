"""The ingest stage: one upload in; an image, a video or landmarks as the later stages read them out."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis, Job
from assay.ingest.v1.ingest_pb2 import IngestPage

from mesh.errors import InvalidInput, NotFound
from mesh.settings import Settings
from mesh.stage import Outcome, Stage, StageContext
from svc_ingest import landmarks, upload
from svc_ingest.limits import DEFAULT_LIMITS
from svc_ingest.page import page, quality_flags
from svc_ingest.problems import refuse
from svc_ingest.result import Encoded, Flag, Ingested
from svc_ingest.sandbox import Sandbox
from svc_ingest.video import stage as video

PROTECTED_FIELD = "protected_upload_id"
# Remarks on the photo of protected skin carry this before their code: they say nothing about the tattoo's.
PROTECTED_PREFIX = "PROTECTED_"
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

    Raises InvalidInput (docs/ingest.md and docs/video.md list the codes; the field is `upload_id`, for the
    photo of protected skin `protected_upload_id`, for landmarks the place in the file), NotFound
    (UPLOAD_NOT_FOUND), Transient.
    """
    job = analysis.job
    try:
        _check_purpose(job)
        if job.upload_purpose == "landmarks":
            return await landmarks.handle(analysis, ctx)
        if job.upload_purpose == "video":
            return await video.handle(analysis, ctx)
        return await _photos(job, ctx)
    except InvalidInput as error:
        if not error.field.startswith(("landmarks", PROTECTED_FIELD)):
            error.field = upload.FIELD
        raise


def _check_purpose(job: Job) -> None:
    """Raises InvalidInput when the kind of assessment does not take what was uploaded."""
    moving = job.upload_purpose in ("video", "landmarks")
    if job.kind == "balance" and not moving:
        raise refuse("UPLOAD_WRONG_PURPOSE", "A balance test is analysed from a video or from landmarks.")
    if job.kind == "tattoo" and moving:
        raise refuse("UPLOAD_WRONG_PURPOSE", "A tattoo is analysed from a photo.")


async def _photos(job: Job, ctx: StageContext) -> IngestPage:
    """Checks and normalises the photo, and that of protected skin where there is one; writes the images."""
    data, done = await _normalised(job.upload, ctx)
    written = page(data, done)
    original, working = await asyncio.gather(
        _put("original", done.original, ctx), _put("working", done.working, ctx)
    )
    written.original.CopyFrom(original)
    written.working.CopyFrom(working)
    if job.HasField("protected_upload"):
        protected = await _protected(job.protected_upload, ctx)
        written.protected_working.CopyFrom(await _put("protected_working", protected.working, ctx))
        written.flags.extend(quality_flags(_of_protected(flag) for flag in protected.flags))
    return written


async def _protected(ref: ObjectRef, ctx: StageContext) -> Ingested:
    """The photo of protected skin; its errors name the field that it came by."""
    try:
        _, done = await _normalised(ref, ctx)
    except (InvalidInput, NotFound) as error:
        error.field = PROTECTED_FIELD
        raise
    return done


def _of_protected(flag: Flag) -> Flag:
    return replace(
        flag, code=PROTECTED_PREFIX + flag.code, message=f"Photo of protected skin: {flag.message}"
    )


async def _normalised(ref: ObjectRef, ctx: StageContext) -> tuple[bytes, Ingested]:
    """Fetches a photo and normalises it in the sandbox; returns its bytes and what became of it."""
    most = sandbox().limits.max_bytes
    data = await upload.fetch(ref, ctx, most, lambda detail: refuse("IMAGE_TOO_LARGE", detail))
    left = (ctx.deadline - datetime.now(UTC)).total_seconds()
    done = await ctx.compute(sandbox().ingest, data, ref.media_type, left)
    ctx.log.info("ingested", steps_ms=done.milliseconds, flags=[flag.code for flag in done.flags])
    return data, done


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
