"""`assay up|down|status|logs`: the local stack."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cli.problems import failed, refused
from dev import control, home
from dev.control import StackError
from dev.home import ProcessState, StackState
from dev.logs import tail

MIB = 2**20
GONE_PERIOD_S = 0.5


def parse_replicas(given: Sequence[str]) -> dict[str, int]:
    """ "segment=2" becomes {"segment": 2}; raises click.BadParameter for anything else."""
    from dev.stack import process_names

    counts: dict[str, int] = {}
    for text in given:
        name, _, count = text.partition("=")
        if not count.isdecimal():
            raise click.BadParameter(f"{text!r} is not STAGE=COUNT", param_hint="--replicas")
        counts[name] = int(count)
    try:
        process_names(counts)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--replicas") from error
    return counts


class Starting:
    """Says on stderr which processes have become ready, each once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: set[str] = set()
        self._began = time.monotonic()

    def __call__(self, state: StackState) -> None:
        for name, process in state.processes.items():
            if process.phase in ("ready", "done") and name not in self._said:
                self._said.add(name)
                where = ", ".join(str(port) for port in process.ports.values())
                elapsed = time.monotonic() - self._began
                self._console.print(f"{elapsed:6.1f} s  {name:<12} {process.phase}  {where}", highlight=False)


def start(replicas: dict[str, int], *, bound: bool) -> tuple[StackState, int]:
    """Starts the stack and waits for health; answers its state and the supervisor's process id.

    Raises CommandError, with nothing left running, when it does not start.
    """
    folder, wanted = home.home(), wanted_port()
    try:
        pid = control.start(folder, replicas, bound=bound)
    except StackError as error:
        raise failed("ALREADY_RUNNING", str(error)) from error
    try:
        state = control.await_ready(folder, pid, Starting(Console(stderr=True)))
    except StackError as error:
        control.stop(folder)
        raise failed("START_FAILED", str(error), fix="`assay doctor` looks for causes.") from error
    except BaseException:
        control.stop(folder)
        raise
    url = state.urls["gateway"]
    if wanted and not url.endswith(f":{wanted}"):
        click.echo(f"port {wanted} is taken; the gateway is at {url}", err=True)
    return state, pid


def wanted_port() -> int:
    """The public port that GATEWAY asks for, 0 for none; raises CommandError (INVALID_PORT)."""
    text = os.environ.get("GATEWAY", "")
    if text and not (text.isdecimal() and int(text) < 65536):
        raise refused(
            "INVALID_PORT",
            f"GATEWAY is {text!r}, which is no port.",
            field="GATEWAY",
            fix="Give a number from 1 to 65535, for example GATEWAY=9000.",
        )
    return int(text or 0)


def stay(folder: Path, announce: Callable[[], None]) -> None:
    """Announces the stack and waits until Ctrl-C, SIGTERM or the end of the supervisor; then drains.

    Whoever has read the announcement may press Ctrl-C, so it is made where Ctrl-C means an orderly end.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        announce()
        while control.running(folder) is not None:
            time.sleep(GONE_PERIOD_S)
    except KeyboardInterrupt:
        click.echo("\nstopping", err=True)
    finally:
        # A second Ctrl-C must not leave half a stack behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        control.stop(folder)


@click.command()
@click.option("--detach", is_flag=True, help="Return when everything is healthy.")
@click.option("--replicas", multiple=True, metavar="STAGE=COUNT", help="Run a stage more than once.")
def up(detach: bool, replicas: tuple[str, ...]) -> None:
    """Starts the local stack and waits until it is healthy.

    Data, logs and credentials live in .assay (ASSAY_HOME). GATEWAY sets the public port, 8080 by
    default; a port that is taken is replaced by a free one.

    \b
    Example:
      assay up --detach
      assay up --replicas segment=2
    """
    state, _ = start(parse_replicas(replicas), bound=not detach)

    def announce() -> None:
        for name, url in state.urls.items():
            click.echo(f"{name:<8} {url}")
        if not detach:
            click.echo("Ctrl-C ends it.", err=True)

    if detach:
        announce()
    else:
        stay(home.home(), announce)


@click.command()
def down() -> None:
    """Drains and ends the local stack; leaves nothing running.

    \b
    Example:
      assay down
    """
    try:
        strays = control.stop(home.home())
    except StackError as error:
        raise failed("NOT_DRAINED", str(error)) from error
    for name in strays:
        click.echo(f"ended a stray: {name}", err=True)
    click.echo("nothing is running")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Shows every process: health, process id, ports, restarts, memory.

    Exit status 0 when the stack is healthy, 1 otherwise.

    \b
    Example:
      assay status --json
    """
    from cli import show

    folder = home.home()
    state = control.running(folder)
    if state is None:
        raise failed("NO_STACK", f"No stack runs in {folder}.", fix="`assay up` starts one.")
    rows = {name: describe(process) for name, process in state.processes.items()}
    total = sum(row["pss_bytes"] for row in rows.values())
    healthy = all(row["phase"] in ("ready", "done") for row in rows.values())
    if as_json:
        whole = {"phase": state.phase, "healthy": healthy, "urls": dict(state.urls), "home": str(folder)}
        click.echo(json.dumps({**whole, "pss_bytes": total, "processes": rows}, indent=2))
    else:
        _print_table(rows, total, show.console())
        for name, url in state.urls.items():
            click.echo(f"{name:<8} {url}")
    if not healthy:
        raise click.exceptions.Exit(1)


