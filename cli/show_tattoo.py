"""A tattoo result for people: the report's first page, in the same words and order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.json_format import ParseDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.words import table
from svc_report import case, inks, marks, summary
from svc_report.sheet import Advice, Ink, Mark, Summary
from svc_report.words import Words, words_for

Json = Mapping[str, Any]

SYMBOLS = {
    "check": "✓", "half": "◐", "diamond": "◆", "pause": "‖", "clock": "◷", "slash": "⊘", "dash": "⊖",
    "cross": "✗", "arrow": "→", "triangle": "▲", "info": "i", "question": "?",
}  # fmt: skip
"""What the terminal draws for a symbol of the report; the word beside it carries the meaning."""


def result(view: Json, out: Console) -> None:
    """Prints what was found, why, what not and what next."""
    analysis = ParseDict(view.get("result") or {}, Analysis(), ignore_unknown_fields=True)
    words = words_for(analysis.job.language)
    page = summary.summary(analysis, inks.inks_of(analysis, words), case.flags(analysis, words), words)
    _status(analysis, view, words, out)
    _heading("page.found", words, out)
    for fact in page.found:
        out.print(Text.assemble((f"{fact.label}: ", "bold"), fact.value))
    if page.inks:
        out.print(_inks(page, words))
        _note(page.inks_more[-1], out)
    _heading("page.why", words, out)
    for reason in page.reasons:
        basis = f" [{reason.basis}]" if reason.basis else ""
        out.print(Text.assemble(_mark(reason.mark), f" {reason.rule}: {reason.text}", (basis, "dim")))
    _note(page.reasons_more[-1], out)
    _heading("page.what_not", words, out)
    for barred in page.barred:
        out.print(Text.assemble(_mark(barred.mark), f" {barred.subject}: {barred.reason}"))
    _note(page.barred_more[-1], out)
    out.print(Text(words("page.cannot") + ":", style="bold"))
    for sentence in page.unknowable:
        out.print(Text(f"- {sentence}"))
    _heading("page.next", words, out)
    for number, step in enumerate(page.steps, start=1):
        out.print(Text(f"{number}. {step}"))
    _note(page.steps_more[-1], out)
    _note(words("terminal.sections"), out)


def _status(analysis: Analysis, view: Json, words: Words, out: Console) -> None:
    decided = analysis.HasField("decision")
    look = marks.status(analysis.decision.status) if decided else marks.UNDECIDED
    out.print(Text.assemble(_mark(look.mark(words)), (f"  {words(f'{look.key}.headline')}", "bold")))
    approval = case.approval(analysis, words)
    model = view.get("model_version") or "-"
    out.print(Text(f"{approval.label} {approval.value} ({model})".strip(), style="dim"))


def _heading(key: str, words: Words, out: Console) -> None:
    out.print(Text(f"\n{words(key)}", style="bold underline"))


def _note(text: str, out: Console) -> None:
    if text:
        out.print(Text(text, style="dim"))


def _mark(mark: Mark) -> tuple[str, str]:
    return f"{SYMBOLS[mark.symbol]} {mark.word}", f"bold {mark.colour} on {mark.tint}"


def _inks(page: Summary, words: Words) -> Table:
    contrast = [words("page.contrast")] if page.measured else []
    columns = [words("page.ink"), words("page.class_area"), *contrast, page.inks_heading]
    shown = table("", *columns)
    for ink in page.inks:
        told = [f"{ink.difference}\n{ink.difference_interval}".strip()] if page.measured else []
        shown.add_row(_swatch(ink), f"{ink.name}, {ink.area}\n{ink.certainty}", *told, _options(ink))
    return shown


def _swatch(ink: Ink) -> Text:
    return Text.assemble(("    ", f"on {ink.swatch}"), f" {ink.swatch}") if ink.swatch else Text("-")


def _options(ink: Ink) -> Text:
    lines = [_option(item) for item in ink.advised.open] or [Text(ink.advised.nothing)]
    return Text("\n").join(lines)


def _option(item: Advice) -> Text:
    return Text.assemble(_mark(item.mark), f" {item.wavelengths}: {item.reason}")
