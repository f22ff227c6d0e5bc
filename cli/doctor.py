"""`assay doctor`: what might keep the local stack from running, and what to do about it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

GIB = 2**30
DISK_WANTED, MEMORY_WANTED = 4 * GIB, 3 * GIB
CLOCK_EARLIEST = 1_767_225_600  # 2026-01-01: tokens and signatures fail under a clock before it


@dataclass(frozen=True)
class Finding:
    """One check: its subject, whether all is well, what was seen, what to do."""

    check: str
    ok: bool
    seen: str
    fix: str = ""


def python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding("python", good, version, "Install Python 3.11, 3.12 or 3.13 and run `make setup` again.")


def binaries() -> Iterator[Finding]:
    from dev.process import StartError, beside_python
    from dev.servers import envoy, postgres

    programs: dict[str, Callable[[], str]] = {
        "nats-server": lambda: beside_python("nats-server"),
        "weed": lambda: beside_python("weed"),
        "postgres": lambda: postgres.program("postgres"),
        "envoy": envoy.program,
    }
    for name, find in programs.items():
        try:
            path = find()
            good = os.access(path, os.X_OK)
        except StartError as error:
            path, good = str(error), False
        yield Finding(f"program {name}", good, path, "Run `make setup`.")


def colour_kernel() -> Iterator[Finding]:
    from svc_color.kernel import library

    seen = library.REASON or f"active: {library.ACTIVE}"
    yield Finding(
        "colour kernel", not library.REASON, seen, "Run `make setup`; until then colours take longer."
    )


def ports() -> Iterator[Finding]:
    from dev import control, home
    from dev.ports import is_free
    from dev.stack import SERVERS

    if control.running(home.home()) is not None:
        yield Finding("ports", True, "the stack runs and holds its ports")
        return
    wanted = {**SERVERS, "gateway": int(os.environ.get("GATEWAY") or SERVERS["gateway"])}
    taken = [f"{name} {port}" for name, port in wanted.items() if not is_free(port)]
    seen = f"taken: {', '.join(taken)}; free ones will be used" if taken else "the usual ports are free"
    yield Finding("ports", True, seen)


def disk() -> Iterator[Finding]:
    from dev import home

    folder = home.home()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    yield Finding("disk", free >= DISK_WANTED, f"{free / GIB:.1f} GiB free at {place}", "Free 4 GiB there.")


def memory() -> Iterator[Finding]:
    import psutil

    free = psutil.virtual_memory().available
    yield Finding("memory", free >= MEMORY_WANTED, f"{free / GIB:.1f} GiB available", "Free 3 GiB.")


def data_folder() -> Iterator[Finding]:
    from dev import home

    folder = home.home()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    fix = f"Make {place} writable for you, or set ASSAY_HOME to a folder that is."
    yield Finding("data folder", os.access(place, os.W_OK | os.X_OK), str(folder), fix)
    open_files = [path for path in _secrets(folder) if path.stat().st_mode & 0o077]
    names = ", ".join(str(path) for path in open_files)
    seen = f"readable by others: {names}" if open_files else "credentials are private"
    yield Finding("credentials", not open_files, seen, f"chmod 600 {names}")


def _secrets(folder: Path) -> list[Path]:
    return [p for pattern in ("*.pem", "clients.json", "*/credentials.json") for p in folder.glob(pattern)]


def clock() -> Iterator[Finding]:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    yield Finding("clock", now > CLOCK_EARLIEST, stamp, "Set the clock; tokens are refused otherwise.")


def stack() -> Iterator[Finding]:
    from dev import control, home

    state = control.running(home.home())
    if state is None:
        last = home.read_state(home.home())
        strays = [n for n, p in last.processes.items() if p.identity and p.identity.find()] if last else []
        seen = f"not running; left over: {', '.join(strays)}" if strays else "not running"
        yield Finding("stack", not strays, seen, "Run `assay down`.")
        return
    ill = [f"{n} {p.phase} {p.reason}".strip() for n, p in state.processes.items()]
    ill = [text for text in ill if text.split()[1] not in ("ready", "done")]
    yield Finding("stack", not ill, "; ".join(ill) or "healthy", "`assay logs NAME` says more.")


CHECKS = (python, binaries, colour_kernel, ports, disk, memory, data_folder, clock, stack)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Checks Python, programs, colour kernel, ports, disk, memory, data folder, clock and the running stack.

    Exit status 0 when nothing is amiss, 1 otherwise.

    \b
    Example:
      assay doctor
    """
    findings = [finding for check in CHECKS for finding in check()]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.check:<20} {finding.seen}")
            if not finding.ok:
                click.echo(f"      {'':<20} fix: {finding.fix}")
    if not all(finding.ok for finding in findings):
        raise click.exceptions.Exit(1)
