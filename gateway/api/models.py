"""ModelService: the versions that are served, and the switches that choose one and withdraw one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import grpc.aio
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc
from google.api.httpbody_pb2 import HttpBody

from gateway.api.views import as_json
from gateway.desk import Desk
from gateway.ledger import jobs
from mesh import activations, model_control, recalls, registry
from mesh.auth import current_principal
from mesh.errors import FailedPrecondition, NotFound

Context = grpc.aio.ServicerContext[Any, Any]


class ModelServicer(gateway_pb2_grpc.ModelServiceServicer):
    """Reads the catalogue and turns the switch; each turn is in the audit log."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        """Every version of this release."""
        every = sorted(self._kinds().items(), key=_newest_first)
        return pb.ListModelsResponse(models=[view(*one) for one in every])

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> HttpBody:
        """Contract, gates and card of a version. Raises NotFound (MODEL_NOT_FOUND)."""
        said = document(view(request.model, self._kind(request.model)), registry.find(request.model))
        return HttpBody(content_type="application/json", data=json.dumps(said, ensure_ascii=False).encode())

    async def RecallModel(self, request: pb.RecallModelRequest, context: Context) -> pb.ModelView:
        """Raises NotFound (MODEL_NOT_FOUND), Transient when the switch cannot be reached."""
        kind, caller = self._kind(request.model), current_principal()
        await model_control.recall(
            self._desk.nats.js, request.model, reason=request.reason, by=caller.subject
        )
        await self._audit("model.recalled", request.model, {"reason": request.reason})
        return view(request.model, kind)

    async def ActivateModel(self, request: pb.ActivateModelRequest, context: Context) -> pb.ModelView:
        """Raises NotFound (MODEL_NOT_FOUND), Conflict (MODEL_RECALLED), Transient."""
        kind, caller = self._kind(request.model), current_principal()
        await model_control.activate(self._desk.nats.js, request.model, by=caller.subject)
        await self._audit("model.activated", request.model, {})
        return view(request.model, kind)

    async def RestoreModel(self, request: pb.RestoreModelRequest, context: Context) -> pb.ModelView:
        """Raises NotFound, Conflict (MODEL_NOT_RECALLED, MODEL_RECALLED_BY_SETTING), Transient."""
        kind = self._kind(request.model)
        await model_control.restore(self._desk.nats.js, request.model)
        await self._audit("model.restored", request.model, {})
        return view(request.model, kind)

    def _kind(self, model: str) -> str:
        try:
            return self._kinds()[model]
        except KeyError:
            message, fix = f"There is no model {model}.", "GET /v1/models lists them."
            raise NotFound("MODEL_NOT_FOUND", message, field="model", fix=fix) from None

    def _kinds(self) -> dict[str, str]:
        """Kind of assessment by name@version."""
        catalogue = self._desk.catalogue
        parts = (*catalogue.models.items(), *catalogue.inner_models.items())
        return {name: kind for kind, names in parts for name in names}

    async def _audit(self, action: str, model: str, detail: dict[str, str]) -> None:
        caller = current_principal()
        async with self._desk.ledger.tenant(caller.tenant_id) as connection:
            await jobs.record_audit(connection, caller.tenant_id, caller.subject, action, model, detail)


def view(model: str, kind: str) -> pb.ModelView:
    """What is known of a version now."""
    made, recall = pb.ModelView(model=model, kind=kind), recalls.of(model)
    if recall is not None:
        made.recalled, made.reason, made.recalled_by = True, recall.reason, recall.by
        if recall.at:
            made.recalled_at.FromDatetime(datetime.fromisoformat(recall.at))
    made.active = _active(model)
    chosen = activations.of(model.partition("@")[0])
    if made.active and chosen is not None and chosen.label == model:
        made.activated_by = chosen.by
        made.activated_at.FromDatetime(datetime.fromisoformat(chosen.at))
    return made


def _active(model: str) -> bool:
    """Whether the version runs where an order names none; none of a model does when all are recalled."""
    try:
        return registry.serve("", model.partition("@")[0]).label == model
    except FailedPrecondition:
        return False


def document(known: pb.ModelView, entry: registry.Entry) -> dict[str, Any]:
    """What GET /v1/models/{model} answers: the view, the whole model.json, and the card as Markdown."""
    card = entry.folder / "card.md"
    return {
        **as_json(known),
        "contract": dict(entry.said),
        "card": card.read_text(encoding="utf-8") if card.is_file() else "",
    }


def _newest_first(named: tuple[str, str]) -> tuple[str, str, list[int]]:
    name, _, version = named[0].partition("@")
    return named[1], name, [-int(part) for part in version.split(".")]
