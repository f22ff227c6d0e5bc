"""Rehearses runbooks: makes the trouble, types the runbook's commands, looks whether it helped, keeps all.

python -m tests.campaigns.rehearsals                 every runbook, into docs/runbooks/rehearsed
python -m tests.campaigns.rehearsals erasure-request one of them
python -m tests.campaigns.rehearsals --list

Commands are read from the runbook and run as they stand there, by bash; only the values of variables that a
runbook says to set come from here. A check that fails ends the rehearsal, and nothing is kept.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns import runbooks
from tests.campaigns.parts import heading
from tests.campaigns.runbooks import Runbook
from tests.campaigns.stack import REPO, Stack, running_stack

LIMIT_S = 420.0
LINES, WIDTH = 40, 200
# A stack whose stages give up after seconds instead of many minutes.
IMPATIENT = {
    "ASSAY_ACK_WAIT_S": "5",
    "ASSAY_MAX_DELIVER": "3",
    "ASSAY_RETRY_BASE_S": "0.2",
    "ASSAY_RETRY_CAP_S": "1",
}
SCRIPT = """
run() { printf '\\n$ %s\\n' "$1"; eval "$1" 2>&1; printf '[exit status %d]\\n' $?; }
"""


class NotRehearsed(AssertionError):
    """A check of a rehearsal did not hold."""


@dataclass
class Rehearsal:
    """One runbook under rehearsal: types its blocks in order and writes the record."""

    book: Runbook
    folder: Path
    stack: Stack | None = None
    env: dict[str, str] = field(default_factory=dict)
    _parts: list[str] = field(default_factory=list)
    _next: int = 0
    _checks: int = 0

    @property
    def mesh(self) -> Stack:
        """The running stack; raises NotRehearsed when the rehearsal has none."""
        if self.stack is None:
            raise NotRehearsed("this rehearsal has no stack")
        return self.stack

    def given(self, text: str) -> None:
        """Writes down what was done to bring the trouble about."""
        self._parts.append(f"Given: {text}\n")

    def type(self, **variables: str) -> str:
        """Types the runbook's next block with these variables; returns everything that was printed."""
        block = self.book.local[self._next]
        self._next += 1
        script = SCRIPT + "".join(f"run {_quoted(line)}\n" for line in block)
        bin_ = str(Path(sys.executable).parent)
        home = str(self.stack.folder) if self.stack else str(self.folder / "home")
        env = {
            **os.environ,
            "ASSAY_HOME": home,
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "COLUMNS": "120",
            **self.env,
            **variables,
        }
        shell = ["bash", "-c", script]
        done = subprocess.run(
            shell, cwd=REPO, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        said = self._clean(done.stdout + done.stderr)
        told = "".join(f"{name}={self._clean(value)}\n" for name, value in variables.items())
        self._parts.append(f"```\n{told}{_short(said).strip()}\n```\n")
        return said

    def check(self, what: str, holds: bool) -> None:
        """Writes down what was looked for; raises NotRehearsed when it does not hold."""
        if not holds:
            raise NotRehearsed(f"not so: {what}\n{self._parts[-1] if self._parts else ''}")
        self._checks += 1
        self._parts.append(f"- [x] {what}\n")

    def _clean(self, text: str) -> str:
        """Names of this machine's folders have no place in what is kept."""
        for place, name in (
            (self.folder / "home", "stack"),
            (self.folder, "stacks"),
            (Path(sys.executable).parent, "bin"),
            (REPO, "."),
        ):
            text = text.replace(str(place), name)
        return re.sub(r"\x1b\[[0-9;]*m", "", text)

    def keep(self, seconds: float) -> Path:
        """Writes the record; raises NotRehearsed unless every block was typed and something was checked."""
        if self._next != len(self.book.local) or not self._checks:
            raise NotRehearsed(f"{self.book.name}: {self._next} of {len(self.book.local)} blocks were typed")
        head = heading(
            f"rehearsal of {self.book.name}", f"python -m tests.campaigns.rehearsals {self.book.name}"
        )
        end = f"Every check held: {self._checks} of {self._checks}, {seconds:.0f} s."
        self.book.record.parent.mkdir(parents=True, exist_ok=True)
        self.book.record.write_text("\n".join([head, *self._parts, end]) + "\n", encoding="utf-8")
        return self.book.record


def _quoted(line: str) -> str:
    return "'" + line.replace("'", "'\\''") + "'"


def _short(text: str) -> str:
    """At most LINES lines per command; what was left out is counted."""
    shown = []
    for part in re.split(r"(?m)^(?=\$ )", text):
        lines = part.rstrip().splitlines()
        if len(lines) > LINES:
            left = len(lines) - LINES
            lines = [*lines[: LINES - 6], f"... {left} lines ...", *lines[-6:]]
        shown.append("\n".join(line if len(line) <= WIDTH else line[:WIDTH] + " ..." for line in lines))
    return "\n\n".join(part for part in shown if part)


def until(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Waits for something to become true; False when it does not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.5)
    return False


@contextmanager
def surroundings(values: Mapping[str, str]) -> Iterator[None]:
    """Settings for stacks that are started inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


Play = Callable[[Rehearsal], None]


def plays() -> tuple[dict[str, Play], dict[str, Play]]:
    """Rehearsals by runbook: those that share one stack, and those that start their own."""
    from tests.campaigns.rehearsal import alone, data, serving, stages

    return {**data.PLAYS, **stages.PLAYS, **serving.PLAYS}, alone.PLAYS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="RUNBOOK")
    parser.add_argument("--list", action="store_true", help="name the runbooks that have a rehearsal")
    args = parser.parse_args()
    shared, alone = plays()
    if args.list:
        print("\n".join(sorted((*shared, *alone))))
        return 0
    wanted = args.names or [*shared, *alone]
    unknown = [name for name in wanted if name not in shared and name not in alone]
    if unknown:
        parser.error(f"no rehearsal of {', '.join(unknown)}; --list names them")
    failed = rehearse({name: shared[name] for name in wanted if name in shared}, with_stack=True)
    failed += rehearse({name: alone[name] for name in wanted if name in alone}, with_stack=False)
    print(
        f"{len(wanted) - len(failed)} of {len(wanted)} rehearsed" + (f"; failed: {failed}" if failed else "")
    )
    return 1 if failed else 0


def rehearse(chosen: Mapping[str, Play], *, with_stack: bool) -> list[str]:
    """Runs rehearsals one after the other; returns the names of those that failed."""
    failed: list[str] = []
    if not chosen:
        return failed
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="assay-rehearsal-")))
        stack = None
        if with_stack:
            cleanup.enter_context(surroundings(IMPATIENT))
            stack = cleanup.enter_context(running_stack(folder / "home"))
        for name, play in chosen.items():
            own = folder / name
            own.mkdir()
            book = runbooks.read(name)
            rehearsal = Rehearsal(book, folder if with_stack else own, stack)
            rehearsal.env["SCRATCH"] = str(own)
            started = time.monotonic()
            try:
                play(rehearsal)
                kept = rehearsal.keep(time.monotonic() - started)
                print(f"{name}: kept in {kept.relative_to(REPO)}", flush=True)
            except Exception as error:
                failed.append(name)
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