def describe(process: ProcessState) -> dict[str, Any]:
    """One process as `assay status --json` shows it; memory includes its children."""
    import psutil

    running = process.identity.find() if process.identity else None
    rss = pss = 0
    if running is not None:
        for each in (running, *running.children(recursive=True)):
            try:
                memory = each.memory_full_info()
            except psutil.Error:
                continue
            rss += memory.rss
            # Only Linux shares memory out proportionally; elsewhere the unshared part stands in.
            pss += getattr(memory, "pss", memory.uss)
    return {
        "phase": process.phase,
        "reason": process.reason,
        "pid": process.identity.pid if process.identity else None,
        "ports": dict(process.ports),
        "restarts": process.restarts,
        "rss_bytes": rss,
        "pss_bytes": pss,
        "log": process.log,
    }


def _print_table(rows: dict[str, dict[str, Any]], total: int, console: Console) -> None:
    table = Table(title="Local stack", title_justify="left")
    for column in ("process", "health", "pid", "ports", "restarts", "RSS MiB", "PSS MiB"):
        table.add_column(
            column, justify="right" if column in ("pid", "restarts") or "MiB" in column else "left"
        )
    for name, row in rows.items():
        health = row["phase"] + (f": {row['reason']}" if row["reason"] and row["phase"] != "ready" else "")
        ports = " ".join(str(port) for port in row["ports"].values())
        numbers = (f"{row['rss_bytes'] / MIB:.0f}", f"{row['pss_bytes'] / MIB:.0f}")
        table.add_row(name, health, str(row["pid"] or "-"), ports, str(row["restarts"]), *numbers)
    table.add_section()
    table.add_row("sum", "", "", "", "", "", f"{total / MIB:.0f}")
    console.print(table)


@click.command()
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0, 10_000), default=20, show_default=True)
def logs(name: str | None, follow: bool, lines: int) -> None:
    """Prints the end of the logs, of one process or of all.

    \b
    Example:
      assay logs segment -f
    """
    folder = home.home() / "logs"
    names = [name] if name else sorted(path.stem for path in folder.glob("*.log"))
    paths = {each: folder / f"{each}.log" for each in names}
    for each, path in paths.items():
        if not path.exists():
            known = ", ".join(sorted(p.stem for p in folder.glob("*.log"))) or "none yet"
            raise refused("NO_LOG", f"There is no log of {each!r}.", field="name", fix=f"There are: {known}.")
        for line in tail(path, lines):
            click.echo(f"{each}: {line}" if len(paths) > 1 else line)
    if follow:
        _follow(paths)


def _follow(paths: dict[str, Path]) -> None:
    offsets = {name: path.stat().st_size for name, path in paths.items()}
    while True:
        for name, path in paths.items():
            size = path.stat().st_size if path.exists() else 0
            start = 0 if size < offsets[name] else offsets[name]  # it was rotated
            if size > start:
                with path.open("rb") as file:
                    file.seek(start)
                    text = file.read(size - start).decode(errors="replace")
                for line in text.splitlines():
                    click.echo(f"{name}: {line}" if len(paths) > 1 else line)
            offsets[name] = size
        time.sleep(0.3)
