"""What is drawn on a frame: skeleton, centre of mass, where it went, time and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from assay.balance.v1.balance_pb2 import BalanceEvent
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from svc_report import fonts, skeleton
from svc_report.balance import marks, results, wording
from svc_report.balance.traces import Traces

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

TRAIL_S = 3.0
"""How long a stretch of the way of the centre of mass is shown."""
SHOWN_S = 1.5
"""A moment without duration stays on the picture for this long."""
MAX_CAPTIONS = 4
MAX_EVENTS = 200
CAPTION_CHARACTERS = 48


@dataclass(frozen=True)
class Caption:
    """Words shown from start to end, s, with the colour of the event's kind."""

    start_s: float
    end_s: float
    text: str
    colour: str


def captions(events: Sequence[BalanceEvent]) -> tuple[Caption, ...]:
    """What the events have to say, in order of onset."""
    return tuple(_caption(event) for event in events[:MAX_EVENTS])


def _caption(event: BalanceEvent) -> Caption:
    """A start or a failure is a moment: what it leads to may last, its words do not."""
    mark = marks.event(event.kind)
    lasts = event.duration_s if event.kind in ("error", "compensation") else 0.0
    side = f" ({wording.SIDES[event.side]})" if event.side in wording.SIDES and lasts else ""
    text = f"{mark.word}: {results.event_name(event.id)}{side}"
    return Caption(event.onset_s, event.onset_s + max(lasts, SHOWN_S), text, mark.colour)


@dataclass(frozen=True)
class Scene:
    """All that is drawn on the frames of one recording; scale: frame pixels per landmark pixel."""

    found: Traces
    shown: tuple[Caption, ...]
    scale: float

    def draw(self, picture: Picture, points: Floats, time_s: float, *, head: float = 0.0) -> None:
        """Draws on a frame, in place. points: [33, 2] px of this picture; head: see `skeleton.draw`."""
        way = self._way(time_s)
        skeleton.trail(picture, way)
        skeleton.draw(picture, points, head=head)
        if len(way):
            skeleton.com(picture, way[-1])
        self._write(picture, time_s)

    def _way(self, time_s: float) -> Floats:
        """The centre of mass over the last seconds, [M, 2] px of the frame, the latest last."""
        x, y = self.found.get("com_x_px"), self.found.get("com_y_px")
        if x is None or y is None:
            return np.zeros((0, 2))
        first, last = np.searchsorted(self.found.time_s, [time_s - TRAIL_S, time_s + 1e-6])
        return np.stack([x[first:last], y[first:last]], axis=1) * self.scale

    def _write(self, picture: Picture, time_s: float) -> None:
        height = picture.shape[0]
        size = max(11, round(height / 42))
        y = height - round(1.9 * size)
        _paste(picture, _label(f"{time_s:.1f} s", "#16202e", size), round(0.6 * size), y)
        now = [caption for caption in self.shown if caption.start_s <= time_s <= caption.end_s]
        for caption in now[-MAX_CAPTIONS:]:
            y -= round(1.9 * size)
            _paste(picture, _label(caption.text, caption.colour, size), round(0.6 * size), y)


def _paste(picture: Picture, label: Picture, x: int, y: int) -> None:
    """Puts a label at its place, cut off at the picture's edge."""
    height, width = picture.shape[:2]
    if 0 <= y < height and 0 <= x < width:
        part = label[: height - y, : width - x]
        picture[y : y + part.shape[0], x : x + part.shape[1]] = part


@lru_cache(maxsize=256)
def _label(text: str, colour: str, size: int) -> Picture:
    """White text on a ground, [height, width, 3]."""
    font = ImageFont.truetype(str(fonts.files()[0].path), size)
    words = fonts.displayable(text[:CAPTION_CHARACTERS])
    left, _, right, _ = font.getbbox(words)
    image = Image.new("RGB", (int(right - left) + size, round(1.6 * size)), colour)
    ImageDraw.Draw(image).text((size // 2, round(0.8 * size)), words, fill="#ffffff", font=font, anchor="lm")
    return np.array(image)
