"""The switches that withdraw a model version, or choose the active one, everywhere within seconds.

Two documents in the KV bucket `model-control`: every recalled version, and the active version by model. Each
process reads them before it takes work and every POLL_S after that; while NATS is away, what was read last
stays in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import structlog
from nats.js import JetStreamContext

from mesh import activations, recalls
from mesh.activations import Activation
from mesh.errors import Conflict
from mesh.kv_document import AWAY, Json, KvDocument
from mesh.recalls import Recall

log = structlog.get_logger()

BUCKET = "model-control"
POLL_S = 1.0
_DOCUMENT = KvDocument(BUCKET, "recalled", "MODEL_CONTROL")
_ACTIVE = KvDocument(BUCKET, "active", "MODEL_CONTROL")


async def follow(js: JetStreamContext) -> None:
    """Keeps this process up to date, for ever."""
    while True:
        await asyncio.sleep(POLL_S)
        try:
            await refresh(js)
        except AWAY as error:
            log.warning("recalls_not_read", error=str(error), kind=type(error).__name__)


async def refresh(js: JetStreamContext) -> None:
    """Reads both documents and puts them in force; raises what NATS raises when it is away."""
    found, chosen = _recalls(await _DOCUMENT.read(js)), _activations(await _ACTIVE.read(js))
    withdrawn, back = recalls.put_in_force(found)
    for label in sorted(withdrawn):
        log.warning("model_recalled", model=label, reason=found[label].reason, by=found[label].by)
    for label in sorted(back):
        log.warning("model_restored", model=label)
    for label in sorted(activations.put_in_force(chosen)):
        log.warning("model_activated", model=label)


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


async def activate(js: JetStreamContext, label: str, *, by: str) -> None:
    """Makes a version the one that runs where none is named.

    One that is active by an earlier choice keeps that choice. Raises Conflict (MODEL_RECALLED), Transient.
    """
    if recalls.of(label) is not None:
        raise Conflict(
            "MODEL_RECALLED", f"{label} is recalled.", field="model", fix="Restore it first, or name another."
        )
    name = label.partition("@")[0]
    made = Activation(label, by, datetime.now(UTC).isoformat(timespec="seconds"))

    def chosen(held: Json) -> Json:
        before = _activations(held).get(name)
        return {**held, name: asdict(before if before is not None and before.label == label else made)}

    activations.put_in_force(_activations(await _ACTIVE.change(js, chosen)))


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


def _activations(said: Json) -> dict[str, Activation]:
    return {name: Activation(**one) for name, one in said.items()}
