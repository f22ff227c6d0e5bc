"""Backups: streams come back with their sequences and consumers, files that changed are noticed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats.js.api import ConsumerConfig, StreamConfig

from cli.backup import erased_jobs
from dev.backup import local, snapshots
from dev.ports import free_ports
from dev.process import run
from dev.servers import nats as nats_server

JOB = "0198c0de-0000-7000-8000-00000000000"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[str]]:
    """Two NATS servers: one to save from, one to load into."""
    specs, urls = [], []
    for name in ("old", "new"):
        ports = free_ports(nats_server.PORTS)
        specs.append(nats_server.spec(tmp_path / name, ports))
        urls.append(nats_server.url(tmp_path / name, ports))
    with run([specs[0]]), run([specs[1]]):
        yield urls


@pytest.mark.mesh
def test_a_stream_comes_back_with_sequences_and_with_what_consumers_had(
    servers: list[str], tmp_path: Path
) -> None:
    async def both() -> None:
        old, new = [await nats.connect(url) for url in servers]
        js = old.jetstream()
        await js.add_stream(StreamConfig(name="FACTS", subjects=["facts.>"], max_bytes=2**24))
        await js.add_consumer("FACTS", ConsumerConfig(durable_name="stage", ack_policy="explicit"))
        big = b"x" * 40_000
        for number in range(30):
            await js.publish(f"facts.{number}", big, headers={"n": str(number)})
        await js.purge_stream("FACTS", subject="facts.3")
        taken = await (await js.pull_subscribe_bind("stage", "FACTS")).fetch(10, timeout=5)
        for message in taken[:7]:
            await message.ack_sync()
        saved = await snapshots.save(old, "FACTS", tmp_path)
        assert (saved.messages, saved.last_seq) == (29, 30)
        assert await snapshots.load(new, "FACTS", tmp_path) == saved
        there = new.jetstream()
        kept = await there.get_msg("FACTS", seq=30)
        assert (kept.data, (kept.headers or {})["n"]) == (big, "29")
        consumer = await there.consumer_info("FACTS", "stage")
        assert (consumer.ack_floor.stream_seq, consumer.num_ack_pending) == (8, 3)
        with pytest.raises(snapshots.SnapshotError):
            await snapshots.load(new, "FACTS", tmp_path)
        with pytest.raises(snapshots.SnapshotError):
            await snapshots.save(old, "NONE", tmp_path)
        await old.close()
        await new.close()

    asyncio.run(both())


def test_a_backup_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(local.BackupError, match="holds no backup"):
        local.restore(tmp_path / "home", tmp_path, [])
    (tmp_path / "ledger.dump").write_text("rows")
    sums = local._digests(tmp_path)
    (tmp_path / local.MANIFEST).write_text(json.dumps({"format": 1, "sha256": sums}))
    (tmp_path / "ledger.dump").write_text("other rows")
    with pytest.raises(local.BackupError, match="has changed"):
        local.restore(tmp_path / "home", tmp_path, [])
    (tmp_path / local.MANIFEST).write_text(json.dumps({"format": 2, "sha256": {}}))
    with pytest.raises(local.BackupError, match="format 2"):
        local.restore(tmp_path / "home", tmp_path, [])


def test_a_home_that_holds_data_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "home" / "postgres" / "cluster").mkdir(parents=True)
    (tmp_path / local.MANIFEST).write_text(json.dumps({"format": 1, "sha256": {}}))
    with pytest.raises(local.BackupError, match="holds data already"):
        local.restore(tmp_path / "home", tmp_path, [])


def test_erased_jobs_are_read_from_a_list_and_from_the_gateways_log() -> None:
    line = json.dumps({"job_id": f"{JOB}1", "state": "swept", "event": "analysis_erased"})
    other = json.dumps({"job_id": f"{JOB}9", "event": "rpc"})
    text = f"{line}\n{other}\ngateway: {line}\n\n{JOB}2\nnot a job\n"
    assert erased_jobs(text) == [f"{JOB}1", f"{JOB}2"]
