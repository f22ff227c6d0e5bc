"""`assay ruleset`: rulesets of this installation, read, linted and tested without the mesh."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.jobs import JSON
from cli.problems import CommandError, refused
from cli.ruleset_impact import impact
from cli.ruleset_states import activate, retire, status

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from svc_decision.rules import Rule

NAME = click.argument("name")


@click.group()
def ruleset() -> None:
    """Lists and shows rulesets; lints one, runs its cases, says what it would change, and activates it.

    \b
    Example:
      assay ruleset list
      assay ruleset show tattoo@1.1.0 --rule R01
      assay ruleset lint tattoo@1.1.0
      assay ruleset test tattoo@1.1.0
    """


@ruleset.command(name="list")
@JSON
def list_rulesets(as_json: bool) -> None:
    """Lists the installed rulesets with their hash and who signed them.

    \b
    Example:
      assay ruleset list --json
    """
    from svc_decision.documents import manifest_of
    from svc_decision.rulefile import available

    rows = []
    for ruleset_id in available():
        manifest, sha256 = manifest_of(ruleset_id)
        rows.append(
            {
                "ruleset": ruleset_id,
                "sha256": sha256,
                "effective": manifest.effective,
                "author": manifest.author,
                "approver": manifest.approver,
                "approval": manifest.approval_status,
                "jurisdiction": manifest.jurisdiction,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    for row in () if as_json else rows:
        signed = row["approver"] or "nobody has signed it"
        click.echo(f"{row['ruleset']:<16} since {row['effective']}  {str(row['sha256'])[:12]}  {signed}")


@ruleset.command()
@NAME
@click.option("--rule", help="Only this rule, for example R01, P1, E.black.532, S.532, L.PW.532, T.flag.R01.")
@click.option("--kind", help="Only rules of this kind, for example flag, intake, ladder, label, text.")
@JSON
def show(name: str, rule: str | None, kind: str | None, as_json: bool) -> None:
    """Shows every rule of NAME with source, evidence, author, approver and date.

    \b
    Example:
      assay ruleset show tattoo@1.1.0 --kind flag
      assay ruleset show tattoo@1.1.0 --rule R01 --json
    """
    from svc_decision.loader import load_ruleset, read_document
    from svc_decision.rules import find_rule, rules_of

    sources = load_ruleset(name).sources
    rules = rules_of(read_document(name))
    if rule is not None:
        one = find_rule(rules, rule)
        click.echo(_json(_whole(one, sources)) if as_json else _readable(one, sources))
        return
    chosen = [r for r in rules.values() if kind in (None, r.kind)]
    if not chosen:
        fix = f"Use one of: {', '.join(dict.fromkeys(r.kind for r in rules.values()))}."
        raise refused("RULE_KIND_UNKNOWN", f"{name} has no rules of the kind {kind}.", field="kind", fix=fix)
    click.echo(_json([_whole(r, sources) for r in chosen]) if as_json else "\n".join(map(_line, chosen)))


@ruleset.command()
@NAME
@JSON
def lint(name: str, as_json: bool) -> None:
    """Finds unreachable, contradictory, unused and untested rules of NAME, an id or the folder of a draft.

    Ends with 1 when there are findings.

    \b
    Example:
      assay ruleset lint tattoo@1.1.0
      assay ruleset lint drafts/tattoo-1.2.0 --json
    """
    from svc_decision.casebook import read_cases
    from svc_decision.lint import lint as findings_of
    from svc_decision.loader import read_draft

    folder = _folder(name)
    cases = read_cases(folder) if (folder / "cases").is_dir() else ()
    found = findings_of(read_draft(folder), cases)
    if as_json:
        rows = [{"kind": f.kind, "rule": f.rule, "message": f.message} for f in found]
        click.echo(_json({"ruleset": name, "cases": len(cases), "findings": rows}))
    else:
        lines = [f"{f.kind:<13} {f.rule:<14} {f.message}" for f in found]
        click.echo("\n".join([*lines, f"{name}: {len(found)} finding(s), {len(cases)} case(s)"]))
    if found:
        raise click.exceptions.Exit(1)


@ruleset.command()
@NAME
@click.option("--case", "case_id", help="Only the case of this id, for example T05.")
@JSON
def test(name: str, case_id: str | None, as_json: bool) -> None:
    """Runs the cases that ship with NAME, an id or the folder of a draft, against what they expect.

    Ends with 1 when a case does not get what it expects.

    \b
    Example:
      assay ruleset test tattoo@1.1.0
      assay ruleset test tattoo@1.1.0 --case T05
    """
    from svc_decision.casebook import read_cases, run_case
    from svc_decision.loader import build, read_draft

    folder = _folder(name)
    rules = build(read_draft(folder))
    rows = [row for row in read_cases(folder) if case_id in (None, row.id)]
    if not rows:
        fix = "See the files of its folder `cases`."
        raise refused("CASE_NOT_FOUND", f"{name} has no case {case_id}.", field="case", fix=fix)
    runs = [run_case(row, rules) for row in rows]
    failed = [run for run in runs if run.faults]
    if as_json:
        told = [{"id": r.row.id, "title": r.row.title, "faults": list(r.faults)} for r in runs]
        click.echo(_json({"ruleset": name, "sha256": rules.sha256, "failed": len(failed), "cases": told}))
    else:
        lines = [f"{r.row.id:<20} {r.row.title}: {'; '.join(r.faults)}" for r in failed]
        click.echo("\n".join([*lines, f"{name}: {len(runs) - len(failed)} of {len(runs)} cases as expected"]))
    if failed:
        raise click.exceptions.Exit(1)


for _command in (status, activate, retire, impact):
    ruleset.add_command(_command)


def _folder(name: str) -> Traversable:
    """The folder of an installed ruleset, or the folder that is named. Raises CommandError."""
    from svc_decision.rulefile import available, folder

    if Path(name).is_dir():
        return Path(name)
    if name in available("tattoo"):
        return folder(name)
    raise _no_such(name, available("tattoo"))


def _no_such(name: str, known: tuple[str, ...]) -> CommandError:
    fix = f"Use one of {', '.join(known)}, or the folder of a draft."
    return refused("RULESET_NOT_FOUND", f"There is no tattoo ruleset {name}.", field="name", fix=fix)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _whole(rule: Rule, sources: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": rule.id,
        "kind": rule.kind,
        "file": rule.file,
        "source": [{"tag": tag, "reference": sources.get(tag, "")} for tag in rule.source],
        "evidence": rule.evidence,
        "author": rule.author,
        "approver": rule.approver,
        "effective": rule.effective,
        "jurisdiction": rule.jurisdiction,
        "definition": dict(rule.definition),
        "texts": {code: dict(texts) for code, texts in rule.texts.items()},
    }


def _line(rule: Rule) -> str:
    sources = ", ".join(rule.source) or "no source stated"
    return f"{rule.id:<22} {rule.kind:<12} {rule.evidence or '-':<10} {sources}"


def _readable(rule: Rule, sources: Mapping[str, str]) -> str:
    lines = [
        f"{rule.id} ({rule.kind}, {rule.file}.json)",
        f"evidence: {rule.evidence or 'not stated'}   author: {rule.author}   since {rule.effective}",
        f"approver: {rule.approver or 'nobody has signed it'}   jurisdiction: {rule.jurisdiction}",
        *(f"source {tag}: {sources.get(tag, '')}" for tag in rule.source),
        json.dumps(dict(rule.definition), ensure_ascii=False),
    ]
    lines += [f"{code} {key}: {text}" for code, texts in rule.texts.items() for key, text in texts.items()]
    return "\n".join(lines)
