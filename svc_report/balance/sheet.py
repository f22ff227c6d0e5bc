"""What the template of the balance report shows, as plain frozen data of final strings."""

from __future__ import annotations

from dataclasses import dataclass

from svc_report.sheet import Fact, Flag, Mark, Picture, Reading, Remark, Rule, Version


@dataclass(frozen=True)
class Part:
    """A sub-score. share is 0 to 1 for the bar, absent when there is no value; made_from then says why."""

    name: str
    value: str
    spread: str
    weight: str
    share: float | None
    made_from: str
    rule: str
    provisional: bool


@dataclass(frozen=True)
class Kpi:
    """A row of the table of measurements."""

    name: str
    id: str
    value: str
    interval: str
    norm: str
    flags: str
    basis: str


@dataclass(frozen=True)
class Group:
    """Measurements under a heading, and what could not be measured, by reason."""

    heading: str
    rows: tuple[Kpi, ...]
    unmeasured: tuple[Fact, ...]


@dataclass(frozen=True)
class Happening:
    """An event in a table."""

    number: str
    mark: Mark
    name: str
    onset: str
    duration: str
    peak: str
    side: str
    confidence: str


@dataclass(frozen=True)
class Norm:
    """A value beside a published norm."""

    name: str
    value: str
    group: str
    mean: str
    band: str
    source: str
    differs: tuple[str, ...]
    provisional: bool


@dataclass(frozen=True)
class Comparison:
    """A difference between two trials, or why there is none."""

    name: str
    now: str
    other: str
    difference: str
    mdc: str
    mark: Mark
    note: str


@dataclass(frozen=True)
class Summary:
    """The first page. The `_more` sentences say what was left out and where it stands."""

    test: tuple[Fact, ...]
    time: str
    time_note: str
    score: str
    score_note: str
    parts: tuple[Part, ...]
    headline: tuple[Reading, ...]
    chart: Picture
    flags: tuple[Flag, ...]
    flags_more: str
    reasons: tuple[Remark, ...]
    notes: tuple[str, ...]
    notes_more: str
    limits: tuple[str, ...]


@dataclass(frozen=True)
class BalanceSheet:
    """The whole report."""

    title: str
    language: str
    footer: str
    job_id: str
    unix_time: int | None
    header: tuple[Fact, ...]
    intended_use: str
    approval: Fact
    status: Mark
    headline: str
    explanation: str
    missing: tuple[str, ...]
    summary: Summary
    sway_charts: tuple[Picture, ...]
    no_sway: str
    spectrum: Picture
    angles: Picture
    stills: tuple[Picture, ...]
    about_stills: str
    events: tuple[Happening, ...]
    no_events: str
    phases: tuple[Fact, ...]
    widespread: tuple[Fact, ...]
    groups: tuple[Group, ...]
    metric_legend: str
    norms: tuple[Norm, ...]
    norm_legend: str
    asymmetry: tuple[Comparison, ...]
    follow_up: tuple[Comparison, ...]
    battery: tuple[Reading, ...]
    messages: tuple[str, ...]
    parts: tuple[Part, ...]
    flags: tuple[Flag, ...]
    no_flags: str
    remarks: tuple[Remark, ...]
    pose: tuple[Fact, ...]
    quality: tuple[Reading, ...]
    unmeasured: tuple[Fact, ...]
    statement: tuple[Fact, ...]
    answers: tuple[Fact, ...]
    fired: tuple[Rule, ...]
    not_fired: tuple[Rule, ...]
    trace_note: str
    ruleset: tuple[Fact, ...]
    versions: tuple[Version, ...]
    limits: tuple[str, ...]
