"""The rule engine: a case and a ruleset to a decision. Pure, deterministic, closed wherever it cannot know.

Order: image gate, mandatory intake, flags, skin type, regions, wavelengths, ranking. The statuses of the
whole case, the gravest first: incomplete, stopped, no_colour, deferred, qualitative, ok. No fluence, spot
size or pulse count is ever stated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from svc_decision import flags as risk
from svc_decision import mandatory, sessions
from svc_decision.case import Case, Ink
from svc_decision.conditions import Facts
from svc_decision.decision import Decision, InkDecision, Message, Missing, Option, Sessions, TraceEntry
from svc_decision.devices import Laser, resolve
from svc_decision.facts import case_facts, find_site, region_facts
from svc_decision.flags import Firings
from svc_decision.options import Setting, candidates, rank_options
from svc_decision.ruleset import RANKED, UNKNOWN_CLASS, Ruleset
from svc_decision.skin import SkinReading, read_skin

_WITH_OPTIONS = ("ok", "deferred", "qualitative")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A case after the first four steps."""

    case: Case
    ruleset: Ruleset
    skin: SkinReading
    laser: Laser
    facts: Facts
    no_ink: frozenset[int]
    firings: Firings
    missing: tuple[Missing, ...]


def decide(case: Case, ruleset: Ruleset) -> Decision:
    """Decide a case under a ruleset. Never raises on a parsed case; what is unknown closes the decision."""
    judged = _judge(case, ruleset)
    status = _status(judged)
    inks, ladder = _advise(judged, status)
    estimate = _sessions(judged, status, inks)
    return Decision(
        status=status,
        qualitative=case.image.chart is not True,
        inks=inks,
        flags=risk.summary(judged.firings, ruleset.text, case.details),
        skin=judged.skin,
        sessions=estimate,
        missing=judged.missing,
        unanswered=judged.firings.unanswered,
        messages=tuple(_messages(judged, status)),
        trace=(
            *mandatory.trace(ruleset.mandatory, judged.facts, judged.missing, "incomplete"),
            *judged.firings.trace,
            *_engine_trace(judged, inks),
            *ladder,
            *_session_trace(ruleset, estimate),
        ),
        device=judged.laser.name,
        manifest=ruleset.manifest,
        ruleset_sha256=ruleset.sha256,
    )


def _judge(case: Case, ruleset: Ruleset) -> _Judged:
    skin, laser = read_skin(case, ruleset.skin), resolve(case.device, ruleset)
    facts = case_facts(case, ruleset, skin, laser)
    no_ink = frozenset(i for i, ink in enumerate(case.inks) if _is_no_ink(ink, case, ruleset))
    regions = [
        (i, MappingProxyType({**facts, **region_facts(case, ink)}))
        for i, ink in enumerate(case.inks)
        if i not in no_ink
    ]
    firings = risk.fire(ruleset.flags, facts, regions)
    missing = mandatory.missing_answers(ruleset.mandatory, facts, ruleset.text)
    return _Judged(case, ruleset, skin, laser, facts, no_ink, firings, missing)


def _status(judged: _Judged) -> str:
    firings = judged.firings
    indices = [i for i in range(len(judged.case.inks)) if i not in judged.no_ink]
    if judged.missing or judged.skin.safe is None:
        return "incomplete"
    if firings.effects("stop") or (indices and all(firings.effects("stop", i) for i in indices)):
        return "stopped"
    if firings.effects("no_colour") or not any(_is_large(judged, i) for i in indices):
        return "no_colour"
    if any(f.level.effect in ("defer", "defer_unranked") for f in firings.fired):
        return "deferred"
    return "ok" if judged.case.image.chart else "qualitative"


def _is_no_ink(ink: Ink, case: Case, ruleset: Ruleset) -> bool:
    """Opaque ink that does not stand out from the skin and that nobody says is there."""
    rule, row = ruleset.engine.no_ink, ruleset.efficacy.classes.get(ink.ink_class)
    # Without a chart no colour difference is measured, so nothing is argued away.
    if row is None or row.hue_family != rule.hue_family or ink.delta_e00 is None or not case.image.chart:
        return False
    return ink.delta_e00 <= rule.max_delta_e00 and case.intake.get("white_or_skin_tone") is not True


