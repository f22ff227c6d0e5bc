"""Results for people: tables of inks, options, flags, and where the files are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import show_balance
from cli.words import flags_table, measured, remarks, table, word

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
PLAIN_WIDTH = 120
DISCLAIMER = "Decision support for trained laser operators; never device settings."


def lab(value: Json | None) -> str:
    """CIELAB as "L a b" with one decimal."""
    if not value:
        return "-"
    return " ".join(f"{float(value.get(axis, 0)):.1f}" for axis in ("l", "a", "b"))


def console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal that says its width."""
    found = Console()
    return found if found.is_terminal else Console(width=PLAIN_WIDTH)


def result(view: Json, places: Mapping[str, str], out: Console) -> None:
    """Prints an AnalysisView that has a result; `places` are labelled URLs and paths."""
    out.rule(f"Assay {view.get('job_id', '')}")
    if view.get("kind") == "balance":
        show_balance.result(view, out)
        out.rule(show_balance.DISCLAIMER)
    else:
        _tattoo(view, out)
        out.rule(DISCLAIMER)
    width = max((len(label) for label in places), default=0)
    for label, place in places.items():
        # Never wrapped: a URL that is broken over two lines cannot be clicked.
        out.print(f"{label:<{width}}  {place}", soft_wrap=True, highlight=False, markup=False)


def _tattoo(view: Json, out: Console) -> None:
    document = view.get("result") or {}
    decision, color = document.get("decision") or {}, document.get("color") or {}
    out.print(_head(view, decision, color))
    if color.get("inks"):
        out.print(_inks(color))
    if any(ink.get("options") or ink.get("messages") for ink in decision.get("inks", [])):
        out.print(_options(decision))
    if decision.get("flags"):
        out.print(flags_table(decision["flags"]))
    for remark in remarks(document, ("ingest", "segment", "color")):
        out.print(remark)


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


def _inks(color: Json) -> Table:
    shown = table("Inks", "#", "swatch", "class", "area", "Lab", "ΔE00 to skin (95%)")
    for ink in color["inks"]:
        swatch = str(ink.get("swatch") or "")
        shown.add_row(
            str(ink.get("id", "")),
            Text("    ", style=f"on {swatch}") + Text(f" {swatch}") if swatch else Text("-"),
            _class(ink),
            f"{float(ink.get('area_share', 0)):.0%}",
            lab(ink.get("lab")),
            measured(ink.get("delta_e_skin")),
        )
    return shown


def _class(ink: Json) -> str:
    """The class with its probability; an unnamed ink with the likeliest class in brackets."""
    name, best = str(ink.get("ink_class", "-")), (ink.get("posterior") or [{}])[0]
    if best.get("probability") is None:
        return name
    likeliest = str(best.get("ink_class", name))
    sure = f"{float(best['probability']):.0%}"
    return f"{name} {sure}" if likeliest == name else f"{name} ({likeliest} {sure})"


def _options(decision: Json) -> Table:
    shown = table("Wavelengths", "ink", "nm", "status", "efficacy", "label", "skin", "reasons")
    for ink in decision["inks"]:
        name = str(ink.get("ink_class", "-"))
        for option in ink.get("options", []):
            status = word(str(option.get("status", "-")), "OPTION_STATUS_")
            shown.add_row(
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
            shown.add_row(name, "", "", "", "", "", f"{message.get('code')}: {message.get('text')}")
            name = ""
    return shown


def jobs(views: Sequence[Json], out: Console) -> None:
    """Prints analyses as one table, newest first."""
    shown = table("Analyses", "job", "kind", "state", "created (UTC)", "model", "ruleset", "error")
    shown.columns[0].no_wrap = shown.columns[3].no_wrap = True
    for view in views:
        shown.add_row(
            str(view.get("job_id", "")),
            str(view.get("kind", "")),
            word(str(view.get("state", "")), "STATE_"),
            str(view.get("created_at", ""))[:16].replace("T", " "),
            str(view.get("model_version") or "-"),
            str(view.get("ruleset_version") or "-"),
            str((view.get("error") or {}).get("code") or ""),
        )
    out.print(shown)


def models(views: Sequence[Json], out: Console) -> None:
    """Prints the versions of models as one table."""
    shown = table("Models", "model", "kind", "state", "why", "by", "since (UTC)")
    for view in views:
        recalled = bool(view.get("recalled"))
        shown.add_row(
            str(view.get("model", "")),
            str(view.get("kind", "")),
            "recalled" if recalled else "served",
            str(view.get("reason") or ""),
            str(view.get("recalled_by") or ""),
            str(view.get("recalled_at") or "")[:16].replace("T", " "),
        )
    out.print(shown)


def rulesets(views: Sequence[Json], out: Console) -> None:
    """Prints the versions of rulesets as one table."""
    shown = table(
        "Rulesets", "ruleset", "state", "effective", "approval", "sha256", "by", "since (UTC)", "why"
    )
    for view in views:
        shown.add_row(
            str(view.get("ruleset", "")),
            word(str(view.get("state", "")), "RULESET_STATE_"),
            str(view.get("effective", "")),
            str(view.get("approval", "")),
            str(view.get("sha256", ""))[:12],
            str(view.get("changed_by") or ""),
            str(view.get("changed_at") or "")[:16].replace("T", " "),
            str(view.get("reason") or ""),
        )
    out.print(shown)
