"""`assay scale` and `assay restart`: replicas of the local stack while it runs."""

from __future__ import annotations

import json

import click

from cli.jobs import JSON
from cli.problems import failed
from cli.stack import describe, parse_replicas
from dev import control, home
from dev.control import StackError
from dev.home import StackState


@click.command()
@click.argument("replicas", metavar="STAGE=COUNT...", nargs=-1, required=True)
@JSON
def scale(replicas: tuple[str, ...], as_json: bool) -> None:
    """Runs stages so many times, 1 to 8 each; new ones take work when ready, those that leave drain first.

    \b
    Example:
      assay scale segment=3
    """
    counts = parse_replicas(replicas)
    try:
        state = control.scale(home.home(), counts)
    except StackError as error:
        raise failed("NOT_SCALED", str(error), fix="`assay logs supervisor` says more.") from error
    _tell(state, [name for name in state.processes if name.partition("-")[0] in counts], as_json)


@click.command()
@click.argument("name")
@JSON
def restart(name: str, as_json: bool) -> None:
    """Drains a process of the local stack and starts it again.

    \b
    Example:
      assay restart segment-2
    """
    try:
        state = control.restart(home.home(), name)
    except StackError as error:
        raise failed("NOT_RESTARTED", str(error), fix="`assay status` lists what runs.") from error
    _tell(state, [name], as_json)


def _tell(state: StackState, names: list[str], as_json: bool) -> None:
    rows = {name: describe(state.processes[name]) for name in sorted(names)}
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for name, row in rows.items():
        click.echo(f"{name:<12} {row['phase']:<9} pid {row['pid']}  ports {row['ports']}")
