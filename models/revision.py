"""Which commit made something: written into models, logs and reports."""

from __future__ import annotations

import subprocess
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
UNKNOWN = "unknown"


def revision(*parts: str) -> str:
    """The commit of the working tree, "+" after it when tracked or new files below `parts` differ from it.

    No parts: the whole tree. "unknown" where there is no git or no checkout.
    """
    try:
        head, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", *parts)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return head + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - arguments are ours, no shell
        ["git", "-C", str(REPO), *arguments],  # noqa: S607 - git is wherever it was installed
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.strip()
