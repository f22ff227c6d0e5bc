"""Rehearsals of the door, the ledger, the streams, keys and certificates."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import nats
import psycopg

from dev.ports import free_ports
from dev.servers import postgres
from mesh import facts
from tests.campaigns.rehearsal.data import analysed
from tests.campaigns.rehearsal.trouble import all_succeed, freeze, frozen, ready, submitted
from tests.campaigns.rehearsals import Play, Rehearsal, until
from tests.campaigns.stack import SAMPLE, order


def availability(it: Rehearsal) -> None:
    it.env["GATEWAY_URL"] = it.mesh.url
    with frozen(it.mesh, "postgres"):
        time.sleep(12)
        it.given("PostgreSQL is frozen.")
        said = it.type()
    it.check("the health document names the ledger as away", "degraded" in said or "false" in said)
    it.given("PostgreSQL goes on.")
    healthy = until(lambda: status_of(f"{it.mesh.url}/healthz") == 200, 60)
    said = it.type()
    it.check("healthz answers 200", healthy and "\n200" in said)
    it.check("a new job ends well", analysed(it)["state"] == "STATE_SUCCEEDED")


def status_of(url: str, token: str = "") -> int:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def sync_latency(it: Rehearsal) -> None:
    jobs = submitted(it, 6)
    analysed(it)
    it.given("six jobs, and a synchronous one behind them.")
    said = it.type()
    it.check("every command ended well", said.count("[exit status 0]") == 4)
    it.check("the synchronous call was measured", "sync_duration_seconds_count" in said)
    it.check("all have succeeded", all_succeed(it, jobs))


def gateway_down(it: Rehearsal) -> None:
    it.env["GATEWAY_URL"] = it.mesh.url
    jobs = submitted(it, 1)
    freeze(it.mesh, "gateway")
    it.given("a job is under way and the only gateway is frozen.")
    until(lambda: it.mesh.state.processes["gateway"].phase == "unready", 40)
    said = it.type()
    it.check("the gateway is shown as unready", "unready" in said)
    until(lambda: status_of(f"{it.mesh.url}/healthz") == 200, 60)
    said = it.type()
    it.check("healthz answers 200", "\n200" in said)
    it.check("the job has succeeded", all_succeed(it, jobs))


def projector_behind(it: Rehearsal) -> None:
    jobs = submitted(it, 2)
    time.sleep(1.5)
    freeze(it.mesh, "gateway")
    it.given("two jobs are under way and the only gateway, which projects, is frozen.")
    time.sleep(20)
    said = it.type()
    line = next(line for line in said.splitlines() if "gateway-projector" in line)
    behind = int(line.split("waiting")[1].split()[0]) + int(line.split("running")[1].split()[0])
    it.check(f"{behind} facts wait for the projector", behind > 0)
    ready(it.mesh, "gateway")
    done = all_succeed(it, jobs)
    it.type()
    it.check("both jobs are shown as succeeded", done)


def outbox(it: Rehearsal) -> None:
    api = it.mesh.api()
    upload = api.upload(SAMPLE, "image/jpeg")
    freeze(it.mesh, "nats")
    job = str(api.analyze(order(upload))["job_id"])
    it.given("NATS is frozen, and a job is accepted.")
    time.sleep(5)
    said = it.type()
    it.check("a fact waits in the outbox", "assay_outbox_pending 1" in said)
    ready(it.mesh, "nats")
    done = all_succeed(it, [job], 300)
    said = it.type()
    it.check("the job has succeeded", done)
    it.check("the outbox is empty", "assay_outbox_pending 0" in said)


def nats_disconnected(it: Rehearsal) -> None:
    jobs = submitted(it, 1)
    freeze(it.mesh, "nats")
    it.given("a job is under way and NATS is frozen.")
    until(lambda: it.mesh.state.processes["nats"].phase == "unready", 40)
    said = it.type()
    it.check("NATS is shown as unready", "unready" in said)
    done = all_succeed(it, jobs, 300)
    said = it.type()
    it.check("the job has succeeded", done)
    it.check("the outbox is empty", "assay_outbox_pending 0" in said)


def pool_exhausted(it: Rehearsal) -> None:
    dsn = postgres.dsn(it.mesh.folder / "postgres", {"postgres": it.mesh.port("postgres", "postgres")})
    it.env.update(libpq(it))
    analysed(it)
    with psycopg.connect(dsn, application_name="forgotten") as forgotten:
        forgotten.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        it.given("a session locks the table of jobs and is forgotten; calls come meanwhile.")
        callers = [threading.Thread(target=listing, args=(it,), daemon=True) for _ in range(6)]
        for caller in callers:
            caller.start()
        time.sleep(2)
        said = it.type()
        blocker = forgotten.info.backend_pid
        it.check("the blocker is named", f" {blocker}\n" in said and "forgotten" in said)
        said = it.type(BLOCKER=str(blocker))
        forgotten.close()
    it.check("calls are answered again", "[exit status 0]" in said and "LEDGER_UNAVAILABLE" not in said)
    it.check("a new job ends well", analysed(it)["state"] == "STATE_SUCCEEDED")


def listing(it: Rehearsal) -> None:
    """A call that may be refused meanwhile."""
    status_of(f"{it.mesh.url}/v1/analyze", it.mesh.api().token()["access_token"])


def libpq(it: Rehearsal) -> dict[str, str]:
    """What psql needs; kept out of the record."""
    folder = str(Path(postgres.program("psql")).parent)
    return {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(it.mesh.port("postgres", "postgres")),
        "PGUSER": postgres.OWNER,
        "PGPASSWORD": postgres.password(it.mesh.folder / "postgres", postgres.OWNER),
        "PGDATABASE": postgres.DATABASE,
        "PAGER": "cat",
        "PATH": f"{Path(sys.executable).parent}:{folder}:{os.environ['PATH']}",
    }


def stream_near_limit(it: Rehearsal) -> None:
    asyncio.run(bound(it.mesh.nats_url()))
    api = it.mesh.api()
    jobs = [str(api.analyze(order(api.upload(SAMPLE, "image/jpeg")))["job_id"]) for _ in range(2)]
    it.given("the stream's limit is lowered to what it holds, and two jobs are accepted.")
    time.sleep(5)
    said = it.type()
    it.check("facts wait in the outbox", "assay_outbox_pending 0.0" not in said)
    it.check("both jobs have succeeded afterwards", all_succeed(it, jobs, 240))


async def bound(url: str) -> None:
    """Lets the fact stream hold no more than it holds."""
    client = await nats.connect(url)
    try:
        js = client.jetstream()
        info = await js.stream_info(facts.STREAM)
        await js.update_stream(info.config.evolve(max_bytes=info.state.bytes + 64))
    finally:
        await client.close()


def disk_near_limit(it: Rehearsal) -> None:
    job = analysed(it)
    it.given("nothing: the disk has room.")
    said = it.type()
    it.check("every folder's size is shown", said.count("stack/") >= 4)
    said = it.type(JOB=job["job_id"])
    it.check("the analysis is erased", ": erased;" in said)


def canary(it: Rehearsal) -> None:
    api = it.mesh.api()
    api.call("POST", "/v1/rulesets/tattoo@1.0.0:activate", {})
    it.given("tattoo@1.0.0 is activated, which the golden result does not know.")
    time.sleep(4)
    said = it.type()
    it.check("the canary says wrong and ends with status 1", "wrong" in said and "[exit status 1]" in said)
    said = it.type(GOOD="tattoo@1.1.0")
    passed = "passed" in said and said.rstrip().endswith("[exit status 0]")
    it.check("under the released ruleset it passes", passed)


def certificate_expiry(it: Rehearsal) -> None:
    folder = Path(it.env["SCRATCH"])
    port = free_ports(["tls"])["tls"]
    server = f"127.0.0.1:{port}"
    draw(folder, 5)
    with tls_server(folder, port):
        it.given("a certificate of five days, in a file and shown by a TLS server.")
        said = it.type(FILE=str(folder / "tls.crt"), SERVER=server)
        it.check("both end too soon, with status 1", said.count("[exit status 1]") == 2)
    draw(folder, 90)
    with tls_server(folder, port):
        it.given("it was renewed for ninety days, and the server shows the new one.")
        said = it.type(FILE=str(folder / "tls.crt"), SERVER=server)
    it.check("both are good, with status 0", said.count("[exit status 0]") == 2 and "SOON" not in said)


def draw(folder: Path, days: int) -> None:
    """A self-signed certificate for so many days."""
    name = ["-subj", "/CN=api.example.org", "-addext", "subjectAltName=DNS:api.example.org"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    command = ["openssl", "req", "-x509", *key, *files, "-days", str(days), *name]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def tls_server(folder: Path, port: int) -> Iterator[None]:
    """A TLS server that shows the folder's certificate."""
    server = HTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def key_rotation(it: Rehearsal) -> None:
    listed, old = f"{it.mesh.url}/v1/analyze", it.mesh.api().token()["access_token"]
    it.given("a caller holds a token of the old key.")
    said = it.type()
    it.check("the new key signs, the old one still verifies", "signing" in said and "verifying" in said)
    it.check("the old token is answered 200", status_of(listed, old) == 200)
    new = it.mesh.api().token()["access_token"]
    it.check("a token of the new key is answered 200", status_of(listed, new) == 200)
    it.check("to retire it now is refused", "NOT_DUE" in it.type())
    it.check("the old token is answered 200 still", status_of(listed, old) == 200)
    it.type()
    it.check("retired, the old token is answered 401", status_of(listed, old) == 401)
    it.check("the new one is answered 200", status_of(listed, new) == 200)
    keys = json.loads((it.mesh.folder / "jwks.json").read_text())["keys"]
    it.check("one key is left in the set", len(keys) == 1)


PLAYS: dict[str, Play] = {
    "availability": availability,
    "sync-latency": sync_latency,
    "gateway-down": gateway_down,
    "projector-behind": projector_behind,
    "outbox": outbox,
    "nats-disconnected": nats_disconnected,
    "pool-exhausted": pool_exhausted,
    "stream-near-limit": stream_near_limit,
    "disk-near-limit": disk_near_limit,
    "canary": canary,
    "certificate-expiry": certificate_expiry,
    "key-rotation": key_rotation,
}
