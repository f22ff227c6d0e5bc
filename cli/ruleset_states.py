"""`assay ruleset status|activate|retire`: which ruleset the mesh decides new analyses under."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from cli.jobs import JSON


@click.command()
@JSON
def status(as_json: bool) -> None:
    """Shows which rulesets the running mesh has, and which one is active.

    \b
    Example:
      assay ruleset status
    """
    from cli import show
    from cli.api import Api

    views = Api.connect().call("GET", "/v1/rulesets").get("rulesets", [])
    if as_json:
        click.echo(json.dumps(views, indent=2, ensure_ascii=False))
    else:
        show.rulesets(views, show.console())


@click.command()
@click.argument("name")
@JSON
def activate(name: str, as_json: bool) -> None:
    """Makes NAME (name@version) the ruleset of new analyses that name none; look at its impact first.

    \b
    Example:
      assay ruleset impact tattoo@1.1.0
      assay ruleset activate tattoo@1.1.0
    """
    _turn(name, "activate", {}, as_json)


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why; callers who name the version are shown it.")
@JSON
def retire(name: str, reason: str, as_json: bool) -> None:
    """Refuses NAME (name@version) to new analyses; replays may still name it.

    \b
    Example:
      assay ruleset retire tattoo@1.0.0 --reason "no release of holds by test spots"
    """
    _turn(name, "retire", {"reason": reason}, as_json)


def _turn(name: str, word: str, body: dict[str, Any], as_json: bool) -> None:
    from cli.api import Api

    view = Api.connect().call("POST", f"/v1/rulesets/{quote(name, safe='@')}:{word}", body)
    state = str(view.get("state", "")).removeprefix("RULESET_STATE_").lower()
    reason = f": {view['reason']}" if view.get("reason") else ""
    click.echo(json.dumps(view, indent=2, ensure_ascii=False) if as_json else f"{name}: {state}{reason}")
