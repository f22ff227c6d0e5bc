"""The switches that withdraw a model version, or choose the active one, everywhere within seconds.

One document in the KV bucket `model-control`: every recalled version, and the active version by model. Each
process reads it before it takes work and every POLL_S after that; while NATS is away, what was read last
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
_DOCUMENT = KvDocument(BUCKET, "standing", "MODEL_CONTROL")


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
    said = await _DOCUMENT.read(js)
    found, chosen = _recalls(said), _activations(said)
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
        kept = before if before is not None and before.label == label else made
        return {**held, "active": {**held.get("active", {}), name: asdict(kept)}}

    activations.put_in_force(_activations(await _DOCUMENT.change(js, chosen)))


async def _change(
    js: JetStreamContext, change: Callable[[Mapping[str, Recall]], dict[str, Recall]]
) -> Mapping[str, Recall]:
    """Applies a change to the newest recalls and puts them in force here."""

    def changed(held: Json) -> Json:
        return {**held, "recalled": {label: asdict(one) for label, one in change(_recalls(held)).items()}}

    wanted = _recalls(await _DOCUMENT.change(js, changed))
    recalls.put_in_force(wanted)
    return wanted


def _recalls(said: Json) -> dict[str, Recall]:
    return {label: Recall(**one) for label, one in said.get("recalled", {}).items()}


def _activations(said: Json) -> dict[str, Activation]:
    return {name: Activation(**one) for name, one in said.get("active", {}).items()}
