"""A `Captured` as the fields of a message between ingest and its decoder process, and back."""

from dataclasses import asdict

from svc_ingest.result import Flag, Level, Measure
from svc_ingest.video.result import Captured
from svc_ingest.wire import Fields


def pack(done: Captured) -> Fields:
    """The fields of a message."""
    return {
        **asdict(done),
        "flags": [[f.code, f.level.value, f.message] for f in done.flags],
        "measures": [[m.id, m.value, m.unit, m.not_measurable] for m in done.measures],
    }


def unpack(fields: Fields) -> Captured:
    """The inverse of `pack`. Raises KeyError, TypeError or ValueError for anything else."""
    return Captured(
        **{
            **fields,
            "cuts_s": tuple(fields["cuts_s"]),
            "flags": tuple(Flag(code, Level(level), message) for code, level, message in fields["flags"]),
            "measures": tuple(Measure(*m) for m in fields["measures"]),
        }
    )
