"""A small JSON document that many processes read and few change: one key of a JetStream KV bucket.

A change is compare-and-set on the document's revision, so that of two writers neither loses what it wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from mesh.errors import Transient

Json = dict[str, Any]

ATTEMPTS = 5
AWAY = (nats.errors.Error, JetStreamError, TimeoutError)
"""What reading raises while NATS or the bucket is away."""

_opened: WeakKeyDictionary[JetStreamContext, dict[str, KeyValue]] = WeakKeyDictionary()


async def opened(js: JetStreamContext, bucket: str) -> KeyValue:
    """A bucket, asked for once per connection: opening one costs the server more than a read.

    Raises what AWAY names.
    """
    known = _opened.setdefault(js, {})
    if bucket not in known:
        known[bucket] = await js.key_value(bucket)
    return known[bucket]


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
                    bucket = await opened(js, self.bucket)
                    await bucket.update(self.key, json.dumps(wanted).encode(), last=revision)
                except KeyWrongLastSequenceError:
                    continue
                _written.setdefault(js, set()).add(self)
                return wanted
        except AWAY as error:
            raise Transient(
                f"{self.name}_AWAY", "The switch cannot be reached.", retry_after_s=1.0
            ) from error
        raise Transient(f"{self.name}_BUSY", "Others turn the switch at this moment.", retry_after_s=1.0)

    async def _read(self, js: JetStreamContext) -> tuple[Json, int]:
        """The document and its revision: 0 when there never was one, the marker's when it was deleted."""
        known = _written.setdefault(js, set())
        try:
            entry = await (await opened(js, self.bucket)).get(self.key)
        except KeyNotFoundError as error:
            if error.entry is None and self in known:
                # A lost bucket looks like a key that was never written; that undoes no decision.
                del _opened[js]
                await opened(js, self.bucket)
                known.remove(self)
            return {}, int(error.entry.revision or 0) if error.entry else 0
        known.add(self)
        return json.loads(entry.value or b"{}"), int(entry.revision or 0)


_written: WeakKeyDictionary[JetStreamContext, set[KvDocument]] = WeakKeyDictionary()
"""Documents that were there when they were last read."""
