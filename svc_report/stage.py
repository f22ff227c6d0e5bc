"""The report stage: a decided analysis in, report.pdf and report.json out."""

from __future__ import annotations

from assay.events.v1.analysis_pb2 import Analysis
from assay.events.v1.report_page_pb2 import ReportPage

from mesh.stage import Stage, StageContext
from svc_report import render
from svc_report.balance import content as balance
from svc_report.compose import compose
from svc_report.words import language_of


async def handle(analysis: Analysis, ctx: StageContext) -> ReportPage:
    """Writes both files; raises what `compose` raises, and Transient when storage does not answer."""
    await ctx.progress(10, "Typesetting the report")
    report = await compose(analysis, ctx, ctx.compute)
    is_balance = analysis.job.kind == "balance"
    page = ReportPage(
        pdf=await ctx.put("report.pdf", report.pdf, "application/pdf"),
        json=await ctx.put("report.json", report.json, "application/json"),
        pages=report.pages,
        language=balance.LANGUAGE if is_balance else language_of(analysis.job.language),
        pdf_standard=render.PDF_STANDARD,
        provenance=render.provenance(render.BALANCE if is_balance else render.TATTOO),
    )
    ctx.log.info("reported", pages=report.pages, pdf_bytes=len(report.pdf), json_bytes=len(report.json))
    return page


STAGE = Stage(
    name="report",
    kind="*",
    consumes="decided",
    publishes="reported",
    page="report",
    handle=handle,
    prepare=render.prepare,
)
