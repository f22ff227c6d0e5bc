"""`assay jobs delete` and `assay subjects delete`: erasure by the public API."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import click

from cli.jobs import JSON, jobs
from cli.problems import failed

WAIT = click.option(
    "--wait",
    type=click.IntRange(0, 3600),
    default=60,
    show_default=True,
    help="Seconds to wait until everything that was there is gone.",
)
PERIOD_S = 2.0
WORDS = {
    "ERASURE_STATE_PENDING": "pending; it goes on by itself",
    "ERASURE_STATE_ERASED": "erased; a last look follows when no stage can write any more",
    "ERASURE_STATE_CONFIRMED": "erased and confirmed",
}


@jobs.command()
@click.argument("job_id")
@WAIT
@JSON
def delete(job_id: str, wait: int, as_json: bool) -> None:
    """Erases an analysis, also one that runs: facts, objects, rows. It cannot be taken back.

    Repeating it tells how far the erasure is. Exit status 1 while it is pending after --wait.

    \b
    Example:
      assay jobs delete 0198c0de-0000-7000-8000-000000000000
    """
    _erase(f"/v1/analyze/{quote(job_id)}", wait, as_json)


@click.group()
def subjects() -> None:
    """Erases what is held of a person.

    \b
    Example:
      assay subjects delete clinic-7.patient-12
    """


@subjects.command(name="delete")
@click.argument("subject_id")
@WAIT
@JSON
def delete_subject(subject_id: str, wait: int, as_json: bool) -> None:
    """Erases every analysis of a subject. It cannot be taken back.

    \b
    Example:
      assay subjects delete clinic-7.patient-12 --json
    """
    _erase(f"/v1/subjects/{quote(subject_id)}", wait, as_json)


def _erase(path: str, wait: int, as_json: bool) -> None:
    from cli.api import Api

    api, until = Api.connect(), time.monotonic() + wait
    answer = api.call("DELETE", path)
    while answer["state"] == "ERASURE_STATE_PENDING" and time.monotonic() < until:
        time.sleep(PERIOD_S)
        answer = api.call("DELETE", path)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        found = f"{answer['analyses']} analyses, {answer['facts']} facts, {answer['objects']} objects"
        click.echo(f"{found}: {WORDS[answer['state']]}")
    if answer["state"] == "ERASURE_STATE_PENDING":
        raise failed("ERASURE_PENDING", f"Not everything was gone after {wait} s.", fix="See `assay status`.")
