"""From frames to landmarks: the pose stage without storage, messages or a process.

Frames go in blocks of BLOCK; all frames of a block see the same regions, so that they can run side by side or
as one batch without the answer depending on how they are spread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from mesh.errors import DeadlineExceeded, Unmeasurable
from mesh.landmarks import POINTS, Landmarks
from svc_balance.pose import detector, landmarker, people
from svc_balance.pose.landmarker import Body
from svc_balance.pose.networks import Networks
from svc_balance.pose.quality_mode import REGIONS, mean, offsets
from svc_balance.pose.roi import Floats, Roi, jittered
from svc_balance.pose.track import follow
from svc_balance.pose.video import Frame

BLOCK = 4
"""Frames that share their regions."""
COUNT_EVERY_S = 0.5
"""How often people are counted; and, while nobody is found, how often small ones are searched for."""
_SETTLE = 2
"""Passes that settle the region on a person just found: the detector's own is rough."""


_SAME_TIME_S = 1e-4


@dataclass(frozen=True)
class Seen:
    """What one frame gave; `body` is None when nobody was found."""

    time_s: float
    body: Body | None
    error_px: Floats | None
    region: Roi | None
    people: int = -1
    crowded: bool = False
    """Somebody else stands close to the subject."""


@dataclass(frozen=True)
class Estimate:
    """Landmarks, and per frame what the quality of the result is judged by."""

    landmarks: Landmarks
    regions: int
    probability: Floats
    """Of a person in the region, [N]; 0 where nobody was found."""
    crowded: int
    """Counts at which somebody else stood close to the subject."""
    changes: int
    """Times that a person was followed who may be another than before."""


@dataclass
class _Tracker:
    region: Roi | None = None
    last: Roi | None = None
    """The last region of the person, kept when the person is lost."""
    counted_s: float = -np.inf
    searched_s: float = -np.inf
    changes: int = 0
    width: int = 0
    height: int = 0
    cuts: list[float] = field(default_factory=list)


