"""Results for people, by kind; lists of analyses and models; where the files are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from cli import show_balance, show_tattoo
from cli.words import table, word

Json = Mapping[str, Any]

PLAIN_WIDTH = 120
DISCLAIMER = "Decision support for trained laser operators; never device settings."


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
        show_tattoo.result(view, out)
        out.rule(DISCLAIMER)
    width = max((len(label) for label in places), default=0)
    for label, place in places.items():
        # Never wrapped: a URL that is broken over two lines cannot be clicked.
        out.print(f"{label:<{width}}  {place}", soft_wrap=True, highlight=False, markup=False)


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
        shown.add_row(
            str(view.get("model", "")),
            str(view.get("kind", "")),
            model_state(view),
            str(view.get("reason") or ""),
            str(view.get("recalled_by") or view.get("activated_by") or ""),
            str(view.get("recalled_at") or view.get("activated_at") or "")[:16].replace("T", " "),
        )
    out.print(shown)


def model_state(view: Json) -> str:
    """One word: recalled, active (the version of its model that runs where none is named) or served."""
    return "recalled" if view.get("recalled") else "active" if view.get("active") else "served"


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
