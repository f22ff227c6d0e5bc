"""How large, how small and how costly an image may be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds that ingest enforces; every one has an error of its own.

    The defaults admit what phones of 2026 write (50 megapixels, 64 megapixels on some) and bound the
    decoder's memory: one 8-bit RGB copy of `max_pixels` is 192 MiB and ingest holds at most six of them.
    """

    max_bytes: int = 50 * 1024 * 1024
    """Largest file, in bytes."""

    max_pixels: int = 64 * 1024 * 1024
    """Most pixels of one image (width times height), read from its header before anything is decoded."""

    max_side: int = 16_384
    """Longest side, in pixels."""

    min_side: int = 64
    """Shortest side, in pixels: below it there is not even one 40 x 40 px patch with a margin to measure."""

    max_scans: int = 100
    """Most scans of a progressive JPEG; encoders write about 10, each costs a pass over all coefficients."""

    max_profile_bytes: int = 4 * 1024 * 1024
    """Largest embedded ICC profile; press profiles reach about 2.5 MB. A larger one is not read."""

    working_pixels: int = 3_000_000
    """Most pixels of the working image."""

    cpu_seconds: int = 20
    """Processor time for one image; the decoder is killed beyond it."""

    wall_seconds: float = 60.0
    """Wall-clock time for one image, waiting for a free decoder included."""

    memory_bytes: int = 1_536 * 1024 * 1024
    """Address space that the decoder may take on top of its idle size."""


DEFAULT_LIMITS = Limits()
