"""What the engine says in words: messages of the whole case and of each ink, from the ruleset's texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from svc_decision.decision import Message, Option
from svc_decision.facts import find_site
from svc_decision.judging import Judged, is_extended, obstacle, shown_class
from svc_decision.naming import spoken, spoken_ink
from svc_decision.options import Setting, candidates
from svc_decision.ruleset import ENGLISH, RANKED, Ruleset
from svc_decision.spots import GRADE_HOLD, spots_at


def messages(judged: Judged, status: str) -> Iterator[Message]:
    """Messages of the whole case, in the order in which they are shown."""
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
    if is_extended(ruleset):
        yield from _spots_without_ink(judged)
        wanted = (case.language or ENGLISH).split("-")[0]
        if wanted != ruleset.language:
            yield _message(ruleset, "LANGUAGE_FALLBACK", (wanted,), language=wanted)


def _spots_without_ink(judged: Judged) -> Iterator[Message]:
    """Test spots that fit no ink and wavelength at hand."""
    classes = {ink.ink_class for ink in judged.case.inks}
    for spot in judged.case.test_spots:
        if spot.ink_class not in classes or spot.wavelength_nm not in judged.laser.wavelengths_nm:
            name = spoken(judged.ruleset, "ink", spot.ink_class)
            yield _message(judged.ruleset, "TEST_SPOT_UNUSED", (), ink=name, nm=spot.wavelength_nm)


def _image_messages(judged: Judged) -> Iterator[Message]:
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


def ink_messages(
    judged: Judged,
    region: int,
    options: Sequence[Option],
    ranking: bool,
    setting: Setting,
) -> Iterator[Message]:
    """Messages of one ink."""
    ruleset, ink = judged.ruleset, judged.case.inks[region]
    name = spoken_ink(ruleset, shown_class(judged, region), setting.qualitative)
    code = obstacle(judged, region)
    if code is not None and (ranking or code == "NO_INK"):
        rules = ", ".join(dict.fromkeys(judged.firings.effects("stop", region)))
        likely = ", ".join(
            f"{spoken(ruleset, 'ink', c.ink_class)} {c.probability:.2f}" for c in candidates(ink, setting)
        )
        yield _message(ruleset, code, (), ink=name, rules=rules, candidates=likely or "none")
    if not ranking or code not in (None, "FAMILY_ONLY"):
        return
    yield from _spot_messages(judged, region, options)
    held = [o for o in options if o.status == "hold"]
    if held:
        rules = ", ".join(_held_by(judged, region, held)) or "P2"
        listed = ", ".join(str(o.wavelength_nm) for o in held)
        yield _message(ruleset, "TEST_SPOT_REQUIRED", (rules,), ink=name, rules=rules, wavelengths=listed)
    if code is None and not any(o.would_be in RANKED for o in options):
        skin = setting.fitzpatrick
        params = (shown_class(judged, region), skin)
        yield _message(ruleset, "NO_LOW_RISK_OPTION", params, ink=name, fitzpatrick=skin)


def _held_by(judged: Judged, region: int, held: Sequence[Option]) -> Sequence[str]:
    """Flags that hold one of the options."""
    holds = judged.firings.effects("hold", region)
    return [rule for rule in holds if any(rule in o.rules for o in held)]


def _spot_messages(judged: Judged, region: int, options: Sequence[Option]) -> Iterator[Message]:
    """What each test spot of this ink lifted, or that it did not."""
    ruleset, ink = judged.ruleset, judged.case.inks[region]
    rules = {rule.id for rule in ruleset.engine.test_spots}
    if not rules:
        return
    holds = judged.firings.effects("hold", region)
    for option in sorted(options, key=lambda o: o.wavelength_nm):
        lifted = bool(rules.intersection(option.rules))
        if not lifted and option.status != "hold":
            continue
        code = "TEST_SPOT_ACCEPTED" if lifted else "TEST_SPOT_NOT_ENOUGH"
        # An option on hold names the flags that hold it still; one that is released names none of them.
        meant = ", ".join(holds if lifted else _held_by(judged, region, [option])) or GRADE_HOLD.rule
        for spot in spots_at(judged.case, ink.ink_class, option.wavelength_nm):
            yield _message(
                ruleset, code, (ink.ink_class, str(spot.wavelength_nm)), name=spot.name,
                ink=spoken(ruleset, "ink", ink.ink_class), nm=spot.wavelength_nm, rules=meant,
                weeks=f"{spot.reviewed_after_weeks:g}", outcome=spoken(ruleset, "outcome", spot.outcome),
            )  # fmt: skip
