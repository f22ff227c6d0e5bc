"""Listing analyses by keyset, newest first."""

from __future__ import annotations

from assay.gateway.v1 import gateway_pb2 as pb

from gateway.api import paging
from gateway.api.views import STATES, moment, view
from gateway.desk import Desk
from gateway.ledger import jobs
from gateway.ledger.jobs import JobFilter
from mesh.auth import Principal

DEFAULT_PAGE = 20


async def page(desk: Desk, caller: Principal, request: pb.ListAnalysesRequest) -> pb.ListAnalysesResponse:
    """Returns one page; raises InvalidInput (PAGE_TOKEN_INVALID), Transient."""
    names = {number: name for name, number in STATES.items()}
    wanted = JobFilter(
        kind=request.kind or None,
        state=names.get(request.state),
        subject_id=request.subject_id or None,
        created_after=(
            moment(request.created_after, "created_after") if request.HasField("created_after") else None
        ),
        created_before=(
            moment(request.created_before, "created_before") if request.HasField("created_before") else None
        ),
        before=paging.decode(request),
    )
    size = request.page_size or DEFAULT_PAGE
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        rows = await jobs.list_newest(connection, wanted, size + 1)
    shown = rows[:size]
    more = paging.encode((shown[-1].created_at, shown[-1].job_id), request) if rows[size:] else ""
    return pb.ListAnalysesResponse(
        analyses=[view(row, with_result=False) for row in shown], next_page_token=more
    )
