"""The cases that ship with a ruleset: what an author expects of it, as data, run without a test framework.

`cases/base.json` is a harmless case; every other file of the folder lists cases as merge patches of it (RFC
7396), each with its expectations (`expectations`). A case may pin another ruleset than the one under test.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from typing import Any

from jsonschema import Draft202012Validator

from mesh.errors import Internal, NotFound
from svc_decision import rulefile
from svc_decision.case import parse_case
from svc_decision.decision import Decision
from svc_decision.engine import decide
from svc_decision.expectations import CHECKS, unmet
from svc_decision.loader import load_ruleset
from svc_decision.present import to_json
from svc_decision.ruleset import Ruleset

BASE = "base"


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case of a ruleset's casebook. `case` is the whole case, base and patch merged."""

    id: str
    title: str
    file: str
    case: Mapping[str, Any]
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CaseRun:
    """What a ruleset made of a case; faults are the expectations it did not meet, empty when it met all."""

    row: CaseRow
    decision: Decision
    faults: tuple[str, ...]


def load_cases(ruleset_id: str) -> tuple[CaseRow, ...]:
    """The casebook of an installed ruleset, in the order of files and rows. Raises as `read_cases` does."""
    return read_cases(rulefile.folder(ruleset_id))


def read_cases(folder: Traversable) -> tuple[CaseRow, ...]:
    """The casebook in a ruleset's folder.

    Raises NotFound (CASES_NOT_FOUND) when it ships none, Internal (CASES_INVALID) naming every fault.
    """
    cases = folder / "cases"
    if not cases.is_dir():
        raise NotFound(
            "CASES_NOT_FOUND",
            f"{folder.name} ships no cases.",
            field="ruleset",
            fix="Name a ruleset of format 1.1 or later, for example tattoo@1.1.0.",
        )
    names = sorted(f.name.removesuffix(".json") for f in cases.iterdir() if f.name.endswith(".json"))
    return cases_of({name: rulefile.read_part(cases, name) for name in names})


def cases_of(documents: Mapping[str, Any]) -> tuple[CaseRow, ...]:
    """The cases of files by name, `base` among them. Raises Internal (CASES_INVALID) naming every fault."""
    faults = list(_faults(documents))
    if faults:
        raise Internal("CASES_INVALID", f"The casebook is faulty: {'; '.join(faults[:20])}")
    base = documents[BASE]["base"]
    return tuple(
        CaseRow(row["id"], row["title"], name, merged(base, row["case"]), row["expect"])
        for name, document in documents.items()
        if name != BASE
        for row in document["cases"]
    )


def run_case(row: CaseRow, ruleset: Ruleset) -> CaseRun:
    """Decide a case and hold it to its expectations. Raises InvalidInput for a case that is none."""
    case = parse_case(dict(row.case))
    pinned = ruleset if case.ruleset in (None, ruleset.id) else load_ruleset(case.ruleset)
    decision = decide(case, pinned)
    document = to_json(decision)
    faults = unmet(row.expect, document, hashlib.sha256(canonical_json(document)).hexdigest())
    return CaseRun(row, decision, faults)


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """A decision as the stage stores it: keys sorted, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396: null takes away, objects merge, anything else replaces."""
    kept = {key: value for key, value in base.items() if key not in patch}
    for key, value in patch.items():
        if isinstance(value, dict):
            below = base.get(key)
            kept[key] = merged(below if isinstance(below, dict) else {}, value)
        elif value is not None:
            kept[key] = value
    return kept


def _faults(documents: Mapping[str, Any]) -> Iterator[str]:
    if BASE not in documents:
        yield "base.json is missing"
    seen: set[str] = set()
    for name, document in documents.items():
        for error in _validator(name == BASE).iter_errors(document):
            yield f"{name}/{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for row in document.get("cases", ()):
            case_id = str(row.get("id", ""))
            if case_id in seen:
                yield f"{name}: the case id {case_id} is used twice"
            seen.add(case_id)
            yield from (
                f"{name}/{case_id}: {key} is no expectation; use one of {', '.join(sorted(CHECKS))}"
                for key in row.get("expect", {})
                if key not in CHECKS
            )


@cache
def _validator(base: bool) -> Draft202012Validator:
    schema = rulefile.schema("cases_schema.json")
    return Draft202012Validator(schema["$defs"]["base" if base else "cases"])
