"""RulesetService: the versions, which one is active, and the switch between them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import grpc.aio
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc

from gateway import rulesets
from gateway.desk import Desk
from gateway.ledger import jobs
from gateway.rulesets import Release
from mesh.auth import current_principal
from mesh.errors import FailedPrecondition

Context = grpc.aio.ServicerContext[Any, Any]


class RulesetServicer(gateway_pb2_grpc.RulesetServiceServicer):
    """Reads the standing and turns the switch; each turn is in the audit log."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListRulesets(
        self, request: pb.ListRulesetsRequest, context: Context
    ) -> pb.ListRulesetsResponse:
        """Every version of this release. Raises Transient (RULESET_CONTROL_AWAY)."""
        every = self._desk.rulesets.releases.values()
        newest_first = sorted(every, key=lambda one: (one.kind, [-part for part in one.order]))
        return pb.ListRulesetsResponse(rulesets=[self._view(one) for one in newest_first])

    async def ActivateRuleset(self, request: pb.ActivateRulesetRequest, context: Context) -> pb.RulesetView:
        """Raises NotFound (RULESET_NOT_FOUND), Transient when the switch cannot be reached."""
        switch, name = self._desk.rulesets, request.ruleset
        await switch.activate(self._desk.nats.js, name, current_principal().subject)
        await self._audit("ruleset.activated", name, {})
        return self._view(switch.releases[name])

    async def RetireRuleset(self, request: pb.RetireRulesetRequest, context: Context) -> pb.RulesetView:
        """Raises NotFound (RULESET_NOT_FOUND), Conflict (RULESET_ACTIVE), Transient."""
        switch, name = self._desk.rulesets, request.ruleset
        await switch.retire(self._desk.nats.js, name, request.reason, current_principal().subject)
        await self._audit("ruleset.retired", name, {"reason": request.reason})
        return self._view(switch.releases[name])

    def _view(self, release: Release) -> pb.RulesetView:
        """What is known of a version now."""
        standing = self._desk.rulesets.standing
        made = pb.RulesetView(
            ruleset=release.ruleset,
            kind=release.kind,
            sha256=release.sha256,
            effective=release.effective,
            approval=release.approval,
            state=pb.RULESET_STATE_AVAILABLE,
        )
        turn = standing.retired.get(release.ruleset)
        if turn is not None:
            made.state, made.reason = pb.RULESET_STATE_RETIRED, turn.reason
        elif self._active(release.kind) == release.ruleset:
            made.state, turn = pb.RULESET_STATE_ACTIVE, standing.active.get(release.kind)
        if turn is not None:
            made.changed_by = turn.by
            made.changed_at.FromDatetime(datetime.fromisoformat(turn.at))
        return made

    def _active(self, kind: str) -> str:
        """The active version; empty when it is not part of this release: the list then shows none."""
        switch = self._desk.rulesets
        try:
            return rulesets.active(switch.releases, switch.standing, kind)
        except FailedPrecondition:
            return ""

    async def _audit(self, action: str, ruleset: str, detail: dict[str, str]) -> None:
        caller = current_principal()
        async with self._desk.ledger.tenant(caller.tenant_id) as connection:
            await jobs.record_audit(connection, caller.tenant_id, caller.subject, action, ruleset, detail)
