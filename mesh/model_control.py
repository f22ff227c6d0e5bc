"""The switch that withdraws a model version everywhere within seconds, without a deployment.

One document in the KV bucket `model-control` names every recalled version. Each process reads it before it
takes work and every POLL_S after that; while NATS is away, what was read last stays in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import structlog
from nats.js import JetStreamContext

from mesh import recalls
from mesh.errors import Conflict
from mesh.kv_document import AWAY, Json, KvDocument
from mesh.recalls import Recall

log = structlog.get_logger()

BUCKET = "model-control"
POLL_S = 1.0
_DOCUMENT = KvDocument(BUCKET, "recalled", "MODEL_CONTROL")


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
    found = _recalls(await _DOCUMENT.read(js))
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
    """Applies a change to the newest recalls and puts them in force here."""
    said = await _DOCUMENT.change(
        js, lambda held: {label: asdict(one) for label, one in change(_recalls(held)).items()}
    )
    wanted = _recalls(said)
    recalls.put_in_force(wanted)
    return wanted


def _recalls(said: Json) -> dict[str, Recall]:
    return {label: Recall(**one) for label, one in said.items()}
