"""Makes the project's environment from nothing but Python and a package index.

    python3 dev/bootstrap.py run|dev|export|load

Brings uv into .tools/uv, everything the lock file names into .venv, compiles the colour kernel
(`python -m svc_color.kernel.build`), and brings the pose models that the balance assessment needs into
.tools/cache/models (`python -m models.convert`). `export` brings the converters of
models/export/requirements.lock into models/export/.venv instead, `load` Locust into bench/load/.venv.
Nothing is written
outside the project's folder; uv's cache is .tools/cache unless UV_CACHE_DIR says otherwise.
Standard library only. pip's and uv's own configuration (index, proxy, certificates) holds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TOOLS = PROJECT / ".tools"
UV_HOME = TOOLS / "uv"
UV_WANTED = "uv>=0.13,<1"
# Where systems keep the certificate authorities they trust, a company's own among them.
SYSTEM_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
OLDEST, NEWEST = (3, 11), (3, 13)
GROUPS = {"run": ["--no-default-groups", "--group", "run"], "dev": []}
APART = {"export": PROJECT / "models" / "export", "load": PROJECT / "bench" / "load"}
"""Folders with an environment of their own: requirements.lock and .venv."""
KERNEL = PROJECT / "svc_color" / "kernel"


def run(*command: str | Path, quiet: bool = False) -> bool:
    """Runs a command with the project's cache folders; True when it succeeds."""
    environment = {
        "PIP_CACHE_DIR": str(TOOLS / "cache" / "pip"),
        "UV_CACHE_DIR": str(TOOLS / "cache" / "uv"),
        "UV_PYTHON_INSTALL_DIR": str(TOOLS / "python"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # uv brings certificates of its own; where the system has some, those count, as for pip.
        "UV_SYSTEM_CERTS": str(any(Path(each).exists() for each in SYSTEM_CERTIFICATES)).lower(),
        **os.environ,
    }
    # A virtual environment that happens to be active is not ours to fill.
    environment.pop("VIRTUAL_ENV", None)
    sink = subprocess.DEVNULL if quiet else None
    argv = [str(part) for part in command]
    done = subprocess.run(argv, cwd=PROJECT, env=environment, stdout=sink, stderr=sink, check=False)  # noqa: S603 - no shell
    return done.returncode == 0


def find_python() -> str:
    """A fitting Python: this one, one on the PATH, or a version that uv may look for."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        # A version manager's shim is on the PATH even for a version that is not there.
        if found and run(found, "--version", quiet=True):
            return found
    return f"{OLDEST[0]}.{OLDEST[1]}"


def find_uv() -> Path | None:
    """Our own uv, where it works."""
    for candidate in (UV_HOME / "bin" / "uv", UV_HOME / "site" / "bin" / "uv"):
        if candidate.exists() and run(candidate, "--version", quiet=True):
            return candidate
    return None


def install_uv() -> Path:
    """Installs uv into .tools/uv: by venv, or by pip into a folder where Python lacks ensurepip."""
    shutil.rmtree(UV_HOME, ignore_errors=True)
    UV_HOME.parent.mkdir(parents=True, exist_ok=True)
    if run(sys.executable, "-m", "venv", UV_HOME, quiet=True):
        run(UV_HOME / "bin" / "python", "-m", "pip", "install", "--quiet", UV_WANTED)
    else:
        shutil.rmtree(UV_HOME, ignore_errors=True)
        run(sys.executable, "-m", "pip", "install", "--quiet", "--target", UV_HOME / "site", UV_WANTED)
    uv = find_uv()
    if uv is None:
        raise SystemExit(
            "set-up: uv could not be installed. This Python needs either venv with ensurepip "
            "(Debian: apt install python3-venv) or pip, and a package index it can reach "
            "(set PIP_INDEX_URL for a mirror)."
        )
    return uv


def sync(uv: Path, wanted: str, python: str) -> bool:
    """Makes .venv exactly as the lock file says, from the index of the lock file or from a mirror."""
    if run(uv, "sync", *GROUPS[wanted], "--frozen", "--quiet", "--python", python):
        return True
    mirror = mirror_flags(pip_settings())
    if not mirror:
        return False
    print("set-up: trying the package index that pip is configured for", flush=True)
    pins = TOOLS / f"{wanted}.txt"
    export: list[str | Path] = [
        "export",
        *GROUPS[wanted],
        "--frozen",
        "--quiet",
        "--no-emit-project",
        "-o",
        pins,
    ]
    own = ["install", "--quiet", "--no-deps", "--editable", "."]
    return (
        run(uv, *export)
        and run(uv, "venv", "--quiet", "--clear", "--python", python, ".venv")
        and run(uv, "pip", "sync", "--quiet", "--require-hashes", *mirror, pins)
        and run(uv, "pip", *own, *mirror)
    )


def apart(uv: Path, folder: Path, python: str) -> bool:
    """Makes an environment of its own from a lock; where that names PyTorch, its build for CPUs is enough."""
    lock, venv, stamp = folder / "requirements.lock", folder / ".venv", folder / ".venv" / ".assay-set-up"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return True
    if not run(uv, "venv", "--quiet", "--clear", "--python", python, venv):
        return False
    install: list[str | Path] = ["pip", "install", "--quiet", "--python", venv, "-r", lock]
    mirror = mirror_flags(pip_settings())
    if not ((mirror and run(uv, *install, *mirror)) or run(uv, *install, "--torch-backend", "cpu")):
        return False
    stamp.write_text(lock.read_text())
    return True


def pip_settings() -> str:
    """What pip is configured for, as `pip config list` prints it; empty when there is no pip."""
    ours = UV_HOME / "bin" / "python"
    python = str(ours) if ours.exists() else sys.executable
    argv = [python, "-m", "pip", "config", "list"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout  # noqa: S603 - no shell


def mirror_flags(settings: str) -> list[str]:
    """pip's configured indexes as flags of uv, which does not read pip's configuration."""
    names = {"index-url": "--default-index", "extra-index-url": "--index", "find-links": "--find-links"}
    flags: list[str] = []
    for line in settings.splitlines():
        key, _, value = line.partition("=")
        flag = names.get(key.rpartition(".")[2])
        if flag:
            flags += [part for url in value.strip("'").split() for part in (flag, url)]
    # The lock file's hashes say which file is right, whichever index has it.
    return [*flags, "--index-strategy", "unsafe-best-match"] if flags else []


def fingerprint(name: str) -> list[str]:
    """What decides the content of .venv, to skip work that is done."""
    parts = [name]
    for path in (PROJECT / "uv.lock", PROJECT / "pyproject.toml"):
        stat = path.stat()
        parts.append(f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}")
    return parts


def main(arguments: list[str]) -> int:
    """Brings the environment up to date; returns the exit status."""
    if len(arguments) != 1 or arguments[0] not in (*GROUPS, *APART):
        raise SystemExit(__doc__)
    wanted, began = arguments[0], time.monotonic()
    python = find_python()
    if wanted in APART:
        if apart(find_uv() or install_uv(), APART[wanted], python):
            return 0
        raise SystemExit(f"set-up: {APART[wanted] / '.venv'} could not be made (uv's message is above).")
    stamp = PROJECT / ".venv" / ".assay-set-up"
    if stamp.exists() and _satisfies(stamp.read_text(), wanted):
        return finish()
    uv = find_uv() or install_uv()
    if not sync(uv, wanted, python):
        raise SystemExit(
            "set-up: uv could not make .venv (its message is above). A Python of "
            f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} and a reachable package index are needed; "
            "set UV_INDEX_URL or UV_DEFAULT_INDEX for a mirror."
        )
    stamp.write_text("\n".join(fingerprint(wanted)))
    print(f"set-up: .venv is ready ({time.monotonic() - began:.1f} s)", flush=True)
    return finish()


def finish() -> int:
    """What is made in place after .venv."""
    if not build_kernel():
        print(
            "set-up: the colour kernel could not be built (the reason is above; docs/colour-kernel.md). "
            "Colours come out the same in numpy, about ten times slower.",
            flush=True,
        )
    return fetch_models()


def build_kernel() -> bool:
    """Compiles the colour kernel where none of these sources is there; its compiler is gone afterwards."""
    build: list[str | Path] = [PROJECT / ".venv" / "bin" / "python", "-m", "svc_color.kernel.build"]
    if run(*build, "--check", quiet=True):
        return True
    uv = find_uv() or install_uv()
    with tempfile.TemporaryDirectory(dir=TOOLS, prefix="zig-") as folder:
        lock, python = KERNEL / "requirements.lock", build[0]
        install: list[str | Path] = ["pip", "install", "--quiet", "--require-hashes", "--python", python]
        install += ["--target", folder, "-r", lock]
        mirror = mirror_flags(pip_settings())
        brought = run(uv, *install) or (bool(mirror) and run(uv, *install, *mirror))
        return brought and run(*build, "--zig", Path(folder) / "ziglang" / "zig")


def fetch_models() -> int:
    """Makes sure that the pose models are there; other people's weights are not kept in git."""
    if run(PROJECT / ".venv" / "bin" / "python", "-m", "models.convert"):
        return 0
    raise SystemExit("set-up: the pose models could not be made (the reason is above; docs/pose-models.md).")


def _satisfies(stamped: str, wanted: str) -> bool:
    """True when .venv was made from these very files, for this purpose or a wider one."""
    return any(stamped == "\n".join(fingerprint(name)) for name in {wanted, "dev"})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
