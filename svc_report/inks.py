"""Ink colours of the report: measured by colour, advised on by decision."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from assay.color.v1.color_pb2 import ColorPage, InkCluster
from assay.common.v1.types_pb2 import Lab
from assay.decision.v1.decision_pb2 import DecisionPage, InkDecision, OptionStatus, WavelengthOption
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import marks, numbers, wording
from svc_report.sheet import Advice, Belief, Channel, Ink, Option

MAX_INKS = 32
MAX_OPTIONS = 16
HUE_FAMILY = "hue_family"
"""InkDecision.basis when `ink_class` names a hue family."""
MAX_CLASSES = 4
"""Classes listed per ink; the rest is summed up as "other"."""


def inks_of(analysis: Analysis) -> tuple[Ink, ...]:
    """Every ink that was measured, largest first, then every ink that only the decision names."""
    approximate = "" if analysis.color.calibrated else "≈\u00a0"
    skin = numbers.swatch_of_linear(analysis.color.skin.linear_rgb)
    decided = {ink.cluster_id: ink for ink in analysis.decision.inks if ink.cluster_id}
    clusters = {cluster.id for cluster in analysis.color.inks}
    skin_type = wording.SKIN_TYPES.get(analysis.decision.fitzpatrick_safe, "")
    reasons = _Reasons(skin_type, frozenset(flag.id for flag in analysis.decision.flags))
    measured = [
        _measured(cluster, decided.get(cluster.id), skin, approximate, reasons)
        for cluster in analysis.color.inks
    ]
    stated = [_stated(ink, reasons) for ink in analysis.decision.inks if ink.cluster_id not in clusters]
    return tuple((measured + stated)[:MAX_INKS])


def omitted(color: ColorPage, decision: DecisionPage) -> int:
    """How many inks `inks_of` left out."""
    clusters = {cluster.id for cluster in color.inks}
    only_decided = sum(1 for ink in decision.inks if ink.cluster_id not in clusters)
    return max(0, len(color.inks) + only_decided - MAX_INKS)


def class_name(ink_class: str) -> str:
    """A class id in words."""
    words = ink_class.replace("_", " ").strip()
    return "unknown ink" if words in ("", "unknown") else words


def channels(lab: Lab, spread: Lab | None, approximate: str) -> tuple[Channel, ...]:
    """L*, a*, b* with one decimal; the spread is one standard deviation."""
    values = (("L*", "l"), ("a*", "a"), ("b*", "b"))
    return tuple(
        Channel(
            name,
            approximate + numbers.fixed(getattr(lab, field), 1),
            "" if spread is None else f"±\u00a0{numbers.fixed(getattr(spread, field), 1)}",
        )
        for name, field in values
    )


@dataclass(frozen=True)
class _Reasons:
    """What an option's reason may refer to: the skin type of the gates, and the ids of the fired flags."""

    skin_type: str
    flags: frozenset[str]


def _measured(
    cluster: InkCluster, decision: InkDecision | None, skin: str, approximate: str, reasons: _Reasons
) -> Ink:
    delta = cluster.delta_e_skin
    value = numbers.value_of(delta)
    has_interval = value is not None and delta.HasField("low_95") and delta.HasField("high_95")
    swatch = cluster.swatch.lower()
    family = decision.ink_class if decision is not None and decision.basis == HUE_FAMILY else ""
    return Ink(
        number=str(cluster.id),
        name=class_name(family or cluster.ink_class),
        area=numbers.percent(cluster.area_share),
        certainty=f"hue family; {_looks_like(cluster)}" if family else _certainty(cluster),
        swatch=swatch if re.fullmatch("#[0-9a-f]{6}", swatch) else "",
        skin=skin,
        lab=channels(cluster.lab, cluster.spread if cluster.HasField("spread") else None, approximate)
        if cluster.HasField("lab")
        else (),
        transmission=channels(cluster.lab_t, None, approximate) if cluster.HasField("lab_t") else (),
        optical_density=", ".join(numbers.fixed(density, 2) for density in cluster.optical_density[:3]),
        difference=_not_measured(delta.not_measurable)
        if value is None
        else approximate + numbers.fixed(value, 1),
        difference_interval=numbers.interval(delta.low_95, delta.high_95, 1) if has_interval else "",
        posterior=_posterior(cluster),
        advice=() if decision is None else _advice(decision.options, reasons),
        no_advice="" if decision is not None and decision.options else "Nothing is ranked for this ink.",
        options=() if decision is None else _options(decision.options),
        messages=() if decision is None else tuple(message.text for message in decision.messages),
        candidates=() if decision is None else _candidates(decision),
    )


def _stated(decision: InkDecision, reasons: _Reasons) -> Ink:
    return Ink(
        number="\u2013",
        name=class_name(decision.ink_class),
        area=numbers.percent(decision.area_share),
        certainty="not measured in this photo",
        swatch="",
        skin="",
        lab=(),
        transmission=(),
        optical_density="",
        difference=numbers.NOT_MEASURABLE,
        difference_interval="",
        posterior=(),
        advice=_advice(decision.options, reasons),
        no_advice="" if decision.options else "Nothing is ranked for this ink.",
        options=_options(decision.options),
        messages=tuple(message.text for message in decision.messages),
        candidates=_candidates(decision),
    )


