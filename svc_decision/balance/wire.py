"""Between protobuf and the balance engine: documents and calls in, a page and its JSON out."""

from __future__ import annotations

import json
from datetime import UTC

from assay.decision.v1 import decision_pb2 as pb
from assay.events.v1.analysis_pb2 import Analysis

from mesh.visits import handed_in_at
from svc_decision.balance.case import BalanceCase, case_of, pose_label, trial_of
from svc_decision.balance.engine import Decided, decide
from svc_decision.balance.loader import load_ruleset
from svc_decision.balance.present import to_json
from svc_decision.balance.ruleset import BalanceRuleset
from svc_decision.wire import message_of, provenance_of, trace_of

MAX_PAGE_BYTES = 14 * 1024


def case_of_analysis(analysis: Analysis) -> BalanceCase:
    """The case of a travelling document."""
    job = analysis.job
    flags = [*analysis.ingest.flags, *analysis.pose.flags]
    at = handed_in_at(job)
    pose = pose_label(analysis.pose)
    now = trial_of(job.balance, analysis.sway, pose, job_id=job.job_id, at=at, flags=flags)
    return case_of(now, job.earlier, flags)


def case_of_request(request: pb.DecideBalanceRequest) -> BalanceCase:
    """The case of a typed call."""
    at = request.created_at.ToDatetime(UTC) if request.HasField("created_at") else None
    now = trial_of(request.trial, request.sway, request.pose, at=at, flags=request.flags)
    return case_of(now, request.earlier, request.flags)


def decided_page(case: BalanceCase, ruleset_id: str) -> tuple[pb.DecisionPage, bytes]:
    """The page and the whole decision as canonical JSON bytes; the default ruleset when the id is empty.

    Raises InvalidInput (RULESET_ID_INVALID) and NotFound (RULESET_NOT_FOUND).
    """
    ruleset = load_ruleset(ruleset_id) if ruleset_id else load_ruleset()
    decided = decide(case, ruleset)
    document = to_json(decided, ruleset)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return page_of(decided, ruleset), text.encode()


def page_of(decided: Decided, ruleset: BalanceRuleset) -> pb.DecisionPage:
    """The page; the reference to the stored JSON is left empty."""
    page = pb.DecisionPage(
        status=pb.DecisionStatus.Value(f"DECISION_STATUS_{decided.status.upper()}"),
        flags=[
            pb.RiskFlag(
                id=flag.id,
                severity=flag.severity,
                scope=flag.scope,
                text=flag.text,
                sources=[ruleset.sources[tag] for tag in flag.source],
            )
            for flag in decided.flags
        ],
        missing=[m.path for m in decided.missing],
        messages=[message_of(m) for m in decided.messages],
        trace=trace_of(decided.trace),
        ruleset=ruleset.id,
        ruleset_sha256=decided.ruleset_sha256,
        ruleset_approval=decided.manifest.approval_statement,
        provenance=provenance_of(decided.manifest, decided.ruleset_sha256),
        unanswered=decided.unanswered,
        balance=decided.balance,
    )
    return _fit(page)


def _fit(page: pb.DecisionPage) -> pb.DecisionPage:
    """Keep the page small for its fact: what the trace saw goes first, then citations, then rules that did
    not fire; the JSON has all."""
    if page.ByteSize() > MAX_PAGE_BYTES:
        for entry in page.trace:
            entry.ClearField("saw")
    if page.ByteSize() > MAX_PAGE_BYTES:
        for change in (*page.balance.asymmetry, *page.balance.follow_up):
            change.ClearField("source")
    if page.ByteSize() > MAX_PAGE_BYTES:
        fired = [entry for entry in page.trace if entry.fired]
        page.ClearField("trace")
        page.trace.extend(fired)
    return page
