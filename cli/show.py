"""Results for people: tables of inks, options, flags, and where the files are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

Json = Mapping[str, Any]

STATUS_STYLE = {
    "recommend": "bold green",
    "consider": "green",
    "specialist": "yellow",
    "hold": "yellow",
    "deferred": "yellow",
    "blocked": "red",
    "not_useful": "dim",
}
SEVERITY_STYLE = {"refer": "bold red", "contraindicated": "bold red", "hold": "yellow", "defer": "yellow"}
PLAIN_WIDTH = 120
DISCLAIMER = "Decision support for trained laser operators; never device settings."


def word(name: str, prefix: str) -> str:
    """ "OPTION_STATUS_NOT_USEFUL" becomes "not_useful"."""
    return name.removeprefix(prefix).lower()


def lab(value: Json | None) -> str:
    """CIELAB as "L a b" with one decimal."""
    if not value:
        return "-"
    return " ".join(f"{float(value.get(axis, 0)):.1f}" for axis in ("l", "a", "b"))


def measured(value: Json | None) -> str:
    """A measurement with its interval, or why there is none."""
    if not value:
        return "-"
    if value.get("value") is None:
        return str(value.get("not_measurable") or "-")
    text = f"{float(value['value']):.1f}"
    if value.get("low_95") is not None and value.get("high_95") is not None:
        text += f" ({float(value['low_95']):.1f} to {float(value['high_95']):.1f})"
    return text


def console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal that says its width."""
    found = Console()
    return found if found.is_terminal else Console(width=PLAIN_WIDTH)


def result(view: Json, places: Mapping[str, str], out: Console) -> None:
    """Prints an AnalysisView that has a result; `places` are labelled URLs and paths."""
    document = view.get("result") or {}
    decision, color = document.get("decision") or {}, document.get("color") or {}
    out.rule(f"Assay {view.get('job_id', '')}")
    out.print(_head(view, decision, color))
    if color.get("inks"):
        out.print(_inks(color))
    if any(ink.get("options") or ink.get("messages") for ink in decision.get("inks", [])):
        out.print(_options(decision))
    if decision.get("flags"):
        out.print(_flags(decision))
    for remark in _remarks(document):
        out.print(remark)
    out.rule(DISCLAIMER)
    width = max((len(label) for label in places), default=0)
    for label, place in places.items():
        # Never wrapped: a URL that is broken over two lines cannot be clicked.
        out.print(f"{label:<{width}}  {place}", soft_wrap=True, highlight=False, markup=False)


def _head(view: Json, decision: Json, color: Json) -> Text:
    status = word(str(decision.get("status", "-")), "DECISION_STATUS_")
    skin = color.get("skin") or {}
    fitzpatrick = word(str(decision.get("fitzpatrick_safe", "-")), "FITZPATRICK_").upper()
    skin_type = "type not stated" if fitzpatrick == "UNSPECIFIED" else f"Fitzpatrick {fitzpatrick} (safe)"
    lines = [
        f"Decision   {status}",
        f"Skin       {skin_type}, ITA {measured(skin.get('ita'))} deg, Lab {lab(skin.get('lab'))}",
        f"Colour     {'calibrated by a chart' if color.get('calibrated') else 'uncalibrated: estimates'}",
        f"Versions   model {view.get('model_version') or '-'}, ruleset {view.get('ruleset_version') or '-'}",
    ]
    return Text("\n".join(lines))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", expand=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _inks(color: Json) -> Table:
    table = _table("Inks", "#", "swatch", "class", "area", "Lab", "ΔE00 to skin (95%)")
    for ink in color["inks"]:
        swatch = str(ink.get("swatch") or "")
        table.add_row(
            str(ink.get("id", "")),
            Text("    ", style=f"on {swatch}") + Text(f" {swatch}") if swatch else Text("-"),
            _class(ink),
            f"{float(ink.get('area_share', 0)):.0%}",
            lab(ink.get("lab")),
            measured(ink.get("delta_e_skin")),
        )
    return table


def _class(ink: Json) -> str:
    """The class with its probability; an unnamed ink with the likeliest class in brackets."""
    name, best = str(ink.get("ink_class", "-")), (ink.get("posterior") or [{}])[0]
    if best.get("probability") is None:
        return name
    likeliest = str(best.get("ink_class", name))
    sure = f"{float(best['probability']):.0%}"
    return f"{name} {sure}" if likeliest == name else f"{name} ({likeliest} {sure})"


def _options(decision: Json) -> Table:
    table = _table("Wavelengths", "ink", "nm", "status", "efficacy", "label", "skin", "reasons")
    for ink in decision["inks"]:
        name = str(ink.get("ink_class", "-"))
        for option in ink.get("options", []):
            status = word(str(option.get("status", "-")), "OPTION_STATUS_")
            table.add_row(
                name,
                str(option.get("wavelength_nm", "")),
                Text(status, style=STATUS_STYLE.get(status, "")),
                f"{option.get('efficacy', 0)} ({option.get('evidence') or '-'})",
                str(option.get("label") or "-"),
                str(option.get("skin_gate") or "-"),
                "; ".join(option.get("reasons") or option.get("rules") or []),
            )
            name = ""
        for message in ink.get("messages", []):
            table.add_row(name, "", "", "", "", "", f"{message.get('code')}: {message.get('text')}")
            name = ""
    return table


def _flags(decision: Json) -> Table:
    table = _table("Risk flags", "id", "severity", "scope", "why")
    for flag in decision["flags"]:
        severity = str(flag.get("severity", ""))
        table.add_row(
            str(flag.get("id", "")),
            Text(severity, style=SEVERITY_STYLE.get(severity, "")),
            str(flag.get("scope", "")),
            str(flag.get("text", "")),
        )
    return table


def _remarks(document: Json) -> list[Text]:
    decision = document.get("decision") or {}
    lines = [f"{m.get('code')}: {m.get('text')}" for m in decision.get("messages", [])]
    if decision.get("missing"):
        lines.append("Unanswered, so nothing is ranked: " + ", ".join(decision["missing"]))
    for page in ("ingest", "segment", "color"):
        for flag in (document.get(page) or {}).get("flags", []):
            level = word(str(flag.get("level", "")), "FLAG_LEVEL_")
            lines.append(f"{page} {level} {flag.get('code')}: {flag.get('message')}")
    return [Text(line) for line in lines]


def jobs(views: Sequence[Json], out: Console) -> None:
    """Prints analyses as one table, newest first."""
    table = _table("Analyses", "job", "kind", "state", "created (UTC)", "model", "ruleset", "error")
    table.columns[0].no_wrap = table.columns[3].no_wrap = True
    for view in views:
        table.add_row(
            str(view.get("job_id", "")),
            str(view.get("kind", "")),
            word(str(view.get("state", "")), "STATE_"),
            str(view.get("created_at", ""))[:16].replace("T", " "),
            str(view.get("model_version") or "-"),
            str(view.get("ruleset_version") or "-"),
            str((view.get("error") or {}).get("code") or ""),
        )
    out.print(table)
