"""DecisionService: the engine of the two stages for a caller who waits."""

from __future__ import annotations

from typing import Any

import grpc.aio
from assay.decision.v1.decision_pb2 import (
    DecideBalanceRequest,
    DecideBalanceResponse,
    DecideRequest,
    DecideResponse,
    GetRulesetRequest,
)
from assay.decision.v1.decision_pb2_grpc import DecisionServiceServicer
from google.api.httpbody_pb2 import HttpBody

from svc_decision.balance import wire as balance
from svc_decision.documents import ruleset_json
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset
from svc_decision.wire import case_of_request, page_of


class DecisionService(DecisionServiceServicer):
    """The typed door to the engine; the mesh's interceptor authorises, validates and maps errors."""

    async def Decide(
        self, request: DecideRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> DecideResponse:
        """Decides one tattoo case without storing anything. Raises InvalidInput, NotFound."""
        ruleset = load_ruleset(request.ruleset) if request.ruleset else load_ruleset()
        return DecideResponse(page=page_of(decide(case_of_request(request), ruleset)))

    async def DecideBalance(
        self, request: DecideBalanceRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> DecideBalanceResponse:
        """Decides one balance trial without storing anything. Raises InvalidInput, NotFound."""
        page, _ = balance.decided_page(balance.case_of_request(request), request.ruleset)
        return DecideBalanceResponse(page=page)

    async def GetRuleset(
        self, request: GetRulesetRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> HttpBody:
        """The whole of a released ruleset. Raises InvalidInput, NotFound."""
        return HttpBody(content_type="application/json", data=ruleset_json(request.ruleset))
