"""`assay keys`: the development issuer's signing key, changed without refusing a token."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from cli.jobs import JSON
from cli.problems import failed, refused
from dev import control, home
from dev.control import StackError

if TYPE_CHECKING:
    from dev.keys import Key

T = TypeVar("T")


@click.group()
def keys() -> None:
    """Lists the issuer's keys and rotates the one that signs: announce, switch, and later retire.

    \b
    Example:
      assay keys announce
      assay keys switch
      assay keys retire
    """


@keys.command(name="list")
@JSON
def list_keys(as_json: bool) -> None:
    """Lists the keys that tokens are verified with, and which one signs.

    \b
    Example:
      assay keys list --json
    """
    from dev.keys import listed

    _tell(listed(home.home()), as_json)


@keys.command()
@JSON
def announce(as_json: bool) -> None:
    """Draws the next key and lets everybody verify with it; Envoy is restarted, which takes a second or two.

    \b
    Example:
      assay keys announce
    """
    from dev.keys import announce as step

    key = _step(step)
    _reload_envoy()
    _tell([key], as_json)


@keys.command()
@JSON
def switch(as_json: bool) -> None:
    """Signs with the announced key from now on. Tokens of the old one stay good.

    \b
    Example:
      assay keys switch
    """
    from dev.keys import switch as step

    _tell([_step(step)], as_json)


@keys.command()
@click.option(
    "--now", "at_once", is_flag=True, help="Also while tokens of the old key live: they are refused."
)
@JSON
def retire(at_once: bool, as_json: bool) -> None:
    """Refuses what the old keys signed. Without --now only when their last token has ended.

    \b
    Example:
      assay keys retire
      assay keys retire --now
    """
    from dev.keys import retire as step

    gone = _step(lambda folder: step(folder, at_once=at_once))
    _reload_envoy()
    if as_json:
        click.echo(json.dumps([key.kid for key in gone], indent=2))
    else:
        click.echo("\n".join(f"{key.kid}  retired" for key in gone) or "there was no old key")


def _step(step: Callable[[Path], T]) -> T:
    from dev.keys import NotDue

    try:
        return step(home.home())
    except NotDue as error:
        raise refused("NOT_DUE", f"Not now: {error}.", fix="See docs/runbooks/key-rotation.md.") from error


def _reload_envoy() -> None:
    """Envoy reads the key set when it starts; the services see a change by themselves."""
    if control.running(home.home()) is None:
        return
    try:
        control.restart(home.home(), "envoy")
    except StackError as error:
        raise failed(
            "NOT_RESTARTED", str(error), fix="`assay status`, then `assay restart envoy`."
        ) from error


def _tell(found: list[Key], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(key) for key in found], indent=2))
        return
    for key in found:
        click.echo(f"{key.kid}  {key.state}")
