"""Writes gateway/rulesets.json: which released rulesets the gateway may offer.

The gateway imports no stage, so what it lists of a ruleset is written from what the decision stage holds. Run
`python -m cli.catalogue` after a ruleset was released; a test keeps the two equal.
"""

from __future__ import annotations

import json

from gateway.rulesets import FILE
from svc_decision.documents import manifest_of
from svc_decision.rulefile import available


def rendered() -> str:
    """The file's content, from the rulesets that are installed."""
    found = {}
    for ruleset_id in available():
        manifest, sha256 = manifest_of(ruleset_id)
        found[ruleset_id] = {
            "sha256": sha256,
            "effective": manifest.effective,
            "approval": manifest.approval_status,
        }
    return json.dumps(found, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
