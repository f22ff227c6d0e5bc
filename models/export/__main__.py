"""python -m models.export: every form of every released model, and the table of what came of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.export import table
from models.export.build import BUILD, build
from models.export.ink import Ink
from models.export.subject import Subject


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m models.export", description=__doc__)
    parser.add_argument("models", nargs="*", help="name@version; all that are exported when none is named")
    parser.add_argument("--out", type=Path, default=BUILD, help="folder for what is built")
    parser.add_argument("--table", type=Path, help="Markdown file whose table is written again")
    args = parser.parse_args()
    made = []
    for label in args.models or ["ink-seg@0.1.0"]:
        made += build(subject(label), args.out, lambda line: print(line, flush=True))
    table.write(made, args.out / "exports.json", args.table)


def subject(label: str) -> Subject:
    return Ink(label)


if __name__ == "__main__":
    main()
