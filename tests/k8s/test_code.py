"""What manifests say of the code is so: modules, settings, ports, consumers, metrics, images, arguments."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path

import pytest

from dev.servers import envoy
from dev.stack import MODULES, SETUP
from gateway.surface import __main__ as surface
from mesh import facts, signals, topology
from mesh.objects import ObjectStore
from mesh.settings import Settings
from tests.k8s.manifests import (
    K8S,
    OVERLAYS,
    REGIONS,
    SERVICES,
    Object,
    matches,
    of,
    render,
    settings,
    text,
    workload,
    workloads,
)

FIELDS = {f"ASSAY_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_processes_are_those_of_the_local_stack(name: str):
    objects = render(name)
    run = {each.name: each.process["args"] for each in workloads(objects) if each.name in MODULES}
    assert run == {service: [module] for service, module in MODULES.items()}
    jobs = {each.name: each.process["args"] for each in workloads(objects) if each.kind == "Job"}
    assert tuple(jobs) == SETUP
    for [module] in (*run.values(), *jobs.values()):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_setting_exists_and_its_value_fits(name: str, monkeypatch: pytest.MonkeyPatch):
    objects = render(name)
    held = settings(objects)
    said = {key for each in workloads(objects) for c in each.containers for key in _names(c)} | set(held)
    said |= {
        one["secretKey"]
        for key, each in of(objects, "ExternalSecret").items()
        for one in each["spec"].get("data", [])
        if key != "assay-canary"
    }
    assert {key for key in said if key.startswith("ASSAY_")} <= FIELDS
    for key, value in held.items():
        monkeypatch.setenv(key, value)
    read = Settings()
    assert (read.env == "production") == (name in REGIONS)
    assert read.region == name
    # Raises where objects would be sent under KMS without TLS.
    ObjectStore(read).close()


def _names(container: Object) -> list[str]:
    return [each["name"] for each in container.get("env", [])]


@pytest.mark.parametrize("name", OVERLAYS)
def test_ports_are_those_that_the_processes_bind(name: str):
    objects = render(name)
    held = settings(objects)
    wanted = {"grpc": int(held["ASSAY_GRPC_PORT"]), "metrics": int(held["ASSAY_METRICS_PORT"])}
    if "ASSAY_HEALTH_PORT" in held:
        wanted["health"] = int(held["ASSAY_HEALTH_PORT"])
    for service in SERVICES:
        ports = {each["name"]: each["containerPort"] for each in workload(objects, service).process["ports"]}
        assert ports == wanted
    for each in of(objects, "Service").values():
        targets = [
            one
            for one in workloads(objects)
            if matches({"matchLabels": each["spec"]["selector"]}, one.labels)
        ]
        assert len(targets) == 1, each["metadata"]["name"]
        for port in each["spec"]["ports"]:
            assert port["targetPort"] in {one["name"] for one in targets[0].process["ports"]}


@pytest.mark.parametrize("name", REGIONS)
def test_each_stage_scales_on_the_lag_of_its_own_consumers(name: str):
    wanted: dict[str, set[str]] = {}
    for edge in topology.EDGES:
        wanted.setdefault(edge.stage, set()).add(edge.durable)
    found = {}
    for stage, each in of(render(name), "ScaledObject").items():
        lags = [one["metadata"] for one in each["spec"]["triggers"] if one["type"] == "nats-jetstream"]
        found[stage] = {one["consumer"] for one in lags}
        assert {one["stream"] for one in lags} == {facts.STREAM}
        assert {one["account"] for one in lags} == {"ASSAY"}
    assert found == wanted


@pytest.mark.parametrize("name", REGIONS)
def test_only_gpu_stages_go_to_none_and_they_have_working_hours(name: str):
    idle = {
        stage
        for stage, each in of(render(name), "ScaledObject").items()
        if not each["spec"]["minReplicaCount"]
    }
    hours = {
        stage
        for stage, each in of(render(name), "ScaledObject").items()
        if any(one["type"] == "cron" for one in each["spec"]["triggers"])
    }
    assert idle == hours == {"segment", "pose"}


def test_analysis_asks_for_metrics_that_exist():
    known = {metric.name for metric in signals.METRICS}
    rules = (K8S / "components" / "observability" / "rules.yaml").read_text()
    asked = set()
    for template in of(render("prod-eu"), "AnalysisTemplate").values():
        for metric in template["spec"]["metrics"]:
            query = metric["provider"]["prometheus"]["query"]
            asked |= set(re.findall(r"\b(?:assay|slo|envoy|process)[a-z_:0-9]+(?=\{| \/| on|\))", query))
    assert {"assay_stage_run_duration_seconds_count", "slo:objective:ratio"} <= asked
    for name in asked:
        base = re.sub(r"_(count|sum|bucket)$", "", name)
        assert base in known or f"record: {name}" in rules or name.startswith(("envoy_", "process_")), name


@pytest.mark.parametrize("name", REGIONS)
def test_every_process_is_scraped_once_and_by_its_own_path(name: str):
    objects = render(name)
    monitors = of(objects, "PodMonitor").values()
    for each in workloads(objects):
        held = [one["spec"] for one in monitors if matches(one["spec"]["selector"], each.labels)]
        assert len(held) == (0 if each.kind == "Job" else 1), each.name
        for spec in held:
            [endpoint] = spec["podMetricsEndpoints"]
            assert endpoint["port"] in {port["name"] for port in each.process["ports"]}
            wanted = "/stats/prometheus" if each.name == "envoy" else "/metrics"
            assert endpoint.get("path", "/metrics") == wanted
            assert "rollouts-pod-template-hash" in spec["podTargetLabels"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_image_of_ours_is_one_that_is_built(name: str):
    baked = set(json.loads((K8S / "docker-bake.json").read_text())["target"]) - {"common"}
    for each in workloads(render(name)):
        for container in each.containers:
            found = re.search(r"assay/([a-z-]+)[:@]", container["image"])
            assert each.kind == "StatefulSet" or (found and found[1] in baked), container["image"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_envoy_takes_what_the_generator_writes_from_the_arguments(name: str, tmp_path: Path):
    """The init container's own arguments, with the values of the settings, into a folder of the test's."""
    objects = render(name)
    pod = workload(objects, "envoy").pod
    held = settings(objects)
    [init] = pod["initContainers"]
    given = [re.sub(r"\$\((\w+)\)", lambda found: held[found[1]], each) for each in init["args"]]
    assert given[0] == "--out=/etc/envoy"
    given[0] = f"--out={tmp_path}"
    surface.main(given)
    argv = [envoy.program(), "--mode", "validate", "-c", str(tmp_path / "envoy.yaml"), "-l", "error"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    ports = {each["name"]: each["containerPort"] for each in pod["containers"][0]["ports"]}
    assert f"--port={ports['public']}" in given
    assert f"--stats-port={ports['metrics']}" in given
    headless = {
        key for key, each in of(objects, "Service").items() if each["spec"].get("clusterIP") == "None"
    }
    for upstream in (each.partition("=")[2] for each in given if each.startswith("--upstream=")):
        host, _, port = upstream.partition("=")[2].rpartition(":")
        assert host.split(".")[0] in headless, "Envoy balances over pods, so it must see them"
        assert host.split(".", 1)[1] == "assay.svc.cluster.local"
        assert port == held["ASSAY_GRPC_PORT"]


def test_nothing_rendered_holds_a_secret():
    for name in (*OVERLAYS, "cluster"):
        assert not of(render(name), "Secret")
        assert "PRIVATE KEY" not in text(name)


@pytest.mark.parametrize("name", REGIONS)
def test_each_process_asks_s3_as_a_role_of_its_own(name: str):
    """k8s/cloud has a policy for each account; the names come together in AWS_ROLE_ARN."""
    objects = render(name)
    policies = {path.stem for path in (K8S / "cloud" / "s3").glob("*.json")}
    assert policies == {*SERVICES, "topology"}
    for process in policies:
        each = workload(objects, process)
        env = {one["name"]: one for one in each.process["env"]}
        assert env["ACCOUNT"]["valueFrom"]["fieldRef"]["fieldPath"] == "spec.serviceAccountName"
        role = env["AWS_ROLE_ARN"]["value"].replace("$(ACCOUNT)", each.pod["serviceAccountName"])
        held = settings(objects)
        for key in ("AWS_ACCOUNT_ID", "ASSAY_REGION"):
            role = role.replace(f"$({key})", held[key])
        assert re.fullmatch(rf"arn:aws:iam::\d{{12}}:role/assay-{name}-{process}", role)
    assert not of(objects, "ExternalSecret").get("assay-s3"), "no key of S3 where there are roles"


@pytest.mark.parametrize("name", REGIONS)
def test_the_canary_calls_its_own_region(name: str):
    objects = render(name)
    [said] = [
        each["data"] for key, each in of(objects, "ConfigMap").items() if key.startswith("assay-canary-")
    ]
    certificate = of(objects, "Certificate")["envoy-public"]["spec"]
    assert said["ASSAY_URL"] == f"https://{certificate['dnsNames'][0]}"
    assert said["ASSAY_TOKEN_URL"].startswith(settings(objects)["ASSAY_OIDC_ISSUER"] + "/")
