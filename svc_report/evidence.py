"""How well each rule is known, from where, and which part of the report a learned model made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assay.common.v1.types_pb2 import Provenance
from assay.decision.v1.decision_pb2 import DecisionPage, RiskFlag, RuleSource
from assay.events.v1.analysis_pb2 import Analysis

from svc_report import marks, numbers
from svc_report.sheet import Alternative, Fact, Ink, Origin
from svc_report.words import Words

MAX_SOURCES = 12
MAX_RULES = 12
MAX_ALTERNATIVES = 24
MAX_REFERENCES = 120
MAX_INKS = 8
RAISERS = ("model", "image", "operator", "always")
"""What may raise a flag, in the order in which it is told."""


@dataclass(frozen=True)
class Basis:
    """Evidence and sources by rule, as the decision page lists them."""

    words: Words
    by_rule: Mapping[str, RuleSource]

    def of(self, rules: Iterable[str]) -> str:
        """Rules, each with its evidence and sources where the page gives them."""
        return "; ".join(self._one(rule) for rule in list(rules)[:MAX_RULES])

    def behind(self, rule: str) -> str:
        """Evidence and sources of a rule; empty when the page gives none."""
        known = self.by_rule.get(rule)
        if known is None:
            return ""
        parts = [grade(known.evidence, self.words), ", ".join(known.sources[:MAX_SOURCES])]
        return ": ".join(part for part in parts if part)

    def _one(self, rule: str) -> str:
        told = self.behind(rule)
        return f"{rule} ({told})" if told else rule


def basis_of(page: DecisionPage, words: Words) -> Basis:
    """The evidence of a decision page."""
    return Basis(words, {source.rule: source for source in page.rule_sources})


def grade(evidence: str, words: Words) -> str:
    """How well something is known, in words; empty when the ruleset does not say."""
    return words.term("evidence", evidence) if evidence else ""


def of_flag(flag: RiskFlag, words: Words) -> str:
    """How well a flag's rule is known."""
    return grade(flag.evidence, words) or words("evidence.not_stated")


def raised_by(flag: RiskFlag, analysis: Analysis, words: Words) -> str:
    """What raised a flag: a learned class, a measurement, a statement; empty when the page does not say."""
    known = [raiser for raiser in RAISERS if raiser in flag.raised_by]
    told = [words(f"raised.{raiser}", model=classifier(analysis.color.provenance)) for raiser in known]
    return words.join([*told, *(raiser for raiser in flag.raised_by[:4] if raiser not in RAISERS)])


def classifier(provenance: Provenance) -> str:
    """The learned ink classifier as name@version."""
    return _model(provenance) or "ink-class"


def _model(provenance: Provenance) -> str:
    models = [part for part in provenance.versions if part.kind == "model"]
    return ", ".join(f"{part.name}@{part.version}" for part in models[:2])


def origins(analysis: Analysis, inks: tuple[Ink, ...], words: Words) -> tuple[Origin, ...]:
    """Each output with what made it: learned, measured, ruled or stated."""
    rows: list[Origin] = []
    segmenter = _model(analysis.segment.provenance)
    if segmenter:
        share = numbers.value_of(analysis.segment.ink_share)
        certainty = words("not_stated") if share is None else words.uncertainty(analysis.segment.ink_share)
        rows.append(Origin(words("origin.mask"), words("origin.learned", model=segmenter), certainty))
    if _model(analysis.color.provenance):
        made_by = words("origin.learned", model=classifier(analysis.color.provenance))
        rows += [
            Origin(words("origin.class", n=ink.number), made_by, _likeliest(ink, words))
            for ink in [ink for ink in inks if ink.posterior][:MAX_INKS]
        ]
    if analysis.HasField("color"):
        certainty = words("origin.calibrated" if analysis.color.calibrated else "origin.uncalibrated")
        rows.append(Origin(words("origin.colour"), words("origin.measured"), certainty))
    if analysis.HasField("decision"):
        rows += _of_rules(analysis, words)
    return tuple(rows)


def _likeliest(ink: Ink, words: Words) -> str:
    return words.join([f"{belief.ink_class} {belief.probability}" for belief in ink.posterior[:3]])


def _of_rules(analysis: Analysis, words: Words) -> list[Origin]:
    page = analysis.decision
    made_by = words("origin.ruled", ruleset=page.ruleset or words("not_stated"))
    rows = [
        Origin(words("origin.skin_type"), made_by, words("origin.skin_type_how")),
        Origin(words("origin.options"), made_by, words("origin.options_how")),
    ]
    for raiser in RAISERS:
        flags = list(dict.fromkeys(flag.id for flag in page.flags if raiser in flag.raised_by))
        if flags:
            told = words(f"raised.{raiser}", model=classifier(analysis.color.provenance))
            rows.append(Origin(words("origin.flags", flags=", ".join(flags[:40])), made_by, told))
    return rows


def alternatives(page: DecisionPage, basis: Basis, words: Words) -> tuple[Alternative, ...]:
    """What one change of the case would do to one option."""
    return tuple(
        Alternative(
            change=_change(item.change, words),
            subject=f"{words.term('class', item.ink_class)}, {item.wavelength_nm}\u00a0nm"
            if item.wavelength_nm
            else words.term("class", item.ink_class),
            before=marks.option(item.status, words) if item.status else marks.status(page.status).mark(words),
            after=marks.option(item.would_be, words),
            text=item.text,
            basis=basis.of(item.rules),
        )
        for item in list(page.counterfactuals)[:MAX_ALTERNATIVES]
    )


def _change(change: str, words: Words) -> str:
    """A change such as "fitzpatrick=III" by its question; what has no question is shown as it is."""
    name, _, value = change.partition("=")
    question = words.labels.get(f"changed.{name}") or words.term("question", name)
    return f"{question}: {words.term('changed_to', value)}" if value else question


def references(page: DecisionPage) -> tuple[Fact, ...]:
    """The sources that the page spells out, by tag."""
    return tuple(Fact(item.tag, item.text) for item in list(page.references)[:MAX_REFERENCES])
