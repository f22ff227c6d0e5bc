"""The second photo of a tattoo analysis: skin that the sun does not reach."""

from __future__ import annotations

from assay.gateway.v1 import gateway_pb2 as pb

from gateway.api.uploads import received
from gateway.desk import Desk
from gateway.ledger.uploads import Upload
from mesh.auth import Principal
from mesh.errors import InvalidInput

FIELD = "protected_upload_id"


async def protected_upload(
    desk: Desk, caller: Principal, request: pb.AnalyzeRequest, upload: Upload
) -> Upload | None:
    """Returns the upload of the second photo, checked as the first is; None when none was named.

    Raises InvalidInput (PROTECTED_PHOTO_NOT_APPLICABLE, PROTECTED_PHOTO_SAME, UPLOAD_WRONG_PURPOSE) and
    whatever `received` raises; the field is `protected_upload_id`.
    """
    if not request.protected_upload_id:
        return None
    if not request.HasField("tattoo"):
        raise refused(
            "PROTECTED_PHOTO_NOT_APPLICABLE",
            "A photo of protected skin belongs to a tattoo analysis.",
            "Leave protected_upload_id out.",
        )
    second = await received(desk, caller, request.protected_upload_id, field=FIELD)
    same_bytes = bool(second.sha256) and second.sha256.lower() == upload.sha256.lower()
    if second.upload_id == upload.upload_id or same_bytes:
        raise refused(
            "PROTECTED_PHOTO_SAME",
            "The photo of protected skin is the photo of the tattoo.",
            "Upload another photo, of skin that the sun does not reach, such as the inner upper arm.",
        )
    if second.purpose != "image":
        raise refused(
            "UPLOAD_WRONG_PURPOSE",
            f"The upload was announced as {second.purpose}; protected skin is measured in a photo.",
            "Sign an upload with UPLOAD_PURPOSE_IMAGE.",
        )
    return second


def refused(code: str, message: str, fix: str) -> InvalidInput:
    """A refusal of the second photo."""
    return InvalidInput(code, message, field=FIELD, fix=fix)
