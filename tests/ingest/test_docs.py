"""docs/ingest.md names every refusal, flag, measure and limit that the code knows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from svc_ingest.limits import DEFAULT_LIMITS
from svc_ingest.problems import FIXES
from svc_ingest.quality import assess

REPO = Path(__file__).resolve().parents[2]
DOCS = (REPO / "docs" / "ingest.md").read_text()


def test_every_refusal_is_explained() -> None:
    used = set()
    for module in (REPO / "svc_ingest").glob("*.py"):
        used |= set(re.findall(r'\brefuse\(\s*"([A-Z_]+)"', module.read_text()))
    assert used <= set(FIXES)
    assert [code for code in FIXES if f"| `{code}` |" not in DOCS] == []


def test_every_passing_error_and_quality_flag_is_explained() -> None:
    codes = set()
    for name in ("sandbox", "quality", "decode", "profile", "core"):
        text = (REPO / "svc_ingest" / f"{name}.py").read_text()
        codes |= set(re.findall(r'(?:Transient|Internal|Flag|_shares)\(\s*"([A-Z_]+)"', text))
    assert len(codes) >= 20
    assert [code for code in sorted(codes) if f"`{code}`" not in DOCS] == []


def test_every_measure_is_explained() -> None:
    grey = np.full((100, 100, 3), 128, np.uint8)
    measured = [m.id for m in assess(grey, grey, 0.0).measures if m.value is not None]
    assert [name for name in measured if f"`{name}`" not in DOCS] == []


def test_the_limits_are_those_of_the_code() -> None:
    limits = DEFAULT_LIMITS
    for value in (
        f"{limits.max_bytes // 2**20} MiB",
        f"{limits.max_pixels:,} and {limits.max_side:,}",
        f"{limits.min_side} px",
        f"{limits.max_scans};",
        f"{limits.memory_bytes / 2**30} GiB",
        f"{limits.cpu_seconds} s",
        f"{limits.wall_seconds:.0f} s",
        f"over {limits.max_profile_bytes // 2**20} MiB",
    ):
        assert value in DOCS
