"""From a sheet and its pictures to the bytes of a PDF, by Typst.

The sheet reaches the template as a JSON file and is only ever inserted as text, so nothing in it is read as
markup. The same sheet and pictures give the same bytes: fonts are pinned, and the file's date is the sheet's.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import typst
from assay.common.v1.types_pb2 import ComponentVersion, Provenance

from mesh.errors import Internal
from mesh.scratch import scratch
from svc_report import fonts, palette
from svc_report.balance.sheet import BalanceSheet
from svc_report.sheet import Sheet

PDF_STANDARD = "PDF/UA-1"
EMPTY_RUNS = 8
MAX_TEXT = 1500
"""Characters of one text; what is longer ends in a note that the JSON holds the rest."""
UNBROKEN = 28
"""Characters of a word after which a line may break."""
TEMPLATES = Path(__file__).parent / "template"
TATTOO, BALANCE = "report.typ", "balance.typ"
"""The template of each kind."""
PARTS = {TATTOO: (TATTOO, "front.typ", "colour.typ", "progress.typ"), BALANCE: (BALANCE,)}
"""Files that one kind alone uses; the others of the folder are shared."""


@dataclass(frozen=True)
class Rendered:
    """A PDF and its number of pages."""

    pdf: bytes
    pages: int


def render(sheet: Sheet | BalanceSheet, pictures: Mapping[str, bytes]) -> Rendered:
    """Typesets the report.

    pictures: JPEG or SVG by the file name that the sheet gives them. Raises Internal (REPORT_NOT_TYPESET).
    """
    with staged(sheet, pictures) as template:
        return _compile(template, sheet.unix_time)


@contextmanager
def staged(sheet: Sheet | BalanceSheet, pictures: Mapping[str, bytes]) -> Iterator[Path]:
    """The template of a sheet in a folder of its own, with everything that it reads."""
    with scratch() as root:
        for source in sorted(TEMPLATES.glob("*.typ")):
            shutil.copyfile(source, root / source.name)
        for name, data in pictures.items():
            (root / name).write_bytes(data)
        (root / "palette.json").write_text(json.dumps(palette.template()), encoding="utf-8")
        (root / "sheet.json").write_text(json.dumps(_printable(dataclasses.asdict(sheet))), encoding="utf-8")
        yield root / (BALANCE if isinstance(sheet, BalanceSheet) else TATTOO)


def compiler_of(template: Path) -> typst.Compiler:
    """A typesetter that sees the template's folder and our fonts, and nothing else."""
    return typst.Compiler(
        input=str(template), root=str(template.parent), font_paths=fonts.book(), ignore_system_fonts=True
    )


def _compile(template: Path, unix_time: int | None) -> Rendered:
    compiler = compiler_of(template)
    stamp = datetime.fromtimestamp(unix_time or 0, UTC)
    try:
        pdf = compiler.compile(format="pdf", pdf_standards=["ua-1"], timestamp=stamp)
        pages = json.loads(compiler.query("<pages>", field="value", one=True))
    except typst.TypstError as error:
        raise Internal("REPORT_NOT_TYPESET", f"The report could not be typeset: {error.message}") from error
    _forget(template.parent)
    if not isinstance(pdf, bytes):
        raise Internal("REPORT_NOT_TYPESET", "The typesetter gave no single file.")
    return Rendered(pdf, int(pages))


def _forget(root: Path) -> None:
    """Ages Typst's cache, which keeps the layouts of its last ten runs.

    Ten reports are 250 MB and of no use to the next one; an empty run costs 3 ms.
    """
    blank = root / "blank.typ"
    blank.write_text("")
    compiler = compiler_of(blank)
    for _ in range(EMPTY_RUNS):
        compiler.compile(format="pdf")


def _printable(value: Any) -> Any:
    """The same structure with every string showable, bounded and breakable."""
    if isinstance(value, str):
        return _breakable(_bounded(fonts.displayable(value)))
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value


def _bounded(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]} … ({len(text) - MAX_TEXT} more characters in report.json)"


def _breakable(text: str) -> str:
    """Zero-width spaces in words that no line could hold."""
    return " ".join(
        "\u200b".join(word[start : start + UNBROKEN] for start in range(0, len(word), UNBROKEN))
        if len(word) > 2 * UNBROKEN
        else word
        for word in text.split(" ")
    )


@cache
def provenance(template: str) -> Provenance:
    """What makes the report: code, template with the parts it shares, typesetter, fonts."""
    others = PARTS[BALANCE if template == TATTOO else TATTOO]
    sources = [source for source in sorted(TEMPLATES.glob("*.typ")) if source.name not in others]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    code = importlib.metadata.version("assay")
    parts = [
        ComponentVersion(kind="code", name="svc_report", version=code),
        ComponentVersion(kind="template", name=template, version=code, sha256=digest),
        ComponentVersion(kind="typesetter", name="typst", version=importlib.metadata.version("typst")),
    ]
    parts += [
        ComponentVersion(kind="fonts", name=file.family, version=file.version, sha256=file.sha256)
        for file in fonts.files()
    ]
    return Provenance(versions=parts)


def prepare() -> None:
    """Reads fonts and their character maps once, so that the first job does not wait for it."""
    provenance(TATTOO)
    provenance(BALANCE)
    fonts.displayable("prepared")
    fonts.book()
