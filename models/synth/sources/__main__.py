"""Prepares the library in a cache folder and prints its attributions."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.synth.sources import attributions, load

CACHE = Path(__file__).resolve().parents[3] / ".tools" / "cache" / "designs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m models.synth.sources", description=__doc__)
    parser.add_argument("cache", nargs="?", type=Path, default=CACHE)
    library = load(parser.parse_args().cache)
    print(f"{len(library.motifs)} motifs, {len(library.alphabets)} alphabets\n\n{attributions()}", end="")


main()
