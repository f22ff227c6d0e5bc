"""Builds what each image holds, without Docker, and says what came out.

    python -m dev.images                  builds each image's content in .tools/images, checks it, lists it
    python -m dev.images sway color       some of them
    python -m dev.images --ffmpeg FOLDER  with the FFmpeg that k8s/ffmpeg.sh built there, as production has it
    python -m dev.images --write          also writes the list into docs/images.md, Python compiled as there

The steps are the Dockerfile's own (k8s/image.sh), the arguments those of k8s/docker-bake.json. Exit status 1
when an image holds what it must not hold, or its processes cannot be imported from it alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.bootstrap import find_uv, install_uv
from dev.home import PROJECT
from dev.image_contents import Contents, findings, page_table, read, wheels_of

BAKE = PROJECT / "k8s" / "docker-bake.json"
STEPS = PROJECT / "k8s" / "image.sh"
FOLDER = PROJECT / ".tools" / "images"
PAGE = PROJECT / "docs" / "images.md"
LIMIT_S = 900.0
EVERYWHERE = ("mesh", "proto/gen")
PROCESSES: dict[str, tuple[str, ...]] = {
    "gateway": ("gateway.__main__", "gateway.migrate", "gateway.surface.__main__", "mesh.topology"),
    "edge": ("gateway.surface.__main__",),
    "ingest": ("svc_ingest.__main__", "svc_ingest.worker"),
    "segment": ("svc_segment.__main__",),
    "color": ("svc_color.__main__",),
    "pose": ("svc_balance.pose.__main__",),
    "sway": ("svc_balance.sway.__main__",),
    "decision": ("svc_decision.__main__",),
    "report": ("svc_report.__main__", "svc_report.annotate.__main__"),
    "canary": ("cli.main", "cli.canary", "cli.api"),
}
"""What is started from an image: the modules that its pods, jobs and workers run."""


@dataclass(frozen=True)
class Image:
    """An image's arguments: dependency group, our own paths, models to convert, what is compiled for it."""

    name: str
    group: str
    rooms: tuple[str, ...]
    models: tuple[str, ...]
    kernel: bool
    video: bool

    @property
    def processes(self) -> tuple[str, ...]:
        """Modules that are started from it; those of a GPU image are its CPU sister's."""
        return PROCESSES[self.name.removesuffix("-gpu")]


def images(bake: Path = BAKE) -> dict[str, Image]:
    """The images of a bake file by name, what is inherited resolved.

    Raises ValueError for one without rooms, or whose processes `PROCESSES` does not name.
    """
    targets: dict[str, Any] = json.loads(bake.read_text(encoding="utf-8"))["target"]
    found = {}
    for name in targets:
        arguments = _arguments(targets, name)
        if "GROUP" not in arguments:
            continue  # what the others inherit from
        if not arguments.get("ROOMS"):
            raise ValueError(f"{bake.name}: {name} has no ROOMS")
        if name.removesuffix("-gpu") not in PROCESSES:
            raise ValueError(f"{bake.name}: {name} is new; say in PROCESSES what is started from it")
        found[name] = Image(
            name=name,
            group=arguments["GROUP"],
            rooms=tuple(arguments["ROOMS"].split()),
            models=tuple(arguments.get("MODELS", "").split()),
            kernel=arguments.get("KERNEL", "no") == "yes",
            video=arguments.get("VIDEO", "no") == "yes",
        )
    return found


def _arguments(targets: dict[str, Any], name: str) -> dict[str, str]:
    target = targets[name]
    merged: dict[str, str] = {}
    for parent in target.get("inherits", ()):
        merged |= _arguments(targets, parent)
    merged.update(target.get("args", {}))
    return merged


def make(image: Image, folder: Path, *, ffmpeg: Path | None = None, bytecode: bool = False) -> Path:
    """Builds an image's content anew in `folder`/NAME; returns that. Raises CalledProcessError."""
    place = folder / image.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    ours = [str(ffmpeg.resolve())] if ffmpeg and image.video else []
    _step("packages", place, image.group, *ours, bytecode=bytecode)
    if image.models:
        _step("models", place, *image.models)
    if image.kernel:
        _step("kernel", place)
    _step("rooms", place, *EVERYWHERE, *image.rooms, bytecode=bytecode)
    return place


