"""A case: what was measured and what the operator states, parsed and checked as a whole.

The JSON form is `case_schema.json`. An absent or null answer is unanswered, which is not "no".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from mesh.errors import FieldError, InvalidInput

MAX_VIOLATIONS = 100
SINCE_INTAKE = ("isotretinoin_months", "days_since_laser")
"""Questions for a time since something: true is now, that is 0, and false is never."""
_MAX_DEPTH = 8
# The largest case of the schema has less than 3000 values, and no text of more than 1000 characters.
_MAX_NODES = 10_000
_MAX_TEXT = 2_000
_MAX_INTEGER = 10**15
_POSTERIOR_TOLERANCE = 0.01
# Texts that read as a denial; as an answer with detail they would count as yes.
_DENIALS = frozenset({"no", "none", "never", "false", "n/a", "na", "nil", "not", "unknown", "negative"})


@dataclass(frozen=True, slots=True)
class DeviceStatement:
    """The laser as stated; None where nothing was said."""

    id: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    clearance: str | None = None
    wavelengths_nm: tuple[int, ...] | None = None
    pulse: str | None = None


@dataclass(frozen=True, slots=True)
class Skin:
    """Operator's Fitzpatrick type (I..VI) and measured angles in degrees."""

    fitzpatrick_operator: str | None = None
    ita: float | None = None
    ita_sd: float | None = None
    ita_protected: float | None = None


@dataclass(frozen=True, slots=True)
class Ink:
    """One ink colour; posterior None means certain of `ink_class`."""

    ink_class: str
    posterior: Mapping[str, float] | None = None
    area_share: float | None = None
    lab_t: tuple[float, float, float] | None = None
    delta_e00: float | None = None
    coverage: float | None = None
    prototype_de00: float | None = None
    naevus: float | None = None
    delta_l_t: float | None = None
    cluster_id: int = 0

    @property
    def named_by(self) -> str:
        """Who named the class: "operator" (certain, or against the posterior), "model", "none" if unknown."""
        if self.ink_class == "unknown":
            return "none"
        top = max(self.posterior.values()) if self.posterior else 0.0
        return "model" if self.posterior and self.posterior.get(self.ink_class, 0.0) >= top else "operator"


@dataclass(frozen=True, slots=True)
class Image:
    """State of the photo; None is unanswered."""

    chart: bool | None = None
    chart_loo_de00: float | None = None
    chart_loo_max_de00: float | None = None
    quality_ok: bool | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """A clinician's skin type with name and reason."""

    fitzpatrick: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class SpotRecord:
    """A test spot and its review. outcome: lighter, unchanged, darker or reaction."""

    ink_class: str
    wavelength_nm: int
    reviewed_after_weeks: float
    outcome: str
    name: str


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `intake` maps answered questions to bool, number or choice; `details` to the words given."""

    inks: tuple[Ink, ...]
    ruleset: str | None = None
    device: DeviceStatement = DeviceStatement()
    skin: Skin = Skin()
    site: str | None = None
    area_cm2: float | None = None
    detector_naevus: float | None = None
    intake: Mapping[str, bool | float | str] = field(default_factory=lambda: MappingProxyType({}))
    details: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    image: Image = Image()
    override: Override | None = None
    isotretinoin_policy: str | None = None
    skin_change_de00: float | None = None
    mdc95: float | None = None
    test_spots: tuple[SpotRecord, ...] = ()
    classifier: str | None = None
    """Model that gave the posteriors, as name@version."""
    language: str | None = None


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a case."""
    loaded: dict[str, Any] = json.loads(_schema_text())
    return loaded


def parse_case(obj: object) -> Case:
    """Parse the JSON form of a case.

    Raises InvalidInput (CASE_INVALID) whose `fields` list every violation, at most 100, each with the path of
    the field and the fix.
    """
    violations = _form_faults(obj)
    if not violations:
        obj = _without_null(obj)
        violations = sorted(dict.fromkeys(_schema_faults(obj)), key=lambda v: v.field)
    if not violations and isinstance(obj, dict):
        violations = list(_meaning_faults(obj))
    if violations or not isinstance(obj, dict):
        first = violations[0]
        raise InvalidInput(
            "CASE_INVALID",
            f"The case has {len(violations)} fault(s); the first: {first.field}: {first.message}",
            field=first.field,
            fix="Correct every field that is listed; `assay decide --schema` prints the whole schema.",
            fields=violations[:MAX_VIOLATIONS],
        )
    return _build(obj)


