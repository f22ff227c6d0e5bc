"""Keeps what was built: exports.json beside it, hashes in the registry, the table in docs/exports.md."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from models.export.build import Export

BEGIN, END = "<!-- exports: written by `make models` -->", "<!-- /exports -->"
REGISTERED = ("form", "file", "size_bytes", "sha256", "parity", "passed")


def write(made: Sequence[Export], record: Path, document: Path | None = None) -> None:
    """Writes the record; and where a document is given, the table between its two marks."""
    about = {"made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "machine": machine()}
    record.parent.mkdir(parents=True, exist_ok=True)
    exports = [dataclasses.asdict(each) for each in made]
    record.write_text(json.dumps({**about, "exports": exports}, indent=2) + "\n")
    if document is not None:
        before, _, rest = document.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        lines = [f"Made {about['made']} on {about['machine']}.", "", *rows(made)]
        document.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}")


def read(record: Path) -> list[Export]:
    """What a record says; raises FileNotFoundError where nothing was built."""
    return [Export(**each) for each in json.loads(record.read_text())["exports"]]


def register(made: Sequence[Export], registry: Path) -> None:
    """Writes exports.json into the registry folder of each model: hash, size and parity of every form."""
    for label in dict.fromkeys(each.model for each in made):
        own = [dataclasses.asdict(each) for each in made if each.model == label]
        said = [{key: each[key] for key in REGISTERED} for each in own]
        folder = registry.joinpath(*label.split("@"))
        (folder / "exports.json").write_text(json.dumps({"exports": said}, indent=2) + "\n")


def rows(made: Sequence[Export]) -> list[str]:
    """The table as Markdown lines."""
    head = "| model | form | numbers | MB | parity with the released file | 1 thread, ms | 2 threads, ms |"
    lines = [head, "| --- | --- | --- | --- | --- | --- | --- |"]
    for each in made:
        parity = each.parity if each.passed else f"**not shipped**: {each.parity}"
        times = [f"{each.latency_ms[n]:.0f}" if n in each.latency_ms else "-" for n in ("1", "2")]
        size = f"{each.size_bytes / 1e6:.2f}"
        lines.append(
            f"| {each.model} | {each.form} | {each.made_of} | {size} | {parity} | {' | '.join(times)} |"
        )
    return lines


def machine() -> str:
    """Processor, cores, and how busy it was: other work makes times longer."""
    names = [line.partition(":")[2].strip() for line in _cpu_info() if line.startswith("model name")]
    busy = os.getloadavg()[0]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, load average {busy:.1f}"


def _cpu_info() -> list[str]:
    place = Path("/proc/cpuinfo")
    return place.read_text().splitlines() if place.exists() else []
