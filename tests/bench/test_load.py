"""The load's own parts: its journeys' shares, gRPC-web frames, and h2load's records."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bench import get_load
from bench.get_job import _turn
from bench.get_load import Load
from bench.load.clients import StepError, _unframed
from bench.load.drive import Drive
from bench.load.journeys import KINDS, orders
from bench.stack_usage import Spent
from dev.home import PROJECT
from dev.issuer import Client
from dev.process import StartError


def test_shares_of_arrivals_are_a_whole() -> None:
    assert sum(kind.share for kind in KINDS.values()) == pytest.approx(1.0)
    assert {kind.assessment for kind in KINDS.values()} == {"tattoo", "balance", ""}
    assert orders(PROJECT).photo.content.startswith(b"\xff\xd8")


def frame(kind: int, content: bytes) -> bytes:
    return struct.pack(">BI", kind, len(content)) + content


def test_a_gateway_answer_in_frames_is_read_and_its_status_believed() -> None:
    assert _unframed(frame(0, b"abc") + frame(0x80, b"grpc-status: 0\r\n")) == b"abc"
    with pytest.raises(StepError, match="grpc-status: 5"):
        _unframed(frame(0x80, b"grpc-status: 5\r\ngrpc-message: no\r\n"))


def test_without_locust_one_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.load.drive.LOCUST", tmp_path / "locust")
    with pytest.raises(StartError, match=r"bootstrap.py load"):
        Drive("http://nowhere", Client("a", "b"), tmp_path, rate=1, seconds=1, seed=1)


def test_latencies_are_of_good_answers_and_all_answers_are_counted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"{i}\t200\t{1000 * (i + 1)}\n" for i in range(100)) + "100\t503\t9000000\n")
    load = get_load._load(get_load._rows([log]), 10.0, 0.5)
    assert (load.asked, load.per_s, load.statuses) == (101, 10.0, {"200": 100, "503": 1})
    assert load.p50_ms == pytest.approx(50.5)
    assert load.max_ms == 100.0


def load(**changes: object) -> Load:
    made = {"asked": 6000, "statuses": {"200": 6000}, "seconds": 10.0, "per_s": 600.0, "p50_ms": 5.0}
    return Load(**made | {"p99_ms": 20.0, "max_ms": 60.0, "generator_cpu_s": 0.6} | changes)


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({}, True),
        ({"per_s": 599.0}, False),
        ({"p99_ms": 50.0}, False),
        ({"statuses": {"200": 5999, "503": 1}}, False),
        ({"asked": 6001}, False),
    ],
)
def test_a_turn_passes_when_fast_and_every_answer_is_good(changes: dict[str, object], passed: bool) -> None:
    spent = Spent(10.0, {"envoy": 6.0, "gateway": 3.0, "segment": 0.1, "color": 0.1}, 12.0)
    turn = _turn("x", load(**changes), spent, 1.0, 50.0)
    assert turn.passed == passed
    assert turn.cpu_ms["gateway"] == pytest.approx(3000 / sum(turn.load.statuses.values()))
    assert turn.cpu_ms["stages"] == pytest.approx(200 / 6000)
