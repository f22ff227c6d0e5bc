"""The configuration of the NATS cluster, run: three servers, mutual TLS, and one of them lost."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import nats.errors
import pytest
from nats.aio.client import Client

from dev.ports import free_ports
from dev.process import ProcessSpec, Running, beside_python, http_probe, run
from mesh import facts, jetstream, topology
from mesh.settings import Settings
from tests.k8s.manifests import of, render
from tests.mesh.authority import Authority

pytestmark = pytest.mark.mesh
HEADLESS = r"nats-(\d)\.nats-headless\.assay-nats\.svc\.cluster\.local:6222"
PASSWORDS = {
    "ASSAY_NATS_USER": "assay",
    "ASSAY_NATS_PASSWORD": "p1",
    "SYSTEM_USER": "s",
    "SYSTEM_PASSWORD": "p2",
}


@dataclass(frozen=True)
class Cluster:
    """Three servers by their names, and the settings of a client of each."""

    servers: dict[str, Running]
    settings: dict[str, Settings]
    folder: Path


def configuration(ports: dict[str, int], number: int, folder: Path) -> str:
    """The rendered file with this machine's ports and folders in place of the cluster's."""
    [found] = of([each for each in render("cluster") if each["kind"] == "ConfigMap"], "ConfigMap").values()
    said = str(found["data"]["nats.conf"])
    said = re.sub(HEADLESS, lambda found: f"localhost:{ports[f'cluster{found[1]}']}", said)
    for port, name in ((4222, "client"), (6222, "cluster"), (8222, "monitor")):
        said = said.replace(f'"0.0.0.0:{port}"', f'"127.0.0.1:{ports[f"{name}{number}"]}"')
    said = said.replace("/etc/nats/tls", str(folder / "certificate"))
    said = said.replace("store_dir: /data", f"store_dir: {folder / f'data{number}'}")
    # The disk of a test's machine is not 18 GB for each of three.
    said = said.replace("max_file_store: 18GB", "max_file_store: 4GB")
    return said.replace("/tmp/nats.pid", str(folder / f"pid{number}"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("nats")
    Authority().lay(folder / "certificate", "localhost")
    ports = free_ports(
        [f"{name}{number}" for name in ("client", "cluster", "monitor") for number in range(3)]
    )
    specs, clients = [], {}
    for number in range(3):
        name, file = f"nats-{number}", folder / f"nats{number}.conf"
        file.write_text(configuration(ports, number, folder))
        monitor = f"http://127.0.0.1:{ports[f'monitor{number}']}/healthz?js-server-only=true"
        specs.append(
            ProcessSpec(
                name=name,
                argv=(beside_python("nats-server"), "--config", str(file)),
                folder=folder,
                env={"SERVER_NAME": name, **PASSWORDS},
                probe=lambda url=monitor: http_probe(url),
                stop_signal=signal.SIGKILL,
            )
        )
        clients[name] = Settings(
            nats_url=f"tls://localhost:{ports[f'client{number}']}",
            nats_user="assay",
            nats_password="p1",
            nats_replicas=3,
            tls_dir=str(folder / "certificate"),
        )
    with run(specs) as servers:
        yield Cluster(dict(servers), clients, folder)


async def leader(client: Client) -> str:
    """Who leads the stream, once somebody does."""
    async with asyncio.timeout(30):
        while True:
            with suppress(nats.errors.Error):
                found = await client.jetstream().stream_info(facts.STREAM)
                if found.cluster and found.cluster.leader:
                    return str(found.cluster.leader)
            await asyncio.sleep(0.2)


@pytest.mark.timeout(180)
async def test_a_fact_outlives_the_server_that_took_it(cluster: Cluster):
    made = await jetstream.connect(cluster.settings["nats-0"], "test")
    async with asyncio.timeout(60):
        while True:
            try:
                await topology.apply(made.js, cluster.settings["nats-0"])
                break
            except (nats.errors.Error, TimeoutError):
                # No leader of JetStream yet.
                await asyncio.sleep(0.5)
    stream = await made.js.stream_info(facts.STREAM)
    assert stream.config.num_replicas == 3
    assert stream.cluster is not None
    assert len(stream.cluster.replicas or []) == 2
    await made.js.publish("analysis.local.tattoo.requested.job-1.1", b"before", timeout=20)
    first = await leader(made.client)
    await made.close()
    cluster.servers[first].stop()
    survivor = next(name for name in cluster.settings if name != first)
    other = await jetstream.connect(cluster.settings[survivor], "test")
    try:
        assert await leader(other.client) != first
        async with asyncio.timeout(60):
            while True:
                with suppress(nats.errors.Error, TimeoutError):
                    await other.js.publish("analysis.local.tattoo.requested.job-2.1", b"after", timeout=5)
                    break
        kept = await other.js.get_last_msg(facts.STREAM, "analysis.local.tattoo.requested.job-1.1")
        assert kept.data == b"before"
    finally:
        await other.close()


async def test_without_a_certificate_nobody_comes_in(cluster: Cluster):
    stranger = Authority().lay(cluster.folder / "stranger", "localhost")
    (stranger / "ca.crt").write_bytes((cluster.folder / "certificate" / "ca.crt").read_bytes())
    alive = next(
        name for name, each in cluster.servers.items() if each.process and each.process.poll() is None
    )
    settings = cluster.settings[alive].model_copy(update={"tls_dir": str(stranger)})
    with pytest.raises((nats.errors.Error, OSError, TimeoutError)):
        await asyncio.wait_for(jetstream.connect(settings, "stranger"), 10)
