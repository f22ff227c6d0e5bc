"""Backup of the running local stack into a folder, and restore of that folder into an empty one.

The order makes it whole without a pause. Streams first, then the ledger, objects last: an object is stored
before a fact names it, and the ledger is never older than the streams. What the ledger published after the
streams were saved is published again at a restore; the fact stream then goes on behind the highest sequence
that the ledger knows, so that no sequence means two facts.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
from minio import Minio
from nats.aio.client import Client

from dev import stack
from dev.backup import ledger, objects, snapshots
from dev.credentials import write_private
from dev.home import StackState
from dev.ports import Claims, Ports
from dev.process import ProcessSpec, run
from dev.servers import nats as nats_server
from dev.servers import postgres, s3
from mesh import facts

FORMAT = 1
MANIFEST = "manifest.json"
IDENTITY = ("issuer.pem", "jwks.json", "clients.json")
SERVERS = ("nats", "postgres", "s3")
DATA = ("postgres/cluster", "nats/jetstream", "s3/volumes")


@dataclass(frozen=True)
class Summary:
    """What a backup or restore moved: messages by stream, rows by table, objects by bucket.

    made_at: RFC 3339, UTC, before the first stream was saved.
    """

    made_at: str
    streams: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


class BackupError(RuntimeError):
    """A backup cannot be made or used; the message says why."""


def backup(home: Path, state: StackState, target: Path) -> Summary:
    """Saves the stack that runs in `home` into the empty folder `target`; raises BackupError.

    The folder holds photos, keys and secrets in the clear, readable by its owner only.
    """
    if target.exists() and any(target.iterdir()):
        raise BackupError(f"{target} is not empty")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    ports = {name: port for process in state.processes.values() for name, port in process.ports.items()}
    made_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    (target / "jetstream").mkdir()
    streams = asyncio.run(_save_streams(nats_server.url(home / "nats", ports), target / "jetstream"))
    dsn = postgres.dsn(home / "postgres", ports)
    ledger.save(dsn, target / "ledger.dump")
    kept = {name: len(objects.save(_client(home, ports), name, target / "objects")) for name in s3.BUCKETS}
    for name in IDENTITY:
        write_private(target / name, (home / name).read_text())
    summary = Summary(made_at, streams, ledger.rows(dsn), kept)
    manifest = {"format": FORMAT, **asdict(summary), "sha256": _digests(target)}
    write_private(target / MANIFEST, json.dumps(manifest, indent=2))
    return summary


def restore(home: Path, source: Path, erased: Sequence[str]) -> Summary:
    """Fills the empty folder `home` from a backup; `assay up` starts it afterwards.

    erased: jobs that were erased after the backup was made; they are erased again. Raises BackupError.
    """
    manifest = _checked(source)
    if there := [name for name in DATA if (home / name).exists()]:
        raise BackupError(f"{home} holds data already ({', '.join(there)}); restore into an empty folder")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in IDENTITY:
        write_private(home / name, (source / name).read_text())
    claims = Claims()
    built = {spec.name: spec for spec in stack.build(home, {}, claims).specs}
    ports = json.loads((home / "ports.json").read_text())
    try:
        with run([_logged(built[name], home) for name in (*SERVERS, "migrate")]):
            return _fill(home, source, ports, manifest, erased)
    finally:
        claims.release()


def _fill(home: Path, source: Path, ports: Ports, manifest: dict[str, Any], erased: Sequence[str]) -> Summary:
    dsn = postgres.dsn(home / "postgres", ports)
    ledger.load(dsn, source / "ledger.dump")
    url, last = nats_server.url(home / "nats", ports), ledger.last_sequence(dsn)
    streams, skipped = asyncio.run(
        _load_streams(url, source / "jetstream", sorted(manifest["streams"]), last)
    )
    kept = {name: objects.load(_client(home, ports), name, source / "objects") for name in s3.BUCKETS}
    notes = {
        "published_again": ledger.publish_again(dsn, manifest["made_at"]),
        "erased_again": ledger.erase_again(dsn, erased),
        "sequences_skipped": skipped,
    }
    return Summary(manifest["made_at"], streams, ledger.rows(dsn), kept, notes)


def _logged(spec: ProcessSpec, home: Path) -> ProcessSpec:
    """A set-up task runs in the project's folder; its log belongs to the stack's."""
    return replace(spec, folder=home / "logs") if spec.once else spec


def _client(home: Path, ports: Ports) -> Minio:
    admin, endpoint = s3.keys(home / "s3", "admin"), s3.endpoint(ports).removeprefix("http://")
    return Minio(endpoint, access_key=admin.access, secret_key=admin.secret, secure=False, region="us-east-1")


async def _save_streams(url: str, folder: Path) -> dict[str, int]:
    client = await nats.connect(url, connect_timeout=5, max_reconnect_attempts=5)
    try:
        saved = [await snapshots.save(client, name, folder) for name in await snapshots.names(client)]
    finally:
        await client.close()
    return {one.stream: one.messages for one in saved}


async def _load_streams(
    url: str, folder: Path, names: Sequence[str], last: int
) -> tuple[dict[str, int], int]:
    client = await nats.connect(url, connect_timeout=5, max_reconnect_attempts=5)
    try:
        loaded = {name: await snapshots.load(client, name, folder) for name in names}
        skipped = max(0, last - loaded[facts.STREAM].last_seq)
        await _skip(client, skipped)
    finally:
        await client.close()
    return {one.stream: one.messages for one in loaded.values()}, skipped


async def _skip(client: Client, count: int) -> None:
    """Uses up sequences of the fact stream; no consumer's filter matches the subject."""
    js = client.jetstream(timeout=30)
    subject = f"analysis.restore.none.requested.{uuid.uuid4()}.1"
    for _ in range(count):
        await js.publish(subject, b"", stream=facts.STREAM)
    if count:
        await js.purge_stream(facts.STREAM, subject=subject)


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but the objects, which their own list covers."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    named = {str(path.relative_to(folder)): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in named.items()
        if not name.startswith("objects/") or name.endswith(".jsonl")
    }


def _checked(source: Path) -> dict[str, Any]:
    """The manifest of a backup that is whole; raises BackupError."""
    try:
        manifest: dict[str, Any] = json.loads((source / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise BackupError(f"{source} holds no backup: {error}") from error
    if manifest.get("format") != FORMAT:
        raise BackupError(f"{source} has format {manifest.get('format')}, and {FORMAT} is known here")
    recorded = manifest["sha256"]
    for name, digest in recorded.items():
        path = source / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise BackupError(f"{path} is missing or has changed since the backup")
    return manifest
