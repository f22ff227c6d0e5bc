"""Rotation of the development issuer's signing key, in three steps so that no token is ever refused.

announce: a new key joins the key set that everybody verifies with. switch: the issuer signs with it. retire:
once the last token of the old key has ended, the old key leaves the set.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from dev import issuer
from dev.credentials import write_private

# Tokens live 15 minutes; clocks may differ by 30 s; verifiers may keep a key set for a minute.
TOKENS_END_S = 900 + 30 + 60


class NotDue(RuntimeError):
    """A step of the rotation is not due; the message says why."""


@dataclass(frozen=True)
class Key:
    """A key of the set. state: signing, announced, or verifying (it signed before)."""

    kid: str
    state: str


def listed(folder: Path) -> list[Key]:
    """The keys that tokens are verified with."""
    signing = issuer.public_key(issuer.key_file(folder))["kid"]
    coming = issuer.public_key(_next(folder))["kid"] if _next(folder).exists() else ""
    states = {signing: "signing", coming: "announced"}
    return [Key(one["kid"], states.get(one["kid"], "verifying")) for one in _set(folder)]


def announce(folder: Path) -> Key:
    """Draws the next key and adds it to the key set; repeating it keeps the one that was drawn."""
    if not _next(folder).exists():
        write_private(_next(folder), issuer.draw_key())
    public = issuer.public_key(_next(folder))
    others = [one for one in _set(folder) if one["kid"] != public["kid"]]
    _write(folder, [*others, public])
    return Key(public["kid"], "announced")


def switch(folder: Path) -> Key:
    """Signs with the announced key from now on; the old private key is gone. Raises NotDue without one."""
    if not _next(folder).exists():
        raise NotDue("no key has been announced")
    kid = issuer.public_key(_next(folder))["kid"]
    if kid not in {one["kid"] for one in _set(folder)}:
        raise NotDue("the announced key is not in the key set yet; announce it again")
    write_private(folder / "issuer.pem", _next(folder).read_text())
    _next(folder).unlink()
    return Key(kid, "signing")


def retire(folder: Path, *, at_once: bool) -> list[Key]:
    """Takes the keys that signed before out of the set; returns them.

    at_once: also while tokens of theirs live, which are refused from then on. Raises NotDue otherwise.
    """
    old = [key for key in listed(folder) if key.state == "verifying"]
    left = TOKENS_END_S - (time.time() - issuer.key_file(folder).stat().st_mtime)
    if old and left > 0 and not at_once:
        raise NotDue(f"tokens of the old key may live for another {left:.0f} s")
    gone = {key.kid for key in old}
    _write(folder, [one for one in _set(folder) if one["kid"] not in gone])
    return old


def _next(folder: Path) -> Path:
    return folder / "issuer-next.pem"


def _set(folder: Path) -> list[dict[str, str]]:
    keys: list[dict[str, str]] = json.loads(issuer.key_set_file(folder).read_text())["keys"]
    return keys


def _write(folder: Path, keys: list[dict[str, str]]) -> None:
    write_private(folder / "jwks.json", json.dumps({"keys": keys}))
