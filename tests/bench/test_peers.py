"""The race against the peers: its limits, its frames, and that everybody has the same core."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bench.peers.__main__ import lengths
from bench.peers.contenders import PEERS
from bench.peers.floor import Floor
from bench.peers.load import Load, framed
from bench.peers.table import AHEAD_OF, NEAR, Race, Result, Turn, judged, table

PROJECT = Path(__file__).resolve().parents[2]
OURS = "SegmentService/Segment"
LIMITS = {"core": Floor(3.0, 3.0), "model": Floor(4.0, 4.0)}


def result(name: str, rate: float, *, failure: str = "", finished: int = 200, failed: int = 0) -> Result:
    loads = [Load(n, 20, finished, failed, rate, 0.1, 0.2, 0.01) for n in (1, 16, 64)]
    return Result("a photo", name, failure, [Turn(load, 2.0) for load in loads], 1.0, 100.0, 200.0, LIMITS)


def race(*results: Result) -> Race:
    return judged(Race("ink-seg@1.1.0", 2, 1, 20, 0.1, 0.1, list(results), []), OURS)


@pytest.mark.parametrize("other", AHEAD_OF)
def test_a_peer_that_is_as_fast_is_a_limit_missed(other):
    assert len(race(result(OURS, 3.0), result(other, 3.0)).missed) == 2
    assert race(result(OURS, 3.0), result(other, 2.9)).missed == []


def test_plain_fastapi_may_be_a_tenth_faster():
    assert race(result(OURS, 2.71), result(NEAR, 3.0)).missed == []
    assert len(race(result(OURS, 2.69), result(NEAR, 3.0)).missed) == 2


def test_a_contender_that_failed_or_answered_hardly_at_all_is_named():
    assert (
        "did not start" in race(result(OURS, 3.0), result("BentoML", 1.0, failure="did not start")).missed[0]
    )
    assert "too few" in race(result(OURS, 3.0, finished=0)).missed[0]
    assert "failed" in race(result(OURS, 3.0, failed=3)).missed[0]


def test_the_table_says_ours_over_theirs_and_what_is_missed():
    text = table(race(result(OURS, 3.0), result("LitServe", 4.0)))
    assert "| LitServe | 16 | 4.00 | 0.75 |" in text
    assert "NOT held:" in text


def test_a_turn_is_as_long_as_its_queue_needs_in_whole_seconds():
    assert lengths(64, 3.0, 10.0) == (26, 32)
    assert lengths(1, 60.0, 2.5) == (2, 3)


def test_a_message_is_framed_as_grpc_over_http2_says():
    assert framed(b"abc") == b"\x00\x00\x00\x00\x03abc"


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.folder)
def test_every_peer_is_locked_to_the_versions_of_our_core(peer):
    ours = {}
    for package in tomllib.loads((PROJECT / "uv.lock").read_text())["package"]:
        ours.setdefault(package["name"], set()).add(package["version"])
    lock = (PROJECT / "bench" / "peers" / peer.folder / "requirements.lock").read_text().splitlines()
    pinned = dict(line.split("==") for line in lock if "==" in line and not line.startswith("#"))
    for name in ("numpy", "onnxruntime", "opencv-python-headless", "protobuf", "grpcio"):
        assert pinned[name] in ours[name]
