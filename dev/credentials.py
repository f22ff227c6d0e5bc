"""Credentials of the local stack: drawn once, kept in files that only their owner can read."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path


def write_private(path: Path, content: str) -> None:
    """Writes a file whole or not at all, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    draft.replace(path)


def keep(path: Path, make: Callable[[], str]) -> Path:
    """Makes the file's content on first use; leaves it alone ever after."""
    if not path.exists():
        write_private(path, make())
    return path


def passwords(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Returns a random 256-bit hex password per name; a name that is new to the file gets one."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in names if name not in known]
    if missing:
        known.update({name: secrets.token_hex(32) for name in missing})
        write_private(path, json.dumps(known, indent=2))
    return known
