"""Released rulesets as documents, whatever they decide on: to be read, checked by their hash, and listed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from mesh.errors import NotFound
from svc_decision import loader, rulefile
from svc_decision.balance import loader as balance
from svc_decision.ruleset import Manifest

_READERS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "tattoo": loader.read_document,
    "balance": balance.read_document,
}


@cache
def ruleset_json(ruleset_id: str) -> bytes:
    """`{"ruleset", "sha256", "document"}` as UTF-8 JSON; the hash is that of the document's canonical form.

    Raises InvalidInput (RULESET_ID_INVALID), NotFound (RULESET_NOT_FOUND), and Internal for altered files.
    """
    document = _READERS[_kind(ruleset_id)](ruleset_id)
    sha256 = rulefile.canonical_sha256(document)
    shown = {"ruleset": ruleset_id, "sha256": sha256, "document": document}
    return json.dumps(shown, ensure_ascii=False, allow_nan=False).encode()


def manifest_of(ruleset_id: str) -> tuple[Manifest, str]:
    """Who wrote a ruleset and since when it counts, and its hash. Raises as `ruleset_json` does."""
    document = _READERS[_kind(ruleset_id)](ruleset_id)
    return rulefile.manifest(document["manifest"]), rulefile.canonical_sha256(document)


def _kind(ruleset_id: str) -> str:
    kind = ruleset_id.partition("@")[0]
    if kind not in _READERS:
        raise NotFound(
            "RULESET_NOT_FOUND",
            f"There is no ruleset {ruleset_id}.",
            field="ruleset",
            fix=f"Use one of: {', '.join(rulefile.available())}.",
        )
    return kind