def _yes_no_intake() -> frozenset[str]:
    """Questions that `false` answers: yes/no, and numbers that may be "never"."""
    questions = schema()["properties"]["intake"]["properties"]
    takes_false = ("#/$defs/answer", "#/$defs/since")
    return frozenset(
        n for n, q in questions.items() if q.get("type") == "boolean" or q.get("$ref") in takes_false
    )


@cache
def _schema_text() -> str:
    return (files("svc_decision") / "case_schema.json").read_text(encoding="utf-8")


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def _form_faults(obj: object) -> list[FieldError]:
    """What Python's JSON reader lets through and no schema bounds: size, depth, numbers, characters."""
    faults: list[FieldError] = []
    for count, (path, node, depth) in enumerate(_nodes(obj, "", 0)):
        if count >= _MAX_NODES:
            size = f"holds more than {_MAX_NODES} values. Give a case object of the schema."
            return [*faults, FieldError("case", size)]
        fault = _form_fault(node, depth)
        if fault:
            faults.append(FieldError(path or "case", fault))
    return faults


def _form_fault(node: object, depth: int) -> str:
    if depth > _MAX_DEPTH:
        return "is nested too deeply. Give a case object of the schema."
    if isinstance(node, float) and not math.isfinite(node):
        return "is not a finite number. Give a finite number or leave it out."
    if isinstance(node, int) and abs(node) > _MAX_INTEGER:
        return "is far too large a number. Give a number within the bounds of the schema."
    if isinstance(node, str) and not _is_text(node):
        return "holds half a character (an unpaired surrogate). Give plain Unicode text."
    if isinstance(node, dict) and not all(isinstance(key, str) and _is_text(key) for key in node):
        return "has a name that is no text. Give names of the schema."
    return ""


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value[:_MAX_TEXT])


def _nodes(node: object, path: str, depth: int) -> Iterator[tuple[str, object, int]]:
    """Every value with its path, parents first; what is nested too deeply ends the way down."""
    yield path, node, depth
    if depth > _MAX_DEPTH:
        return
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _nodes(value, f"{path}.{_short(key)}".lstrip("."), depth + 1)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _nodes(value, f"{path}[{index}]", depth + 1)


def _without_null(node: object) -> object:
    if isinstance(node, dict):
        return {str(k): _without_null(v) for k, v in node.items() if v is not None}
    return [_without_null(v) for v in node] if isinstance(node, list) else node