def _is_large(judged: _Judged, region: int) -> bool:
    """Whether a region is big enough to be judged; an area nobody measured is."""
    share, rules = judged.case.inks[region].area_share, judged.ruleset.engine
    if share is None or share >= rules.min_area_share:
        return True
    return judged.case.area_cm2 is not None and share * judged.case.area_cm2 >= rules.min_area_cm2


def _setting(judged: _Judged, status: str) -> Setting:
    tan = next((f.level.tan for f in judged.firings.fired if f.level.tan), None)
    return Setting(
        ruleset=judged.ruleset,
        laser=judged.laser,
        fitzpatrick=judged.skin.safe or "VI",
        firings=judged.firings,
        tan=tan,
        qualitative=judged.case.image.chart is not True,
        deferred=status == "deferred",
    )


def _advise(judged: _Judged, status: str) -> tuple[tuple[InkDecision, ...], tuple[TraceEntry, ...]]:
    setting = _setting(judged, status)
    ranking = status in _WITH_OPTIONS and not judged.firings.effects("defer_unranked")
    inks: list[InkDecision] = []
    trace: list[TraceEntry] = []
    for region, ink in enumerate(judged.case.inks):
        code = _obstacle(judged, region)
        options: tuple[Option, ...] = ()
        if ranking and code in (None, "FAMILY_ONLY"):
            shown = _by_family(judged, ink) or ink if code else ink
            options, entries = rank_options(region, shown, setting, family_only=code is not None)
            trace.extend(entries)
        uncertain = bool(judged.firings.effects("no_ranking", region))
        inks.append(
            InkDecision(
                region=region,
                cluster_id=ink.cluster_id,
                ink_class=_shown_class(judged, region),
                basis="hue_family" if setting.qualitative else "class",
                area_share=ink.area_share,
                options=options,
                candidates=candidates(ink, setting) if ranking and uncertain else (),
                messages=tuple(_ink_messages(judged, region, ink, options, ranking, setting)),
                flags=tuple(dict.fromkeys(f.flag.id for f in judged.firings.fired if f.region == region)),
            )
        )
    return tuple(inks), tuple(trace)


def _shown_class(judged: _Judged, region: int) -> str:
    """The class, or in qualitative mode its hue family."""
    ink = judged.case.inks[region]
    if judged.case.image.chart is True:
        return ink.ink_class
    by_family = _by_family(judged, ink) if _obstacle(judged, region) == "FAMILY_ONLY" else None
    row = judged.ruleset.efficacy.classes.get((by_family or ink).ink_class)
    return row.hue_family if row is not None else ink.ink_class


def _by_family(judged: _Judged, ink: Ink) -> Ink | None:
    """The ink under its most probable class, when at least that class's hue family is probable enough.

    A named class that its posterior contradicts, or a colour far from every prototype, has no family.
    """
    classes, rules = judged.ruleset.efficacy.classes, judged.ruleset.engine
    posterior = ink.posterior or {}
    far = ink.prototype_de00 is not None and ink.prototype_de00 > rules.max_prototype_de00
    # A class probable enough that was not named all the same: colour found it too far from every prototype.
    top = max(posterior.values(), default=0.0)
    far = far or (ink.ink_class == UNKNOWN_CLASS and top >= rules.min_family_probability)
    if not posterior or far or region_facts(judged.case, ink)["region.class_agrees"] is not True:
        return None
    families: dict[str, float] = {}
    for name, probability in posterior.items():
        family = classes[name].hue_family
        families[family] = families.get(family, 0.0) + probability
    best = max(families, key=lambda name: families[name])
    if families[best] < rules.min_family_probability:
        return None
    members = {name: p for name, p in posterior.items() if classes[name].hue_family == best}
    return replace(ink, ink_class=max(members, key=lambda name: members[name]))


