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
    """Decides CASE, a JSON file, under a ruleset: options per ink or a balance score, flags, trace.

    A case whose ruleset is balance@... is a DecideBalanceRequest in the JSON form of Protobuf.

    \b
    Example:
      assay decide svc_decision/examples/single-leg-eyes-open.json
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
        detail, fix = f"{case} cannot be read as JSON: {error}", "svc_decision/examples holds cases."
        raise refused("CASE_INVALID", detail, field="case", fix=fix) from error
    if isinstance(stated, dict) and str(stated.get("ruleset", "")).startswith("balance@"):
        balance = _decide_balance(stated)
        click.echo(
            json.dumps(balance, indent=2, ensure_ascii=False) if as_json else _readable_balance(balance)
        )
        return
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
    lines += [f"{flag['id']} {flag['severity']}{_raised(flag)}: {flag['text']}" for flag in decision["flags"]]
    lines += decision["messages"]
    if decision.get("counterfactuals"):
        lines.append(f"what it rests on ({decision['counterfactual_note']})")
        lines += [
            f"  {entry['text']}  ({', '.join(entry['rules'])})" for entry in decision["counterfactuals"]
        ]
        left_out = decision["counterfactuals_left_out"]
        lines += [f"  and {left_out} more"] if left_out else []
    return "\n".join(lines)


def _raised(flag: dict[str, Any]) -> str:
    """What raised a flag, which rulesets before format 1.1 did not tell."""
    raisers = [name for name in flag.get("raised_by", ()) if name != "always"]
    return f" (raised by {' and '.join(raisers)})" if raisers else ""


def _decide_balance(stated: dict[str, Any]) -> dict[str, Any]:
    """The whole decision of a balance case. Raises InvalidInput naming every fault."""
    from assay.decision.v1.decision_pb2 import DecideBalanceRequest
    from google.protobuf.json_format import ParseDict, ParseError

    from mesh.door import validate
    from svc_decision.balance.wire import case_of_request, decided_page

    request = DecideBalanceRequest()
    try:
        ParseDict(stated, request)
    except ParseError as error:
        detail = f"The case is no DecideBalanceRequest: {error}"
        fix = "svc_decision/examples/single-leg-eyes-open.json shows one."
        raise refused("CASE_INVALID", detail, field="case", fix=fix) from error
    validate(request)
    _, document = decided_page(case_of_request(request), request.ruleset)
    decided: dict[str, Any] = json.loads(document)
    return decided


def _readable_balance(decision: dict[str, Any]) -> str:
    ruleset, score = decision["ruleset"], decision["score"]
    lines = [
        f"status: {decision['status']}   score: {_value(score)}   "
        f"ruleset: {ruleset['name']}@{ruleset['version']} ({ruleset['approval']})"
    ]
    for part in decision.get("sub_scores", []):
        weight = part.get("weight", 0)
        lines.append(
            f"  {part['id']:<14} {_value(part['score'])}  weight {weight:.2f}  {part.get('rule', '')}"
        )
    lines += [f"{flag['id']} {flag['severity']}: {flag['text']}" for flag in decision["flags"]]
    lines += decision["messages"]
    return "\n".join(lines)


def _value(measured: dict[str, Any]) -> str:
    if "value" not in measured:
        return f"none ({measured.get('not_measurable', '')})"
    interval = f" ({measured['low_95']:.0f} to {measured['high_95']:.0f})" if "low_95" in measured else ""
    return f"{measured['value']:.0f}{interval}"