def _step(step: str, place: Path, *arguments: str, bytecode: bool = False) -> None:
    environment = {
        "UV_CACHE_DIR": str(PROJECT / ".tools" / "cache" / "uv"),
        **os.environ,
        "UV": str(find_uv() or install_uv()),
        **({"UV_COMPILE_BYTECODE": "1"} if bytecode else {}),
    }
    environment.pop("VIRTUAL_ENV", None)
    argv = [str(STEPS), step, str(place), *arguments]
    subprocess.run(  # noqa: S603 - argv of our own, no shell
        argv, cwd=PROJECT, env=environment, check=True, timeout=LIMIT_S, capture_output=True, text=True
    )


def imports(image: Image, place: Path) -> str:
    """Imports the image's processes from its content alone, as in the image; "" or what went wrong."""
    names = " ".join(f"import {module};" for module in image.processes)
    own = f"import sys; sys.path[:0] = [{str(place)!r}, {str(place / 'proto' / 'gen')!r}]; {names}"
    # -P and an empty environment: neither this folder nor PYTHONPATH lends it anything.
    argv = [str(place / ".venv" / "bin" / "python"), "-P", "-c", own]
    done = subprocess.run(  # noqa: S603 - argv of our own, no shell
        argv,
        cwd="/",
        env={"HOME": str(place), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        timeout=LIMIT_S,
        capture_output=True,
        text=True,
    )
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]


def check(image: Image, contents: Contents, place: Path, *, own_ffmpeg: bool) -> list[str]:
    """What is wrong with an image's content, one line each."""
    wrong = findings(image.name, image.rooms, contents, place, own_ffmpeg=own_ffmpeg or not image.video)
    failed = imports(image, place)
    return [
        *wrong,
        *([f"{image.name}: its processes cannot be imported from it alone: {failed}"] if failed else []),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.images", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="IMAGE", help="for example sway; all CPU images when left out"
    )
    parser.add_argument("--ffmpeg", type=Path, help="folder that k8s/ffmpeg.sh installed into")
    parser.add_argument("--quiet", action="store_true", help="say only what is wrong")
    parser.add_argument("--write", action="store_true", help="write the table into docs/images.md")
    given = parser.parse_args(arguments)
    known = images()
    chosen = [known[name] for name in given.names or known if given.names or not name.endswith("-gpu")]
    wrong, rows = [], []
    for image in chosen:
        try:
            place = make(image, FOLDER, ffmpeg=given.ffmpeg, bytecode=given.write)
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"{image.name}: {error.stderr}") from error
        contents = read(place)
        rows.append((image.name, contents))
        wrong += check(image, contents, place, own_ffmpeg=given.ffmpeg is not None)
    gpu = (
        {}
        if given.quiet
        else {name: wheels_of(image.group) for name, image in known.items() if name.endswith("-gpu")}
    )
    table = page_table(rows, gpu)
    said = f"{len(rows)} images hold what they need and nothing else" if not wrong else "\n".join(wrong)
    print(*([] if given.quiet else [table]), said, sep="\n")
    if given.write:
        if given.names:
            raise SystemExit("--write keeps the whole list: name no images")
        note = (
            ""
            if given.ffmpeg
            else "PyAV is its wheel here, which stands in for the build against our FFmpeg.\n\n"
        )
        _replace(PAGE, note + table)
    return 1 if wrong else 0


def _replace(page: Path, table: str) -> None:
    """Puts the table between the page's marks."""
    before, mark, rest = page.read_text(encoding="utf-8").partition("<!-- contents -->\n")
    _, end, after = rest.partition("<!-- end of contents -->")
    if not mark or not end:
        raise SystemExit(f"{page} has no marks for the table")
    page.write_text(f"{before}{mark}{table}{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
