"""The servers of the local stack, each really started on free ports in a folder of its own."""

import io
import json
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import nats as nats_client
import psutil
import psycopg
import pytest
from minio import Minio
from minio.error import S3Error
from minio.sse import SseS3

from dev.process import LAUNCHER, ORDINARY_USER, ProcessSpec, StartError
from dev.servers import free_ports, nats, postgres, run, s3

pytestmark = pytest.mark.mesh


def s3_client(data: Path, ports: dict[str, int], identity: str = "service") -> Minio:
    pair = s3.keys(data, identity)
    return Minio(
        f"127.0.0.1:{ports['s3']}",
        access_key=pair.access,
        secret_key=pair.secret,
        secure=False,
        region="us-east-1",
    )


def read(client: Minio, bucket: str, key: str) -> bytes:
    response = client.get_object(bucket, key)
    try:
        return response.read()
    finally:
        response.close()
        response.release_conn()


async def test_nats_keeps_its_stream_over_a_kill_and_refuses_strangers(tmp_path):
    ports = free_ports(nats.PORTS)
    with run([nats.spec(tmp_path, ports)]) as servers:
        client = await nats_client.connect(nats.url(tmp_path, ports))
        await client.jetstream().add_stream(name="S", subjects=["s.>"])
        await client.jetstream().publish("s.one", b"kept")
        await client.close()
        servers["nats"].kill()
        servers["nats"].start()
        client = await nats_client.connect(nats.url(tmp_path, ports))
        assert (await client.jetstream().get_msg("S", seq=1)).data == b"kept"
        await client.close()
        with socket.create_connection(("127.0.0.1", ports["nats"]), timeout=5) as stranger:
            stranger.sendall(b'CONNECT {"verbose": false}\r\nPING\r\n')
            stranger.shutdown(socket.SHUT_WR)
            assert b"Authorization Violation" in stranger.makefile("rb").read()


def test_postgres_runs_as_any_user_and_keeps_rows_over_a_kill(tmp_path):
    ports = free_ports(postgres.PORTS)
    with run([postgres.spec(tmp_path, ports)]) as servers:
        owner = psutil.Process(servers["postgres"].pid).uids().effective
        assert owner != 0
        with psycopg.connect(postgres.dsn(tmp_path, ports)) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        servers["postgres"].kill()
        servers["postgres"].start()
        with psycopg.connect(postgres.dsn(tmp_path, ports)) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(7,)]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://assay_owner:wrong@127.0.0.1:{ports['postgres']}/assay")


def test_s3_reads_what_it_encrypted_before_a_restart(tmp_path):
    ports = free_ports(s3.PORTS)
    content = os.urandom(300_000)
    with run([s3.spec(tmp_path, ports)]) as servers:
        client = s3_client(tmp_path, ports)
        client.put_object("assay-artifacts", "t/old", io.BytesIO(content), len(content), sse=SseS3())
        servers["s3"].restart()
        assert read(client, "assay-artifacts", "t/old") == content
        servers["s3"].kill()
        servers["s3"].start()
        assert read(client, "assay-artifacts", "t/old") == content
        head = client.stat_object("assay-artifacts", "t/old")
        assert head.metadata["x-amz-server-side-encryption"] == "AES256"
        on_disk = b"".join(p.read_bytes() for p in (tmp_path / "volumes").glob("*.dat"))
        assert content[:64] not in on_disk, "the object lies on disk in clear"
    assert not list(Path("/tmp").glob(f"seaweedfs-*-{ports['s3_grpc']}.sock"))


def test_the_service_identity_reaches_its_two_buckets_and_nothing_else(tmp_path):
    ports = free_ports(s3.PORTS)
    with run([s3.spec(tmp_path, ports)]):
        s3_client(tmp_path, ports, "admin").make_bucket("strange")
        client = s3_client(tmp_path, ports)
        assert all(client.bucket_exists(bucket) for bucket in s3.BUCKETS)
        with pytest.raises(S3Error, match="AccessDenied"):
            client.put_object("strange", "k", io.BytesIO(b"x"), 1)
        with pytest.raises(S3Error, match="AccessDenied"):
            client.make_bucket("another")


def test_credentials_are_private_and_differ_between_stacks(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    assert s3.keys(first) != s3.keys(second)
    assert s3.keys(first) == s3.keys(first)
    assert nats.password(first) != nats.password(second)
    for path in first.rglob("credentials.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert all(len(value) == 64 for value in json.loads(path.read_text()).values())


def test_a_server_dies_with_the_process_that_started_it(tmp_path):
    ports = free_ports(nats.PORTS)
    script = (
        "import sys, time, pathlib\n"
        "from dev.servers import nats, run\n"
        "data = pathlib.Path(sys.argv[1])\n"
        "ports = dict(nats=int(sys.argv[2]), nats_monitor=int(sys.argv[3]))\n"
        "with run([nats.spec(data, ports)]) as servers:\n"
        "    print(servers['nats'].pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(ports["nats"]), str(ports["nats_monitor"])],
        stdout=subprocess.PIPE,
    )
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([child], timeout=10)
    assert not alive


def test_a_process_that_cannot_start_says_why(tmp_path):
    code = "import sys; print('the reason'); sys.exit(3)"
    broken = ProcessSpec("broken", (sys.executable, "-c", code), tmp_path, probe=lambda: "not yet")
    began = time.monotonic()
    with pytest.raises(StartError, match=r"ended with 3:\nthe reason"), run([broken]):
        pass
    assert time.monotonic() - began < 10


def test_who_root_becomes_still_reads_a_folder_that_only_root_may_enter(tmp_path: Path) -> None:
    """The project may lie in such a folder, and initdb asks access(2), not open(2), for its programs."""
    user = ORDINARY_USER if os.geteuid() == 0 else "-"
    uid = pwd.getpwnam(user).pw_uid if user != "-" else os.geteuid()
    tmp_path.chmod(0o700)
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    done = subprocess.run(
        [
            sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), "9", user, "--",
            sys.executable, "-c", f"import os; print(os.access({str(program)!r}, os.X_OK), os.getuid())",
        ],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, f"True {uid}"), done.stderr
