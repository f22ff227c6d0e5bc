"""A balance decision as plain JSON data, full trace included."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from google.protobuf.json_format import MessageToDict

from svc_decision.balance.engine import Decided
from svc_decision.balance.ruleset import BalanceRuleset
from svc_decision.present import flag_line, message_line, missing_line, ruleset_line, trace_line


def to_json(decided: Decided, ruleset: BalanceRuleset) -> dict[str, Any]:
    """JSON-ready dict; messages read "CODE(parameters): text". `rules` says where every rule comes from."""
    return {
        "kind": "balance",
        "status": decided.status,
        **MessageToDict(decided.balance, preserving_proto_field_name=True),
        "flags": [flag_line(flag) for flag in decided.flags],
        "missing": [missing_line(m) for m in decided.missing],
        "unanswered": list(decided.unanswered),
        "messages": [message_line(m) for m in decided.messages],
        "ruleset": ruleset_line(decided.manifest, decided.ruleset_sha256),
        "rules": {name: asdict(record) for name, record in ruleset.records.items()},
        "sources": dict(ruleset.sources),
        "trace": [trace_line(entry) for entry in decided.trace],
    }
