"""How the command line ends: 0 result, 2 input refused, 1 our own failure."""

from __future__ import annotations

import json
import sys
from typing import Any

EXIT_FAILED, EXIT_REFUSED = 1, 2

Problem = dict[str, Any]


class CommandError(Exception):
    """A problem (RFC 9457) to print, and whether the caller's input is at fault."""

    def __init__(self, problem: Problem, *, refused: bool) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or problem.get("code")))
        self.problem = problem
        self.refused = refused


def refused(code: str, detail: str, *, field: str = "", fix: str = "") -> CommandError:
    """An input that we do not take."""
    return CommandError({"code": code, "detail": detail, "field": field, "fix": fix}, refused=True)


def failed(code: str, detail: str, *, fix: str = "") -> CommandError:
    """Something of ours that does not work."""
    return CommandError({"code": code, "detail": detail, "fix": fix}, refused=False)


def report(error: CommandError, *, as_json: bool) -> int:
    """Prints the problem on stderr; returns the exit status."""
    known = {key: value for key, value in error.problem.items() if value not in ("", None, [])}
    text = json.dumps(known, indent=2, ensure_ascii=False) if as_json else _readable(error, known)
    print(text, file=sys.stderr)
    return EXIT_REFUSED if error.refused else EXIT_FAILED


def _readable(error: CommandError, problem: Problem) -> str:
    detail = problem.get("detail") or problem.get("title") or "no reason was given"
    lines = [f"{'refused' if error.refused else 'failed'}: {detail}"]
    lines += [
        f"  {name:<8} {problem[name]}" for name in ("code", "field", "fix", "trace_id") if problem.get(name)
    ]
    faults = problem.get("errors", [])
    for fault in faults if len(faults) > 1 else []:  # a single one is said already
        lines.append(f"  at {fault.get('field')}: {fault.get('message')}")
    return "\n".join(lines)