def _schema_faults(obj: object) -> Iterator[FieldError]:
    for count, error in enumerate(_validator().iter_errors(obj)):
        if count >= MAX_VIOLATIONS:
            return
        path = _path(error)
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            for name in missing:
                yield FieldError(f"{path}.{name}".lstrip("."), "is missing. Add it.")
        elif error.validator == "additionalProperties":
            known = list(error.schema["properties"])
            for name in [n for n in error.instance if n not in known][:MAX_VIOLATIONS]:
                near = get_close_matches(_short(name), known, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."
                field = f"{path}.{_short(name)}".lstrip(".") or "case"
                yield FieldError(field, f"is not a field of a case. {hint}")
        else:
            yield FieldError(path or "case", _complaint(error))


def _path(error: ValidationError) -> str:
    parts = (f"[{p}]" if isinstance(p, int) else f".{_short(p)}" for p in error.absolute_path)
    return "".join(parts).lstrip(".")


def _complaint(error: ValidationError) -> str:
    value, limit = _short(json.dumps(error.instance, default=str)), error.validator_value
    rule = error.schema if isinstance(error.schema, Mapping) else {}
    if "x-fix" in rule:
        return f"is {value}. {rule['x-fix']}"
    match error.validator:
        case "type":
            return f"is {value}. Give {_article(str(limit))}."
        case "enum":
            return f"is {value}. Give one of: {', '.join(map(str, rule['enum']))}."
        case "minimum" | "maximum" | "exclusiveMinimum":
            bound = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above"}
            return f"is {value}. Give a number {bound[error.validator]} {limit}."
        case "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties":
            bound_word = "at least" if error.validator.startswith("min") else "at most"
            unit = {"Items": "items", "Length": "characters", "Properties": "entries"}
            return f"has the wrong length. Give {bound_word} {limit} {unit[error.validator[3:]]}."
        case _:
            return f"is {value}. See `assay decide --schema` for what may stand here."


def _article(kind: str) -> str:
    return {"object": "an object", "array": "a list", "integer": "a whole number"}.get(kind, f"a {kind}")


def _short(text: object) -> str:
    words = str(text)
    return words if len(words) <= 60 else f"{words[:57]}..."


def _meaning_faults(obj: dict[str, Any]) -> Iterator[FieldError]:
    """What the schema cannot say."""
    for name, value in obj.get("intake", {}).items():
        denial = isinstance(value, str) and value.strip().casefold().rstrip(".") in _DENIALS
        if denial and name not in ("scarring", "ink_amount"):
            yield FieldError(f"intake.{name}", f'is "{value}". Write false for no; a text counts as yes.')
    for index, ink in enumerate(obj["inks"]):
        total = sum(ink.get("posterior", {}).values())
        if total > 1 + _POSTERIOR_TOLERANCE:
            yield FieldError(f"inks[{index}].posterior", f"sums to {total:.3f}. Give at most 1.")
    if obj.get("intake", {}).get("naevus_found") and obj["intake"].get("naevus_checked"):
        yield FieldError(
            "intake.naevus_checked", "says that none was found. Leave it out when naevus_found is true."
        )


def _build(obj: dict[str, Any]) -> Case:
    device, skin = obj.get("device", {}), obj.get("skin", {})
    override, follow_up = obj.get("override"), obj.get("follow_up", {})
    answers, details = _answers(obj.get("intake", {}))
    return Case(
        inks=tuple(_ink(item) for item in obj["inks"]),
        ruleset=obj.get("ruleset"),
        device=DeviceStatement(
            id=device.get("id"),
            manufacturer=device.get("manufacturer"),
            model=device.get("model"),
            clearance=device.get("clearance"),
            wavelengths_nm=tuple(sorted(set(device["wavelengths"]))) if "wavelengths" in device else None,
            pulse=device.get("pulse"),
        ),
        skin=Skin(**skin),
        site=obj.get("site"),
        area_cm2=obj.get("area_cm2"),
        detector_naevus=obj.get("detector", {}).get("naevus"),
        intake=MappingProxyType(answers),
        details=MappingProxyType(details),
        image=Image(**obj.get("image", {})),
        override=Override(**override) if override else None,
        isotretinoin_policy=obj.get("policy", {}).get("isotretinoin"),
        skin_change_de00=follow_up.get("skin_change_de00"),
        mdc95=follow_up.get("mdc95"),
        test_spots=tuple(SpotRecord(**record) for record in obj.get("test_spots", ())),
        classifier=obj.get("classifier"),
        language=obj.get("language"),
    )


def _answers(intake: dict[str, Any]) -> tuple[dict[str, bool | float | str], dict[str, str]]:
    answers: dict[str, bool | float | str] = {}
    details: dict[str, str] = {}
    for name, value in intake.items():
        if isinstance(value, str) and name not in ("scarring", "ink_amount"):
            answers[name], details[name] = True, value
        elif value is True and name in SINCE_INTAKE:
            answers[name] = 0
        else:
            answers[name] = value
    return answers, details


def _ink(item: dict[str, Any]) -> Ink:
    posterior = item.get("posterior")
    lab_t = item.get("lab_t")
    return Ink(
        ink_class=item["class"],
        posterior=MappingProxyType(dict(posterior)) if posterior else None,
        area_share=item.get("area_share"),
        lab_t=(lab_t[0], lab_t[1], lab_t[2]) if lab_t else None,
        delta_e00=item.get("delta_e00"),
        coverage=item.get("coverage"),
        prototype_de00=item.get("prototype_de00"),
        naevus=item.get("naevus"),
        delta_l_t=item.get("delta_l_t"),
    )


YES_NO_INTAKE = _yes_no_intake()
"""Names of the questions that `false` answers."""
