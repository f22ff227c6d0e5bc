"""The ruleset as immutable data: what the engine looks up, and nothing that decides.

A ruleset is a folder of JSON files under `rulesets/`; `loader.load_ruleset` reads, checks and freezes it into
these classes. Rule ids are stable within a major version: R flags, I mandatory intake, P status ladder,
C and Q caps, N no ink, F skin fusion, V override, H test spots, KD sessions, B modifiers, T texts, and the
lookups E (efficacy), S (skin gate) and L (label).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from svc_decision.conditions import Condition

FITZPATRICK = ("I", "II", "III", "IV", "V", "VI")
SEVERITIES = ("refer", "contraindicated", "hold", "defer", "caution", "info")
GATES = ("ok", "caution", "avoid", "block")
STATUSES = ("recommend", "consider", "specialist", "hold", "deferred", "blocked", "not_useful")
RANKED = ("recommend", "consider")
UNKNOWN_CLASS = "unknown"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Who wrote the ruleset, who approved it, since when and within which limits."""

    name: str
    version: str
    effective: str
    author: str
    approver: str | None
    approval_status: str
    approval_statement: str
    jurisdiction: str
    intended_use: str
    limits: tuple[str, ...]
    changelog: tuple[tuple[str, str, str], ...]
    """(version, date, change)"""
    format: str = "1.0"
    """Of the files. What decisions and documents gained with 1.1 is written for rulesets of that format only,
    so that a decision pinned to an older one is replayed byte for byte."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Efficacy of one wavelength on one ink class: grades 0..4 per pulse domain."""

    ns: int
    ps: int
    evidence: str
    source: tuple[str, ...]

    def grade(self, pulse: str) -> int:
        """Grade for "ns" or "ps"."""
        return self.ns if pulse == "ns" else self.ps


@dataclass(frozen=True, slots=True)
class InkClass:
    """One row of the matrix. band_nm is the main absorption band, None for broadband or opaque ink."""

    id: str
    hue_family: str
    label_colour: str | None
    kd_colour: str
    band_nm: tuple[int, int] | None
    cells: Mapping[int, Cell]


@dataclass(frozen=True, slots=True)
class Efficacy:
    """The ink-by-wavelength matrix."""

    wavelengths_nm: tuple[int, ...]
    classes: Mapping[str, InkClass]
    melanin_index: Mapping[int, float]
    """Melanin absorption relative to 1064 nm."""
    band_edge_nm: int

    def family(self, name: str) -> tuple[InkClass, ...]:
        """The classes of a hue family."""
        return tuple(c for c in self.classes.values() if c.hue_family == name)


@dataclass(frozen=True, slots=True)
class ItaClass:
    """A class of the individual typology angle: open below, `above` degrees; the darkest has no bound."""

    id: str
    above: float
    fitzpatrick: str


