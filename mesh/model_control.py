"""The switch that withdraws a model version everywhere within seconds, without a deployment.

One document in the KV bucket `model-control` names every recalled version. Each process reads it before it
takes work and every POLL_S after that; while NATS is away, what was read last stays in force.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError

from mesh import recalls
from mesh.errors import Conflict, Transient
from mesh.recalls import Recall

log = structlog.get_logger()

BUCKET = "model-control"
POLL_S = 1.0
_KEY = "recalled"
_ATTEMPTS = 5
AWAY = (nats.errors.Error, JetStreamError, TimeoutError)


async def follow(js: JetStreamContext) -> None:
    """Keeps this process up to date, for ever."""
    while True:
        await asyncio.sleep(POLL_S)
        try:
            await refresh(js)
        except AWAY as error:
            log.warning("recalls_not_read", error=str(error), kind=type(error).__name__)


async def refresh(js: JetStreamContext) -> None:
    """Reads the document and puts it in force; raises what NATS raises when it is away."""
    found, _ = await _read(js)
    withdrawn, back = recalls.put_in_force(found)
    for label in sorted(withdrawn):
        log.warning("model_recalled", model=label, reason=found[label].reason, by=found[label].by)
    for label in sorted(back):
        log.warning("model_restored", model=label)


async def recall(js: JetStreamContext, label: str, *, reason: str, by: str) -> Recall:
    """Withdraws a version; one that is withdrawn already keeps its first recall. Raises Transient."""
    made = Recall(reason, by, datetime.now(UTC).isoformat(timespec="seconds"))
    return (await _change(js, lambda held: {label: made, **held}))[label]


async def restore(js: JetStreamContext, label: str) -> None:
    """Takes a recall back.

    Raises Conflict (MODEL_RECALLED_BY_SETTING, MODEL_NOT_RECALLED), Transient.
    """
    if label in recalls.by_setting():
        raise Conflict("MODEL_RECALLED_BY_SETTING", f"ASSAY_RECALLED_MODELS names {label}.", field="model")

    def without(held: Mapping[str, Recall]) -> dict[str, Recall]:
        if label not in held:
            raise Conflict("MODEL_NOT_RECALLED", f"{label} is not recalled.", field="model")
        return {name: one for name, one in held.items() if name != label}

    await _change(js, without)


async def _change(
    js: JetStreamContext, change: Callable[[Mapping[str, Recall]], dict[str, Recall]]
) -> Mapping[str, Recall]:
    """Applies a change to the newest document; another writer's change in between is not lost."""
    try:
        for _ in range(_ATTEMPTS):
            held, revision = await _read(js)
            wanted = change(held)
            document = json.dumps({label: asdict(one) for label, one in wanted.items()}).encode()
            try:
                await (await js.key_value(BUCKET)).update(_KEY, document, last=revision)
            except KeyWrongLastSequenceError:
                continue
            recalls.put_in_force(wanted)
            return wanted
    except AWAY as error:
        raise Transient("MODEL_CONTROL_AWAY", "The switch cannot be reached.", retry_after_s=1.0) from error
    raise Transient("MODEL_CONTROL_BUSY", "Others change recalls at this moment.", retry_after_s=1.0)


async def _read(js: JetStreamContext) -> tuple[dict[str, Recall], int]:
    """The document and its revision; revision 0 when there is none yet."""
    try:
        entry = await (await js.key_value(BUCKET)).get(_KEY)
    except KeyNotFoundError:
        return {}, 0
    said = json.loads(entry.value or b"{}")
    return {label: Recall(**one) for label, one in said.items()}, int(entry.revision or 0)
