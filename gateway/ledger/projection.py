"""The fold from facts to a job's state: a pure function of the set of facts seen.

Deliveries come in any order and more than once. The fold sorts by stream sequence and drops
repetitions first, so that the same facts give the same state however they came.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from assay.events.v1.analysis_pb2 import Analysis

PAGES = ("ingest", "segment", "color", "pose", "sway", "decision", "report", "annotation")
# Adds to the document of a job that has ended, and changes nothing else.
AFTERWARDS = frozenset({"annotated"})
ENDS = {"reported": "succeeded", "failed": "failed", "cancelled": "cancelled", "erased": "cancelled"}


@dataclass(frozen=True)
class SeenFact:
    """A fact as the stream stored it.

    stream_seq: its sequence in the stream, from 1. epoch: re-drive of the job, from 1.
    pages: pages its document holds. stored_at: when the stream stored it (UTC).
    """

    stream_seq: int
    epoch: int
    fact: str
    pages: int
    stored_at: datetime


@dataclass(frozen=True)
class JobState:
    """What the facts say of a job.

    state: queued, running, succeeded, failed or cancelled. document_seq: the fact whose document
    is shown. terminal_seq, finished_at: the fact that ended the job. last_seq: the newest fact
    that counts; it only grows.
    """

    epoch: int = 1
    state: str = "queued"
    document_seq: int | None = None
    terminal_seq: int | None = None
    last_seq: int = 0
    finished_at: datetime | None = None


def fold(facts: Iterable[SeenFact]) -> JobState:
    """Returns the state that a set of facts of one job amounts to.

    Only facts of the highest epoch count. The first terminal fact by stream sequence ends the job;
    of what the stream holds after it, only what follows a success (`AFTERWARDS`) adds to the document.
    The document shown is the one with most pages, the earliest of equals.
    """
    by_seq = {fact.stream_seq: fact for fact in facts}
    if not by_seq:
        return JobState()
    epoch = max(fact.epoch for fact in by_seq.values())
    counting = sorted((f for f in by_seq.values() if f.epoch == epoch), key=lambda f: f.stream_seq)
    end = next((fact for fact in counting if fact.fact in ENDS), None)
    if end is not None:
        late = AFTERWARDS if end.fact == "reported" else frozenset()
        counting = [fact for fact in counting if fact.stream_seq <= end.stream_seq or fact.fact in late]
    shown = max(counting, key=lambda f: (f.pages, -f.stream_seq))
    started = any(fact.fact != "requested" for fact in counting)
    return JobState(
        epoch=epoch,
        state=ENDS[end.fact] if end else "running" if started else "queued",
        document_seq=shown.stream_seq,
        terminal_seq=end.stream_seq if end else None,
        last_seq=counting[-1].stream_seq,
        finished_at=end.stored_at if end else None,
    )


def count_pages(analysis: Analysis) -> int:
    """Returns how many pages a document holds."""
    filled = {field.name for field, _ in analysis.ListFields()}
    return sum(page in filled for page in PAGES)
