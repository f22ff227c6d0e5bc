"""Brings the pinned npm packages into a cache."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
from pathlib import Path

from models.synth.sources.table import Source

DEADLINE_S = 300.0
MAX_MEMBER_BYTES = 64 * 1024 * 1024


def archive(source: Source, cache: Path) -> Path:
    """The package's tarball in the cache, fetched by npm where it is not there, checked either way.

    Raises RuntimeError when npm cannot fetch it or its content is not the pinned one.
    """
    path = cache / source.archive
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        name = f"{source.package}@{source.version}"
        done = subprocess.run(  # noqa: S603 - no shell, names from the table
            ["npm", "pack", name, "--silent"],  # noqa: S607 - npm is wherever it was installed
            cwd=cache,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"npm could not fetch {name}: {done.stderr.strip()[-400:]}")
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if digest != source.sha512:
        raise RuntimeError(
            f"{path.name} is not the pinned {source.package}@{source.version}: "
            f"sha512-{digest}; delete it and retry"
        )
    return path


def member(path: Path, name: str) -> bytes:
    """One file of a tarball. Raises RuntimeError when it is absent or larger than 64 MiB."""
    with tarfile.open(path) as tar:
        try:
            file = tar.extractfile(name)
        except KeyError:
            file = None
        if file is None:
            raise RuntimeError(f"{path.name} holds no {name}")
        data = file.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        raise RuntimeError(f"{path.name}: {name} is larger than {MAX_MEMBER_BYTES} bytes")
    return data
