"""A balance decision as plain JSON data, full trace included."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict

from svc_decision.balance.engine import Decided
from svc_decision.balance.ruleset import BalanceRuleset
from svc_decision.present import flag_line, message_line, missing_line, ruleset_line, trace_line


def to_json(decided: Decided, ruleset: BalanceRuleset) -> dict[str, Any]:
    """JSON-ready dict; messages read "CODE(parameters): text". Cited sources stand in words at the end."""
    flags = [flag_line(flag) for flag in decided.flags]
    tags = dict.fromkeys(tag for flag in flags for tag in flag["source"])
    return {
        "kind": "balance",
        "status": decided.status,
        **MessageToDict(decided.balance, preserving_proto_field_name=True),
        "flags": flags,
        "missing": [missing_line(m) for m in decided.missing],
        "unanswered": list(decided.unanswered),
        "messages": [message_line(m) for m in decided.messages],
        "ruleset": ruleset_line(decided.manifest, decided.ruleset_sha256),
        "sources": {tag: ruleset.sources[tag] for tag in tags},
        "trace": [trace_line(entry) for entry in decided.trace],
    }
