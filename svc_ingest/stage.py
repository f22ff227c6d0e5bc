"""The ingest stage: one upload in, the normalised original and the working image out."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from assay.ingest.v1.ingest_pb2 import IngestPage

from mesh.errors import InvalidInput, NotFound
from mesh.settings import Settings
from mesh.stage import Stage, StageContext
from svc_ingest.limits import DEFAULT_LIMITS
from svc_ingest.page import page
from svc_ingest.problems import FIXES, refuse
from svc_ingest.result import Encoded
from svc_ingest.sandbox import Sandbox

FIELD = "upload_id"
_EXTENSION = {"image/png": "png", "image/jpeg": "jpg"}


@lru_cache(maxsize=1)
def sandbox() -> Sandbox:
    """The decoder processes of this process, one per fact that is worked on at once."""
    settings = Settings()
    limits = replace(DEFAULT_LIMITS, max_bytes=settings.max_upload_bytes)
    return Sandbox(workers=settings.stage_concurrency, limits=limits)


def prepare() -> None:
    """Starts the first decoder process."""
    sandbox().start()


async def handle(analysis: Analysis, ctx: StageContext) -> IngestPage:
    """Fetches the upload once, checks and normalises it, writes both images.

    Raises InvalidInput (docs/ingest.md lists the codes; the field is `upload_id`), NotFound
    (UPLOAD_NOT_FOUND), Transient.
    """
    upload = analysis.job.upload
    try:
        data = await fetch(upload, ctx)
        left = (ctx.deadline - datetime.now(UTC)).total_seconds()
        done = await ctx.compute(sandbox().ingest, data, upload.media_type, left)
    except InvalidInput as error:
        error.field = FIELD
        raise
    ctx.log.info("ingested", steps_ms=done.milliseconds, flags=[flag.code for flag in done.flags])
    written = page(data, done)
    original, working = await asyncio.gather(
        _put("original", done.original, ctx), _put("working", done.working, ctx)
    )
    written.original.CopyFrom(original)
    written.working.CopyFrom(working)
    return written


async def fetch(upload: ObjectRef, ctx: StageContext) -> bytes:
    """Reads the upload, at most the bytes that were announced and never more than the limit.

    Raises InvalidInput (IMAGE_TOO_LARGE, UPLOAD_EMPTY, UPLOAD_SIZE_MISMATCH, and what storage finds wrong
    with the announced size or hash), NotFound (UPLOAD_NOT_FOUND), Transient.
    """
    most = sandbox().limits.max_bytes
    if upload.size_bytes > most:
        raise refuse("IMAGE_TOO_LARGE", f"The file has {upload.size_bytes} bytes; at most {most} are read.")
    if upload.size_bytes <= 0:
        raise refuse("UPLOAD_EMPTY", "The upload is empty.")
    try:
        data = await ctx.get(upload)
    except NotFound as error:
        raise NotFound(
            "UPLOAD_NOT_FOUND", "The file was never uploaded.", field=FIELD, fix=FIXES["UPLOAD_NOT_FOUND"]
        ) from error
    if len(data) != upload.size_bytes:
        raise refuse(
            "UPLOAD_SIZE_MISMATCH", f"{upload.size_bytes} bytes were announced, {len(data)} were stored."
        )
    return data


async def _put(name: str, image: Encoded, ctx: StageContext) -> ObjectRef:
    return await ctx.put(f"{name}.{_EXTENSION[image.media_type]}", image.data, image.media_type)


STAGE = Stage(
    name="ingest",
    kind="tattoo",
    consumes="requested",
    publishes="ingested",
    page="ingest",
    handle=handle,
    prepare=prepare,
)
