"""`assay decide`: the rule engine alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from cli.problems import refused


@click.command()
@click.argument("case", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the whole decision with its trace.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a case and end.")
def decide(case: Path | None, as_json: bool, schema: bool) -> None:
    """Decides CASE, a JSON file, under a ruleset: options per ink, flags, trace.

    \b
    Example:
      assay decide svc_decision/examples/red-on-type-ii.json --json
      assay decide --schema
    """
    from svc_decision.case import parse_case
    from svc_decision.case import schema as case_schema
    from svc_decision.engine import decide as run
    from svc_decision.loader import DEFAULT_RULESET, load_ruleset
    from svc_decision.present import to_json

    if schema:
        click.echo(json.dumps(case_schema(), indent=2))
        return
    if case is None:
        raise click.UsageError("Name a CASE file, or ask for --schema.")
    try:
        stated = json.loads(case.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise refused("CASE_INVALID", f"{case} cannot be read as JSON: {error}") from error
    parsed = parse_case(stated)
    decision = to_json(run(parsed, load_ruleset(parsed.ruleset or DEFAULT_RULESET)))
    click.echo(json.dumps(decision, indent=2, ensure_ascii=False) if as_json else _readable(decision))


def _readable(decision: dict[str, Any]) -> str:
    ruleset = decision["ruleset"]
    lines = [
        f"status: {decision['status']}   skin: {decision['fitzpatrick_safe']}   "
        f"ruleset: {ruleset['name']}@{ruleset['version']} ({ruleset['approval']})"
    ]
    for ink in decision["inks"]:
        lines.append(f"{ink['class']}:")
        for option in ink["options"]:
            lines.append(
                f"  {option['wavelength_nm']:>5} nm  {option['status']:<11} efficacy {option['efficacy']}  "
                f"label {option['label']}  skin {option['skin_gate']}  ({', '.join(option['rules'])})"
            )
        lines += [f"  {message}" for message in ink["messages"]]
    lines += [f"{flag['id']} {flag['severity']}: {flag['text']}" for flag in decision["flags"]]
    lines += decision["messages"]
    return "\n".join(lines)
