"""`assay models`: the versions that are served, and the switches that choose one and withdraw one."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from cli.jobs import JSON


@click.group()
def models() -> None:
    """Lists models; activates a version, recalls one from every service within seconds, restores it.

    \b
    Example:
      assay models list
      assay models activate ink-seg@1.0.0
      assay models recall ink-seg@1.0.0 --reason "masks of watch straps, case 4711"
    """


@models.command(name="list")
@JSON
def list_models(as_json: bool) -> None:
    """Lists the versions of the mesh, newest first.

    \b
    Example:
      assay models list --json
    """
    from cli import show
    from cli.api import Api

    views = Api.connect().call("GET", "/v1/models").get("models", [])
    if as_json:
        click.echo(json.dumps(views, indent=2, ensure_ascii=False))
    else:
        show.models(views, show.console())


@models.command()
@click.argument("model")
@click.option("--reason", required=True, help="Why; callers who name the version are shown it.")
@JSON
def recall(model: str, reason: str, as_json: bool) -> None:
    """Withdraws MODEL (name@version): the version before it takes its place, where there is one.

    \b
    Example:
      assay models recall ink-seg@1.0.0 --reason "masks of watch straps, case 4711"
    """
    _turn(model, "recall", {"reason": reason}, as_json)


@models.command()
@click.argument("model")
@JSON
def activate(model: str, as_json: bool) -> None:
    """Makes MODEL (name@version) the version of its model that runs where none is named.

    \b
    Example:
      assay models activate ink-seg@1.0.0
    """
    _turn(model, "activate", {}, as_json)


@models.command()
@click.argument("model")
@JSON
def restore(model: str, as_json: bool) -> None:
    """Takes the recall of MODEL (name@version) back.

    \b
    Example:
      assay models restore ink-seg@1.0.0
    """
    _turn(model, "restore", {}, as_json)


def _turn(model: str, word: str, body: dict[str, Any], as_json: bool) -> None:
    from cli import show
    from cli.api import Api

    view = Api.connect().call("POST", f"/v1/models/{quote(model, safe='@')}:{word}", body)
    state = f"recalled: {view.get('reason', '')}" if view.get("recalled") else show.model_state(view)
    click.echo(json.dumps(view, indent=2, ensure_ascii=False) if as_json else f"{model}: {state}")
