"""Runs promtool's unit tests against the rules as they are, or as a test has changed them."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dev.debian import program
from dev.observability.spec import COMPONENT

HERE = Path(__file__).parent
CAUSES = HERE / "causes.yaml"
LIMIT_S = 500.0

Document = dict[str, Any]


def rules() -> Document:
    """The generated rule file."""
    return yaml.safe_load((COMPONENT / "rules.yaml").read_text())


def causes() -> Document:
    """The hand-written cases of the alerts on causes."""
    return yaml.safe_load(CAUSES.read_text())


def alerts(document: Document) -> dict[str, Document]:
    """Every alerting rule of a rule file by its name."""
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"] if "alert" in rule}


def part(document: Document, *prefixes: str) -> Document:
    """The groups whose names begin so: a case need not evaluate what it does not look at."""
    return {"groups": [group for group in document["groups"] if group["name"].startswith(prefixes)]}


def changed(document: Document, change: Mapping[str, Any]) -> Document:
    """A copy in which every alert has these fields."""
    other = copy.deepcopy(document)
    for rule in alerts(other).values():
        rule.update(change)
    return other


def run(folder: Path, rule_file: Document, cases: Sequence[Document]) -> tuple[int, str]:
    """promtool's exit status and all that it says, for these rules under these cases."""
    # JSON is YAML; it is written much faster.
    (folder / "rules.yaml").write_text(json.dumps(rule_file))
    files = []
    for number, case in enumerate(cases):
        path = folder / f"case-{number}.yaml"
        path.write_text(json.dumps({**case, "rule_files": ["rules.yaml"]}))
        files.append(path.name)
    command = [str(program("promtool").path), "test", "rules", *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return done.returncode, done.stdout + done.stderr


def failing(said: str) -> set[str]:
    """The alerts that promtool names in its failures."""
    return set(re.findall(r"alertname(?:: ?|=\\?\")(\w+)", said))
