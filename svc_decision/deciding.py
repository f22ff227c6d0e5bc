"""What the decision stages of all kinds share: decide, keep the whole decision, write its page."""

from __future__ import annotations

from collections.abc import Callable

from assay.decision.v1.decision_pb2 import DecisionPage
from assay.events.v1.analysis_pb2 import Analysis

from mesh.errors import FailedPrecondition
from mesh.stage import Handler, StageContext

Decide = Callable[[Analysis], tuple[DecisionPage, bytes]]


def handler(needs: str, decide: Decide) -> Handler:
    """A stage's handler: `decide` gives the page and the whole decision as canonical JSON bytes.

    needs: the page of Analysis it is made from. The handler raises FailedPrecondition (PAGE_MISSING), what
    `decide` raises, and Transient.
    """

    async def handle(analysis: Analysis, ctx: StageContext) -> DecisionPage:
        if not analysis.HasField(needs):  # type: ignore[arg-type]  # a page's name is data here
            raise FailedPrecondition("PAGE_MISSING", f"Decision needs the page of {needs}.")
        await ctx.progress(20, "Applying the rules")
        page, document = await ctx.compute(decide, analysis)
        page.decision_json.CopyFrom(await ctx.put("decision.json", document, "application/json"))
        flags = [flag.id for flag in page.flags]
        ctx.log.info("decided", status=page.status, ruleset=page.ruleset, flags=flags)
        return page

    return handle
