"""Crash reports against an ingest of our own that takes real envelopes: what leaves, and what never does."""

from __future__ import annotations

import gzip
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mesh import crashes
from mesh.settings import Settings

from .conftest import repo

SECRET = "Ada Lovelace, born 1815"

CRASH = """
import asyncio, sys
from mesh import crashes, telemetry
from mesh.door import Outcome
from mesh.settings import Settings

def measure(statement):
    photo = b"pixels of " + statement.encode()
    raise KeyError("no colour for " + statement)

crashes.configure("svc_color", Settings())
try:
    try:
        measure(sys.argv[1])
    except KeyError as error:
        raise RuntimeError("could not read " + sys.argv[1]) from error
except RuntimeError as error:
    Outcome("/assay.color.v1.ColorService/AnalyzeColor").fail(error)
crashes.flush()
"""


@pytest.fixture
def ingest() -> Iterator[tuple[str, queue.Queue[tuple[str, bytes]]]]:
    """A server that takes envelopes as Sentry does; its address as a DSN, and what came."""
    came: queue.Queue[tuple[str, bytes]] = queue.Queue()

    class Ingest(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            came.put((self.path, gzip.decompress(body) if packed else body))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Ingest)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://public@127.0.0.1:{server.server_port}/7", came
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def crash(dsn: str) -> subprocess.CompletedProcess[str]:
    """A process that crashes with something personal in its locals and its message."""
    return subprocess.run(
        [sys.executable, "-c", CRASH, SECRET],
        cwd=repo(),
        env={"ASSAY_SENTRY_DSN": dsn, "ASSAY_VERSION": "1.2.3", "ASSAY_REGION": "eu", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_a_crash_is_reported_without_what_was_sent(ingest):
    dsn, came = ingest
    crash(dsn)
    path, body = came.get(timeout=10)
    assert path == "/api/7/envelope/"
    envelope, item, payload = body.split(b"\n")[:3]
    assert "event_id" in json.loads(envelope)
    assert json.loads(item)["type"] == "event"
    event = json.loads(payload)
    assert event["release"] == "assay@1.2.3"
    assert event["tags"] == {
        "service": "svc_color", "region": "eu", "rpc": "/assay.color.v1.ColorService/AnalyzeColor",
    }  # fmt: skip
    inner, outer = event["exception"]["values"]
    assert (inner["type"], outer["type"]) == ("KeyError", "RuntimeError")
    assert inner["value"] == outer["value"] == ""
    assert [frame["function"] for frame in inner["stacktrace"]["frames"]] == ["<module>", "measure"]
    for word in (SECRET, "Ada", "1815", "pixels", "statement"):
        assert word not in body.decode(), word
    assert set(event) <= {*crashes.KEPT, "tags", "exception"}


def test_nothing_of_the_machine_leaves(ingest):
    dsn, came = ingest
    crash(dsn)
    event = json.loads(came.get(timeout=10)[1].split(b"\n")[2])
    assert not {"server_name", "user", "request", "breadcrumbs", "contexts", "modules", "extra"} & set(event)
    frames = [f for value in event["exception"]["values"] for f in value["stacktrace"]["frames"]]
    assert not [frame for frame in frames if str(repo()) in json.dumps(frame)]
    assert not {"vars", "abs_path", "context_line", "pre_context"} & {key for f in frames for key in f}


def test_without_a_dsn_nothing_is_even_imported():
    told = subprocess.run(
        [sys.executable, "-c", CRASH + "\nprint('sentry_sdk' in sys.modules)", SECRET],
        cwd=repo(), env={"PATH": ""}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert told.stdout.splitlines()[-1] == "False"


def test_the_dsn_is_not_shown():
    assert "public@" not in repr(Settings(sentry_dsn="https://public@sentry.invalid/1"))
