"""The refusals of ingest: one stable code each, with what the sender can do about it."""

from typing import Final

from mesh.errors import InvalidInput

FIELD: Final = "image"
"""The field that core functions name; the doors replace it by the field of their own request."""

RESEND = "Upload the photo again from the original file."

FIXES: Final[dict[str, str]] = {
    "UPLOAD_EMPTY": "Upload the file again; no byte of it arrived.",
    "UPLOAD_NOT_FOUND": "Send the file to the signed URL first, then start the analysis.",
    "UPLOAD_SIZE_MISMATCH": "Upload the whole file again, then start a new analysis.",
    "UPLOAD_WRONG_PURPOSE": "Sign an upload for a photo with UPLOAD_PURPOSE_IMAGE, for a balance test with "
    "UPLOAD_PURPOSE_VIDEO or UPLOAD_PURPOSE_LANDMARKS.",
    "IMAGE_TOO_LARGE": "Send a smaller file: a JPEG or HEIC straight from the camera.",
    "UNSUPPORTED_MEDIA_TYPE": "Send the photo as JPEG, HEIC, AVIF, PNG, WebP or TIFF.",
    "MEDIA_TYPE_MISMATCH": "Send an image file and declare its real media type.",
    "VIDEO_SENT_AS_IMAGE": "Send a video as a balance analysis, or a photo here.",
    "IMAGE_TRUNCATED": "The end of the file is missing. " + RESEND,
    "IMAGE_CORRUPT": "The file is damaged. " + RESEND,
    "IMAGE_TOO_SMALL": "Send the photo in full size, not a thumbnail.",
    "IMAGE_TOO_MANY_PIXELS": "Take the photo at a lower resolution; 12 megapixels are enough.",
    "IMAGE_TOO_COMPLEX": "Save the photo again as an ordinary JPEG and send that.",
}


def refuse(code: str, detail: str, **metadata: str | int) -> InvalidInput:
    """The error to raise for `code` (a key of `FIXES`); `detail` says what was seen."""
    return InvalidInput(
        code,
        detail,
        field=FIELD,
        fix=FIXES[code],
        metadata={key: str(value) for key, value in metadata.items()},
    )
