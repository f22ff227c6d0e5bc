"""python -m models.export: every form of every released model, and the table of what came of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from mesh import registry
from models.export import pose, table
from models.export.build import BUILD, RECORD, build, timed
from models.export.ink import Ink
from models.export.subject import Subject
from svc_balance.pose.adapters import student
from svc_balance.pose.contract import DEFAULT
from svc_segment.model import NAME


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m models.export", description=__doc__)
    parser.add_argument("models", nargs="*", help="name@version; all that are exported when none is named")
    parser.add_argument("--out", type=Path, default=BUILD, help="folder for what is built")
    parser.add_argument("--table", type=Path, help="Markdown file whose table is written again")
    parser.add_argument("--register", action="store_true", help="write the hashes into the registry")
    parser.add_argument("--times", action="store_true", help="only time what is built again")
    args = parser.parse_args()
    made = []
    if args.times:
        for each in table.read(args.out / RECORD):
            made.append(timed(subject(each.model), each, args.out))
    else:
        for label in args.models or released():
            made += build(subject(label), args.out, lambda line: print(line, flush=True))
    table.write(made, args.out / RECORD, args.table)
    if args.register:
        table.register(made, registry.REGISTRY)


def released() -> list[str]:
    """Every released version of our own models, and the pose model that the product runs."""
    own = [entry for name in (NAME, student.NAME) for entry in registry.entries(name)]
    return [entry.label for entry in own if entry.state == registry.RELEASED] + [DEFAULT]


def subject(label: str) -> Subject:
    if label.startswith(f"{NAME}@"):
        return Ink(label)
    return pose.own(label) if student.is_one(label) else pose.blazepose(label)


if __name__ == "__main__":
    main()
