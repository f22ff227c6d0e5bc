"""Decides a balance case: score, norms, comparisons, battery, flags. Pure and deterministic.

Order: trial facts, composite, battery, norms, comparisons, flags, messages. A missing statement withholds
what rests on it and says so; too little for a score ends in not_measurable, never in a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assay.decision.v1.decision_pb2 import BalanceDecision

from svc_decision import flags as risk
from svc_decision import mandatory
from svc_decision.balance import battery as batteries
from svc_decision.balance import compare as comparing
from svc_decision.balance import norms as norming
from svc_decision.balance.case import SCORE, BalanceCase, Quantity, Reading, Trial
from svc_decision.balance.facts import case_facts, trial_facts
from svc_decision.balance.ruleset import BalanceRuleset
from svc_decision.balance.scores import Scored, measurement, score
from svc_decision.conditions import Facts
from svc_decision.decision import FiredFlag, Message, Missing, TraceEntry
from svc_decision.ruleset import Manifest

SCORED_TASK = "single_leg"
# What a test that has no composite is done for.
_RESULT_OF = {
    "bess": ("BESS_ERRORS",),
    "mbess": ("BESS_ERRORS",),
    "ctsib": ("TIME_TO_FAILURE",),
    "mctsib": ("TIME_TO_FAILURE",),
    "y_balance": ("REACH", "REACH_PCT"),
}


@dataclass(frozen=True, slots=True)
class Decided:
    """The whole answer. status: ok, incomplete or not_measurable."""

    status: str
    balance: BalanceDecision
    flags: tuple[FiredFlag, ...]
    missing: tuple[Missing, ...]
    unanswered: tuple[str, ...]
    messages: tuple[Message, ...]
    trace: tuple[TraceEntry, ...]
    manifest: Manifest
    ruleset_sha256: str


def decide(case: BalanceCase, ruleset: BalanceRuleset) -> Decided:
    """Decide a case under a ruleset. Never raises on a validated case."""
    own = trial_facts(case.now)
    missing = mandatory.missing_answers(ruleset.mandatory, own, ruleset.text)
    scored = score(case.now, own, ruleset.composite)
    battery = batteries.assess(case, ruleset)
    norms, norm_trace = norming.compare(case.now, battery.quantities, own, ruleset)
    status, reason = _status(case.now, scored, missing, ruleset)
    shown = scored.composite if status == "ok" else None
    compared = comparing.compare(case, _reading(shown, scored, ruleset), ruleset)
    facts = case_facts(case, own, battery, compared, ruleset)
    firings = risk.fire(ruleset.flags, facts)
    verified = any(not norm.provisional for norm in norms)
    balance = BalanceDecision(
        score=measurement("score", shown, reason or scored.why_not),
        sub_scores=scored.sub_scores,
        norms=norms,
        asymmetry=compared.asymmetry,
        follow_up=compared.follow_up,
        battery=battery.results,
    )
    return Decided(
        status=status,
        balance=balance,
        flags=risk.summary(firings, ruleset.text, {}),
        missing=missing,
        unanswered=firings.unanswered,
        messages=(
            *_result_messages(status, reason, scored, facts, missing, ruleset),
            *_notes(facts, firings.unanswered, verified, ruleset),
        ),
        trace=(
            *mandatory.trace(ruleset.mandatory, own, missing, "withheld"),
            *scored.trace,
            *battery.trace,
            *norm_trace,
            *compared.trace,
            *firings.trace,
        ),
        manifest=ruleset.manifest,
        ruleset_sha256=ruleset.sha256,
    )


def _reading(shown: Quantity | None, scored: Scored, ruleset: BalanceRuleset) -> Reading:
    """The composite as a reading; two scores are defined alike when the same rules made them."""
    rules = tuple(sub.rule for sub in scored.sub_scores if sub.weight)
    return Reading(SCORE, shown, scored.why_not, (ruleset.sha256, *rules))


def _status(
    trial: Trial, scored: Scored, missing: tuple[Missing, ...], ruleset: BalanceRuleset
) -> tuple[str, str]:
    """The status and why there is no score, if there is none."""
    blocking = [m.path for m in missing if m.id in ruleset.blocking]
    if blocking:
        return "incomplete", f"not stated: {', '.join(blocking)}"
    task = str(trial.protocol["task"])
    if task == SCORED_TASK:
        return ("ok", "") if scored.composite is not None else ("not_measurable", _why(scored))
    wanted = _RESULT_OF[task]
    if any(trial.quantity(name) is not None for name in wanted):
        return "ok", "the score is for the single-leg stance only"
    readings = [trial.readings.get(name) for name in wanted]
    reasons = [f"{r.id} {r.why_not}" for r in readings if r is not None]
    return "not_measurable", "; ".join(reasons) or f"{' or '.join(wanted)} was not measured"


def _why(scored: Scored) -> str:
    return "; ".join((scored.why_not, *scored.left_out))


def _result_messages(
    status: str,
    reason: str,
    scored: Scored,
    facts: Facts,
    missing: tuple[Missing, ...],
    ruleset: BalanceRuleset,
) -> Iterator[Message]:
    scored_task = facts["trial.task"] == SCORED_TASK
    if status == "incomplete":
        count = sum(m.id in ruleset.blocking for m in missing)
        yield _message(ruleset, "INCOMPLETE", (), count=count)
    elif status == "not_measurable":
        yield _message(ruleset, "NOT_MEASURABLE" if scored_task else "NO_RESULT", (), reason=reason)
    elif not scored_task:
        yield _message(ruleset, "NO_SCORE_FOR_TEST", ())
    else:
        if scored.left_out:
            yield _message(ruleset, "RENORMALISED", (), parts="; ".join(scored.left_out))
        if scored.composite is not None and scored.composite.low is None:
            yield _message(ruleset, "INTERVAL_UNKNOWN", ())
    for item in missing:
        withheld = ruleset.text(f"withheld.{item.id}")
        yield _message(
            ruleset, "WITHHELD", (item.path,), path=item.path, question=item.question, withheld=withheld
        )


def _notes(
    facts: Facts, unanswered: tuple[str, ...], verified: bool, ruleset: BalanceRuleset
) -> Iterator[Message]:
    seconds = facts["time.s"]
    if facts["time.censored"] is True and isinstance(seconds, int | float):
        ended_by = str(facts["time.ended_by"] or "cap").replace("_", " ")
        yield _message(ruleset, "TIME_CENSORED", (), time=f"{seconds:.1f}", ended_by=ended_by)
    if not verified and facts["trial.age"] is not None and facts["trial.task"] == SCORED_TASK:
        yield _message(ruleset, "NO_NORM", ())
    if unanswered:
        yield _message(ruleset, "UNANSWERED", unanswered, rules=", ".join(unanswered))
    yield _message(ruleset, "WELLNESS", ())


def _message(ruleset: BalanceRuleset, code: str, params: tuple[str, ...], **values: object) -> Message:
    return Message(code, params, ruleset.text(f"message.{code}", **values))
