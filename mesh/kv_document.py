"""A small JSON document that many processes read and few change: one key of a JetStream KV bucket.

A change is compare-and-set on the document's revision, so that of two writers neither loses what it wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from mesh.errors import Transient

Json = dict[str, Any]

ATTEMPTS = 5
AWAY = (nats.errors.Error, JetStreamError, TimeoutError)
"""What reading raises while NATS or the bucket is away."""


@dataclass(frozen=True)
class KvDocument:
    """Where the document is. name: begins the codes of errors, for example MODEL_CONTROL."""

    bucket: str
    key: str
    name: str

    async def read(self, js: JetStreamContext) -> Json:
        """The document; empty when nobody has written one. Raises what AWAY names."""
        return (await self._read(js))[0]

    async def change(self, js: JetStreamContext, change: Callable[[Json], Json]) -> Json:
        """Applies a change to the newest document and answers what was written.

        Raises what `change` raises, and Transient (<name>_AWAY, <name>_BUSY).
        """
        try:
            for _ in range(ATTEMPTS):
                held, revision = await self._read(js)
                wanted = change(held)
                try:
                    bucket = await js.key_value(self.bucket)
                    await bucket.update(self.key, json.dumps(wanted).encode(), last=revision)
                except KeyWrongLastSequenceError:
                    continue
                return wanted
        except AWAY as error:
            raise Transient(
                f"{self.name}_AWAY", "The switch cannot be reached.", retry_after_s=1.0
            ) from error
        raise Transient(f"{self.name}_BUSY", "Others turn the switch at this moment.", retry_after_s=1.0)

    async def _read(self, js: JetStreamContext) -> tuple[Json, int]:
        """The document and its revision: 0 when there never was one, the marker's when it was deleted."""
        try:
            entry = await (await js.key_value(self.bucket)).get(self.key)
        except KeyNotFoundError as error:
            return {}, int(error.entry.revision or 0) if error.entry else 0
        return json.loads(entry.value or b"{}"), int(entry.revision or 0)
