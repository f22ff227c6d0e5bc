"""Writes what Prometheus and Grafana load, from slos.yaml, alerts.yaml and the dashboards.

python -m dev.observability --write     rewrites the generated files
python -m dev.observability --check     changes nothing; fails where one of them is stale
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dev.observability import files
from dev.observability.spec import SpecError


def main(argv: list[str] | None = None) -> None:
    """Entry point; exits with a message when a file is stale or the data is wrong."""
    parser = argparse.ArgumentParser(prog="python -m dev.observability", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="rewrite the generated files")
    action.add_argument("--check", action="store_true", help="fail where a generated file is stale")
    args = parser.parse_args(argv)
    try:
        made = files.generated()
    except SpecError as error:
        raise SystemExit(f"observability: {error}") from error
    if args.write:
        for path, content in made.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return
    stale = [path.name for path, content in made.items() if not _holds(path, content)]
    if stale:
        raise SystemExit(f"stale: {', '.join(stale)}; run `python -m dev.observability --write`")


def _holds(path: Path, content: str) -> bool:
    return path.exists() and path.read_text() == content


if __name__ == "__main__":
    main()
