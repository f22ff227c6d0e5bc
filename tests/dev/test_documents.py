"""README and docs name files that exist, and no place of the machine that they were written on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
DOCUMENTS = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
TOP = {path.name for path in REPO.iterdir() if path.is_dir() and not path.name.startswith(".")}
# Written by a command or a session, never committed.
MADE = ("models/build", "models/train/.venv", "bench/results")


def named(document: Path) -> list[Path]:
    """Every relative link, and every path in code quotes that begins with a folder of the repository."""
    text = document.read_text()
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    quoted = re.findall(r"`([a-z_]+/[\w./-]*)`", text)
    inside = [path for path in quoted if path.split("/")[0] in TOP and not path.startswith(MADE)]
    return [document.parent / link for link in links] + [REPO / path for path in inside]


def exists(path: Path) -> bool:
    return path.exists() or path.with_suffix(".py").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO)))
def test_what_a_document_names_exists(document: Path):
    assert [str(path) for path in named(document) if not exists(path)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO)))
def test_no_document_names_a_place_of_one_machine(document: Path):
    assert re.findall(r"(?:/work|/tmp|/home|/root)/\S*", document.read_text()) == []


def test_every_document_is_reached_from_the_readme():
    linked = {path.resolve() for path in named(REPO / "README.md")}
    pages = set((REPO / "docs").glob("*.md"))
    assert pages - linked == set()
