"""Job control: a word per job that makes stages leave it alone."""

from __future__ import annotations

from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

CANCELLED = "cancelled"
ERASED = "erased"


class Control:
    """Reads and writes the `job-control` bucket."""

    def __init__(self, bucket: KeyValue) -> None:
        self._bucket = bucket

    async def word(self, job_id: str) -> str:
        """Returns "cancelled", "erased" or, for a job to be worked on, ""."""
        try:
            entry = await self._bucket.get(job_id)
        except KeyNotFoundError:
            return ""
        return (entry.value or b"").decode()

    async def say(self, job_id: str, word: str) -> None:
        """Sets the word; "erased" is never taken back by "cancelled"."""
        if word == CANCELLED and await self.word(job_id) == ERASED:
            return
        await self._bucket.put(job_id, word.encode())
