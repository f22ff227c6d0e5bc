"""What the decision says about one ink: what may be chosen from, what may not, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay.decision.v1.decision_pb2 import InkDecision, OptionStatus, WavelengthOption

from svc_report import marks
from svc_report.evidence import Basis, grade
from svc_report.sheet import Advice, Advised, Option
from svc_report.words import Words

MAX_OPTIONS = 16
MAX_CANDIDATES = 32
OPEN = (
    OptionStatus.OPTION_STATUS_RECOMMEND,
    OptionStatus.OPTION_STATUS_CONSIDER,
    OptionStatus.OPTION_STATUS_SPECIALIST,
)
"""States of what may be chosen from."""


@dataclass(frozen=True)
class Telling:
    """What wording an ink needs.

    skin_type: of the gates, empty when not known. flags: ids of those that fired. calibrated: whether a chart
    calibrated the photo. skin: sRGB of the skin beside the ink, empty when not measured.
    """

    words: Words
    basis: Basis
    skin_type: str
    flags: frozenset[str]
    calibrated: bool
    skin: str


def skin_type(number: int) -> str:
    """A Fitzpatrick type as a Roman numeral; empty when it is not stated."""
    return ("", "I", "II", "III", "IV", "V", "VI")[number] if 0 <= number <= 6 else ""


@dataclass(frozen=True)
class Line:
    """Wavelengths of one ink that share state and reason."""

    status: OptionStatus.ValueType
    wavelengths: str
    reason: str


def lines(options: Iterable[WavelengthOption], told: Telling) -> tuple[Line, ...]:
    """Options in rank order, gathered by state and reason."""
    grouped: dict[tuple[OptionStatus.ValueType, str], list[str]] = {}
    for option in list(options)[:MAX_OPTIONS]:
        grouped.setdefault((option.status, _reason(option, told)), []).append(str(option.wavelength_nm))
    return tuple(
        Line(status, f"{', '.join(wavelengths)}\u00a0nm", reason)
        for (status, reason), wavelengths in grouped.items()
    )


def advised(decision: InkDecision | None, told: Telling) -> Advised:
    """Everything the decision says about an ink; None when it says nothing."""
    nothing = told.words("advice.nothing")
    if decision is None:
        return Advised((), (), nothing, (), (), ())
    found = lines(decision.options, told)
    chosen = tuple(_advice(line, told.words) for line in found if line.status in OPEN)
    return Advised(
        open=chosen,
        barred=tuple(_advice(line, told.words) for line in found if line.status not in OPEN),
        nothing="" if chosen else nothing,
        options=tuple(_option(option, told) for option in list(decision.options)[:MAX_OPTIONS]),
        messages=tuple(message.text for message in decision.messages),
        candidates=_candidates(decision, told.words),
    )


def _advice(line: Line, words: Words) -> Advice:
    return Advice(marks.option(line.status, words), line.wavelengths, line.reason)


def _option(option: WavelengthOption, told: Telling) -> Option:
    words = told.words
    return Option(
        mark=marks.option(option.status, words),
        rank=str(option.rank) if option.rank else "\u2013",
        wavelength=str(option.wavelength_nm),
        efficacy=f"{option.efficacy}: {efficacy(option, words)}",
        evidence=grade(option.evidence, words) or "\u2013",
        label=_label(option, words),
        skin_gate=words.term("gate", option.skin_gate) if option.skin_gate else "\u2013",
        basis=told.basis.of(option.rules),
        learned=", ".join(option.learned),
        reasons=tuple(option.reasons),
    )


def efficacy(option: WavelengthOption, words: Words) -> str:
    """The efficacy grade in words."""
    return words.labels.get(f"efficacy.{option.efficacy}") or words("efficacy.unknown")


def _label(option: WavelengthOption, words: Words) -> str:
    return words.term("label", option.label) if option.label else words("label.not_stated")


def _reason(option: WavelengthOption, told: Telling) -> str:
    """Why an option has its state, from the fields that made it."""
    words = told.words
    skin = words("skin_type.named", type=told.skin_type) if told.skin_type else words("skin_type.unknown")
    flags = ", ".join(rule for rule in option.rules if rule in told.flags)
    because = f", {words('advice.because', flags=flags)}" if flags else ""
    match option.status:
        case OptionStatus.OPTION_STATUS_BLOCKED:
            return words("advice.blocked", skin=skin) + because
        case OptionStatus.OPTION_STATUS_NOT_USEFUL:
            return words("advice.not_useful")
        case OptionStatus.OPTION_STATUS_HOLD:
            return words("advice.hold") + because
        case OptionStatus.OPTION_STATUS_DEFERRED:
            later = marks.OPTIONS.get(option.would_be)
            key = "advice.deferred" if later else "advice.deferred_for_good"
            return words(key, later=later.mark(words).word if later else "") + because
    gate = words.term("gate", option.skin_gate) if option.skin_gate else words("gate.none")
    return f"{efficacy(option, words)}, {_label(option, words)}, {gate}{because}"


def _candidates(decision: InkDecision, words: Words) -> tuple[str, ...]:
    """Classes that an uncertain ink may be, each with the wavelengths that reach it on this skin."""
    return tuple(
        words(
            "candidate.reached" if item.wavelengths_nm else "candidate.unreached",
            ink=words.term("class", item.ink_class or "unknown"),
            p=words.fixed(item.probability, 2),
            nm=", ".join(str(nm) for nm in item.wavelengths_nm[:MAX_OPTIONS]),
        )
        for item in list(decision.candidates)[:MAX_CANDIDATES]
    )
