"""Mandatory questions: which have no answer, and the trace of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from svc_decision.conditions import Facts, evaluate
from svc_decision.decision import Missing, TraceEntry
from svc_decision.ruleset import Mandatory


def missing_answers(
    questions: Sequence[Mandatory], facts: Facts, text: Callable[[str], str]
) -> tuple[Missing, ...]:
    """The questions that apply and have no answer; `text` finds the words of a question."""
    return tuple(
        Missing(m.id, m.path, text(f"question.{m.id}"), m.rules)
        for m in questions
        if facts.get(m.fact) is None and (m.only_with is None or evaluate(m.only_with, facts) is True)
    )


def trace(
    questions: Sequence[Mandatory], facts: Facts, missing: Sequence[Missing], effect: str
) -> Iterator[TraceEntry]:
    """One entry per question; a missing answer is a rule that fired with `effect`."""
    absent = {m.id for m in missing}
    for rule in questions:
        fired = rule.id in absent
        saw = ((rule.fact, facts.get(rule.fact)),)
        yield TraceEntry(rule.id, "fired" if fired else "not_fired", saw, effect if fired else "")
