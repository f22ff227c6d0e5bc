"""A mistake in the data is refused with its place, before Prometheus or Grafana see it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from dev.observability import dashboards, files, rules, spec, tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("slos.yaml", "alerts.yaml", "dashboards.yaml"):
        shutil.copy(spec.COMPONENT / name, tmp_path)
    return tmp_path


def change(folder: Path, file: str, fields: dict[str, object]) -> None:
    """Changes the first entry of a file; a field that becomes None goes."""
    path = folder / file
    raw = yaml.safe_load(path.read_text())
    [entries] = [each for each in raw.values() if isinstance(each, list)]
    entries[0].update(fields)
    entries[0] = {key: value for key, value in entries[0].items() if value is not None}
    path.write_text(yaml.safe_dump(raw))


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("slos.yaml", {"objective": 1.0}, "not between 0 and 1"),
        ("slos.yaml", {"runbook": None}, "missing or unknown: runbook"),
        ("slos.yaml", {"windows": "5m"}, "missing or unknown: windows"),
        ("slos.yaml", {"alert": "AssayTattooFreshness"}, "named once: AssayTattooFreshness"),
        ("alerts.yaml", {"severity": "critical"}, "one of page, ticket"),
        ("alerts.yaml", {"for": None}, "missing or unknown: for"),
        ("alerts.yaml", {"name": "AssayOutboxOld"}, "named once: AssayOutboxOld"),
    ],
)
def test_a_mistake_is_named(folder: Path, name: str, fields: dict[str, object], said: str) -> None:
    change(folder, name, fields)
    with pytest.raises(spec.SpecError, match=said):
        spec.load(folder)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("kind", "pie", "kind is one of"), ("unit", None, "unit"), ("colour", "red", "colour")],
)
def test_a_mistake_in_a_panel_is_named(folder: Path, field: str, value: object, said: str) -> None:
    path = folder / "dashboards.yaml"
    raw = yaml.safe_load(path.read_text())
    panel = raw["dashboards"][0]["rows"][0]["panels"][0]
    panel[field] = value
    if value is None:
        del panel[field]
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(spec.SpecError, match=said):
        dashboards.load(folder)


@pytest.mark.parametrize("content", ["slos: [", "- a\n- b\n"])
def test_a_file_that_is_no_mapping_is_refused(folder: Path, content: str) -> None:
    (folder / "slos.yaml").write_text(content)
    with pytest.raises(spec.SpecError, match=r"slos\.yaml"):
        spec.load(folder)


def test_a_change_of_the_data_makes_the_generated_files_stale(folder: Path) -> None:
    before = {path.name: content for path, content in files.generated(folder).items()}
    change(folder, "slos.yaml", {"objective": 0.99})
    after = {path.name: content for path, content in files.generated(folder).items()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"rules.yaml", "prometheusrule.yaml", tables.PAGE.name}


def test_budgets_and_windows_are_those_of_the_objective(folder: Path) -> None:
    loaded = spec.load(folder)
    assert {each.name: each.budget for each in loaded.objectives}["availability"] == 0.001
    recorded = [
        rule["record"] for group in rules.groups(loaded) for rule in group["rules"] if "record" in rule
    ]
    for burn in (*rules.FAST, *rules.SLOW):
        assert f"slo:error_ratio:rate{burn.short}" in recorded
        assert f"slo:error_ratio:rate{burn.long}" in recorded
