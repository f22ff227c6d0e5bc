"""RulesetService over gRPC: list, activate, retire; what orders get, and who may do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc

from gateway import ruleset_switch, rulesets
from gateway.ruleset_switch import RulesetSwitch
from gateway.rulesets import Release
from mesh.errors import Transient
from mesh.jetstream import JetStream
from mesh.settings import Settings
from mesh.topology import RULESET_BUCKET
from tests.gateway.callers import Caller, order, problem_of, served

pytestmark = [pytest.mark.mesh, pytest.mark.xdist_group("gateway")]

SCOPES = ("analyses:read", "analyses:write", "rulesets:read", "rulesets:activate")
OLD, NEW = "tattoo@1.0.0", "tattoo@9.0.0"
"""NEW is installed in these tests only: no stage decides under it, and none runs here."""


class Operator(Caller):
    """A caller who may turn the switch."""

    @property
    def rulesets(self) -> gateway_pb2_grpc.RulesetServiceStub:
        return gateway_pb2_grpc.RulesetServiceStub(self.channel)

    async def list(self) -> dict[str, pb.RulesetView]:
        answer = await self.rulesets.ListRulesets(pb.ListRulesetsRequest(), metadata=self.metadata)
        return {view.ruleset: view for view in answer.rulesets}

    async def activate(self, name: str) -> pb.RulesetView:
        request = pb.ActivateRulesetRequest(ruleset=name)
        return await self.rulesets.ActivateRuleset(request, metadata=self.metadata)

    async def retire(self, name: str, reason: str = "holds too little back") -> pb.RulesetView:
        request = pb.RetireRulesetRequest(ruleset=name, reason=reason)
        return await self.rulesets.RetireRuleset(request, metadata=self.metadata)

    async def ordered(self, **fields: str) -> str:
        """The ruleset that a new analysis has in its order."""
        view, _ = await self.analyze(order(await self.upload(), **fields))
        return (await self.document(view.job_id)).job.ruleset


@pytest.fixture
async def operator(
    settings: Settings, stream: JetStream, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Operator]:
    installed = {**rulesets.load(), NEW: Release(NEW, "9" * 64, "2027-01-01", "unapproved")}
    monkeypatch.setattr(rulesets, "load", lambda: installed)
    try:
        async with served(settings, stream) as gateway:
            made = Operator(gateway, tenant, SCOPES)
            yield made
            await made.channel.close()
    finally:
        await (await stream.js.key_value(RULESET_BUCKET)).purge("standing")


async def refused(call: object) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call  # type: ignore[misc]  # any awaitable call
    return problem_of(error.value).code


async def test_every_version_is_listed_with_its_state(operator: Operator) -> None:
    listed = await operator.list()
    assert set(listed) == set(rulesets.load())
    assert (listed[NEW].state, listed[OLD].state) == (pb.RULESET_STATE_ACTIVE, pb.RULESET_STATE_AVAILABLE)
    assert listed["balance@1.0.0"].state == pb.RULESET_STATE_ACTIVE
    old = rulesets.load()[OLD]
    assert (listed[OLD].kind, listed[OLD].sha256, listed[OLD].effective) == (
        "tattoo", old.sha256, old.effective,
    )  # fmt: skip
    assert not listed[OLD].changed_by


async def test_an_order_gets_the_active_version_and_keeps_it(operator: Operator) -> None:
    assert await operator.ordered() == NEW
    view = await operator.activate(OLD)
    assert (view.state, view.changed_by, view.changed_at.seconds > 0) == (
        pb.RULESET_STATE_ACTIVE, "tester", True,
    )  # fmt: skip
    assert await operator.ordered() == OLD
    assert await operator.ordered(ruleset=NEW) == NEW


async def test_a_retired_version_is_refused_with_its_reason_until_it_is_activated(operator: Operator) -> None:
    view = await operator.retire(OLD)
    assert (view.state, view.reason) == (pb.RULESET_STATE_RETIRED, "holds too little back")
    upload = await operator.upload()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await operator.analyze(order(upload, ruleset=OLD))
    problem = problem_of(error.value)
    assert (problem.status, problem.code) == (grpc.StatusCode.FAILED_PRECONDITION, "RULESET_RETIRED")
    assert "holds too little back" in str(error.value.details())
    assert NEW in problem.fix
    await operator.activate(OLD)
    assert await operator.ordered(ruleset=OLD) == OLD


async def test_the_last_version_cannot_be_taken_away(operator: Operator) -> None:
    assert await refused(operator.retire("balance@1.0.0")) == "RULESET_ACTIVE"
    assert await refused(operator.retire(NEW)) == "RULESET_ACTIVE"


@pytest.mark.parametrize(
    ("name", "reason", "code"),
    [
        (OLD, "", "INVALID_FIELD"),
        ("tattoo", "why", "INVALID_FIELD"),
        ("tattoo@8.8.8", "why", "RULESET_NOT_FOUND"),
    ],
)
async def test_a_wrong_turn_is_named(operator: Operator, name: str, reason: str, code: str) -> None:
    assert await refused(operator.retire(name, reason)) == code


async def test_each_turn_is_audited(operator: Operator) -> None:
    await operator.retire(OLD)
    await operator.activate(OLD)
    async with operator.served.ledger.tenant(operator.tenant) as connection:
        found = await connection.execute("SELECT action, resource, detail FROM audit ORDER BY audit_id")
        rows = await found.fetchall()
    assert [(row["action"], row["resource"], row["detail"]) for row in rows] == [
        ("ruleset.retired", OLD, {"reason": "holds too little back"}),
        ("ruleset.activated", OLD, {}),
    ]


async def test_another_gateway_follows_and_a_new_one_starts_with_what_was_decided(
    operator: Operator, stream: JetStream
) -> None:
    other = RulesetSwitch(rulesets.load())
    with pytest.raises(Transient):
        other.for_order("tattoo", "")
    following = asyncio.create_task(other.follow(stream.js))
    try:
        await operator.activate(OLD)
        async with asyncio.timeout(10 * ruleset_switch.POLL_S):
            while following and await wanted(other) != OLD:
                await asyncio.sleep(0.05)
    finally:
        following.cancel()


async def wanted(switch: RulesetSwitch) -> str:
    try:
        return switch.for_order("tattoo", "")
    except Transient:
        return ""


async def test_turns_of_several_operators_all_stay(operator: Operator) -> None:
    await asyncio.gather(operator.activate(OLD), operator.activate("balance@1.0.0"))
    listed = await operator.list()
    assert all(listed[name].changed_by == "tester" for name in (OLD, "balance@1.0.0"))


@pytest.mark.parametrize("scopes", [("analyses:write",), ("rulesets:read",)])
async def test_the_switch_needs_its_scope(operator: Operator, scopes: tuple[str, ...]) -> None:
    caller = Operator(operator.served, operator.tenant, scopes)
    for call in (caller.activate(OLD), caller.retire(OLD)):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
    await caller.channel.close()
