"""Messages between ingest and its decoder process: JSON and raw bytes, because the decoder is not trusted.

A message is a 4-byte length, a JSON object of that length, and the blobs whose sizes its `blobs` lists.
"""

import json
from typing import IO, Any, Final

from svc_ingest.exif import plain
from svc_ingest.result import Encoded, Flag, Ingested, Level, Measure

_MAX_HEADER: Final = 1024 * 1024
_MAX_BLOB: Final = 512 * 1024 * 1024

Fields = dict[str, Any]


def send(pipe: IO[bytes], fields: Fields, blobs: tuple[bytes, ...] = ()) -> None:
    """Writes one message. Raises OSError when the other side is gone."""
    header = json.dumps({**fields, "blobs": [len(b) for b in blobs]}).encode()
    pipe.write(len(header).to_bytes(4, "big") + header)
    for blob in blobs:
        pipe.write(blob)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[Fields, list[bytes]]:
    """Reads one message. Raises EOFError when the pipe ends early, ValueError when it is malformed."""
    size = int.from_bytes(_exactly(pipe, 4), "big")
    if size > _MAX_HEADER:
        raise ValueError(f"message header of {size} bytes")
    fields = json.loads(_exactly(pipe, size))
    sizes = fields.pop("blobs")
    if not all(isinstance(n, int) and 0 <= n <= _MAX_BLOB for n in sizes):
        raise ValueError(f"message with blobs of {sizes} bytes")
    return fields, [_exactly(pipe, n) for n in sizes]


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) != size:
        raise EOFError
    return data


def pack(done: Ingested) -> tuple[Fields, tuple[bytes, ...]]:
    """An `Ingested` as the parts of a message."""
    images = (done.original, done.working)
    return {
        "source_media_type": done.source_media_type,
        "source_mode": done.source_mode,
        "source_bits": done.source_bits,
        "orientation": done.orientation,
        "icc_profile": done.icc_profile,
        "camera": done.camera,
        "images": [[i.media_type, i.width, i.height] for i in images],
        "measures": [[m.id, m.value, m.unit, m.not_measurable] for m in done.measures],
        "flags": [[f.code, f.level.value, f.message] for f in done.flags],
        "milliseconds": done.milliseconds,
    }, tuple(i.data for i in images)


def unpack(fields: Fields, blobs: list[bytes]) -> Ingested:
    """The inverse of `pack`. Raises KeyError, TypeError or ValueError for anything else."""
    original, working = (Encoded(blob, *image) for blob, image in zip(blobs, fields["images"], strict=True))
    return Ingested(
        source_media_type=fields["source_media_type"],
        source_mode=fields["source_mode"],
        source_bits=fields["source_bits"],
        orientation=fields["orientation"],
        icc_profile=fields["icc_profile"],
        camera=plain(fields["camera"]),  # it ends up in pages and reports
        original=original,
        working=working,
        measures=tuple(Measure(*m) for m in fields["measures"]),
        flags=tuple(Flag(code, Level(level), message) for code, level, message in fields["flags"]),
        milliseconds=fields["milliseconds"],
    )
