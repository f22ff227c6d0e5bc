"""Motifs for designs: an icon set under CC BY 3.0, fetched pinned and checked at training time."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path

from models.synth.designs import Motif
from models.synth.outline import polygons

PACKAGE = "@iconify-json/game-icons@1.2.4"
"""Game-icons.net by Lorc, Delapouite and others, CC BY 3.0, as packed for npm by Iconify."""
ARCHIVE = "iconify-json-game-icons-1.2.4.tgz"
SHA512 = "/HDDZxowXgDJcOEwPspUCq5RuDdl25OyZKdtxqqiPJQNTrWIym7r4StLzIVs77DyNzOWWhH5wDqwYR3WHeDfkg=="
_VIEW = 512.0
_DATA = re.compile(r'\bd="([^"]+)"')


def load(cache: Path) -> list[Motif]:
    """Every icon as closed contours in the unit square, in the set's own order.

    Raises RuntimeError when npm cannot fetch the package or its content is not the pinned one.
    """
    archive = cache / ARCHIVE
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(  # noqa: S603 - a fixed command
            ["npm", "pack", PACKAGE, "--silent"],  # noqa: S607 - npm is wherever it was installed
            cwd=cache,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            raise RuntimeError(f"npm could not fetch {PACKAGE}: {done.stderr.strip()[-400:]}")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise RuntimeError(
            f"{archive.name} is not the pinned {PACKAGE}: sha512-{digest}; delete it and retry"
        )
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/icons.json")
        if member is None:
            raise RuntimeError(f"{archive.name} holds no package/icons.json")
        icons = json.load(member)["icons"]
    motifs = (
        [c / _VIEW for d in _DATA.findall(icon["body"]) for c in polygons(d)] for icon in icons.values()
    )
    return [m for m in motifs if m]
