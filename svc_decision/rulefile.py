"""What every ruleset has, whatever it decides on: id, files, schema, references, pinned hash, manifest.

A released version is pinned by its hash in `rulesets/released.json`, so that its files cannot change without
anybody noticing. The loaders of each kind add their own schema and cross-checks.
"""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from jsonschema import Draft202012Validator

from mesh.errors import Internal, InvalidInput, NotFound
from svc_decision import conditions
from svc_decision.ruleset import ENGLISH, Flag, Level, Mandatory, Manifest, Tan

_ID = re.compile(r"([a-z][a-z0-9-]{0,31})@(\d{1,6}\.\d{1,6}\.\d{1,6})")
_FOLDER = files("svc_decision") / "rulesets"


def available(kind: str = "") -> tuple[str, ...]:
    """Ids of the released rulesets, sorted; only those of one kind ("tattoo", "balance") when it is named."""
    return tuple(sorted(i for i in _released() if not kind or i.startswith(f"{kind}@")))


def released_hash(ruleset_id: str, kind: str) -> str:
    """The pinned SHA-256 of a released ruleset of that kind.

    Raises InvalidInput for an id that is not `name@major.minor.patch` and NotFound for one that is not
    installed or is of another kind.
    """
    known = available(kind)
    if not _ID.fullmatch(ruleset_id):
        raise InvalidInput(
            "RULESET_ID_INVALID",
            "The ruleset id is not of the form name@major.minor.patch.",
            field="ruleset",
            fix=f"Give an id such as {known[0]}.",
        )
    if ruleset_id not in known:
        raise NotFound(
            "RULESET_NOT_FOUND",
            f"There is no {kind} ruleset {ruleset_id}.",
            field="ruleset",
            fix=f"Use one of: {', '.join(known)}.",
        )
    return _released()[ruleset_id]


def folder(ruleset_id: str) -> Traversable:
    """The folder of an installed ruleset; whether it exists is not asked."""
    return _FOLDER / ruleset_id.replace("@", "-")


def read(ruleset_id: str, names: Sequence[str]) -> dict[str, Any]:
    """The files of an installed ruleset merged into one document, as `read_folder` does."""
    return read_folder(folder(ruleset_id), names)


def read_folder(folder: Traversable, names: Sequence[str]) -> dict[str, Any]:
    """The files of a ruleset's folder merged into one document.

    The head of a file (what its rules inherit) goes to `heads` by the file's name; texts in other languages
    than English go to `languages` by their code. Raises InvalidInput (RULESET_UNREADABLE) naming the file.
    """
    document: dict[str, Any] = {}
    for name in names:
        part = read_part(folder, name)
        if "head" in part:
            document.setdefault("heads", {})[name] = part.pop("head")
        language = name.removeprefix("texts.")
        if name.startswith("texts.") and language != ENGLISH:
            document.setdefault("languages", {})[language] = part.pop("texts", {})
        document.update(part)
    return document


def read_part(folder: Traversable, name: str) -> dict[str, Any]:
    """One JSON file of a folder. Raises InvalidInput (RULESET_UNREADABLE)."""
    try:
        part = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        detail = "" if isinstance(part, dict) else "it holds another kind of value"
    except (OSError, ValueError, RecursionError) as error:
        part, detail = {}, str(error)
    if detail:
        raise InvalidInput(
            "RULESET_UNREADABLE",
            f"{name}.json of {folder.name} cannot be read as a JSON object: {detail}",
            field="ruleset",
            fix="Give the folder of a ruleset; svc_decision/rulesets holds the released ones.",
        )
    found: dict[str, Any] = part
    return found


def canonical_sha256(document: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON: keys sorted, no spaces, UTF-8; hex digits."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_release(loaded: Manifest, sha256: str, ruleset_id: str, expected: str) -> None:
    """Raises Internal (RULESET_ALTERED) when what was loaded is not what was released."""
    if sha256 != expected or f"{loaded.name}@{loaded.version}" != ruleset_id:
        raise Internal(
            "RULESET_ALTERED", f"The files of {ruleset_id} are not the released ones; nothing is decided."
        )


def schema_faults(document: dict[str, Any], schema_file: str) -> list[str]:
    """Faults against a schema of `rulesets/`, each with its place."""
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in _validator(schema_file).iter_errors(document)
    ]


