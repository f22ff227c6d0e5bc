"""The rule engine: a case and a ruleset to a decision. Pure, deterministic, closed wherever it cannot know.

Order: image gate, mandatory intake, flags, skin type, regions, wavelengths, ranking. The statuses of the
whole case, the gravest first: incomplete, stopped, no_colour, deferred, qualitative, ok. No fluence, spot
size or pulse count is ever stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from svc_decision import counterfactual, mandatory, sessions
from svc_decision import flags as risk
from svc_decision.case import Case
from svc_decision.counterfactual import Found, Outcome
from svc_decision.decision import Decision, FiredFlag, InkDecision, Message, Option, Sessions, TraceEntry
from svc_decision.judging import (
    WITH_OPTIONS,
    Judged,
    by_family,
    is_extended,
    judge,
    obstacle,
    session_facts,
    shown_class,
    status_of,
)
from svc_decision.messages import ink_messages, messages
from svc_decision.options import Setting, candidates, rank_options
from svc_decision.origin import ORIGINS, because, raised_by
from svc_decision.ruleset import RANKED, Ruleset
from svc_decision.tracing import engine_trace, session_trace, unreached


def decide(case: Case, ruleset: Ruleset) -> Decision:
    """Decide a case under a ruleset. Never raises on a parsed case; what is unknown closes the decision.

    Texts are in the case's language where the ruleset has it, else in English.
    """
    ruleset = ruleset.in_language(case.language) if case.language else ruleset
    judged = judge(case, ruleset)
    status = status_of(judged)
    setting = _setting(judged, status)
    inks, ladder = _advise(judged, setting, status)
    estimate = _sessions(judged, status, inks)
    found = _counterfactuals(judged, Outcome(status, inks, judged))
    trace = (
        *mandatory.trace(ruleset.mandatory, judged.facts, judged.missing, "incomplete"),
        *judged.firings.trace,
        *engine_trace(judged, setting, inks),
        *ladder,
        *session_trace(judged, estimate),
    )
    return Decision(
        status=status,
        qualitative=case.image.chart is not True,
        inks=inks,
        flags=_flags(judged),
        skin=judged.skin,
        sessions=estimate,
        missing=judged.missing,
        unanswered=judged.firings.unanswered,
        messages=tuple(messages(judged, status)),
        trace=(*trace, *unreached(judged, trace, status)),
        device=judged.laser.name,
        device_id=judged.laser.id,
        manifest=ruleset.manifest,
        ruleset_sha256=ruleset.sha256,
        classifier=case.classifier,
        language=ruleset.language,
        counterfactuals=found.shown,
        counterfactuals_left_out=found.left_out,
        counterfactual_note=ruleset.text("counterfactual.note") if found.shown else "",
    )


def _flags(judged: Judged) -> tuple[FiredFlag, ...]:
    """The flags that fired, each with what raised it."""
    found = risk.summary(judged.firings, judged.ruleset.text, judged.case.details)
    told = []
    for flag in found:
        own = [f for f in judged.firings.fired if (f.flag.id, f.level.severity) == (flag.id, flag.severity)]
        origins = {o for f in own for o in raised_by(f, judged.case, judged.skin)}
        values = dict.fromkeys(value for f in own for value in because(f))
        told.append(replace(flag, raised_by=tuple(o for o in ORIGINS if o in origins), because=tuple(values)))
    return tuple(told)


def _counterfactuals(judged: Judged, base: Outcome) -> Found:
    if not is_extended(judged.ruleset):
        return Found((), 0)

    def retry(case: Case, without: frozenset[str]) -> Outcome:
        changed = judge(case, judged.ruleset, without=without, explained=False)
        status = status_of(changed)
        return Outcome(status, _advise(changed, _setting(changed, status), status)[0], changed)

    return counterfactual.find(base, retry)


def _setting(judged: Judged, status: str) -> Setting:
    tan = next((f.level.tan for f in judged.firings.fired if f.level.tan), None)
    told = judged.firings.fired if judged.explained else ()
    learned = (f for f in told if "model" in raised_by(f, judged.case, judged.skin))
    return Setting(
        case=judged.case,
        facts=judged.facts,
        ruleset=judged.ruleset,
        laser=judged.laser,
        fitzpatrick=judged.skin.safe or "VI",
        firings=judged.firings,
        learned_flags=frozenset((f.flag.id, f.region) for f in learned),
        tan=tan,
        qualitative=judged.case.image.chart is not True,
        deferred=status == "deferred",
        explained=judged.explained,
    )


def _advise(
    judged: Judged, setting: Setting, status: str
) -> tuple[tuple[InkDecision, ...], tuple[TraceEntry, ...]]:
    ranking = status in WITH_OPTIONS and not judged.firings.effects("defer_unranked")
    inks: list[InkDecision] = []
    trace: list[TraceEntry] = []
    for region, ink in enumerate(judged.case.inks):
        code = obstacle(judged, region)
        options: tuple[Option, ...] = ()
        if ranking and code in (None, "FAMILY_ONLY"):
            shown = by_family(judged, ink) or ink if code else ink
            options, entries = rank_options(region, shown, setting, family_only=code is not None)
            trace.extend(entries)
        uncertain = bool(judged.firings.effects("no_ranking", region))
        inks.append(
            InkDecision(
                region=region,
                cluster_id=ink.cluster_id,
                ink_class=shown_class(judged, region),
                basis="hue_family" if setting.qualitative else "class",
                area_share=ink.area_share,
                options=options,
                candidates=candidates(ink, setting) if ranking and uncertain and judged.explained else (),
                messages=_said(judged, region, options, ranking, setting),
                flags=tuple(dict.fromkeys(f.flag.id for f in judged.firings.fired if f.region == region)),
                named_by=ink.named_by,
                class_probability=ink.posterior.get(ink.ink_class) if ink.posterior else None,
            )
        )
    return tuple(inks), tuple(trace)


def _said(
    judged: Judged, region: int, options: tuple[Option, ...], ranking: bool, setting: Setting
) -> tuple[Message, ...]:
    return tuple(ink_messages(judged, region, options, ranking, setting)) if judged.explained else ()


def _sessions(judged: Judged, status: str, inks: Sequence[InkDecision]) -> Sessions:
    obstacles = []
    if status not in WITH_OPTIONS or judged.firings.effects("defer_unranked"):
        obstacles.append(sessions.unranked(judged.ruleset, status))
    else:
        obstacles += [
            sessions.no_wavelength(judged.ruleset, ink)
            for ink in inks
            if ink.region not in judged.no_ink and not any(_is_allowed(o) for o in ink.options)
        ]
    facts = session_facts(judged)
    return sessions.estimate(judged.case, judged.ruleset, judged.skin.safe, facts, tuple(obstacles))


def _is_allowed(option: Option) -> bool:
    return option.would_be in RANKED or (option.would_be == "specialist" and option.skin_gate != "avoid")