def _obstacle(judged: _Judged, region: int) -> str | None:
    """Message code of what keeps this region from being ranked under its class."""
    if region in judged.no_ink:
        return "NO_INK"
    if judged.firings.effects("stop", region):
        return "REGION_EXCLUDED"
    if not _is_large(judged, region):
        return "REGION_TOO_SMALL"
    if not judged.firings.effects("no_ranking", region):
        return None
    qualitative = judged.case.image.chart is not True
    known = qualitative and _by_family(judged, judged.case.inks[region]) is not None
    return "FAMILY_ONLY" if known else "CLASS_UNCERTAIN"


def _ink_messages(
    judged: _Judged,
    region: int,
    ink: Ink,
    options: Sequence[Option],
    ranking: bool,
    setting: Setting,
) -> Iterator[Message]:
    ruleset, name = judged.ruleset, _shown_class(judged, region).replace("_", " ")
    code = _obstacle(judged, region)
    if code is not None and (ranking or code == "NO_INK"):
        rules = ", ".join(dict.fromkeys(judged.firings.effects("stop", region)))
        likely = ", ".join(
            f"{c.ink_class.replace('_', ' ')} {c.probability:.2f}" for c in candidates(ink, setting)
        )
        yield _message(ruleset, code, (), ink=name, rules=rules, candidates=likely or "none")
    if not ranking or code not in (None, "FAMILY_ONLY"):
        return
    holds = judged.firings.effects("hold", region)
    if any(o.status == "hold" for o in options):
        rules = ", ".join(holds) or "P2"
        yield _message(ruleset, "TEST_SPOT_REQUIRED", (rules,), ink=name, rules=rules)
    if code is None and not any(o.would_be in RANKED for o in options):
        skin = setting.fitzpatrick
        params = (_shown_class(judged, region), skin)
        yield _message(ruleset, "NO_LOW_RISK_OPTION", params, ink=name, fitzpatrick=skin)


def _messages(judged: _Judged, status: str) -> Iterator[Message]:
    ruleset, case, skin, firings = judged.ruleset, judged.case, judged.skin, judged.firings
    if status == "incomplete":
        yield _message(ruleset, "INCOMPLETE", (), count=len(judged.missing))
    stops = tuple(dict.fromkeys(f.flag.id for f in firings.fired if f.level.effect == "stop"))
    if status == "stopped":
        yield _message(ruleset, "STOPPED", stops, rules=", ".join(stops))
    if case.site is not None and find_site(case.site, ruleset) is None:
        yield _message(ruleset, "SITE_UNKNOWN", (), site=case.site)
    if judged.laser.message:
        yield _message(ruleset, judged.laser.message, (), clearance=case.device.clearance or case.device.id)
    uncovered = [n for n in judged.laser.wavelengths_nm if n not in ruleset.efficacy.wavelengths_nm]
    if uncovered:
        listed = ", ".join(map(str, uncovered))
        yield _message(ruleset, "WAVELENGTH_NOT_IN_RULESET", (listed,), wavelengths=listed)
    yield from _image_messages(judged)
    if skin.override != "none" and case.override is not None:
        yield _message(
            ruleset, f"OVERRIDE_{skin.override.upper()}", (case.override.fitzpatrick,), fused=skin.fused,
            operator=skin.operator, name=case.override.name, reason=case.override.reason,
            fitzpatrick=case.override.fitzpatrick,
        )  # fmt: skip
    for rule in dict.fromkeys(f.flag.id for f in firings.fired if f.level.effect.startswith("defer")):
        release = ruleset.text(f"release.{rule}")
        yield _message(ruleset, "DEFERRED", (rule,), rule=rule, release=release)
    if status == "ok" and len(case.inks) > 1:
        yield _message(ruleset, "SHARED_ORDER", ())
    if firings.unanswered and status not in ("incomplete", "stopped"):
        yield _message(ruleset, "UNANSWERED", firings.unanswered, rules=", ".join(firings.unanswered))


