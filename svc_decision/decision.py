"""What the engine answers, as immutable data."""

from __future__ import annotations

from dataclasses import dataclass

from svc_decision.conditions import FactValue
from svc_decision.ruleset import Manifest
from svc_decision.skin import SkinReading


@dataclass(frozen=True, slots=True)
class Message:
    """A message with a stable code, its parameters in order, and its text."""

    code: str
    params: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One rule at one place: fired, not_fired, unknown (a fact is missing), not_reached, not_applicable."""

    rule: str
    outcome: str
    saw: tuple[tuple[str, FactValue], ...] = ()
    effect: str = ""
    region: int | None = None
    wavelength_nm: int | None = None


@dataclass(frozen=True, slots=True)
class FiredFlag:
    """A risk flag that fired at one severity, with the regions (indices) it fired for."""

    id: str
    severity: str
    scope: str
    effect: str
    regions: tuple[int, ...]
    text: str
    evidence: str
    source: tuple[str, ...]
    stated: tuple[tuple[str, str], ...]
    """(question, the words of the answer)"""
    raised_by: tuple[str, ...] = ()
    """Some of model, image, operator, always (`origin.ORIGINS`); not told for balance."""
    because: tuple[tuple[str, FactValue], ...] = ()
    """(name, value) of what made it fire."""


@dataclass(frozen=True, slots=True)
class Option:
    """One wavelength for one ink. rank is None unless the option is ranked."""

    wavelength_nm: int
    pulse: str
    status: str
    would_be: str
    """The status behind a deferral; equal to status otherwise."""
    rank: int | None
    efficacy: int
    efficacy_range: tuple[int, int]
    evidence: str
    label: str
    skin_gate: str
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    source: tuple[str, ...]
    learned: tuple[str, ...]
    """Those of `rules` that looked at a learned class probability."""


@dataclass(frozen=True, slots=True)
class CandidateOption:
    """What the tables say for a candidate class; no status, since nothing is ranked."""

    wavelength_nm: int
    efficacy: int
    label: str
    skin_gate: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A class that an uncertain ink may be."""

    ink_class: str
    probability: float
    options: tuple[CandidateOption, ...]


@dataclass(frozen=True, slots=True)
class InkDecision:
    """Advice for one ink region. basis is "class", or "hue_family" in qualitative mode."""

    region: int
    cluster_id: int
    ink_class: str
    basis: str
    area_share: float | None
    options: tuple[Option, ...]
    candidates: tuple[Candidate, ...]
    messages: tuple[Message, ...]
    flags: tuple[str, ...]
    named_by: str
    """"model", "operator" or "none"; see `case.Ink.named_by`."""
    class_probability: float | None
    """Of the class after the classifier; None when no posterior was given or it does not name the class."""


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What one change of the case would do to one option."""

    change: str
    """As "name=value", for example "fitzpatrick=III"."""
    region: int
    ink_class: str
    wavelength_nm: int
    status: str | None
    """Now; None where this decision gives no option."""
    would_be: str
    rules: tuple[str, ...]
    """Rules of only one of the two states: first those that make the present one."""
    text: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """Kirby-Desai estimate; estimate, low and high are None when it is not estimable, and reasons say why."""

    score: int | None
    estimate: float | None
    low: float | None
    high: float | None
    points: tuple[tuple[str, int], ...]
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]
    modifiers: tuple[tuple[str, str], ...]
    """(rule id, text)"""

    @property
    def estimable(self) -> bool:
        """Whether there is an estimate."""
        return self.estimate is not None


@dataclass(frozen=True, slots=True)
class Missing:
    """An unanswered mandatory question: rule id, path in the case, question, rules that need it."""

    id: str
    path: str
    question: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The whole answer."""

    status: str
    qualitative: bool
    inks: tuple[InkDecision, ...]
    flags: tuple[FiredFlag, ...]
    skin: SkinReading
    sessions: Sessions
    missing: tuple[Missing, ...]
    unanswered: tuple[str, ...]
    """Flags that no answer allowed to judge."""
    messages: tuple[Message, ...]
    trace: tuple[TraceEntry, ...]
    device: str
    device_id: str | None
    """Of the ruleset's registry; None for a laser that is not in it."""
    manifest: Manifest
    ruleset_sha256: str
    classifier: str | None
    """Model behind the posteriors, as name@version; None when nobody named it."""
    language: str
    """Of the texts, BCP 47."""
    counterfactuals: tuple[Counterfactual, ...]
    counterfactuals_left_out: int
    counterfactual_note: str
    """How to read them; empty when there are none."""

    @property
    def extended(self) -> bool:
        """Whether it carries what came with rulesets of format 1.1."""
        return self.manifest.format != "1.0"
