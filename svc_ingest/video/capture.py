"""Capture quality of a video."""

from dataclasses import dataclass, field

from svc_ingest.result import Flag, Measure
from svc_ingest.timing import Pace
from svc_ingest.video.decode import Frame, Look


@dataclass
class Gathered:
    time_s: list[float] = field(default_factory=list)

    def add(self, frame: Frame) -> None:
        self.time_s.append(frame.time_s)


@dataclass(frozen=True)
class Quality:
    measures: tuple[Measure, ...]
    flags: tuple[Flag, ...]
    cuts_s: tuple[float, ...]


def assess(gathered: Gathered, look: Look, pace: Pace, damaged: int) -> Quality:
    return Quality((Measure("frame_rate", pace.fps, "Hz"),), (), ())
