"""`assay streams` and `assay metrics`: what waits where, and what a process says of itself."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import click

from cli.deadletters import within
from cli.jobs import JSON
from cli.problems import failed, refused

if TYPE_CHECKING:
    from mesh.settings import Settings

TIMEOUT_S = 10.0


@click.command()
@JSON
def streams(as_json: bool) -> None:
    """Shows how full each stream is and what each consumer has before it.

    Reaches NATS directly, as `assay deadletters` does. In a pod the command is
    `python -m mesh.operate streams`.

    \b
    Example:
      assay streams
    """
    from mesh.operate import streams as found

    rows = within(found)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        if "consumer" in row:
            click.echo(
                f"  {row['consumer']:<24} waiting {row['waiting']:>6}  running {row['running']:>4}  "
                f"redelivered {row['redelivered']:>4}"
            )
        else:
            click.echo(f"{row['stream']}: {row['messages']} messages, {row['full']:.1%} full")


@click.command()
def topology() -> None:
    """Declares streams, consumers and buckets again as this release has them; it may be repeated.

    ASSAY_REGION and the other settings count as for `assay up`. In Kubernetes the job `topology` does it.

    \b
    Example:
      assay topology
    """
    within(_declare)
    click.echo("streams, consumers and buckets are as this release declares them")


async def _declare(settings: Settings) -> None:
    from mesh import jetstream
    from mesh.topology import apply

    connection = await jetstream.connect(settings, "topology")
    try:
        await apply(connection.js, settings)
    finally:
        await connection.close()


@click.command()
@click.argument("process")
@click.argument("pattern", default="^assay_")
@JSON
def metrics(process: str, pattern: str, as_json: bool) -> None:
    """Prints what a process of the local stack shows Prometheus, where PATTERN, a regular expression, fits.

    \b
    Example:
      assay metrics gateway outbox
    """
    from dev import control, home

    state = control.running(home.home())
    if state is None:
        raise failed("NO_STACK", "No local stack runs.", fix="Start it with `assay up`.")
    found = state.processes.get(process)
    if found is None or "metrics" not in found.ports:
        known = ", ".join(name for name, each in state.processes.items() if "metrics" in each.ports)
        raise refused(
            "NO_METRICS", f"{process!r} shows no metrics.", field="process", fix=f"There are: {known}."
        )
    lines = _scrape(found.ports["metrics"])
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise refused("PATTERN_INVALID", f"{pattern!r}: {error}.", field="pattern") from error
    samples = [line for line in lines if not line.startswith("#") and wanted.search(line)]
    if as_json:
        pairs = (line.rpartition(" ") for line in samples)
        click.echo(json.dumps({name: float(value) for name, _, value in pairs}, indent=2))
    else:
        click.echo("\n".join(samples))


def _scrape(port: int) -> list[str]:
    import urllib3

    try:
        answer = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics", timeout=TIMEOUT_S, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise failed(
            "UNREACHABLE", f"No metrics at port {port}: {error}.", fix="See `assay status`."
        ) from error
    return answer.data.decode().splitlines()
