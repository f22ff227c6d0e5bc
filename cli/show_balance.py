"""Balance results for people: what was found, the score, the measurements, what happened when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.words import flags_table, measured, number, remarks, table, word

Json = Mapping[str, Any]

DISCLAIMER = "Sway as an indicator of balance, for trained assessors; no diagnosis."
SHOWN_GROUPS = ("time", "task", "sway", "frequency", "strategy", "alignment", "noise")
CHANGES = (("asymmetry", "Left against right"), ("follow_up", "Against the earlier test"))


def result(view: Json, out: Console) -> None:
    """Prints what an AnalysisView of kind balance found."""
    document = view.get("result") or {}
    sway, decision = document.get("sway") or {}, document.get("decision") or {}
    balance = decision.get("balance") or {}
    out.print(_head(view, document, sway, decision))
    if balance.get("sub_scores"):
        out.print(_scores(balance))
    shown = [metric for metric in sway.get("metrics") or [] if metric.get("group") in SHOWN_GROUPS]
    out.print(_metrics(metric for metric in shown if _has_value(metric)))
    for line in _unmeasured(metric for metric in shown if not _has_value(metric)):
        out.print(line)
    if sway.get("events"):
        out.print(_events(sway["events"]))
    if balance.get("norms"):
        out.print(_norms(balance["norms"]))
    for field, title in CHANGES:
        if balance.get(field):
            out.print(_changes(balance[field], title))
    if balance.get("battery"):
        out.print(_battery(balance["battery"]))
    if decision.get("flags"):
        out.print(flags_table(decision["flags"]))
    for remark in remarks(document, ("ingest", "pose", "sway")):
        out.print(remark)


def _head(view: Json, document: Json, sway: Json, decision: Json) -> Text:
    score = (decision.get("balance") or {}).get("score")
    held = measured(sway.get("time_to_failure"))
    ended = str(sway.get("ended_by") or "-")
    window = sway.get("window") or {}
    pose = document.get("pose") or {}
    mode = word(str(pose.get("mode", "")), "POSE_MODE_")
    lines = [
        f"Score      {measured(score)} of 100, {word(str(decision.get('status', '-')), 'DECISION_STATUS_')}",
        f"Held       {held} s{' or longer' if sway.get('censored') else ''}, ended by {ended}",
        f"Stance     {word(str(sway.get('side_found', '-')), 'STANCE_SIDE_')} leg, seen from "
        f"{word(str(sway.get('view', '-')), 'VIEW_')}, measured "
        f"{float(window.get('start_s', 0)):.1f} to {float(window.get('end_s', 0)):.1f} s",
        f"Strategy   {sway.get('strategy') or '-'}",
        f"Scale      {measured(sway.get('mm_per_px'))} mm/px by {sway.get('scale_method') or '-'}",
        f"Versions   model {view.get('model_version') or '-'} ({mode}, {pose.get('regions', 0)} regions), "
        f"ruleset {view.get('ruleset_version') or '-'}",
    ]
    return Text("\n".join(lines))


def _scores(balance: Json) -> Table:
    shown = table("Score", "part", "score (95%)", "weight", "from", "provisional")
    for part in balance["sub_scores"]:
        shown.add_row(
            str(part.get("id", "")),
            measured(part.get("score")),
            f"{float(part.get('weight', 0)):.2f}",
            "; ".join(part.get("from", [])),
            "yes" if part.get("provisional") else "",
        )
    return shown


def _metrics(metrics: Iterable[Json]) -> Table:
    shown = table("Measurements", "id", "value (95%)", "unit", "low-pass", "remarks")
    for metric in metrics:
        value = metric.get("measurement") or {}
        cutoff = float(metric.get("cutoff_hz") or 0)
        shown.add_row(
            str(value.get("id", "")),
            measured(value),
            str(value.get("unit", "")),
            f"{cutoff:g} Hz" if cutoff else "-",
            ", ".join(metric.get("flags", [])),
        )
    return shown


def _has_value(metric: Json) -> bool:
    return (metric.get("measurement") or {}).get("value") is not None


def _unmeasured(metrics: Iterable[Json]) -> list[Text]:
    """For each reason one line with what has no value because of it."""
    without: dict[str, list[str]] = {}
    for metric in metrics:
        value = metric.get("measurement") or {}
        without.setdefault(measured(value), []).append(str(value.get("id", "")))
    return [Text(f"No value, {reason}: {', '.join(ids)}") for reason, ids in without.items()]


def _events(events: Sequence[Json]) -> Table:
    shown = table("Events", "s", "what", "kind", "lasts", "peak", "confidence")
    for event in events:
        peak = event.get("peak")
        side = word(str(event.get("side", "")), "STANCE_SIDE_")
        shown.add_row(
            f"{float(event.get('onset_s', 0)):.2f}",
            str(event.get("id", "")) + (f" ({side})" if side not in ("", "unspecified") else ""),
            str(event.get("kind", "")),
            f"{float(event.get('duration_s', 0)):.2f} s",
            "-" if peak is None else f"{number(float(peak))} {_unit(event)}",
            f"{float(event.get('confidence', 0)):.0%}",
        )
    return shown


def _unit(event: Json) -> str:
    unit = str(event.get("unit", ""))
    return "of the leg" if unit == "L" else unit


def _norms(norms: Sequence[Json]) -> Table:
    shown = table("Beside published means", "metric", "value", "age", "mean", "band", "source")
    for norm in norms:
        differs = "; ".join(norm.get("protocol_differs", []))
        provisional = " (provisional)" if norm.get("provisional") else ""
        shown.add_row(
            str(norm.get("metric", "")),
            measured(norm.get("value")),
            str(norm.get("age_group", "")),
            f"{float(norm.get('mean', 0)):.1f} {norm.get('unit', '')}",
            str(norm.get("band", "")),
            f"{norm.get('source', '')}{provisional}" + (f"; differs: {differs}" if differs else ""),
        )
    return shown


def _changes(changes: Sequence[Json], title: str) -> Table:
    shown = table(title, "metric", "now", "other", "difference (95%)", "MDC95", "verdict")
    for change in changes:
        least, metric = change.get("mdc95"), str(change.get("metric", ""))
        shown.add_row(
            metric or "whole trial",
            f"{float(change.get('now', 0)):.2f}" if metric else "-",
            f"{float(change.get('other', 0)):.2f}" if metric else "-",
            measured(change.get("difference")),
            "-" if least is None else f"{float(least):.2f}",
            str(change.get("not_comparable") or change.get("verdict") or "-"),
        )
    return shown


def _battery(totals: Sequence[Json]) -> Table:
    shown = table("Battery", "id", "value (95%)", "unit")
    for total in totals:
        shown.add_row(str(total.get("id", "")), measured(total), str(total.get("unit", "")))
    return shown
