"""`assay jobs` and `assay token`: the public API by hand."""

from __future__ import annotations

import json

import click

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@JSON
def token(as_json: bool) -> None:
    """Prints an access token for the public API.

    \b
    Example:
      curl -H "authorization: Bearer $(assay token)" http://127.0.0.1:8080/v1/analyze
    """
    from cli.api import Api

    granted = Api.connect().token()
    click.echo(json.dumps(granted, indent=2) if as_json else granted["access_token"])


@click.group()
def jobs() -> None:
    """Lists, shows, watches and cancels analyses.

    \b
    Example:
      assay jobs list --state failed
    """


@jobs.command(name="list")
@click.option("--state", type=click.Choice(["queued", "running", "succeeded", "failed", "cancelled"]))
@click.option("--kind", type=click.Choice(["tattoo", "balance"]))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@JSON
def list_jobs(state: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """Lists analyses, newest first.

    \b
    Example:
      assay jobs list --state succeeded --limit 5 --json
    """
    from cli import show
    from cli.api import Api

    views = Api.connect().list(limit, state=f"STATE_{state.upper()}" if state else "", kind=kind or "")
    if as_json:
        click.echo(json.dumps(views, indent=2, ensure_ascii=False))
    else:
        show.jobs(views, show.console())


@jobs.command()
@click.argument("job_id")
@JSON
def show(job_id: str, as_json: bool) -> None:
    """Shows an analysis, with its result when it has one.

    \b
    Example:
      assay jobs show 0198c0de-0000-7000-8000-000000000000
    """
    from cli import show as showing
    from cli.api import Api

    api = Api.connect()
    view = api.job(job_id)
    if as_json:
        click.echo(json.dumps(view, indent=2, ensure_ascii=False))
    elif view["state"] == "STATE_SUCCEEDED":
        showing.result(view, {"Report": f"{api.url}/v1/analyze/{job_id}/report.pdf"}, showing.console())
    else:
        showing.jobs([view], showing.console())


@jobs.command()
@click.argument("job_id")
@JSON
def watch(job_id: str, as_json: bool) -> None:
    """Follows an analysis to its end; exits like `assay analyze`.

    \b
    Example:
      assay jobs watch 0198c0de-0000-7000-8000-000000000000
    """
    from cli.analyze import DEADLINE_S, present, watched
    from cli.api import Api

    api = Api.connect()
    if as_json:
        for event in api.await_end(job_id, DEADLINE_S):
            click.echo(json.dumps({"event": event.name, **event.data}))
        return
    watched(api, job_id, show_progress=True)
    present(api.job(job_id), {"Report": f"{api.url}/v1/analyze/{job_id}/report.pdf"}, as_json=False)


@jobs.command()
@click.argument("job_id")
@JSON
def cancel(job_id: str, as_json: bool) -> None:
    """Cancels an analysis that has not ended.

    \b
    Example:
      assay jobs cancel 0198c0de-0000-7000-8000-000000000000
    """
    from cli.api import Api

    view = Api.connect().call("POST", f"/v1/analyze/{job_id}:cancel", {})
    click.echo(json.dumps(view, indent=2, ensure_ascii=False) if as_json else f"{job_id}: {view['state']}")
