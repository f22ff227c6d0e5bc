"""Every row of the dossier's test table is a named test, and docs/test-table.md names it."""

import ast
import re
from pathlib import Path

from svc_decision.casebook import load_cases
from svc_decision.loader import DEFAULT_RULESET

REPO = Path(__file__).resolve().parents[1]
PAGE = (REPO / "docs" / "test-table.md").read_text(encoding="utf-8")
NAMED = re.findall(r"\| ([MT]\d\d) \|.*`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def functions(path: str) -> set[str]:
    tree = ast.parse((REPO / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_page_names_tests_that_exist() -> None:
    assert [(row, path, name) for row, path, name in NAMED if name not in functions(path)] == []


def test_every_row_of_measurement_is_named_after_it() -> None:
    rows = {row for row, _, name in NAMED if name.startswith(f"test_{row.lower()}_")}
    assert rows >= {f"M{number:02d}" for number in range(1, 10)} | {"T38"}


def test_every_row_of_decisions_is_a_case_of_the_ruleset() -> None:
    cases = {case.id[:3] for case in load_cases(DEFAULT_RULESET) if case.file == "table"}
    assert cases >= {f"T{number:02d}" for number in range(1, 39)}
