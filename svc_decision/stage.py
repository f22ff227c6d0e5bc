"""The decision stage: the operator's statements and the colour page in, the decision page out."""

from __future__ import annotations

import json

from assay.decision.v1.decision_pb2 import DecisionPage
from assay.events.v1.analysis_pb2 import Analysis

from mesh.facts import MAX_FACT_BYTES
from mesh.stage import Stage
from svc_decision.deciding import handler
from svc_decision.engine import decide
from svc_decision.loader import load_ruleset
from svc_decision.present import to_json
from svc_decision.wire import MAX_PAGE_BYTES, case_of_analysis, page_of

# What the fact still has to take: the reference to the JSON, the report's page, two runs.
_TO_COME_BYTES = 4 * 1024


def decision_page(analysis: Analysis) -> tuple[DecisionPage, bytes]:
    """The page and the whole decision as canonical JSON bytes.

    Raises InvalidInput (CASE_INVALID, RULESET_ID_INVALID) and NotFound (RULESET_NOT_FOUND).
    """
    ruleset = load_ruleset(analysis.job.ruleset) if analysis.job.ruleset else load_ruleset()
    decision = decide(case_of_analysis(analysis), ruleset)
    text = json.dumps(to_json(decision), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    left = MAX_FACT_BYTES - _TO_COME_BYTES - analysis.ByteSize()
    return page_of(decision, min(MAX_PAGE_BYTES, left)), text.encode()


handle = handler("color", decision_page)


def prepare() -> None:
    """Reads and checks the default ruleset."""
    load_ruleset()


STAGE = Stage(
    name="decision",
    kind="tattoo",
    consumes="colored",
    publishes="decided",
    page="decision",
    handle=handle,
    prepare=prepare,
)
