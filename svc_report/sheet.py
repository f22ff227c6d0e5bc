"""What the template shows, as plain frozen data.

Every string is final: rounded, worded and with its unit. The template lays out and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """A state by word, symbol and colour; the word alone suffices.

    symbol names a drawing of the template. colour and tint are sRGB "#rrggbb"; colour is legible on white and
    on tint.
    """

    word: str
    symbol: str
    colour: str
    tint: str


@dataclass(frozen=True)
class Fact:
    """A labelled value."""

    label: str
    value: str


@dataclass(frozen=True)
class Channel:
    """One coordinate of a colour, with its spread; spread is empty when unknown."""

    name: str
    value: str
    spread: str


@dataclass(frozen=True)
class Advice:
    """One wavelength, or several that share state and reason, for one ink."""

    mark: Mark
    wavelengths: str
    reason: str


@dataclass(frozen=True)
class Option:
    """One wavelength for one ink, in full."""

    mark: Mark
    rank: str
    wavelength: str
    efficacy: str
    evidence: str
    label: str
    skin_gate: str
    rules: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Belief:
    """An ink class with its probability, in words and as a share 0..1 for the bar."""

    ink_class: str
    probability: str
    share: float


@dataclass(frozen=True)
class Ink:
    """One ink colour: what was measured and what was decided.

    swatch and skin are sRGB "#rrggbb", empty when there is none. difference is CIEDE2000 against the skin.
    """

    number: str
    name: str
    area: str
    certainty: str
    swatch: str
    skin: str
    lab: tuple[Channel, ...]
    transmission: tuple[Channel, ...]
    optical_density: str
    difference: str
    difference_interval: str
    posterior: tuple[Belief, ...]
    advice: tuple[Advice, ...]
    no_advice: str
    options: tuple[Option, ...]
    messages: tuple[str, ...]
    candidates: tuple[str, ...]


@dataclass(frozen=True)
class Flag:
    """A risk flag that fired."""

    id: str
    mark: Mark
    scope: str
    text: str
    sources: str


@dataclass(frozen=True)
class Remark:
    """A quality flag of a stage."""

    mark: Mark
    code: str
    text: str


@dataclass(frozen=True)
class Skin:
    """The skin beside the ink.

    ita_degrees and ita_sd place the mark on the drawn scale; absent when ITA was not measurable.
    """

    swatch: str
    lab: tuple[Channel, ...]
    facts: tuple[Fact, ...]
    ita_degrees: float | None
    ita_sd: float | None


@dataclass(frozen=True)
class Reading:
    """A measurement in a table: what, value with unit, uncertainty."""

    name: str
    value: str
    uncertainty: str


@dataclass(frozen=True)
class Sessions:
    """Estimated number of sessions; the scale it is on, empty when there is no estimate."""

    estimate: str
    scale: str
    points: tuple[str, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """One line of the trace."""

    id: str
    saw: str
    effect: str


@dataclass(frozen=True)
class Version:
    """Something that took part in making the report."""

    stage: str
    kind: str
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Picture:
    """A picture: its file name beside the template (empty: there is none), what it shows, its caption."""

    file: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Summary:
    """The first page. Lists are cut to what fits; the `_more` sentences say what follows and where.

    measured: whether the first page gives colours as numbers; without a colour chart it does not.
    """

    found: tuple[Fact, ...]
    caveat: str
    measured: bool
    advice_heading: str
    inks: tuple[Ink, ...]
    inks_more: str
    flags: tuple[Flag, ...]
    flags_more: str
    next_steps: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """The whole report."""

    title: str
    language: str
    job_id: str
    unix_time: int | None
    header: tuple[Fact, ...]
    intended_use: str
    approval: str
    status: Mark
    headline: str
    explanation: str
    overlay: Picture
    photo: Picture
    summary: Summary
    inks: tuple[Ink, ...]
    no_inks: str
    skin: Skin | None
    no_skin: str
    quality: tuple[Reading, ...]
    unmeasured: tuple[Fact, ...]
    remarks: tuple[Remark, ...]
    flags: tuple[Flag, ...]
    no_flags: str
    sessions: Sessions | None
    statement: tuple[Fact, ...]
    answers: tuple[Fact, ...]
    missing: tuple[str, ...]
    fired: tuple[Rule, ...]
    not_fired: tuple[Rule, ...]
    trace_note: str
    ruleset: tuple[Fact, ...]
    versions: tuple[Version, ...]
    ink_legend: str
    option_legend: str
    limits: tuple[str, ...]
