"""NATS with JetStream, file storage; one user with a generated password."""

from __future__ import annotations

import signal
from pathlib import Path

from dev.credentials import passwords, write_private
from dev.ports import HOST, Ports
from dev.process import ProcessSpec, beside_python, http_probe

PORTS = {"nats": 4222, "nats_monitor": 8222}
USER = "assay"

CONFIG = """\
server_name: assay-local
host: {host}
port: {port}
http: "{host}:{monitor}"
jetstream {{
  store_dir: "{store}"
  max_memory_store: 64MB
  max_file_store: 4GB
  # A fact that was acknowledged is on disk.
  sync_interval: always
}}
authorization {{ user: "{user}", password: "{password}" }}
max_payload: 1MB
"""


def password(data: Path) -> str:
    """The password of user `USER`, drawn on first use."""
    return passwords(data / "credentials.json", ["nats"])["nats"]


def url(data: Path, ports: Ports) -> str:
    """Client URL with user and password."""
    return f"nats://{USER}:{password(data)}@{HOST}:{ports['nats']}"


def spec(data: Path, ports: Ports) -> ProcessSpec:
    """The NATS server that keeps its files in `data`."""
    config = data / "nats.conf"

    def prepare() -> None:
        settings = CONFIG.format(
            host=HOST,
            port=ports["nats"],
            monitor=ports["nats_monitor"],
            store=data / "jetstream",
            user=USER,
            password=password(data),
        )
        write_private(config, settings)

    return ProcessSpec(
        name="nats",
        argv=(beside_python("nats-server"), "-c", str(config)),
        folder=data,
        # Its heap grows to the limit and stays there, whatever the streams hold: memory is known beforehand.
        env={"GOMEMLIMIT": "96MiB", "GOGC": "off"},
        ports={name: ports[name] for name in PORTS},
        prepare=prepare,
        probe=lambda: http_probe(f"http://{HOST}:{ports['nats_monitor']}/healthz"),
        orphan_signal=signal.SIGTERM,
    )
