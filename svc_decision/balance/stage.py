"""The decision stage for balance: trial, sway page and earlier trials in, the decision page out."""

from __future__ import annotations

from assay.decision.v1.decision_pb2 import DecisionPage
from assay.events.v1.analysis_pb2 import Analysis

from mesh.stage import Stage
from svc_decision.balance.loader import load_ruleset
from svc_decision.balance.wire import case_of_analysis, decided_page
from svc_decision.deciding import handler


def decision_page(analysis: Analysis) -> tuple[DecisionPage, bytes]:
    """The page and the whole decision as canonical JSON bytes.

    Raises InvalidInput (RULESET_ID_INVALID) and NotFound (RULESET_NOT_FOUND).
    """
    return decided_page(case_of_analysis(analysis), analysis.job.ruleset)


handle = handler("sway", decision_page)


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
