"""The refusals of videos: one stable code each, with what the sender can do about it."""

from typing import Final

from mesh.errors import InvalidInput

FIELD: Final = "video"
"""The field that core functions name; the doors replace it by the field of their own request."""

_RESEND: Final = "Upload the video again from the original file."
_RECORD: Final = "Record with the phone's own camera app and send that file unedited."

FIXES: Final[dict[str, str]] = {
    "IMAGE_SENT_AS_VIDEO": "Send the video of the whole test, not a picture of it.",
    "VIDEO_MEDIA_TYPE": "Send the video as MP4, MOV, WebM or MKV.",
    "VIDEO_TOO_LARGE": "Record at 1080p, or cut the recording down to the test.",
    "VIDEO_TOO_LONG": "Cut the recording down to the test; 180 s are enough.",
    "VIDEO_TOO_FEW_FRAMES": "Send the video of the whole test, not a single picture.",
    "VIDEO_FRAME_RATE": "Record at 30 or 60 frames per second.",
    "VIDEO_TOO_MANY_PIXELS": "Record at 1080p; 4K (3840 x 2160) is the largest that is read.",
    "VIDEO_PICTURE_TOO_SMALL": "Record at 1080p and send the original, not a preview.",
    "VIDEO_SIZE_CHANGES": _RECORD,
    "VIDEO_NO_PICTURE_TRACK": "Send a file with a video track; this one has none.",
    "VIDEO_CODEC_UNSUPPORTED": "Send the video as H.264, HEVC, VP9 or AV1.",
    "VIDEO_TRUNCATED": "The end of the file is missing. " + _RESEND,
    "VIDEO_CORRUPT": "The file is damaged. " + _RESEND,
    "VIDEO_TIMESTAMPS": "The times of the frames cannot be trusted. " + _RECORD,
    "VIDEO_TOO_COMPLEX": _RECORD,
    "VIDEO_CUT_UP": "Film the test in one go, in steady light.",
}


def refuse(code: str, detail: str, **metadata: str | int | float) -> InvalidInput:
    """The error to raise for `code` (a key of `FIXES`); `detail` says what was seen."""
    return InvalidInput(
        code,
        detail,
        field=FIELD,
        fix=FIXES[code],
        metadata={key: str(value) for key, value in metadata.items()},
    )
