"""Frames of a stored video, one after the other, decoded ahead of whoever uses them.

Ingest has checked the file; here it is only decoded. Memory is bounded: a few frames wait at most, whatever
the length of the video. Every wait is bounded too.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np

from mesh.errors import Internal, InvalidInput
from svc_balance.pose.roi import Picture

AHEAD = 6
"""Decoded frames that may wait."""
THREADS = 2
"""Of the decoder."""
PATIENCE_S = 60.0
"""Longest wait for one frame, or for room for one."""
_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True)
class Frame:
    """One upright picture: its place in the video, its time in s from the first, (H, W, 3) RGB."""

    index: int
    time_s: float
    rgb: Picture


def decode(path: Path, rotation_deg: int = 0) -> Iterator[Frame]:
    """Frames in order of time, in the calling thread: those that ingest counted.

    rotation_deg turns them clockwise: 0, 90, 180, 270. Packets that do not decode, frames that the decoder
    calls corrupt and frames without a time after the one before are left out. Raises InvalidInput
    (VIDEO_UNREADABLE) when not one frame can be decoded; where the file itself cannot be read any further,
    the video ends.
    """
    index, first, last = 0, 0, -1
    try:
        for picture in _sound(path):
            pts, tick = picture.pts, picture.time_base
            if pts is None or tick is None or (index and pts <= last):
                continue
            first, last = pts if index == 0 else first, pts
            yield Frame(index, float((pts - first) * tick), upright(picture, rotation_deg))
            index += 1
    except (av.error.FFmpegError, IndexError) as error:
        if index == 0:
            raise unreadable() from error
    if index == 0:
        raise unreadable()


def _sound(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        # As ingest decodes: with another number of threads a damaged packet takes other frames with it.
        stream.codec_context.thread_count = THREADS
        stream.codec_context.options = {"err_detect": "explode"}
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                continue
            yield from (picture for picture in pictures if not picture.is_corrupt)


def upright(picture: av.VideoFrame, rotation_deg: int) -> Picture:
    """The picture as RGB, turned clockwise."""
    rgb = picture.to_ndarray(format="rgb24")
    turn = _TURNS.get(rotation_deg % 360)
    return np.asarray(rgb if turn is None else cv2.rotate(rgb, turn), np.uint8)


class Ahead:
    """Decodes in a thread of its own while the caller works. A context manager and an iterator of frames."""

    def __init__(self, path: Path, rotation_deg: int = 0) -> None:
        self._source = decode(path, rotation_deg)
        self._ready: queue.Queue[Frame | Exception | None] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="decode", daemon=True)

    def __enter__(self) -> Ahead:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)

    def __iter__(self) -> Iterator[Frame]:
        while True:
            try:
                item = self._ready.get(timeout=PATIENCE_S)
            except queue.Empty:
                raise Internal("DECODER_STALLED", "The decoder gave no frame in time.") from None
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield item

    def _work(self) -> None:
        end: Exception | None = None
        try:
            for frame in self._source:
                if not self._offer(frame):
                    return
        except Exception as error:  # raised where the frames are used
            end = error
        self._offer(end)

    def _offer(self, item: Frame | Exception | None) -> bool:
        """Waits for room; False when nobody wants frames any more."""
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.05)
            except queue.Full:
                continue
            return True
        return False


def unreadable() -> InvalidInput:
    """The error of a file without one frame that can be decoded."""
    return InvalidInput(
        "VIDEO_UNREADABLE",
        "No frame of the video could be decoded.",
        field="video",
        fix="Send an MP4, MOV or WebM with H.264, HEVC, VP9 or AV1 video.",
    )
