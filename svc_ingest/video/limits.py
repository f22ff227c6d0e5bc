"""How large, how long and how costly a video may be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class VideoLimits:
    """Bounds that ingest enforces; every one has an error of its own.

    All but the last four are checked on what the file claims before anything is decoded, and again on what
    is really in it: a header may lie.
    """

    max_bytes: int = 300 * 1024 * 1024
    """Largest file, in bytes."""

    max_seconds: float = 180.0
    """Longest picture track: the longest test lasts 120 s."""

    max_frames: int = 21_600
    """Most frames: 180 s at 120 Hz."""

    max_fps: float = 250.0
    """Highest frame rate, Hz; slow-motion cameras of phones reach 240."""

    max_pixels: int = 3840 * 2160
    """Most pixels of one frame."""

    max_side: int = 4096
    """Longest side, in pixels."""

    min_side: int = 64
    """Shortest side, in pixels."""

    max_tracks: int = 32
    """Most tracks of any kind; editors write up to about ten."""

    threads: int = 2
    """Decoder threads; each holds about two frames."""

    cpu_seconds: int = 600
    """Processor time for one video, all threads together; the decoder is killed beyond it."""

    wall_seconds: float = 300.0
    """Wall-clock time for one video, waiting for a free decoder included."""

    memory_bytes: int = 1_536 * 1024 * 1024
    """Address space that the decoder may take on top of its idle size."""


DEFAULT_LIMITS = VideoLimits()
