"""What the templates show, as plain frozen data.

Every string is final: rounded, worded in the reader's language and with its unit. The template lays out and
decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """One wavelength for one ink, in full. basis: the rules of this state, each with evidence and sources.

    learned: those of them that looked at a learned class.
    """

    mark: Mark
    rank: str
    wavelength: str
    efficacy: str
    evidence: str
    label: str
    skin_gate: str
    basis: str
    learned: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Belief:
    """An ink class with its probability, in words and as a share 0..1 for the bar."""

    ink_class: str
    probability: str
    share: float


@dataclass(frozen=True)
class Advised:
    """What was decided for one ink. open: what may be chosen from; barred: what may not, or not yet."""

    open: tuple[Advice, ...]
    barred: tuple[Advice, ...]
    nothing: str
    options: tuple[Option, ...]
    messages: tuple[str, ...]
    candidates: tuple[str, ...]


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
    advised: Advised


@dataclass(frozen=True)
class Flag:
    """A risk flag that fired.

    severity: as the ruleset names it. hard: whether it stops. evidence: how well its rule is known, empty
    when the page does not say. raised_by: what raised it.
    """

    id: str
    severity: str
    mark: Mark
    hard: bool
    scope: str
    text: str
    evidence: str
    sources: str
    raised_by: str


@dataclass(frozen=True)
class Remark:
    """A quality flag of a stage, by a name. text is the stage's own sentence, which is in English."""

    mark: Mark
    name: str
    code: str
    text: str


@dataclass(frozen=True)
class Skin:
    """Skin that was measured: beside the ink, or where the sun does not reach.

    ita_degrees and ita_sd place the mark on the drawn scale; absent when ITA was not measurable.
    """

    heading: str
    swatch: str
    lab: tuple[Channel, ...]
    facts: tuple[Fact, ...]
    ita_degrees: float | None
    ita_sd: float | None


@dataclass(frozen=True)
class Band:
    """A class of the typology angle on the drawn scale: its name, ends in degrees and colour."""

    name: str
    low: float
    high: float
    fill: str


@dataclass(frozen=True)
class Patch:
    """A patch of the chart: reference and corrected colour in sRGB, ΔE before and after, why it is out."""

    name: str
    reference: str
    measured: str
    before: str
    after: str
    note: str


@dataclass(frozen=True)
class Chart:
    """The colour chart of the photo, or why there is no calibration."""

    mark: Mark
    sentence: str
    facts: tuple[Fact, ...]
    patches: tuple[Patch, ...]
    patch_note: str
    tried: tuple[Fact, ...]


@dataclass(frozen=True)
class Change:
    """One ink at two visits.

    Positions for the drawn scale are CIEDE2000 values; absent when not measurable.
    """

    mark: Mark
    name: str
    then: str
    now: str
    by_contrast: str
    by_density: str
    detectable: str
    lightness: str
    compared: str
    then_at: tuple[float, float, float] | None
    now_at: tuple[float, float, float] | None


@dataclass(frozen=True)
class Progress:
    """What changed since the earlier visit; note says why nothing can be said, when nothing can."""

    note: str
    reasons: tuple[str, ...]
    facts: tuple[Fact, ...]
    cautions: tuple[Remark, ...]
    changes: tuple[Change, ...]
    scale_to: float
    alt: str


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
    """One line of the trace; basis: its evidence and sources."""

    id: str
    saw: str
    effect: str
    basis: str


@dataclass(frozen=True)
class Alternative:
    """What one change of the case would do."""

    change: str
    subject: str
    before: Mark
    after: Mark
    text: str
    basis: str


@dataclass(frozen=True)
class Origin:
    """One output of the report and what made it: a learned model, a measurement, a rule, the operator."""

    output: str
    made_by: str
    certainty: str


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
class Reason:
    """What decided: a rule in words, with how well it is known and what raised it."""

    mark: Mark
    rule: str
    text: str
    basis: str


@dataclass(frozen=True)
class Barred:
    """What is not an option, and why."""

    mark: Mark
    subject: str
    reason: str


@dataclass(frozen=True)
class Summary:
    """The first page.

    Its lists may lose their last entries to fit the page; `*_more` holds, by the number of entries that are
    shown, the sentence that names the others. `*_least` is how many always stay.
    measured: whether colours are given as numbers; without a colour chart they are not.
    """

    found: tuple[Fact, ...]
    measured: bool
    inks_heading: str
    inks: tuple[Ink, ...]
    inks_more: tuple[str, ...]
    reasons: tuple[Reason, ...]
    reasons_more: tuple[str, ...]
    reasons_least: int
    barred: tuple[Barred, ...]
    barred_more: tuple[str, ...]
    unknowable: tuple[str, ...]
    steps: tuple[str, ...]
    steps_more: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """The whole report. labels: fixed words of the template by key; sections: headings by name, in order.

    rule_language: of the ruleset's sentences, where it is another than that of the report.
    """

    title: str
    language: str
    region: str
    rule_language: str
    labels: Mapping[str, str]
    sections: Mapping[str, str]
    job_id: str
    unix_time: int | None
    header: tuple[Fact, ...]
    intended_use: str
    footer: str
    approval: Fact
    status: Mark
    headline: str
    explanation: str
    overlay: Picture
    photo: Picture
    summary: Summary
    chart: Chart
    chart_picture: Picture
    inks: tuple[Ink, ...]
    no_inks: str
    skins: tuple[Skin, ...]
    no_skin: str
    ita_bands: tuple[Band, ...]
    quality: tuple[Reading, ...]
    unmeasured: tuple[Fact, ...]
    remarks: tuple[Remark, ...]
    flags: tuple[Flag, ...]
    no_flags: str
    alternatives: tuple[Alternative, ...]
    alternatives_note: str
    progress: Progress
    visits: tuple[Picture, ...]
    origins: tuple[Origin, ...]
    sessions: Sessions | None
    statement: tuple[Fact, ...]
    answers: tuple[Fact, ...]
    fired: tuple[Rule, ...]
    not_fired: tuple[Rule, ...]
    trace_note: str
    references: tuple[Fact, ...]
    ruleset: tuple[Fact, ...]
    versions: tuple[Version, ...]
    limits: tuple[str, ...]