def estimate(
    frames: Iterable[Frame],
    networks: Networks,
    *,
    regions: int = REGIONS,
    cuts_s: Sequence[float] = (),
    deadline: datetime | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Estimate:
    """Landmarks of the person in upright frames that all have the same size.

    regions is how many are averaged a frame, 1 for a single pass. After each of cuts_s the person is looked
    for anew. progress is told how many frames are done. Raises Unmeasurable (NO_PERSON) when nobody is found
    in any frame, DeadlineExceeded once `deadline` (UTC) has passed.
    """
    tracker, jitter = _Tracker(cuts=sorted(cuts_s)), offsets(regions)
    seen: list[Seen] = []
    for block in blocks(frames):
        if deadline is not None and datetime.now(UTC) >= deadline:
            raise DeadlineExceeded("DEADLINE", "The deadline passed before the pose was estimated.")
        if not seen:
            tracker.height, tracker.width = block[0].rgb.shape[:2]
        seen.extend(_block(block, networks, jitter, tracker))
        progress(len(seen))
    if not any(frame.body for frame in seen):
        raise no_person()
    return _gathered(seen, networks.label, regions, tracker, tuple(cuts_s))


def blocks(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Frames in lists of BLOCK, the last one shorter."""
    source = iter(frames)
    while block := list(itertools.islice(source, BLOCK)):
        yield block


def _block(frames: list[Frame], networks: Networks, jitter: Floats, tracker: _Tracker) -> list[Seen]:
    """All frames of a block; where the person is lost, the rest starts again with the detector."""
    seen: list[Seen] = []
    while rest := frames[len(seen) :]:
        if tracker.cuts and rest[0].time_s >= tracker.cuts[0] - _SAME_TIME_S:
            tracker.cuts.pop(0)
            tracker.region = tracker.last = None
            continue
        if tracker.cuts:
            rest = [frame for frame in rest if frame.time_s < tracker.cuts[0] - _SAME_TIME_S]
        seen.extend(_stretch(rest, networks, jitter, tracker))
    return seen


def _stretch(frames: list[Frame], networks: Networks, jitter: Floats, tracker: _Tracker) -> list[Seen]:
    """Frames from the first on, up to where the person is lost; none when the region has to be found anew."""
    first, found, crowded = frames[0], -1, False
    fresh = tracker.region is None
    if tracker.region is None or first.time_s - tracker.counted_s >= COUNT_EVERY_S:
        present = _present(first, networks, tracker)
        found, tracker.counted_s = people.count(present), first.time_s
        if tracker.region is None:
            tracker.region = _acquire(first, present, networks, tracker)
        crowded = tracker.region is not None and people.near_others(tracker.region, present)
    if tracker.region is None:
        return [Seen(first.time_s, None, None, None, found)]
    region = tracker.region
    places = jittered(region, jitter)
    answers = list(networks.pool.map(lambda frame: _look(frame, places, networks), frames))
    seen, wanted = [], []
    for frame, (body, error) in zip(frames, answers, strict=True):
        here = found if frame is first else -1
        if not body.present:
            tracker.region = None
            if frame is first and fresh:
                seen.append(Seen(frame.time_s, None, None, None, here, crowded))
            break
        seen.append(Seen(frame.time_s, body, error, region, here, crowded and frame is first))
        wanted.append(body.roi)
    if wanted:
        tracker.last = follow(region, wanted)
        if tracker.region is not None:
            tracker.region = tracker.last
    return seen


def _present(frame: Frame, networks: Networks, tracker: _Tracker) -> list[detector.Detection]:
    """People in the frame; now and then, when nobody is followed and none is found, small ones as well."""
    found = detector.detect(frame.rgb, networks.detect)
    if found or tracker.region is not None or frame.time_s - tracker.searched_s < COUNT_EVERY_S:
        return found
    tracker.searched_s = frame.time_s
    return detector.search(frame.rgb, networks.detect)


def _look(frame: Frame, places: Sequence[Roi], networks: Networks) -> tuple[Body, Floats | None]:
    return mean(landmarker.bodies(networks.landmark(landmarker.crops(frame.rgb, places)), places))


def _acquire(
    frame: Frame, present: Sequence[detector.Detection], networks: Networks, tracker: _Tracker
) -> Roi | None:
    """The region of the subject among the people present; None when the network sees nobody there."""
    chosen = people.choose(present, tracker.width, tracker.height, tracker.last)
    if chosen is None:
        return None
    region = chosen.roi
    for _ in range(_SETTLE):
        body, _error = _look(frame, [region], networks)
        if not body.present:
            return None
        region = body.roi
    if tracker.last is not None and not people.same(region, tracker.last):
        tracker.changes += 1
    return region


def _gathered(
    seen: Sequence[Seen], label: str, regions: int, tracker: _Tracker, cuts_s: tuple[float, ...]
) -> Estimate:
    nobody = Body(
        0.0,
        np.full((POINTS, 2), np.nan),
        np.zeros(POINTS),
        np.zeros(POINTS),
        np.full((POINTS, 3), np.nan),
        np.full((2, 2), np.nan),
    )
    every = [frame.body or nobody for frame in seen]
    unknown = np.full(POINTS, np.nan)
    errors = [unknown if frame.error_px is None else frame.error_px for frame in seen]
    rows = [frame.region.as_row() if frame.region else (np.nan,) * 4 for frame in seen]
    landmarks = Landmarks(
        width=tracker.width,
        height=tracker.height,
        time_s=np.array([frame.time_s for frame in seen]),
        image_px=np.stack([body.image_px for body in every]),
        visibility=np.stack([body.visibility for body in every]),
        presence=np.stack([body.presence for body in every]),
        world_m=np.stack([body.world_m for body in every]),
        standard_error_px=np.stack(errors) if regions > 1 else None,
        roi=np.array(rows),
        people=np.array([frame.people for frame in seen], np.int64),
        cuts_s=cuts_s,
        model=label,
    )
    return Estimate(
        landmarks=landmarks,
        regions=regions,
        probability=np.array([body.probability for body in every]),
        crowded=sum(frame.crowded for frame in seen),
        changes=tracker.changes,
    )


def no_person() -> Unmeasurable:
    """The error of a video in which nobody is found."""
    return Unmeasurable(
        "NO_PERSON",
        "No person was found in any frame of the video.",
        field="video",
        fix="Film the whole person, at least half as high as the picture, in even light.",
    )
