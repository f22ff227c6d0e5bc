"""Video decoder processes: one fresh process for each video, files by name."""

from dataclasses import asdict
from pathlib import Path

from svc_ingest.sandbox import Decoder, Pool
from svc_ingest.video import wire
from svc_ingest.video.limits import DEFAULT_LIMITS, VideoLimits
from svc_ingest.video.problems import refuse
from svc_ingest.video.result import Captured


class VideoSandbox:
    """At most `workers` video decoders at once; starting one takes about 0.4 s of the video's seconds."""

    def __init__(self, workers: int = 1, limits: VideoLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        decoder = Decoder(
            module="svc_ingest.video.worker",
            noun="video",
            cpu_seconds=limits.cpu_seconds,
            wall_seconds=limits.wall_seconds,
            requests=1,
            too_complex=lambda detail: refuse("VIDEO_TOO_COMPLEX", detail),
        )
        self._pool = Pool(decoder, workers)

    @property
    def peak_rss_bytes(self) -> int:
        """Largest resident size of any decoder process so far."""
        return self._pool.peak_rss_bytes

    def capture(self, source: Path, target: Path, seconds: float | None = None) -> Captured:
        """Runs `svc_ingest.video.core.capture` in a decoder process; raises what `Pool.ask` raises."""
        request = {"source": str(source), "target": str(target), "limits": asdict(self.limits)}
        fields, _ = self._pool.ask(request, (), seconds)
        return wire.unpack(fields)

    def close(self) -> None:
        """Ends all processes; the sandbox is of no use afterwards."""
        self._pool.close()
