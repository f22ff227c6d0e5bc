"""AnalysisService: the public API over the ledger."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc.aio
from assay.common.v1.types_pb2 import ObjectRef
from assay.gateway.v1 import gateway_pb2 as pb
from assay.gateway.v1 import gateway_pb2_grpc
from google.api.httpbody_pb2 import HttpBody

from gateway import measures
from gateway.api import cancel, downloads, erase, listing, replay, uploads, watch
from gateway.api.start import Started, start
from gateway.api.views import view
from gateway.desk import Desk
from gateway.ledger.idempotency import HEADER
from gateway.ledger.jobs import JobRow
from mesh import telemetry
from mesh.auth import current_principal

Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_WAIT_S = 30.0
EVENT_STREAM = "text/event-stream"


class AnalysisServicer(gateway_pb2_grpc.AnalysisServiceServicer):
    """Handlers are thin: who calls, what is asked, which headers go back."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def SignUpload(self, request: pb.SignUploadRequest, context: Context) -> pb.SignUploadResponse:
        """Signs a direct upload."""
        return await uploads.sign(self._desk, current_principal(), request)

    async def Analyze(self, request: pb.AnalyzeRequest, context: Context) -> pb.AnalysisView:
        """Starts an analysis; in MODE_SYNC waits for its end. 202 while it runs."""
        caller, began = current_principal(), time.perf_counter()
        started = await start(self._desk, caller, request, metadata(context).get(HEADER))
        row = started.row
        telemetry.about_job(row.job_id)
        if request.mode == pb.MODE_SYNC:
            seconds = request.timeout.ToNanoseconds() / 1e9 if request.HasField("timeout") else DEFAULT_WAIT_S
            row = await watch.until_ended(self._desk, caller.tenant_id, row, seconds)
            measures.answered(caller.tenant_id, row.kind, row.state, began)
        await context.send_initial_metadata(start_headers(row, started))
        return view(row, step=await self._desk.progress(row))

    async def ReplayAnalysis(self, request: pb.ReplayAnalysisRequest, context: Context) -> pb.AnalysisView:
        """Repeats an ended analysis as a new one. 202 while it runs."""
        key = metadata(context).get(HEADER)
        started = await replay.replay(self._desk, current_principal(), request, key)
        await context.send_initial_metadata(start_headers(started.row, started))
        return view(started.row, step=await self._desk.progress(started.row))

    async def GetAnalysis(self, request: pb.GetAnalysisRequest, context: Context) -> pb.AnalysisView:
        """Gets an analysis."""
        row = await self._desk.job(current_principal().tenant_id, request.job_id)
        return view(row, step=await self._desk.progress(row))

    async def ListAnalyses(
        self, request: pb.ListAnalysesRequest, context: Context
    ) -> pb.ListAnalysesResponse:
        """Lists analyses, newest first."""
        return await listing.page(self._desk, current_principal(), request)

    async def CancelAnalysis(self, request: pb.CancelAnalysisRequest, context: Context) -> pb.AnalysisView:
        """Cancels an analysis that has not ended."""
        return view(await cancel.cancel(self._desk, current_principal(), request.job_id))

    async def EraseAnalysis(self, request: pb.EraseAnalysisRequest, context: Context) -> pb.Erasure:
        """Erases an analysis. 202 while something is left to remove."""
        answer = await erase.erase_analysis(self._desk, current_principal(), request.job_id)
        return await erasing(answer, context)

    async def EraseSubject(self, request: pb.EraseSubjectRequest, context: Context) -> pb.Erasure:
        """Erases every analysis of a subject. 202 while something is left to remove."""
        answer = await erase.erase_subject(self._desk, current_principal(), request.subject_id)
        return await erasing(answer, context)

    async def WatchAnalysis(
        self, request: pb.WatchAnalysisRequest, context: Context
    ) -> AsyncGenerator[HttpBody, None]:
        """Streams server-sent events until the analysis ends."""
        tenant_id = current_principal().tenant_id
        row = await self._desk.job(tenant_id, request.job_id)
        resume = watch.last_event_id(str(metadata(context).get("last-event-id", "")))
        await context.send_initial_metadata((("cache-control", "no-store"), ("x-accel-buffering", "no")))
        async with aclosing(watch.events(self._desk, tenant_id, row, resume)) as stream:
            async for data in stream:
                yield HttpBody(content_type=EVENT_STREAM, data=data)

    async def GetReport(
        self, request: pb.GetReportRequest, context: Context
    ) -> AsyncGenerator[HttpBody, None]:
        """Downloads the report."""
        row = await self._desk.job(current_principal().tenant_id, request.job_id)
        async with aclosing(self._download(context, row, downloads.report_of(row))) as bodies:
            async for body in bodies:
                yield body

    async def GetArtifact(
        self, request: pb.GetArtifactRequest, context: Context
    ) -> AsyncGenerator[HttpBody, None]:
        """Downloads an artefact that a page of the analysis lists."""
        row = await self._desk.job(current_principal().tenant_id, request.job_id)
        ref = downloads.artifact_of(row, request.name)
        async with aclosing(self._download(context, row, ref)) as bodies:
            async for body in bodies:
                yield body

    async def _download(
        self, context: Context, row: JobRow, ref: ObjectRef
    ) -> AsyncGenerator[HttpBody, None]:
        await downloads.admit(self._desk, current_principal(), row, ref)
        sent = False
        async with aclosing(downloads.verified(self._desk, ref)) as pieces:
            async for piece in pieces:
                if not sent:
                    # Only now: an error before the first piece is still an ordinary error.
                    await context.send_initial_metadata(downloads.headers(row, ref))
                    sent = True
                yield HttpBody(content_type=ref.media_type, data=piece)


def start_headers(row: JobRow, started: Started) -> tuple[tuple[str, str], ...]:
    """Where the started job is, whether it still runs, and whether an earlier call had started it."""
    return (
        ("location", f"/v1/analyze/{row.job_id}"),
        *(() if row.ended else (("x-http-status", "202"),)),
        *((("idempotent-replayed", "true"),) if started.replayed else ()),
    )


async def erasing(answer: pb.Erasure, context: Context) -> pb.Erasure:
    """The answer of an erasure with its status: 202 while it is pending."""
    if answer.state == pb.ERASURE_STATE_PENDING:
        await context.send_initial_metadata((("x-http-status", "202"),))
    return answer


def metadata(context: Context) -> dict[str, str]:
    """Returns the text entries of a call's metadata."""
    return {k: v for k, v in (context.invocation_metadata() or ()) if isinstance(v, str)}