def refuse(faults: Sequence[str]) -> None:
    """Raises Internal (RULESET_INVALID) naming the faults, if there are any."""
    if faults:
        raise Internal("RULESET_INVALID", f"The ruleset is faulty: {'; '.join(faults[:20])}")


def reference_faults(document: dict[str, Any], text_keys: Iterable[str]) -> list[str]:
    """Sources and texts that are used and not there."""
    sources, texts = document["sources"], document["texts"]
    faults = [f"source {tag} is not listed" for tag in sorted(set(source_tags(document)) - set(sources))]
    return faults + [f"text {key} is missing" for key in sorted(set(text_keys) - set(texts))]


def placeholders(text: str) -> list[str]:
    """Names in braces, sorted; one that stands twice counts twice. A stray brace gives "{"."""
    try:
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)
    except ValueError:
        return ["{"]


def placeholder_faults(english: dict[str, str], other: dict[str, str], code: str) -> list[str]:
    """Texts of a language whose placeholders are not those of the English text."""
    pairs = {key: (placeholders(english[key]), placeholders(other[key])) for key in set(english) & set(other)}
    return [
        f"text {key} in {code} has the placeholders {theirs}, not {ours}"
        for key, (ours, theirs) in sorted(pairs.items())
        if ours != theirs
    ]


def double_ids(ids: Sequence[str]) -> list[str]:
    """A fault for every rule id that is used twice."""
    return [f"rule id {i} is used twice" for i in sorted({i for i in ids if ids.count(i) > 1})]


def manifest(m: dict[str, Any]) -> Manifest:
    """The frozen manifest."""
    return Manifest(
        name=m["name"],
        version=m["version"],
        effective=m["effective"],
        author=m["author"],
        approver=m["approver"],
        approval_status=m["approval"]["status"],
        approval_statement=m["approval"]["statement"],
        jurisdiction=m["jurisdiction"],
        intended_use=m["intended_use"],
        limits=tuple(m["limits"]),
        changelog=tuple((c["version"], c["date"], c["change"]) for c in m["changelog"]),
        format=m.get("format", "1.0"),
    )


def flag(f: dict[str, Any]) -> Flag:
    """A frozen flag with its conditions parsed."""
    levels = tuple(
        Level(
            when=conditions.parse(level["when"]),
            severity=level["severity"],
            effect=level["effect"],
            tan=Tan(**level["tan"]) if "tan" in level else None,
        )
        for level in f["levels"]
    )
    return Flag(f["id"], f["scope"], f["evidence"], tuple(f["source"]), levels)


def mandatory(m: dict[str, Any]) -> Mandatory:
    """A frozen mandatory question."""
    only_with = conditions.parse(m["only_with"]) if "only_with" in m else None
    return Mandatory(m["id"], m["fact"], m["path"], tuple(m["rules"]), only_with)


@cache
def _released() -> dict[str, str]:
    released: dict[str, str] = json.loads((_FOLDER / "released.json").read_text(encoding="utf-8"))
    return released


def schema(name: str) -> dict[str, Any]:
    """A schema of `rulesets/`."""
    loaded: dict[str, Any] = json.loads((_FOLDER / name).read_text(encoding="utf-8"))
    return loaded


@cache
def _validator(schema_file: str) -> Draft202012Validator:
    own, common = schema(schema_file), schema("common_schema.json")
    return Draft202012Validator(own | {"$defs": common["$defs"] | own["$defs"]})


def source_tags(node: Any) -> list[str]:
    """Source tags that a part of a document names, as often as it names them."""
    if isinstance(node, dict):
        own = [s for key, value in node.items() if key == "source" or key.endswith("_source") for s in value]
        return own + [s for value in node.values() for s in source_tags(value)]
    if isinstance(node, list):
        return [s for value in node for s in source_tags(value)]
    return []
