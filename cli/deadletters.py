"""`assay deadletters`: facts that were given up; see them, drive them again, drop them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from cli.jobs import JSON
from cli.problems import failed, refused

T = TypeVar("T")
Row = dict[str, Any]


@click.group()
def deadletters() -> None:
    """Lists, shows, re-drives and drops facts that a stage gave up.

    Reaches NATS directly: of the local stack, or of ASSAY_NATS_URL. In a pod the command is
    `python -m mesh.operate deadletters`.

    \b
    Example:
      assay deadletters list
      assay deadletters redrive --all
    """


def within(work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
    """Runs one piece of work against NATS; raises CommandError when it is away."""
    import nats.errors

    from cli.inside import nats_settings
    from mesh.operate import log_to_stderr

    log_to_stderr()
    try:
        return asyncio.run(work(nats_settings(), *arguments))
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise failed(
            "NATS_UNAVAILABLE", f"NATS does not answer: {error}", fix="See `assay status`."
        ) from error


@deadletters.command(name="list")
@click.option("--stage", default="*", show_default="every stage", help="Of this stage.")
@click.option("--job", "job_id", default="*", show_default="every job", help="Of this job.")
@JSON
def list_letters(stage: str, job_id: str, as_json: bool) -> None:
    """Lists dead letters, oldest first, at most 1000.

    \b
    Example:
      assay deadletters list --stage segment --json
    """
    from mesh.operate import as_row
    from mesh.operate import list_letters as found

    rows = [as_row(letter) for letter in within(found, stage, job_id)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(
            f"{row['sequence']:>6}  {row['buried_at']}  {row['stage']:<9} {row['code']:<20} "
            f"{row['fact'] or '-':<10} {row['job_id']}  epoch {row['epoch']}"
        )
    click.echo(f"{len(rows)} dead letters")


@deadletters.command()
@click.argument("sequence", type=click.IntRange(1))
@JSON
def show(sequence: int, as_json: bool) -> None:
    """Shows one dead letter; with --json also the document, which holds what was stated of a person.

    \b
    Example:
      assay deadletters show 7
    """
    from mesh.operate import as_row, read_letter, shown

    letter = within(read_letter, sequence)
    if as_json:
        click.echo(json.dumps(shown(letter), indent=2, ensure_ascii=False))
        return
    for name, value in as_row(letter).items():
        click.echo(f"{name:<14} {value}")


@deadletters.command()
@click.argument("sequences", metavar="[SEQUENCE]...", type=click.IntRange(1), nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every letter, or every one of --stage or --code.")
@click.option("--stage", default="*", help="With --all: of this stage.")
@click.option("--code", default="", help="With --all: given up with this code.")
@JSON
def redrive(sequences: tuple[int, ...], everything: bool, stage: str, code: str, as_json: bool) -> None:
    """Publishes the given-up facts again under the next epoch; their jobs go on with new time.

    Mend the cause first. Exit status 2 when one of them was refused.

    \b
    Example:
      assay deadletters redrive 7 8
      assay deadletters redrive --all --stage segment --code STORAGE_UNAVAILABLE
    """
    from mesh.operate import list_letters as found
    from mesh.operate import redrive_letters

    if bool(sequences) == everything:
        raise refused("NOTHING_NAMED", "Name dead letters, or give --all.", field="sequence")
    if everything:
        sequences = tuple(
            letter.sequence for letter in within(found, stage, "*") if not code or letter.code == code
        )
    _tell(within(redrive_letters, sequences), as_json, "driven again under epoch {epoch}")


@deadletters.command()
@click.argument("sequences", metavar="SEQUENCE...", type=click.IntRange(1), nargs=-1, required=True)
@JSON
def drop(sequences: tuple[int, ...], as_json: bool) -> None:
    """Removes dead letters for good; their jobs stay failed.

    \b
    Example:
      assay deadletters drop 7
    """
    from mesh.operate import drop_letters

    _tell(within(drop_letters, sequences), as_json, "dropped")


def _tell(rows: list[Row], as_json: bool, done: str) -> None:
    """Prints what became of each; exit status 2 when one was refused."""
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            became = f"refused: {row['detail']} {row['fix']}" if "code" in row else done.format(**row)
            click.echo(f"{row['sequence']:>6}  {row.get('job_id', '-')}  {became}")
        click.echo(f"{sum('code' not in row for row in rows)} of {len(rows)}")
    if any("code" in row for row in rows):
        raise click.exceptions.Exit(2)
