"""Every alert has a runbook, every command in one exists, every runbook was rehearsed as it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.campaigns import rehearsals, runbook_commands, runbooks
from tests.campaigns.stack import REPO

RULES = REPO / "k8s" / "components" / "observability" / "rules.yaml"
LINK = re.compile(r"\]\(([^)#:]+)\)")
NAMES = runbooks.names()


def alerts() -> dict[str, str]:
    """Alerts by name, with the page that they point to."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    return {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules}


def manifest_names() -> frozenset[str]:
    """Names in the manifests, whatever they are of."""
    texts = [path.read_text() for path in (REPO / "k8s").rglob("*.yaml")]
    found = {name for text in texts for name in re.findall(r"(?m)^\s*(?:- )?name: ([a-z0-9-]+)$", text)}
    values = {name for text in texts for name in re.findall(r"value: ([a-z0-9-]+)", text)}
    labels = {name for text in texts for name in re.findall(r"app\.kubernetes\.io/name: ([a-z0-9-]+)", text)}
    namespaces = {name for text in texts for name in re.findall(r"namespace: ([a-z0-9-]+)", text)}
    return frozenset(found | values | labels | namespaces)


@pytest.mark.parametrize(("alert", "page"), alerts().items())
def test_every_alert_has_a_runbook_that_names_it(alert: str, page: str) -> None:
    name = Path(page).stem
    assert page == f"docs/runbooks/{name}.md"
    assert alert in runbooks.read(name).alerts


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_its_parts_and_names_no_alert_that_is_none(name: str) -> None:
    book = runbooks.read(name)
    places = [book.text.find(heading) for heading in runbooks.HEADINGS]
    assert -1 not in places
    assert places == sorted(places)
    assert book.local
    assert book.alerts <= set(alerts())
    for link in LINK.findall(book.text):
        assert (runbooks.FOLDER / link).exists(), link
    assert f"({name}.md)" in (runbooks.FOLDER / "README.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_a_runbook_exists(name: str) -> None:
    book, names = runbooks.read(name), manifest_names()
    for local, blocks in ((True, book.local), (False, book.kubernetes)):
        for line in (line for block in blocks for line in block):
            assert runbook_commands.fault(line, local=local, names=names) == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_was_rehearsed_by_the_commands_that_it_has(name: str) -> None:
    book = runbooks.read(name)
    record = book.record.read_text()
    typed = [line.removeprefix("$ ") for line in record.splitlines() if line.startswith("$ ")]
    assert typed == [line for block in book.local for line in block]
    assert f"Made by `python -m tests.campaigns.rehearsals {name}`" in record
    assert re.search(r"Every check held: ([1-9][0-9]*) of \1,", record)
    assert "/tmp/" not in record


def test_every_runbook_has_a_rehearsal_and_every_rehearsal_a_runbook() -> None:
    shared, alone = rehearsals.plays()
    assert sorted((*shared, *alone)) == NAMES


@pytest.mark.parametrize(
    "line",
    [
        "assay jobs erase 1",
        "assay jobs delete",
        "assay jobs delete a b",
        "assay deadletters redrive --every",
        "rm -rf data",
        "assay status | xargs rm",
    ],
)
def test_a_command_that_is_none_is_found(line: str) -> None:
    assert runbook_commands.fault(line, local=True, names=frozenset())


def test_a_name_that_no_manifest_has_is_found() -> None:
    names = frozenset({"gateway", "assay"})
    good = "kubectl -n assay exec deploy/gateway -- python -m mesh.operate deadletters list"
    assert runbook_commands.fault(good, local=False, names=names) == ""
    for bad in (good.replace("gateway", "gate"), good.replace("list", "lists"), good.replace("assay", "as")):
        assert runbook_commands.fault(bad, local=False, names=names)


def test_blocks_are_read_as_they_are_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = "### Local\n```sh\na b\nc \\\n  d\n```\ntext\n```sh\ne\n```\n"
    text = f"# T\n## Commands\n{local}### Kubernetes\n```sh\nf\n```\n"
    (tmp_path / "t.md").write_text(text)
    monkeypatch.setattr(runbooks, "FOLDER", tmp_path)
    book = runbooks.read("t")
    assert book.local == (("a b", "c d"), ("e",))
    assert book.kubernetes == (("f",),)
    shutil.rmtree(tmp_path)
