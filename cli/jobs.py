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
    """Lists, shows, watches, cancels, repeats and compares analyses.

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


@jobs.command()
@click.argument("job_id")
@click.option(
    "--ruleset", default="", help="Decide under this one, e.g. tattoo@1.0.0; else as the analysis was."
)
@click.option("--model", default="", help="Find ink or pose with this one; else as the analysis was.")
@JSON
def replay(job_id: str, ruleset: str, model: str, as_json: bool) -> None:
    """Repeats an ended analysis as a new one, on the same upload.

    \b
    Example:
      assay jobs replay 0198c0de-0000-7000-8000-000000000000 --ruleset tattoo@1.0.0
    """
    from cli.api import Api

    view = Api.connect().replay(job_id, ruleset=ruleset, model=model)
    if as_json:
        click.echo(json.dumps(view, indent=2, ensure_ascii=False))
    else:
        click.echo(f"{view['job_id']} repeats {job_id}; see `assay jobs watch {view['job_id']}`")


@jobs.command()
@click.argument("a")
@click.argument("b")
@JSON
def diff(a: str, b: str, as_json: bool) -> None:
    """Compares the results of two analyses: what differs, and because of which rules, facts and versions.

    \b
    Example:
      assay jobs diff 0198c0de-0000-7000-8000-000000000000 0198c0de-0000-7000-8000-000000000001
    """
    from cli import show
    from cli.api import Api
    from cli.diff.compare import compare
    from cli.diff.show import comparison
    from cli.problems import refused
    from cli.results import document_of

    api = Api.connect()
    documents = [document_of(api.job(job_id)) for job_id in (a, b)]
    if documents[0].job.kind != documents[1].job.kind:
        detail = f"{a} is a {documents[0].job.kind} analysis and {b} a {documents[1].job.kind} analysis."
        raise refused("KINDS_DIFFER", detail, field="b", fix="Compare two analyses of one kind.")
    found = compare(*documents)
    if as_json:
        click.echo(json.dumps({"a": a, "b": b, **found.to_json()}, indent=2, ensure_ascii=False))
    else:
        comparison(found, a, b, show.console())
