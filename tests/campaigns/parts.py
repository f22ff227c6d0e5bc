"""Sections of a proof: each is a command of this repository, run whole, and what it printed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil

from models.revision import revision
from tests.campaigns.stack import REPO

ASSAY = [sys.executable, "-m", "cli.main"]
PYTEST = [sys.executable, "-m", "pytest", "-q", "--hypothesis-profile=explore"]
LIMIT_S = 1800.0
Step = Callable[[], str]


@dataclass(frozen=True)
class Part:
    """A section of the proof: its title, the command that made it, and how its output becomes Markdown."""

    title: str
    command: list[str]
    shown: Callable[[str], str]
    limit_s: float = LIMIT_S


def write(out: Path, title: str, command: str, steps: Iterable[Part | Step]) -> bool:
    """Runs the steps in their order and keeps each section as it comes; answers whether all succeeded."""
    sections, failed = [heading(title, command)], []
    for step in steps:
        run = partial(section, step) if isinstance(step, Part) else step
        sections.append(run())
        if isinstance(step, Part) and "exit code 0" not in sections[-1]:
            failed.append(step.title)
        print(sections[-1], flush=True)
        out.write_text("\n".join(sections), encoding="utf-8")
    print(f"written to {out.relative_to(REPO)}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return not failed


def heading(what: str, command: str) -> str:
    """Title of a proof, with the machine and the revision it was made on."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"# Proof: {what}\n\nMade by `{command}`; not edited.\n\n"
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, revision {revision()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, {memory:.0f} GiB.\n"
    )


def section(part: Part) -> str:
    """Runs a part's command and returns its section; a command that fails says so in the proof."""
    started = time.monotonic()
    done = subprocess.run(
        part.command, cwd=REPO, capture_output=True, text=True, timeout=part.limit_s, check=False
    )
    shown = [Path(word).name if word.endswith(("/python", "/python3")) else word for word in part.command]
    command = " ".join(shown).replace(f"{REPO.parent}", "..")
    head = (
        f"## {part.title}\n\n`{command}`: exit code {done.returncode}, {time.monotonic() - started:.0f} s.\n"
    )
    return f"{head}\n{part.shown(done.stdout if done.stdout.strip() else done.stderr)}\n"


def fenced(output: str) -> str:
    """Output as it is."""
    return "```\n" + output.strip() + "\n```"


def last_lines(output: str) -> str:
    """The closing lines of a test run."""
    return fenced("\n".join(output.strip().splitlines()[-3:]))
