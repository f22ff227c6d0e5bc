"""Where the time of one analysis goes: stages on an idle mesh beside the same stages in one process."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.campaigns.stack import REPO, SAMPLE, Stack, order

RUNS = 10


def table(stack: Stack, folder: Path) -> str:
    """Medians in milliseconds over RUNS analyses of the sample photo, mesh and one process in turn."""
    api = stack.api()
    upload = api.upload(SAMPLE, "image/jpeg")
    mesh, local = defaultdict(list), defaultdict(list)
    _local(folder / "warm")
    for index in range(RUNS):
        started = time.perf_counter()
        job = api.analyze(order(upload, mode="MODE_SYNC", timeout="60s"))
        mesh["whole"].append(time.perf_counter() - started)
        _collect(mesh, job)
        started = time.perf_counter()
        view = _local(folder / str(index))
        local["whole"].append(time.perf_counter() - started)
        _collect(local, view)
    rows = [
        f"| {name} | {_median(mesh[name])} | {_median(local[name])} |"
        for name in ("ingest", "segment", "color", "decision", "report", "whole")
    ]
    header = "| | mesh, SYNC, ms | one process, ms |\n| --- | --- | --- |"
    return f"{header}\n" + "\n".join(rows) + "\n"


def _local(out: Path) -> dict[str, Any]:
    from cli import intake, local

    statement = intake.read(REPO / "cli" / "examples" / "intake.json")
    view, _ = local.analyze(SAMPLE, "image", statement, out)
    return view


def _collect(into: dict[str, list[float]], view: dict[str, Any]) -> None:
    for run in view["result"]["runs"]:
        begin, end = (datetime.fromisoformat(run[key]) for key in ("started_at", "finished_at"))
        into[run["stage"]].append((end - begin).total_seconds())


def _median(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f}"
