"""A stack of the test's own: its folder, its ports, its clients, its facts and objects."""

from __future__ import annotations

import io
import json
import secrets
import signal
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from minio import Minio
from minio.sse import SseS3

from cli.api import Api
from dev import control, home, issuer, stack
from dev.credentials import write_private
from dev.home import StackState
from dev.ports import free_ports
from dev.servers import nats, postgres, s3

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "models" / "sample" / "tattoo.jpg"
INTAKE = REPO / "cli" / "examples" / "intake.json"
VIDEO = REPO / "models" / "sample" / "balance.mp4"
TRIAL = REPO / "cli" / "examples" / "balance.json"

Json = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """A running stack in a folder of its own."""

    folder: Path

    @property
    def state(self) -> StackState:
        state = home.read_state(self.folder)
        assert state is not None
        return state

    @property
    def url(self) -> str:
        return str(self.state.urls["gateway"])

    def api(self, client: str = "assay-cli") -> Api:
        """A session as one of the development clients."""
        return Api(self.url, self.client(client))

    def client(self, name: str = "assay-cli") -> issuer.Client:
        clients = json.loads(issuer.clients_file(self.folder).read_text())
        found = next(each for each in clients if each["client_id"] == name)
        return issuer.Client(found["client_id"], found["client_secret"])

    def port(self, process: str, which: str) -> int:
        return int(self.state.processes[process].ports[which])

    def kill(self, process: str) -> bool:
        """SIGKILL, as the machine would; the supervisor starts it again. False when it was not running."""
        identity = self.state.processes[process].identity
        found = identity.find() if identity else None
        if found is None:
            return False
        found.send_signal(signal.SIGKILL)
        return True

    def restarts(self) -> dict[str, int]:
        return {name: each.restarts for name, each in self.state.processes.items()}

    def nats_url(self) -> str:
        ports = {name: self.port("nats", name) for name in self.state.processes["nats"].ports}
        return nats.url(self.folder / "nats", ports)

    def objects(self, prefix: str, bucket: str = s3.ARTIFACTS) -> list[str]:
        """Keys below a prefix, as the administrator sees them."""
        found = self._administrator().list_objects(bucket, prefix=prefix, recursive=True)
        return [str(item.object_name) for item in found]

    def remove(self, ref: Mapping[str, Any]) -> None:
        """Removes an object for good, as an erasure would."""
        self._administrator().remove_object(ref["bucket"], ref["key"])

    def put(self, keys: Iterable[str], data: bytes, bucket: str = s3.ARTIFACTS) -> None:
        """Writes the same small object under each of the keys, encrypted as the product's are."""
        client = self._administrator()
        for key in keys:
            client.put_object(bucket, key, io.BytesIO(data), len(data), sse=SseS3())

    def _administrator(self) -> Minio:
        keys = s3.keys(self.folder / "s3", "admin")
        endpoint = str(self.state.urls["s3"]).removeprefix("http://")
        return Minio(
            endpoint, access_key=keys.access, secret_key=keys.secret, secure=False, region="us-east-1"
        )

    def vacuum(self) -> None:
        """Has PostgreSQL tidy up every table and learn what is in it, as it does by itself now and then."""
        ports = {"postgres": self.port("postgres", "postgres")}
        with psycopg.connect(postgres.dsn(self.folder / "postgres", ports), autocommit=True) as owner:
            owner.execute("VACUUM (ANALYZE)")

    def memory_bytes(self) -> int:
        """Sum of the proportional set sizes of every process of the stack."""
        total = 0
        for each in self.state.processes.values():
            found = each.identity.find() if each.identity else None
            for process in [found, *found.children(recursive=True)] if found else []:
                total += process.memory_full_info().pss
        return total


@contextmanager
def running_stack(folder: Path, replicas: Mapping[str, int] | None = None) -> Iterator[Stack]:
    """Starts a stack, and leaves nothing running."""
    folder.mkdir(parents=True, exist_ok=True)
    _add_clients(folder)
    _take_free_ports(folder, replicas or {})
    try:
        pid = control.start(folder, replicas or {}, bound=True)
        control.await_ready(folder, pid)
        yield Stack(folder)
    finally:
        control.stop(folder)
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or [])
            assert str(folder) not in line, f"left running: {line}"


def order(upload_id: str, **changes: Any) -> Json:
    """A complete order for the sample photo."""
    return {"upload_id": upload_id, **_stated(INTAKE), **changes}


def balance_order(upload_id: str, changes: Json | None = None, **trial: Any) -> Json:
    """A complete order for the sample video; `trial` changes fields of the trial, `changes` the others."""
    stated = _stated(TRIAL)
    return {"upload_id": upload_id, **stated, "balance": {**stated["balance"], **trial}, **(changes or {})}


def _stated(path: Path) -> Json:
    return {key: value for key, value in json.loads(path.read_text()).items() if not key.startswith("_")}


def _add_clients(folder: Path) -> None:
    """Adds a client of another tenant, and one that may only read, before the stack starts."""
    path = issuer.clients_file(folder)
    clients = json.loads(path.read_text())
    if len(clients) == len(issuer.CLIENTS):
        every = sorted({scope for client in clients for scope in client["scopes"]})
        clients.append(_client("other-tenant", str(uuid.uuid4()), every))
        clients.append(_client("read-only", clients[0]["tenant_id"], ["analyses:read"]))
        path.write_text(json.dumps(clients))


def _client(name: str, tenant: str, scopes: list[str]) -> Json:
    return {
        "client_id": name,
        "client_secret": secrets.token_urlsafe(24),
        "tenant_id": tenant,
        "scopes": scopes,
    }


def _take_free_ports(folder: Path, replicas: Mapping[str, int]) -> None:
    """Chooses ports by chance: stacks of tests that start at once must not want the usual ones."""
    names = stack.process_names(replicas)
    wanted = [*stack.SERVERS, *(f"{kind}_{name}" for name in names for kind in ("grpc", "metrics"))]
    write_private(folder / "ports.json", json.dumps(free_ports(wanted)))
