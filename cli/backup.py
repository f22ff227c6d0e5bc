"""`assay backup` and `assay restore`: ledger, streams and objects of the local stack."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.jobs import JSON
from cli.problems import CommandError, failed, refused

if TYPE_CHECKING:
    from dev.backup.local import Summary

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@JSON
def backup(folder: Path, as_json: bool) -> None:
    """Saves ledger, streams, objects and issuer of the running local stack into an empty FOLDER.

    The stack goes on meanwhile. FOLDER then holds photos, keys and secrets in the clear.

    \b
    Example:
      assay backup backups/2026-11-22
    """
    from dev import control, home
    from dev.backup import local

    state = control.running(home.home())
    if state is None:
        raise failed("NO_STACK", "No local stack runs.", fix="Start it with `assay up`.")
    try:
        _tell(local.backup(home.home(), state, folder.resolve()), as_json, "saved")
    except Exception as error:
        raise _problem("BACKUP_FAILED", error) from error


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option(
    "--erased",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Jobs erased since the backup: a file of job ids, or the gateway's log.",
)
@JSON
def restore(folder: Path, erased: Path | None, as_json: bool) -> None:
    """Fills an empty ASSAY_HOME from the backup in FOLDER; `assay up` then starts it.

    A backup knows nothing of what was erased after it was made: give --erased, or what somebody asked to be
    forgotten comes back.

    \b
    Example:
      assay restore backups/2026-11-22 --erased gateway.log
    """
    from dev import control, home
    from dev.backup import local

    if control.running(home.home()) is not None:
        raise refused("STACK_RUNS", "A stack runs in this home.", fix="`assay down`, or another ASSAY_HOME.")
    try:
        ids = erased_jobs(erased.read_text()) if erased else []
        _tell(local.restore(home.home(), folder.resolve(), ids), as_json, "restored")
    except Exception as error:
        raise _problem("RESTORE_FAILED", error) from error


def erased_jobs(text: str) -> list[str]:
    """Job ids of a list, or of the `analysis_erased` lines of a log; each once, in order."""
    found: dict[str, None] = {}
    for line in text.splitlines():
        if UUID.fullmatch(line.strip()):
            found[line.strip()] = None
        elif '"analysis_erased"' in line:
            found[str(json.loads(line[line.index("{") :])["job_id"])] = None
    return list(found)


def _problem(code: str, error: Exception) -> CommandError:
    from dev.backup.local import BackupError

    if isinstance(error, BackupError):
        return refused(code, str(error), field="folder", fix="See docs/runbooks/restore.md.")
    return failed(code, f"{type(error).__name__}: {error}", fix="See docs/runbooks/restore.md.")


def _tell(summary: Summary, as_json: bool, verb: str) -> None:
    if as_json:
        click.echo(json.dumps(asdict(summary), indent=2))
        return
    click.echo(f"{verb}, as of {summary.made_at}")
    for part in ("streams", "rows", "objects", "notes"):
        for name, count in getattr(summary, part).items():
            click.echo(f"  {part:<8} {name:<24} {count}")
