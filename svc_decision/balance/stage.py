"""The decision stage for balance: trial, sway page and earlier trials in, the decision page out."""

from __future__ import annotations

from assay.decision.v1.decision_pb2 import DecisionPage
from assay.events.v1.analysis_pb2 import Analysis

from mesh.errors import FailedPrecondition
from mesh.stage import Stage, StageContext
from svc_decision.balance.loader import load_ruleset
from svc_decision.balance.wire import case_of_analysis, decided_page


def decision_page(analysis: Analysis) -> tuple[DecisionPage, bytes]:
    """The page and the whole decision as canonical JSON bytes.

    Raises InvalidInput (RULESET_ID_INVALID) and NotFound (RULESET_NOT_FOUND).
    """
    return decided_page(case_of_analysis(analysis), analysis.job.ruleset)


async def handle(analysis: Analysis, ctx: StageContext) -> DecisionPage:
    """Decides and writes the whole decision, full trace included, as artefact `decision.json`.

    Raises FailedPrecondition (PAGE_MISSING), InvalidInput, NotFound, Transient.
    """
    if not analysis.HasField("sway"):
        raise FailedPrecondition("PAGE_MISSING", "Decision needs the page of sway.")
    await ctx.progress(20, "Applying the rules")
    page, document = await ctx.compute(decision_page, analysis)
    page.decision_json.CopyFrom(await ctx.put("decision.json", document, "application/json"))
    ctx.log.info("decided", status=page.status, ruleset=page.ruleset, flags=[flag.id for flag in page.flags])
    return page


def prepare() -> None:
    """Reads and checks the default ruleset."""
    load_ruleset()


STAGE = Stage(
    name="decision",
    kind="balance",
    consumes="swayed",
    publishes="decided",
    page="decision",
    handle=handle,
    prepare=prepare,
)
