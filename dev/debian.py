"""Programs of pinned Debian packages, unpacked into .tools: nothing is installed, nobody is root.

    python -m dev.debian h2load        prints the program's path, after bringing it

dev/debian.lock pins every package by version and SHA-256. Packages come through apt, from the mirrors that
the machine is set up for.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.home import PROJECT
from dev.process import StartError

LOCK = Path(__file__).with_name("debian.lock")
TOOLS = PROJECT / ".tools" / "debian"
LIMIT_S = 300.0


@dataclass(frozen=True)
class Package:
    """A package at one version; `bundle` names what it is part of."""

    bundle: str
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Program:
    """An unpacked program: its path, and the environment that lets it find its libraries."""

    path: Path
    libraries: Path

    @property
    def environment(self) -> dict[str, str]:
        """The running environment with the unpacked libraries first."""
        found = [str(self.libraries), os.environ.get("LD_LIBRARY_PATH", "")]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, found))}


# Which bundle holds a program, and where in it.
PROGRAMS = {
    "h2load": ("nghttp2", "usr/bin/h2load"),
    "prometheus": ("prometheus", "usr/bin/prometheus"),
    "promtool": ("prometheus", "usr/bin/promtool"),
    "alertmanager": ("alertmanager", "usr/bin/prometheus-alertmanager"),
    "amtool": ("alertmanager", "usr/bin/amtool"),
}


def program(name: str) -> Program:
    """Returns a program, unpacking its bundle first where that is not done; raises StartError."""
    bundle, place = PROGRAMS[name]
    folder = TOOLS / bundle
    packages = locked(bundle)
    stamp = "".join(f"{each.name} {each.sha256}\n" for each in packages)
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / f"{bundle}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "stamp").is_file() or (folder / "stamp").read_text() != stamp:
            _unpack(packages, folder)
            (folder / "stamp").write_text(stamp)
    return Program(folder / place, folder / "usr" / "lib" / "x86_64-linux-gnu")


def locked(bundle: str) -> list[Package]:
    """The packages of a bundle, as the lock file pins them."""
    lines = (line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#"))
    return [Package(*fields) for fields in lines if fields[0] == bundle]


def _unpack(packages: Sequence[Package], folder: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise StartError("apt-get and dpkg-deb are needed: these programs come from Debian 12's packages")
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=TOOLS) as draft:
        wanted = [f"{each.name}={each.version}" for each in packages]
        _run(["apt-get", "download", "-q", *wanted], Path(draft), "`apt-get update` may help")
        for package in packages:
            [file] = Path(draft).glob(f"{package.name}_*.deb")
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            if digest != package.sha256:
                raise StartError(f"{file.name} has SHA-256 {digest}, dev/debian.lock says {package.sha256}")
            _run(["dpkg-deb", "-x", str(file), str(folder)], Path(draft), "")


def _run(command: Sequence[str], folder: Path, advice: str) -> None:
    done = subprocess.run(  # noqa: S603 - pinned names, no shell
        command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise StartError(f"{' '.join(command)}: {done.stderr.strip()} {advice}".strip())


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PROGRAMS:
        raise SystemExit(__doc__)
    print(program(sys.argv[1]).path)