def _image_messages(judged: _Judged) -> Iterator[Message]:
    ruleset, case, skin = judged.ruleset, judged.case, judged.skin
    gate = next((f.level.effect for f in judged.firings.fired if f.flag.scope == "image"), None)
    if gate == "no_colour":
        yield _message(ruleset, "IMAGE_GATE_FAILED", ())
    elif gate is not None:
        yield _message(ruleset, "IMAGE_GATE_WARN", (), loo=case.image.chart_loo_de00)
    if len(judged.no_ink) == len(case.inks):
        yield _message(ruleset, "NO_INK", ())
    if case.image.chart is False:
        yield _message(ruleset, "QUALITATIVE", ())
    if skin.operator is not None and skin.ita_class is None:
        yield _message(ruleset, "SKIN_TYPE_UNCHECKED", (), fitzpatrick=skin.operator)
    if skin.sd_assumed:
        yield _message(ruleset, "ITA_SD_ASSUMED", (), sd=ruleset.skin.assumed_ita_sd)


def _message(ruleset: Ruleset, code: str, params: tuple[str, ...], **values: object) -> Message:
    return Message(code, params, ruleset.text(f"message.{code}", **values))


def _sessions(judged: _Judged, status: str, inks: Sequence[InkDecision]) -> Sessions:
    obstacles = []
    if status not in _WITH_OPTIONS or judged.firings.effects("defer_unranked"):
        obstacles.append(f"no wavelength is ranked ({status}).")
    else:
        obstacles += [
            f"{ink.ink_class} has no allowed wavelength."
            for ink in inks
            if ink.region not in judged.no_ink and not any(_is_allowed(o) for o in ink.options)
        ]
    fired = {f.flag.id for f in judged.firings.fired}
    facts = {**judged.facts, "case.dense": "R16" in fired, "case.darkened": "R33" in fired}
    return sessions.estimate(judged.case, judged.ruleset, judged.skin.safe, facts, tuple(obstacles))


def _is_allowed(option: Option) -> bool:
    return option.would_be in RANKED or (option.would_be == "specialist" and option.skin_gate != "avoid")


def _engine_trace(judged: _Judged, inks: Sequence[InkDecision]) -> Iterator[TraceEntry]:
    """The rules that are no flags: skin fusion, override, no-ink, caps."""
    skin, case = judged.skin, judged.case
    saw = (
        ("skin.fitzpatrick_operator", skin.operator),
        ("skin.ita", case.skin.ita if case.image.chart else None),
        ("skin.ita_class", skin.ita_class),
        ("skin.ita_class_used", skin.ita_class_used),
        ("skin.fused", skin.fused),
    )
    yield TraceEntry("F01", "fired" if skin.fused else "unknown", saw, f"skin type {skin.safe}")
    stated = (("override.fitzpatrick", case.override.fitzpatrick if case.override else None),)
    yield TraceEntry("V01", "fired" if skin.override == "applied" else "not_fired", stated, skin.override)
    for region, ink in enumerate(case.inks):
        outcome = "fired" if region in judged.no_ink else "not_fired"
        # Without a chart the difference is an estimate, which the rule does not look at.
        saw_difference = (("region.delta_e00", ink.delta_e00 if case.image.chart else None),)
        yield TraceEntry("N01", outcome, saw_difference, "", region)
    for advice in inks:
        for option in advice.options:
            for rule in ("C01", "C02", "Q01", "Q02", "Q03"):
                outcome = "fired" if rule in option.rules else "not_fired"
                effect = option.status if rule in option.rules else ""
                yield TraceEntry(rule, outcome, (), effect, advice.region, option.wavelength_nm)


def _session_trace(ruleset: Ruleset, estimate: Sessions) -> Iterator[TraceEntry]:
    effect = "; ".join(reason.rstrip(".") for reason in estimate.reasons) or f"score {estimate.score}"
    yield TraceEntry("KD", "fired" if estimate.estimable else "not_fired", estimate.points, effect)
    applied = {rule for rule, _ in estimate.modifiers}
    for modifier in ruleset.sessions.modifiers:
        yield TraceEntry(modifier.id, "fired" if modifier.id in applied else "not_fired")
