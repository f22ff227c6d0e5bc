"""The model catalogue and its switch, as operators see them over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc

from gateway import catalogue
from mesh import activations, model_control, recalls
from tests.gateway.callers import Caller, Served, order, problem_of

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]

SWITCH = ("analyses:read", "analyses:write", "models:read", "models:recall", "models:activate")
MODEL = "blazepose-lite@0.5.1675469404"
INNER = "blazepose-detector@0.10.14"


class Operator(Caller):
    """A caller who may turn the switch."""

    def __init__(self, gateway: Served, tenant: str) -> None:
        super().__init__(gateway, tenant, SWITCH)
        self.models = gateway_pb2_grpc.ModelServiceStub(self.channel)

    async def recall(self, model: str, reason: str = "wrong landmarks") -> pb.ModelView:
        request = pb.RecallModelRequest(model=model, reason=reason)
        return await self.models.RecallModel(request, metadata=self.metadata)

    async def restore(self, model: str) -> pb.ModelView:
        return await self.models.RestoreModel(pb.RestoreModelRequest(model=model), metadata=self.metadata)

    async def activate(self, model: str) -> pb.ModelView:
        request = pb.ActivateModelRequest(model=model)
        return await self.models.ActivateModel(request, metadata=self.metadata)

    async def list(self) -> dict[str, pb.ModelView]:
        answer = await self.models.ListModels(pb.ListModelsRequest(), metadata=self.metadata)
        return {view.model: view for view in answer.models}


@pytest.fixture
async def operator(gateway: Served, tenant: str) -> AsyncIterator[Operator]:
    made = Operator(gateway, tenant)
    yield made
    for label, view in (await made.list()).items():
        if view.recalled:
            await model_control.restore(gateway.resources.nats.js, label)
    choices = await gateway.resources.nats.js.key_value(model_control.BUCKET)
    await choices.delete("standing")
    recalls.put_in_force({})
    activations.put_in_force({})
    await made.channel.close()


async def test_every_served_version_is_listed(operator: Operator) -> None:
    known = catalogue.load()
    names = {n for part in (known.models, known.inner_models) for found in part.values() for n in found}
    listed = await operator.list()
    assert set(listed) == names
    assert listed[MODEL].kind == "balance"
    assert not listed[MODEL].recalled


async def test_a_recall_says_who_why_and_when_and_is_audited(operator: Operator) -> None:
    view = await operator.recall(MODEL)
    assert (view.recalled, view.reason, view.recalled_by) == (True, "wrong landmarks", "tester")
    assert view.recalled_at.seconds > 0
    assert (await operator.list())[MODEL] == view
    assert not (await operator.restore(MODEL)).recalled
    async with operator.served.ledger.tenant(operator.tenant) as connection:
        found = await connection.execute("SELECT action, resource FROM audit ORDER BY audit_id")
        rows = await found.fetchall()
    told = [(row["action"], row["resource"]) for row in rows]
    assert told == [("model.recalled", MODEL), ("model.restored", MODEL)]


async def test_the_active_version_is_chosen_and_audited(operator: Operator) -> None:
    before = await operator.list()
    (newest,) = (label for label, one in before.items() if one.active and label.startswith("ink-seg@"))
    (older,) = (label for label in before if label.startswith("ink-seg@") and label != newest)
    assert before[newest].activated_by == ""
    view = await operator.activate(older)
    assert (view.active, view.activated_by, view.activated_at.seconds > 0) == (True, "tester", True)
    after = await operator.list()
    assert (after[older].active, after[newest].active) == (True, False)
    async with operator.served.ledger.tenant(operator.tenant) as connection:
        found = await connection.execute("SELECT action, resource FROM audit ORDER BY audit_id")
        assert [tuple(row.values()) for row in await found.fetchall()] == [("model.activated", older)]


async def test_a_recalled_version_cannot_be_activated(operator: Operator) -> None:
    await operator.recall(MODEL)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await operator.activate(MODEL)
    assert problem_of(error.value).code == "MODEL_RECALLED"


async def test_naming_a_recalled_version_is_refused_at_the_door(operator: Operator) -> None:
    upload = await operator.upload()
    (model,) = sorted(catalogue.load().models["tattoo"])[:1]
    await operator.recall(model, "masks of watch straps")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await operator.analyze(order(upload, model=model))
    problem = problem_of(error.value)
    assert (problem.status, problem.code, problem.field) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "MODEL_RECALLED",
        "model",
    )
    assert "masks of watch straps" in str(error.value.details())


async def test_what_no_caller_names_can_be_recalled_too(operator: Operator) -> None:
    assert (await operator.recall(INNER)).recalled


@pytest.mark.parametrize(
    ("model", "reason", "code"),
    [
        ("ink-seg@9.9.9", "wrong", "MODEL_NOT_FOUND"),
        ("ink-seg", "wrong", "INVALID_FIELD"),
        (MODEL, "", "INVALID_FIELD"),
    ],
)
async def test_a_wrong_recall_is_named(operator: Operator, model: str, reason: str, code: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await operator.recall(model, reason)
    assert problem_of(error.value).code == code


async def test_restoring_what_is_not_recalled_is_a_conflict(operator: Operator) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await operator.restore(MODEL)
    assert problem_of(error.value).code == "MODEL_NOT_RECALLED"


async def test_the_switch_needs_its_scope(gateway: Served, tenant: str) -> None:
    caller = Caller(gateway, tenant)
    stub = gateway_pb2_grpc.ModelServiceStub(caller.channel)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.RecallModel(pb.RecallModelRequest(model=MODEL, reason="none"), metadata=caller.metadata)
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
    await caller.channel.close()
