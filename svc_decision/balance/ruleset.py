"""The balance ruleset as immutable data: what the engine looks up, and nothing that decides.

Rule ids are stable within a major version: B flags, I mandatory statements, M maps from a metric to a score,
S the composite, N norm tables, C comparisons of two trials, T totals and ratios of a battery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from svc_decision.conditions import Condition
from svc_decision.ruleset import Flag, Mandatory, Manifest

# Codes of the messages that the engine may give; the ruleset holds their words.
MESSAGES = (
    "WITHHELD", "INCOMPLETE", "NOT_MEASURABLE", "NO_RESULT", "RENORMALISED", "INTERVAL_UNKNOWN",
    "NO_SCORE_FOR_TEST", "TIME_CENSORED", "NO_NORM", "UNANSWERED", "WELLNESS",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """Where a rule comes from and who answers for it. provisional: recalled, or of our own design."""

    evidence: str
    """found, knowledge, recalled or proposal"""
    source: tuple[str, ...]
    author: str
    approver: str | None
    effective: str

    @property
    def provisional(self) -> bool:
        """Whether the numbers were not found in a public source."""
        return self.evidence != "found"


@dataclass(frozen=True, slots=True)
class ScoreMap:
    """A monotone piecewise-linear map from one metric to 0..100, for the trials that `when` picks.

    Outside the points the map is flat. magnitude: the sign of the metric does not count.
    """

    id: str
    when: Condition
    metric: str
    unit: str
    better: str
    """higher or lower"""
    magnitude: bool
    points: tuple[tuple[float, float], ...]
    record: Record


@dataclass(frozen=True, slots=True)
class Part:
    """A weighted part of a sub-score: the first of its maps that applies and whose metric was measured."""

    weight: float
    maps: tuple[ScoreMap, ...]


@dataclass(frozen=True, slots=True)
class SubScoreRule:
    """A sub-score. Below `min_share` of its parts' weight it is not given."""

    id: str
    weight: float
    min_share: float
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Composite:
    """Rule S01: the weighted mean of the sub-scores that are there, at least `min_weight` of all weight."""

    id: str
    min_weight: float
    sub_scores: tuple[SubScoreRule, ...]


@dataclass(frozen=True, slots=True)
class AgeGroup:
    """Mean of one age group, both ages included. The recalled SDs of the file are not loaded."""

    first: int
    last: int
    mean: float

    @property
    def label(self) -> str:
        """For example "60-69"."""
        return f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class NormTable:
    """Published means by age, oldest group last, with the protocol they were taken under."""

    id: str
    when: Condition
    metric: str
    unit: str
    statistic: str
    protocol: Mapping[str, str | float | bool]
    banded: bool
    """Whether one trial may be placed in the table's bands."""
    groups: tuple[AgeGroup, ...]
    record: Record


@dataclass(frozen=True, slots=True)
class Comparison:
    """A metric that two trials are compared by. mdc95 None: no minimal detectable change is known."""

    id: str
    metric: str
    unit: str
    better: str
    """higher, lower or nearer_zero"""
    mdc95: float | None
    record: Record


@dataclass(frozen=True, slots=True)
class Comparability:
    """What two trials must share. stated: equal and stated; equal: equal, or stated by neither."""

    stated: tuple[str, ...]
    equal: tuple[str, ...]
    same_visit_h: float


@dataclass(frozen=True, slots=True)
class BatteryRule:
    """A total or ratio over the conditions of a battery."""

    id: str
    measure: str
    unit: str


@dataclass(frozen=True, slots=True)
class BalanceRuleset:
    """A whole ruleset; sha256 is that of its canonical JSON (sorted keys, no spaces, UTF-8)."""

    sha256: str
    manifest: Manifest
    composite: Composite
    norms: tuple[NormTable, ...]
    comparability: Comparability
    comparisons: tuple[Comparison, ...]
    battery: tuple[BatteryRule, ...]
    flags: tuple[Flag, ...]
    mandatory: tuple[Mandatory, ...]
    blocking: frozenset[str]
    """Ids of the mandatory statements without which there is no score."""
    records: Mapping[str, Record]
    """Of every rule, by its id."""
    texts: Mapping[str, str]
    sources: Mapping[str, str]

    @property
    def id(self) -> str:
        """Name and version, for example "balance@1.0.0"."""
        return f"{self.manifest.name}@{self.manifest.version}"

    def text(self, key: str, **values: object) -> str:
        """The text of a message key, with its values filled in."""
        return self.texts[key].format(**values)

    def cited(self, tags: tuple[str, ...]) -> str:
        """The publications behind source tags, in words."""
        return "; ".join(self.sources[tag] for tag in tags)
