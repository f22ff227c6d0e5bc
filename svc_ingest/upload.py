"""Fetches what was uploaded, at most the bytes that were announced and never more than the limit."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from assay.common.v1.types_pb2 import ObjectRef

from mesh.errors import InvalidInput, NotFound
from mesh.stage import StageContext
from svc_ingest.problems import FIXES, refuse

FIELD = "upload_id"

TooLarge = Callable[[str], InvalidInput]
"""Makes the refusal of a file that is too large from what was seen."""


async def fetch(upload: ObjectRef, ctx: StageContext, most: int, too_large: TooLarge) -> bytes:
    """Reads the upload, of at most `most` bytes, into memory.

    Raises InvalidInput (`too_large`, UPLOAD_EMPTY, UPLOAD_SIZE_MISMATCH, and what storage finds wrong with
    the announced size or hash), NotFound (UPLOAD_NOT_FOUND), Transient.
    """
    _check_announced(upload, most, too_large)
    try:
        data = await ctx.get(upload)
    except NotFound as error:
        raise _never_sent() from error
    _check_size(upload, len(data))
    return data


async def fetch_file(
    upload: ObjectRef, ctx: StageContext, path: Path, most: int, too_large: TooLarge
) -> None:
    """Reads the upload into a file in bounded memory; raises what `fetch` raises."""
    _check_announced(upload, most, too_large)
    try:
        await ctx.download(upload, path)
    except NotFound as error:
        raise _never_sent() from error
    _check_size(upload, await asyncio.to_thread(_size, path))


def _size(path: Path) -> int:
    return path.stat().st_size


def _check_announced(upload: ObjectRef, most: int, too_large: TooLarge) -> None:
    if upload.size_bytes > most:
        raise too_large(f"The file has {upload.size_bytes} bytes; at most {most} are read.")
    if upload.size_bytes <= 0:
        raise refuse("UPLOAD_EMPTY", "The upload is empty.")


def _check_size(upload: ObjectRef, stored: int) -> None:
    if stored != upload.size_bytes:
        raise refuse(
            "UPLOAD_SIZE_MISMATCH", f"{upload.size_bytes} bytes were announced, {stored} were stored."
        )


def _never_sent() -> NotFound:
    return NotFound(
        "UPLOAD_NOT_FOUND", "The file was never uploaded.", field=FIELD, fix=FIXES["UPLOAD_NOT_FOUND"]
    )