def _looks_like(cluster: InkCluster) -> str:
    """The class that was named, or the most probable one when none is certain, with its probability."""
    ranked = sorted(cluster.posterior, key=lambda item: -item.probability)
    named = [item for item in ranked if item.ink_class == cluster.ink_class] or ranked
    if not named:
        return f"most like {class_name(cluster.ink_class)}"
    return f"most like {class_name(named[0].ink_class)} ({_probability(named[0].probability)})"


def _candidates(decision: InkDecision) -> tuple[str, ...]:
    """Classes that an uncertain ink may be, each with the wavelengths that reach it on this skin."""
    return tuple(
        f"May be {class_name(item.ink_class)} ({_probability(item.probability)}): "
        + (
            f"{', '.join(str(nm) for nm in item.wavelengths_nm[:MAX_OPTIONS])}\u00a0nm reach it and are not "
            "blocked for this skin."
            if item.wavelengths_nm
            else "no wavelength of this device reaches it on this skin."
        )
        for item in list(decision.candidates)[:MAX_INKS]
    )


def _not_measured(why: str) -> str:
    return f"{numbers.NOT_MEASURABLE}: {why}" if why else numbers.NOT_MEASURABLE


def _certainty(cluster: InkCluster) -> str:
    """Probability of the class that was named, and the runner-up when there is a real one."""
    ranked = sorted(cluster.posterior, key=lambda item: -item.probability)
    named = [item for item in ranked if item.ink_class == cluster.ink_class]
    others = [item for item in ranked if item.ink_class != cluster.ink_class and item.probability >= 0.05]
    if not ranked:
        return "probability not stated"
    if not named:
        return "or ".join(
            f"{class_name(item.ink_class)} {_probability(item.probability)} " for item in others[:2]
        )
    text = f"probability {_probability(named[0].probability)}"
    return f"{text}, else {class_name(others[0].ink_class)}" if others else text


def _probability(value: float) -> str:
    return numbers.fixed(value, 2)


def _posterior(cluster: InkCluster) -> tuple[Belief, ...]:
    ranked = sorted(cluster.posterior, key=lambda item: -item.probability)
    shown = [
        Belief(
            class_name(item.ink_class), _probability(item.probability), min(max(item.probability, 0.0), 1.0)
        )
        for item in ranked[:MAX_CLASSES]
        if item.probability >= 0.005
    ]
    rest = 1.0 - sum(belief.share for belief in shown)
    if shown and rest >= 0.005:
        shown.append(Belief("other", _probability(rest), rest))
    return tuple(shown)


def _options(options: Iterable[WavelengthOption]) -> tuple[Option, ...]:
    return tuple(
        Option(
            mark=marks.OPTIONS.get(option.status, marks.UNKNOWN_OPTION),
            rank=str(option.rank) if option.rank else "\u2013",
            wavelength=str(option.wavelength_nm),
            efficacy=f"{option.efficacy}: {wording.EFFICACY.get(option.efficacy, 'not graded')}",
            evidence=option.evidence or "\u2013",
            label=_label(option.label),
            skin_gate=option.skin_gate or "\u2013",
            rules=", ".join(option.rules),
            reasons=tuple(option.reasons),
        )
        for option in list(options)[:MAX_OPTIONS]
    )


def _advice(options: Iterable[WavelengthOption], reasons: _Reasons) -> tuple[Advice, ...]:
    """Options in rank order; those that share state and reason share a line."""
    grouped: dict[tuple[OptionStatus.ValueType, str], list[str]] = {}
    for option in list(options)[:MAX_OPTIONS]:
        grouped.setdefault((option.status, _reason(option, reasons)), []).append(str(option.wavelength_nm))
    return tuple(
        Advice(marks.OPTIONS.get(status, marks.UNKNOWN_OPTION), f"{', '.join(wavelengths)}\u00a0nm", reason)
        for (status, reason), wavelengths in grouped.items()
    )


def _label(label: str) -> str:
    return wording.LABELS.get(label, label or "label not stated")


def _reason(option: WavelengthOption, reasons: _Reasons) -> str:
    """Why an option has its state, from the fields that made it."""
    skin = f"skin type {reasons.skin_type}" if reasons.skin_type else "skin type not known"
    flags = ", ".join(rule for rule in option.rules if rule in reasons.flags)
    because = f", because of {flags}" if flags else ""
    match option.status:
        case OptionStatus.OPTION_STATUS_BLOCKED:
            return f"not an option for {skin}{because}"
        case OptionStatus.OPTION_STATUS_NOT_USEFUL:
            return "this ink hardly absorbs it"
        case OptionStatus.OPTION_STATUS_HOLD:
            return f"not before a reviewed test spot{because}"
        case OptionStatus.OPTION_STATUS_DEFERRED:
            later = marks.OPTIONS.get(option.would_be)
            return f"{later.word.lower()} once released{because}" if later else f"not released{because}"
    efficacy = wording.EFFICACY.get(option.efficacy, "not graded")
    return f"{efficacy}, {_label(option.label)}, {option.skin_gate or 'no gate'} for {skin}{because}"
