"""Ink colours of the report: measured by colour, advised on by decision."""

from __future__ import annotations

import re

from assay.color.v1.color_pb2 import ColorPage, InkCluster
from assay.common.v1.types_pb2 import Lab
from assay.decision.v1.decision_pb2 import DecisionPage, InkDecision
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import numbers
from svc_report.advice import Telling, advised, skin_type
from svc_report.evidence import basis_of
from svc_report.sheet import Belief, Channel, Ink
from svc_report.words import Words

MAX_INKS = 32
HUE_FAMILY = "hue_family"
"""InkDecision.basis when `ink_class` names a hue family."""
MAX_CLASSES = 4
"""Classes listed per ink; the rest is summed up as "other"."""


def telling(analysis: Analysis, words: Words) -> Telling:
    """How the inks of an analysis are told."""
    return Telling(
        words=words,
        basis=basis_of(analysis.decision, words),
        skin_type=skin_type(analysis.decision.fitzpatrick_safe),
        flags=frozenset(flag.id for flag in analysis.decision.flags),
        calibrated=analysis.color.calibrated,
        skin=numbers.swatch_of_linear(analysis.color.skin.linear_rgb),
    )


def inks_of(analysis: Analysis, words: Words) -> tuple[Ink, ...]:
    """Every ink that was measured, largest first, then every ink that only the decision names."""
    told = telling(analysis, words)
    decided = {ink.cluster_id: ink for ink in analysis.decision.inks if ink.cluster_id}
    clusters = {cluster.id for cluster in analysis.color.inks}
    measured = [_measured(cluster, decided.get(cluster.id), told) for cluster in analysis.color.inks]
    stated = [_stated(ink, told) for ink in analysis.decision.inks if ink.cluster_id not in clusters]
    return tuple((measured + stated)[:MAX_INKS])


def omitted(color: ColorPage, decision: DecisionPage) -> int:
    """How many inks `inks_of` left out."""
    clusters = {cluster.id for cluster in color.inks}
    only_decided = sum(1 for ink in decision.inks if ink.cluster_id not in clusters)
    return max(0, len(color.inks) + only_decided - MAX_INKS)


def class_name(ink_class: str, words: Words) -> str:
    """A class id in words."""
    return words.term("class", ink_class or "unknown")


def channels(lab: Lab, spread: Lab | None, words: Words) -> tuple[Channel, ...]:
    """L*, a*, b* with one decimal; the spread is one standard deviation."""
    values = (("L*", "l"), ("a*", "a"), ("b*", "b"))
    return tuple(
        Channel(
            name,
            words.fixed(getattr(lab, field), 1),
            "" if spread is None else f"±\u00a0{words.fixed(getattr(spread, field), 1)}",
        )
        for name, field in values
    )


def _measured(cluster: InkCluster, decision: InkDecision | None, told: Telling) -> Ink:
    """An ink of the photo. Without a chart no colour is given as a number (qualitative mode)."""
    words = told.words
    family = decision.ink_class if decision is not None and decision.basis == HUE_FAMILY else ""
    shown = told.calibrated
    density = [words.fixed(value, 2) for value in cluster.optical_density[:3]]
    return Ink(
        number=str(cluster.id),
        name=class_name(family or cluster.ink_class, words),
        area=words.percent(cluster.area_share),
        certainty=_family_certainty(cluster, words) if family else _certainty(cluster, words),
        swatch=swatch(cluster.swatch),
        skin=told.skin,
        lab=channels(cluster.lab, cluster.spread if cluster.HasField("spread") else None, words)
        if shown and cluster.HasField("lab")
        else (),
        transmission=channels(cluster.lab_t, None, words) if shown and cluster.HasField("lab_t") else (),
        optical_density="; ".join(density) if shown else "",
        difference=words.value(cluster.delta_e_skin, 1) if shown else words("ink.not_given"),
        difference_interval=words.range(cluster.delta_e_skin, 1) if shown else "",
        posterior=_posterior(cluster, words),
        advised=advised(decision, told),
    )


def _stated(decision: InkDecision, told: Telling) -> Ink:
    words = told.words
    return Ink(
        number="\u2013",
        name=class_name(decision.ink_class, words),
        area=words.percent(decision.area_share),
        certainty=words("ink.not_in_photo"),
        swatch="",
        skin="",
        lab=(),
        transmission=(),
        optical_density="",
        difference=words("not_measurable"),
        difference_interval="",
        posterior=(),
        advised=advised(decision, told),
    )


def swatch(colour: str) -> str:
    """An sRGB colour "#rrggbb" in lower case; empty when it is none."""
    lower = colour.lower()
    return lower if re.fullmatch("#[0-9a-f]{6}", lower) else ""


def _ranked(cluster: InkCluster) -> list[tuple[str, float]]:
    pairs = [(item.ink_class, item.probability) for item in cluster.posterior]
    return sorted(pairs, key=lambda pair: -pair[1])


def _family_certainty(cluster: InkCluster, words: Words) -> str:
    """That a hue family was read, with the likeliest class and its probability."""
    ranked = _ranked(cluster)
    named = [pair for pair in ranked if pair[0] == cluster.ink_class] or ranked
    if not named:
        return words("ink.family", ink=class_name(cluster.ink_class, words))
    name, probability = named[0]
    return words("ink.family_p", ink=class_name(name, words), p=words.fixed(probability, 2))


def _certainty(cluster: InkCluster, words: Words) -> str:
    """Probability of the class that was named, and the runner-up when there is a real one."""
    ranked = _ranked(cluster)
    if not ranked:
        return words("ink.no_probability")
    others = [pair for pair in ranked if pair[0] != cluster.ink_class and pair[1] >= 0.05]
    rivals = [f"{class_name(name, words)} {words.fixed(p, 2)}" for name, p in others[:2]]
    named = [p for name, p in ranked if name == cluster.ink_class]
    if not named:
        return words("ink.may_be", inks=f" {words('or')} ".join(rivals)) if rivals else ""
    text = words("ink.probability", p=words.fixed(named[0], 2))
    return f"{text}, {words('ink.else', ink=rivals[0])}" if rivals else text


def _posterior(cluster: InkCluster, words: Words) -> tuple[Belief, ...]:
    shown = [
        Belief(class_name(name, words), words.fixed(p, 2), min(max(p, 0.0), 1.0))
        for name, p in _ranked(cluster)[:MAX_CLASSES]
        if p >= 0.005
    ]
    rest = 1.0 - sum(belief.share for belief in shown)
    if shown and rest >= 0.005:
        shown.append(Belief(words("ink.other"), words.fixed(rest, 2), rest))
    return tuple(shown)