@dataclass(frozen=True, slots=True)
class SkinRules:
    """ITA classes from light to dark, the fusion table and the wavelength gate (columns I..VI)."""

    ita_classes: tuple[ItaClass, ...]
    min_class_probability: float
    assumed_ita_sd: float
    fitzpatrick_safe: Mapping[str, tuple[str, ...]]
    gate: Mapping[int, tuple[str, ...]]
    gate_source: Mapping[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Label:
    """What a clearance says for one wavelength. None means not stated or not retrieved."""

    nm: int
    fitzpatrick: tuple[str, str] | None
    colours: tuple[str, ...] | None
    unclear_colours: tuple[str, ...]
    as_printed: str
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """One registered laser with its labels by wavelength."""

    id: str
    manufacturer: str
    model: str
    clearances: tuple[str, ...]
    pulse: str
    labels: Mapping[int, Label]


@dataclass(frozen=True, slots=True)
class Site:
    """A body site: its Kirby-Desai location (None when the name is too broad) and its tags."""

    kd_location: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tan:
    """What a tan does below a wavelength: the option is blocked and the gate read darker."""

    block_below_nm: int
    columns_darker: int


@dataclass(frozen=True, slots=True)
class Level:
    """One severity of a flag. effect: stop, hold, defer, defer_unranked, cap, no_colour, no_ranking, none."""

    when: Condition
    severity: str
    effect: str
    tan: Tan | None


@dataclass(frozen=True, slots=True)
class Flag:
    """A risk flag; the first level whose condition holds is the one that fires."""

    id: str
    scope: str
    evidence: str
    source: tuple[str, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Mandatory:
    """A question that must be answered before anything is ranked."""

    id: str
    fact: str
    path: str
    rules: tuple[str, ...]
    only_with: Condition | None


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One step of the status ladder; the first that holds gives an option its status."""

    id: str
    status: str
    when: Condition


@dataclass(frozen=True, slots=True)
class NoInk:
    """When a region is no ink: its hue family, at most this far (CIEDE2000) from the skin."""

    id: str
    hue_family: str
    max_delta_e00: float


@dataclass(frozen=True, slots=True)
class Release:
    """A hold that a test spot can lift: that of a flag at a severity, or of a ladder step (severity "")."""

    rule: str
    severity: str


@dataclass(frozen=True, slots=True)
class TestSpotRule:
    """When a reviewed test spot lifts a hold, and the best status that the option may then have.

    A test spot speaks for its own ink class and wavelength only. `when` reads the facts of the case and of
    one spot (`spot.outcome`, `spot.reviewed_after_weeks`); every spot of that class and wavelength must
    satisfy it.
    """

    id: str
    releases: tuple[Release, ...]
    when: Condition
    cap: str
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EngineRules:
    """Parameters and ladder of the engine."""

    min_area_share: float
    min_area_cm2: float
    no_ink: NoInk
    candidate_min_probability: float
    skin_change_de00: float
    area_limit_cm2: float
    isotretinoin_policy: str
    ladder: tuple[LadderStep, ...]
    caution_cap: str
    qualitative_cap: str
    margin_cap: str
    margin_gates: tuple[str, ...]
    family_cap: str
    min_family_probability: float
    max_prototype_de00: float
    test_spots: tuple[TestSpotRule, ...] = ()
    named_in_full_below: float = 0.0
    """A class that somebody names counts in full for hazards when the posterior gives it less (N02)."""


@dataclass(frozen=True, slots=True)
class Modifier:
    """A factor shown beside the session estimate, never multiplied into it."""

    id: str
    when: Condition
    source: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionRules:
    """The Kirby-Desai scale."""

    source: tuple[str, ...]
    points: Mapping[str, Mapping[str, int]]
    some_share: tuple[float, float]
    half_width: float
    floor: float
    multicolour_floor: float
    unrealistic_above: int
    caveats: tuple[str, ...]
    modifiers: tuple[Modifier, ...]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A whole ruleset; sha256 is that of its canonical JSON (sorted keys, no spaces, UTF-8)."""

    sha256: str
    manifest: Manifest
    efficacy: Efficacy
    skin: SkinRules
    devices: tuple[DeviceModel, ...]
    sites: Mapping[str, Site]
    flags: tuple[Flag, ...]
    mandatory: tuple[Mandatory, ...]
    engine: EngineRules
    sessions: SessionRules
    texts: Mapping[str, str]
    sources: Mapping[str, str]
    languages: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    """Texts by language code, "en" among them."""
    language: str = ENGLISH

    @property
    def id(self) -> str:
        """Name and version, for example "tattoo@1.1.0"."""
        return f"{self.manifest.name}@{self.manifest.version}"

    def in_language(self, tag: str) -> Ruleset:
        """The same rules in the language of a BCP 47 tag ("es-MX" is "es"); English where there is none."""
        code = tag.split("-")[0].lower()
        code = code if code in self.languages else ENGLISH
        return replace(self, texts=self.languages[code], language=code)

    def text(self, key: str, **values: object) -> str:
        """The text of a message key, with its values filled in."""
        return self.texts[key].format(**values)
