"""Compiles the colour kernel with Zig's C compiler, which comes as a Python package.

    python -m svc_color.kernel.build --zig PATH_OF_ZIG
    python -m svc_color.kernel.build --check

One library for each platform, the same wherever it is built: nothing of the building machine's processor or C
library goes in. rows.c is compiled once for each instruction set, and the library picks at run time.
`--check` says, by its exit status, whether the library there is the one that the sources make.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from svc_color.kernel.sources import LIBRARY, SOURCES, digest, load

# The oldest C library that numpy's own wheels run on is newer than this one.
TARGETS: Final[Mapping[tuple[str, str], str]] = {
    ("linux", "x86_64"): "x86_64-linux-gnu.2.17",
    ("linux", "aarch64"): "aarch64-linux-gnu.2.17",
    ("darwin", "x86_64"): "x86_64-macos",
    ("darwin", "arm64"): "aarch64-macos",
}
_X86: Final[Mapping[str, Sequence[str]]] = {
    "avx512": (
        "-mcpu=x86_64+avx2+fma+avx512f+avx512dq+avx512bw+avx512vl",
        "-mprefer-vector-width=512",
    ),
    "avx2": ("-mcpu=x86_64+avx2+fma",),
    "sse2": ("-mcpu=x86_64",),
}
_ARM: Final[Mapping[str, Sequence[str]]] = {"neon": ("-mcpu=generic",)}
# No -ffast-math: not-a-number is policy here. Products fuse with sums inside one expression only.
_FLAGS: Final = (
    "-std=gnu11",
    "-O3",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=on",
    "-fno-sanitize=all",
    "-Wall",
    "-Wextra",
    "-Werror",
)
PATIENCE_S: Final = 300.0


def build(zig: Path, target: str, library: Path) -> None:
    """Compiles the library for a target of `TARGETS`, and puts it in place at once.

    Raises:
        subprocess.CalledProcessError: the compiler refuses; its message is in `stderr`.
        OSError: Zig cannot be run, or the library cannot be written.
    """
    variants = _X86 if target.startswith("x86_64") else _ARM
    cpu = [*variants.values()][-1]
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".build-") as folder:
        objects = [Path(folder) / "pool.o"]
        command: list[str | Path] = [zig, "cc", "-target", target, *_FLAGS]
        _run(
            [*command, *cpu, f'-DSOURCE_DIGEST="{digest()}"', "-c", SOURCES / "pool.c", "-o", objects[0]],
            folder,
        )
        for name, flags in variants.items():
            objects.append(Path(folder) / f"{name}.o")
            _run([*command, *flags, f"-DVARIANT={name}", "-c", SOURCES / "rows.c", "-o", objects[-1]], folder)
        made = Path(folder) / library.name
        # Without -nostdlib Zig would first compile its run-time library, of which nothing is needed here.
        link: list[str | Path] = ["-shared", "-s", "-nostdlib", "-o", made, *objects, "-lc", "-lpthread"]
        _run([zig, "cc", "-target", target, *link], folder)
        os.replace(made, library)


def _run(command: Sequence[str | Path], folder: str) -> None:
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder}
    subprocess.run(  # noqa: S603 - our own compiler and files
        [str(part) for part in command],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def main(arguments: Sequence[str]) -> int:
    """Command line; the exit status says whether a current library is there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--zig", type=Path, help="Zig's executable, of the package ziglang")
    what.add_argument("--check", action="store_true", help="build nothing")
    given = parser.parse_args(arguments)
    if given.check:
        library, reason = load()
        print(reason or "the colour kernel is current")
        return 0 if library else 1
    machine = (sys.platform, platform.machine())
    if machine not in TARGETS:
        print(f"the colour kernel has no build for {machine[0]} on {machine[1]}", file=sys.stderr)
        return 1
    try:
        build(given.zig, TARGETS[machine], LIBRARY)
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
