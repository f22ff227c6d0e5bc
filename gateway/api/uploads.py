"""Signing uploads, and checking at their use that they came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assay.gateway.v1 import gateway_pb2 as pb

from gateway.api.views import timestamp
from gateway.desk import Desk
from gateway.ledger import jobs, uploads
from gateway.ledger.ids import uuid7
from gateway.ledger.uploads import Upload
from mesh.auth import Principal
from mesh.errors import FailedPrecondition, InvalidInput, NotFound

SIGNATURE_LIFETIME = timedelta(minutes=10)
USABLE = timedelta(hours=24)


@dataclass(frozen=True)
class Purpose:
    """What may be uploaded for a purpose. Ingest decides by content; this is only the first door."""

    name: str
    media_types: frozenset[str]
    limit: str
    """Field of Settings that bounds its bytes."""


PURPOSES = {
    pb.UPLOAD_PURPOSE_IMAGE: Purpose(
        "image",
        frozenset(f"image/{name}" for name in ("jpeg", "png", "webp", "heic", "heif", "avif", "tiff", "gif")),
        "max_upload_bytes",
    ),
    pb.UPLOAD_PURPOSE_VIDEO: Purpose(
        "video",
        frozenset(f"video/{name}" for name in ("mp4", "quicktime", "webm", "x-matroska")),
        "max_video_bytes",
    ),
    pb.UPLOAD_PURPOSE_LANDMARKS: Purpose("landmarks", frozenset({"application/json"}), "max_landmark_bytes"),
}


async def sign(desk: Desk, caller: Principal, request: pb.SignUploadRequest) -> pb.SignUploadResponse:
    """Records an upload and signs its form POST: exact key, exact type, at most the announced size.

    Raises InvalidInput (MEDIA_TYPE_NOT_ALLOWED, UPLOAD_TOO_LARGE), Transient.
    """
    purpose = PURPOSES[request.purpose]
    check_announced(request, purpose, getattr(desk.settings, purpose.limit))
    now = datetime.now(UTC)
    upload_id = uuid7()
    key = f"{caller.tenant_id}/{upload_id}"
    signed = desk.objects.sign_upload(
        key, media_type=request.media_type, max_bytes=request.size_bytes, lifetime=SIGNATURE_LIFETIME
    )
    upload = Upload(
        upload_id=upload_id,
        tenant_id=caller.tenant_id,
        purpose=purpose.name,
        media_type=request.media_type,
        size_bytes=request.size_bytes,
        sha256=request.sha256,
        bucket=desk.settings.s3_uploads_bucket,
        object_key=key,
        state="signed",
        created_by=caller.subject,
        signature_expires_at=signed.expires_at,
        usable_until=now + USABLE,
    )
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        await uploads.insert(connection, upload)
        await jobs.record_audit(connection, caller.tenant_id, caller.subject, "upload.signed", upload_id, {})
    return pb.SignUploadResponse(
        upload_id=upload_id,
        url=signed.url,
        fields=signed.fields,
        expires_at=timestamp(signed.expires_at),
        max_bytes=request.size_bytes,
    )


def check_announced(request: pb.SignUploadRequest, purpose: Purpose, max_bytes: int) -> None:
    """Raises unless what is announced can be analysed here."""
    if request.media_type not in purpose.media_types:
        raise InvalidInput(
            "MEDIA_TYPE_NOT_ALLOWED",
            f"Files of type {request.media_type} are not analysed as {purpose.name}.",
            field="media_type",
            fix=f"Upload one of: {', '.join(sorted(purpose.media_types))}.",
        )
    if request.size_bytes > max_bytes:
        raise InvalidInput(
            "UPLOAD_TOO_LARGE",
            f"The file has {request.size_bytes} bytes; {max_bytes} is the limit.",
            field="size_bytes",
            fix="Upload a smaller file.",
        )


async def received(desk: Desk, caller: Principal, upload_id: str, *, field: str = "upload_id") -> Upload:
    """Returns an upload of the caller's tenant that has come as announced.

    field: the field of the request that named it, for errors. Raises NotFound (UPLOAD_NOT_FOUND:
    unknown, or another tenant's), FailedPrecondition (UPLOAD_EXPIRED, UPLOAD_NOT_RECEIVED), InvalidInput
    (UPLOAD_SIZE_MISMATCH), Transient.
    """
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        upload = await uploads.find(connection, upload_id)
    if upload is None:
        raise NotFound(
            "UPLOAD_NOT_FOUND",
            "There is no such upload.",
            field=field,
            fix="Use the upload_id that /uploads/sign answered.",
        )
    now = datetime.now(UTC)
    if upload.state == "expired" or (upload.state == "signed" and now >= upload.usable_until):
        raise expired(field)
    try:
        stored = await desk.objects.stat(upload.bucket, upload.object_key)
    except NotFound as error:
        if now >= upload.signature_expires_at:
            raise expired(field) from error
        raise FailedPrecondition(
            "UPLOAD_NOT_RECEIVED",
            "The file has not been uploaded yet.",
            field=field,
            fix="POST the form that /uploads/sign answered, then repeat this request.",
        ) from error
    if stored.size_bytes != upload.size_bytes:
        raise InvalidInput(
            "UPLOAD_SIZE_MISMATCH",
            f"The stored file has {stored.size_bytes} bytes; {upload.size_bytes} were announced.",
            field=field,
            fix="Sign a new upload with the file's real size.",
        )
    return upload


def expired(field: str = "upload_id") -> FailedPrecondition:
    """The error of an upload, named in a field of the request, whose time has passed."""
    return FailedPrecondition(
        "UPLOAD_EXPIRED",
        "The upload has expired.",
        field=field,
        fix="Sign a new upload and send the file again.",
    )
