"""What a stage is: a name, the fact it consumes, the fact it publishes, the page it writes.

The runner (`mesh.runner`) and the one-process pipeline (`cli.local`) both drive stages
through `StageContext`, so that a handler never knows which of the two it is in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.message import Message
from structlog.typing import FilteringBoundLogger

T = TypeVar("T")


class StageContext(Protocol):
    """What a handler may reach besides the document."""

    @property
    def deadline(self) -> datetime:
        """Moment (UTC) after which the job is failed."""
        ...

    @property
    def log(self) -> FilteringBoundLogger:
        """Logger bound to job, stage and trace."""
        ...

    async def get(self, ref: ObjectRef) -> bytes:
        """Reads an object whole; checks its size and, when known, its sha256.

        Raises NotFound when there is none, Transient when storage does not answer.
        """
        ...

    async def put(self, name: str, data: bytes, media_type: str) -> ObjectRef:
        """Writes an artefact of this stage; the key ends in the content's sha256."""
        ...

    async def download(self, ref: ObjectRef, path: Path) -> None:
        """Writes an object to a file in bounded memory; the same checks and errors as `get`."""
        ...

    async def upload(self, name: str, path: Path, media_type: str) -> ObjectRef:
        """Writes a file as an artefact of this stage in bounded memory; raises Transient."""
        ...

    async def progress(self, percent: float, message: str) -> None:
        """Tells watchers how far this stage is, 0 to 100. Best effort; never raises."""
        ...

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        """Runs CPU work off the event loop."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What a handler answers when it does the work of the next stage as well.

    publishes is the fact that holds after `pages` (field of Analysis -> page) are filled in.
    """

    publishes: str
    pages: Mapping[str, Message]


Handler = Callable[[Analysis, StageContext], Awaitable[Message | Outcome]]


def no_preparation() -> None:
    """The default warm-up: none."""


@dataclass(frozen=True)
class Stage:
    """A stage of the mesh.

    consumes and publishes are facts (`mesh.facts`); kind is "tattoo", "balance" or "*"
    for both; page is the field of Analysis that the handler's result fills.
    """

    name: str
    kind: str
    consumes: str
    publishes: str
    page: str
    handle: Handler
    prepare: Callable[[], None] = no_preparation
    """Warm-up before the process is ready, for example loading a model."""

    def outcome(self, answer: Message | Outcome) -> Outcome:
        """What a handler's answer means: usually one page and the stage's own fact."""
        return answer if isinstance(answer, Outcome) else Outcome(self.publishes, {self.page: answer})
