"""Risk flags: every flag is judged at every place it applies to, and every judgement leaves a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from svc_decision.conditions import (
    Condition,
    Facts,
    FactValue,
    Probability,
    evaluate,
    fact_names,
    posterior_sum,
)
from svc_decision.decision import FiredFlag, TraceEntry
from svc_decision.ruleset import SEVERITIES, Flag, Level

GRAVE = ("refer", "contraindicated")


@dataclass(frozen=True, slots=True)
class Firing:
    """A flag that fired at one place, with the facts it saw; region None is the whole case."""

    flag: Flag
    level: Level
    region: int | None
    facts: Facts

    def holding(self) -> tuple[str, ...]:
        """Severities of all its levels that hold here, the one that fired and those behind it."""
        levels = (level for level in self.flag.levels if level.effect == "hold")
        return tuple(level.severity for level in levels if evaluate(level.when, self.facts) is True)


@dataclass(frozen=True, slots=True)
class Firings:
    """All that fired, with the trace of what did not."""

    fired: tuple[Firing, ...]
    unanswered: tuple[str, ...]
    trace: tuple[TraceEntry, ...]

    def effects(self, effect: str, region: int | None = None) -> tuple[str, ...]:
        """Ids of flags with that effect on the whole case, or on it and one region."""
        return tuple(f.flag.id for f in self.having(effect, region))

    def having(self, effect: str, region: int | None = None) -> tuple[Firing, ...]:
        """The firings with that effect on the whole case, or on it and one region."""
        places = (None,) if region is None else (None, region)
        return tuple(f for f in self.fired if f.level.effect == effect and f.region in places)

    @property
    def grave(self) -> frozenset[tuple[str, str, int | None]]:
        """(flag, severity, region) of every referral and contraindication."""
        return frozenset(
            (f.flag.id, f.level.severity, f.region) for f in self.fired if f.level.severity in GRAVE
        )


def fire(
    flags: Sequence[Flag],
    case: Facts,
    regions: Sequence[tuple[int | None, Facts]] = (),
    *,
    explained: bool = True,
) -> Firings:
    """Judge all flags; `regions` are (index, facts of case and region together).

    Unexplained, only what fired is told, which is several times faster.
    """
    fired: list[Firing] = []
    unanswered: list[str] = []
    trace: list[TraceEntry] = []
    for flag in flags:
        places: Sequence[tuple[int | None, Facts]] = regions if flag.scope == "region" else [(None, case)]
        if not places:
            trace.append(TraceEntry(flag.id, "not_applicable", effect="no ink region"))
        for region, facts in places:
            level, outcome = _judge(flag, facts)
            if level is not None:
                fired.append(Firing(flag, level, region, facts))
            elif (
                explained and outcome == "unknown" and flag.id not in unanswered and _is_unasked(flag, facts)
            ):
                unanswered.append(flag.id)
            if explained:
                effect = f"{level.severity}: {level.effect}" if level else ""
                trace.append(TraceEntry(flag.id, outcome, _saw(flag, facts), effect, region))
    return Firings(tuple(fired), tuple(unanswered), tuple(trace))


def summary(
    firings: Firings, text: Callable[[str], str], details: Mapping[str, str]
) -> tuple[FiredFlag, ...]:
    """One entry per flag and severity, gravest first, each with just the regions that it fired for.

    `text` finds the text of a key; `details` maps a question to the words of its answer.
    """
    groups: dict[tuple[str, str], list[Firing]] = {}
    for firing in firings.fired:
        groups.setdefault((firing.flag.id, firing.level.severity), []).append(firing)
    entries = []
    for (flag_id, severity), own in groups.items():
        first = own[0]
        questions = [name.removeprefix("intake.") for name in fact_names(first.level.when)]
        entries.append(
            FiredFlag(
                id=flag_id,
                severity=severity,
                scope=first.flag.scope,
                effect=first.level.effect,
                regions=tuple(f.region for f in own if f.region is not None),
                text=text(f"flag.{flag_id}"),
                evidence=first.flag.evidence,
                source=first.flag.source,
                stated=tuple((q, details[q]) for q in questions if q in details),
            )
        )
    return tuple(sorted(entries, key=lambda e: SEVERITIES.index(e.severity)))


def _judge(flag: Flag, facts: Facts) -> tuple[Level | None, str]:
    results = [(level, evaluate(level.when, facts)) for level in flag.levels]
    level = next((level for level, result in results if result is True), None)
    if level is not None:
        return level, "fired"
    return None, "unknown" if any(result is None for _, result in results) else "not_fired"


def _is_unasked(flag: Flag, facts: Facts) -> bool:
    """Whether a question to the person, rather than a measurement, is what is missing."""
    names = (name for level in flag.levels for name in fact_names(level.when))
    return any(name.startswith("intake.") and facts.get(name) is None for name in names)


def _saw(flag: Flag, facts: Facts) -> tuple[tuple[str, FactValue], ...]:
    values: dict[str, FactValue] = {}
    for level in flag.levels:
        for group in _probabilities(level.when):
            values[f"P({'+'.join(group)})"] = round(posterior_sum(group, facts), 4)
        values |= {name: facts.get(name) for name in fact_names(level.when) if not name.startswith("p.")}
    return tuple(values.items())


def _probabilities(condition: Condition) -> list[tuple[str, ...]]:
    if isinstance(condition, Probability):
        return [condition.classes]
    parts: tuple[Condition, ...] = getattr(condition, "parts", ())
    return [group for part in parts for group in _probabilities(part)]
