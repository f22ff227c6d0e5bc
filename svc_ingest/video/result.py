"""What ingest makes of a video. Light on purpose: the service imports this, never the decoders."""

from dataclasses import dataclass

from svc_ingest.result import Flag, Measure


@dataclass(frozen=True)
class Captured:
    """What is in a video's picture track, which was written to a file of its own."""

    source_media_type: str
    media_type: str
    """Of the written file: video/mp4, video/webm or video/x-matroska."""
    container: str
    """Of the source: mp4, mov, webm or mkv."""
    codec: str
    """h264, hevc, vp9 or av1."""
    bits: int
    """Bits per sample."""
    pixel_format: str
    """As FFmpeg names it, for example yuv420p."""
    rotation_deg: int
    """Clockwise rotation that makes it upright: 0, 90, 180 or 270."""
    width: int
    """After rotation."""
    height: int
    """After rotation."""
    frames: int
    """Frames that decoded."""
    duration_s: float
    """From the first to the last frame."""
    fps: float
    variable_frame_rate: bool
    cuts_s: tuple[float, ...]
    """Times of the first frame after each cut, from the first frame."""
    audio_dropped: bool
    measures: tuple[Measure, ...]
    flags: tuple[Flag, ...]
    milliseconds: dict[str, float]
