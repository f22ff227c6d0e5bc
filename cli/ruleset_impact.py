"""`assay ruleset impact`: past cases of the caller's tenant decided again, before a ruleset is activated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.jobs import JSON
from cli.problems import refused

if TYPE_CHECKING:
    from assay.events.v1.analysis_pb2 import Analysis

    from cli.api import Api
    from cli.impact import Decide, Impact

ALL = "all"


@click.command()
@click.argument("name")
@click.option("--jobs", multiple=True, default=(ALL,), show_default=True, help="Job ids, repeated; or all.")
@click.option(
    "--since", type=click.DateTime(), help="Of all: only those accepted at or after this moment (UTC)."
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="Of all: newest."
)
@click.option(
    "--examples", type=click.IntRange(0, 1000), default=5, show_default=True, help="At most so many."
)
@JSON
def impact(
    name: str, jobs: tuple[str, ...], since: datetime | None, limit: int, examples: int, as_json: bool
) -> None:
    """Says how many past decisions would change under NAME, an id or the folder of a draft, and how.

    Results are read through the API and decided again in this process; nothing is changed or stored. Replays
    are left out of all: they repeat a case that is counted already.

    \b
    Example:
      assay ruleset impact tattoo@1.1.0 --jobs all --since 2026-11-01
      assay ruleset impact drafts/tattoo-1.2.0 --jobs 0198c0de-0000-7000-8000-000000000000
    """
    from cli.api import Api
    from cli.impact import impact as measure

    kind, under_new = decider(name)
    api = Api.connect()
    chosen = _all(api, kind, since, limit) if ALL in jobs else list(dict.fromkeys(jobs))
    found = measure(_documents(api, kind, chosen), under_recorded, under_new)
    if as_json:
        told = {"ruleset": name, **found.to_json(examples)}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo(readable(name, found, examples))
        if ALL in jobs and len(chosen) == limit:
            click.echo(f"Only the newest {limit} were looked at; --limit takes more.", err=True)


def decider(name: str) -> tuple[str, Decide]:
    """The kind that a ruleset decides, and a function that decides a document under it.

    name: an installed ruleset, or the folder of a draft for tattoos. Raises CommandError, NotFound, Internal.
    """
    from svc_decision.engine import decide
    from svc_decision.loader import build, load_ruleset, read_draft
    from svc_decision.wire import case_of_analysis, page_of

    if name.startswith("balance@"):
        _check_installed(name)
        return "balance", lambda document: under(document, name)
    rules = build(read_draft(Path(name))) if Path(name).is_dir() else load_ruleset(_check_installed(name))
    return "tattoo", lambda document: page_of(decide(case_of_analysis(_named(document, rules.id)), rules))


def under_recorded(document: Analysis) -> Any:
    """The decision under the ruleset of the record. Raises NotFound when it is not installed."""
    return under(document, document.decision.ruleset)


def under(document: Analysis, ruleset_id: str) -> Any:
    """The decision of a document under an installed ruleset, as the stage makes it."""
    from svc_decision.balance.stage import decision_page as decide_balance
    from svc_decision.stage import decision_page as decide_tattoo

    stage = decide_balance if document.job.kind == "balance" else decide_tattoo
    return stage(_named(document, ruleset_id))[0]


def readable(name: str, found: Impact, examples: int) -> str:
    """The counts, the rules behind them, and examples."""
    told = found.to_json(examples)
    lines = [
        f"{name}: {told['changed']} of {told['jobs']} decisions would change: {told['stricter']} stricter, "
        f"{told['milder']} milder, {told['mixed']} both in parts, {told['other']} otherwise; "
        f"{told['wording']} only in their words, {told['unchanged']} not at all."
    ]
    if told["rules"]:
        named = ", ".join(f"{rule} ({count})" for rule, count in list(told["rules"].items())[:20])
        lines.append(f"Rules behind it (decisions): {named}")
    if told["not_reproduced"]:
        lines.append(
            f"{len(told['not_reproduced'])} decisions on record came out otherwise under their own ruleset "
            "today; what is counted compares today's code with itself."
        )
    lines += [f"{one.job_id} cannot be decided: {one.code} {one.message}" for one in found.undecided]
    for one in found.changed[:examples]:
        lines.append(f"{one.job_id} {one.direction}:")
        lines += [
            f"  {d.kind} {d.at}: {d.before or '-'} -> {d.after or '-'}  ({', '.join(d.rules) or 'no rule'})"
            for d in one.differences
            if d.kind != "text"
        ]
    return "\n".join(lines)


def _all(api: Api, kind: str, since: datetime | None, limit: int) -> list[str]:
    """The newest cases that have a result, without replays."""
    moment = since.replace(tzinfo=UTC).isoformat() if since else ""
    views = api.list(limit, kind=kind, state="STATE_SUCCEEDED", created_after=moment)
    return [str(view["job_id"]) for view in views if not view.get("replay_of")]


def _documents(api: Api, kind: str, chosen: Sequence[str]) -> Iterator[Analysis]:
    from cli.results import document_of

    for job_id in chosen:
        document = document_of(api.job(job_id))
        if document.job.kind != kind:
            detail = f"{job_id} is a {document.job.kind} analysis; the ruleset decides {kind}."
            raise refused("KINDS_DIFFER", detail, field="jobs", fix=f"Name {kind} analyses.")
        yield document


def _named(document: Analysis, ruleset_id: str) -> Analysis:
    """The document as if it had been ordered under a ruleset."""
    made = type(document)()
    made.CopyFrom(document)
    made.job.ruleset = ruleset_id
    return made


def _check_installed(name: str) -> str:
    from svc_decision.rulefile import available

    if name not in available():
        fix = f"Use one of {', '.join(available())}, or the folder of a draft for tattoos."
        raise refused("RULESET_NOT_FOUND", f"There is no ruleset {name}.", field="name", fix=fix)
    return name
