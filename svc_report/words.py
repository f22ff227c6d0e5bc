"""Words and numbers in the language of the reader.

Labels stand by key in `labels/<language>.json`, the same keys in every file. What the ruleset says comes in
its own words on the decision page and is not translated here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from assay.common.v1.types_pb2 import Measurement

from svc_report import numbers

LABELS = Path(__file__).parent / "labels"
REGIONS = {"en": "GB", "de": "DE", "es": "ES"}
"""Languages the report is written in, with the region whose spelling it follows."""
DEFAULT = "en"
SECTIONS = (
    "photo", "colour", "options", "flags", "counterfactuals", "progress", "origin", "sessions", "quality",
    "stated", "trace", "sources", "versions", "limits",
)  # fmt: skip
"""Numbered sections of the tattoo report, in order."""


SHORT = 240
"""Characters of a sentence on the first page; the whole of it stands in its section."""


def short(text: str, most: int = SHORT) -> str:
    """A text that fits the first page: cut at a word, with an ellipsis."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0].rstrip(",;:. ") + " …"


@dataclass(frozen=True)
class Words:
    """The labels of one language, and how it writes numbers and dates."""

    language: str
    region: str
    labels: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The label of a key with its values filled in. Raises KeyError for a key that no file has."""
        return self.labels[key].format(**values)

    def term(self, group: str, word: str) -> str:
        """The label of a word that data brings; one that has no label is shown as it is, in words."""
        return self.labels.get(f"{group}.{word}") or word.replace("_", " ").strip()

    def group(self, prefix: str) -> dict[str, str]:
        """Labels whose key begins with "prefix.", by the rest of the key."""
        start = f"{prefix}."
        return {key.removeprefix(start): text for key, text in self.labels.items() if key.startswith(start)}

    def count(self, number: int, noun: str) -> str:
        """A number with its noun; `noun` is the key's part between "count." and ".one" or ".many"."""
        return self(f"count.{noun}.{'one' if number == 1 else 'many'}", n=number)

    def section(self, name: str) -> int:
        """The number of a section."""
        return SECTIONS.index(name) + 1

    def join(self, parts: list[str] | tuple[str, ...]) -> str:
        """Parts as a list in a sentence."""
        return ", ".join(parts)

    def fixed(self, value: float, digits: int) -> str:
        """The value with `digits` decimals."""
        return self._own(numbers.fixed(value, digits))

    def significant(self, value: float, digits: int = 3) -> str:
        """The value with at most `digits` significant digits."""
        return self._own(numbers.significant(value, digits))

    def percent(self, share: float) -> str:
        """A share 0..1 in whole per cent."""
        return self._own(numbers.percent(share))

    def unit(self, code: str) -> str:
        """What follows a number of that unit, spacing included."""
        words = numbers.unit(code)
        return f"\u00a0{self('unit.megapixels')}" if code == "1e6 px" else words

    def interval(self, low: float, high: float, digits: int) -> str:
        """Both ends of an interval."""
        return self("number.interval", low=self.fixed(low, digits), high=self.fixed(high, digits))

    def value(self, measured: Measurement, digits: int) -> str:
        """Value with unit, or that it is not measurable and why."""
        value = numbers.value_of(measured)
        if value is None:
            return self.unmeasured(measured.not_measurable)
        return self.fixed(value, digits) + self.unit(measured.unit)

    def range(self, measured: Measurement, digits: int) -> str:
        """The 95 % interval without unit; empty when none is stated."""
        if not (measured.HasField("low_95") and measured.HasField("high_95")):
            return ""
        return self.interval(measured.low_95, measured.high_95, digits)

    def uncertainty(self, measured: Measurement, digits: int | None = None) -> str:
        """The 95 % interval if stated, else plus or minus one standard uncertainty, else that none is."""

        def written(value: float) -> str:
            return self.significant(value) if digits is None else self.fixed(value, digits)

        after = self.unit(measured.unit)
        if measured.HasField("low_95") and measured.HasField("high_95"):
            low, high = written(measured.low_95), written(measured.high_95)
            return self("number.interval", low=low, high=high) + after
        if measured.HasField("standard_uncertainty"):
            return f"±\u00a0{written(measured.standard_uncertainty)}{after} ({self('number.one_sd')})"
        return self("not_stated")

    def unmeasured(self, why: str) -> str:
        """That there is no value, with the reason that its stage gave."""
        text = self("not_measurable")
        return f"{text}: {why}" if why else text

    def day(self, unix_s: int) -> str:
        """A day in UTC."""
        when = datetime.fromtimestamp(unix_s, UTC)
        return self("date.day", day=when.day, month=self(f"date.month.{when.month}"), year=when.year)

    def moment(self, unix_s: int) -> str:
        """A day and minute in UTC."""
        return f"{self.day(unix_s)}, {datetime.fromtimestamp(unix_s, UTC):%H:%M} UTC"

    def _own(self, text: str) -> str:
        if text == numbers.NOT_MEASURABLE:
            return self("not_measurable")
        return text.replace(".", self("number.decimal"))


@cache
def words(language: str) -> Words:
    """The words of one of the languages of REGIONS."""
    labels = json.loads((LABELS / f"{language}.json").read_text(encoding="utf-8"))
    return Words(language, REGIONS[language], labels)


ENGLISH = words(DEFAULT)


def language_of(requested: str) -> str:
    """The language to write in for a BCP 47 tag: its own if there are labels, else English."""
    primary = requested.split("-")[0].lower()
    return primary if primary in REGIONS else DEFAULT


def words_for(requested: str) -> Words:
    """The words for a BCP 47 tag."""
    return words(language_of(requested))
