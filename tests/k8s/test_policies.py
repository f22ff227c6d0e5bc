"""Every overlay keeps our rules; and each rule sees what breaks it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.k8s import policies
from tests.k8s.manifests import OVERLAYS, Object, of, render, settings, workload


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_overlay_keeps_the_rules(name: str):
    assert policies.complaints(render(name)) == []


def pod(objects: list[Object], name: str = "segment") -> Object:
    return workload(objects, name).pod


def container(objects: list[Object], name: str = "segment") -> Object:
    return pod(objects, name)["containers"][0]


def drop(objects: list[Object], kind: str, name: str) -> None:
    objects[:] = [e for e in objects if (e["kind"], e["metadata"]["name"]) != (kind, name)]


def config(objects: list[Object], key: str, value: str) -> None:
    [found] = [e for n, e in of(objects, "ConfigMap").items() if n.startswith("assay-settings-")]
    found["data"][key] = value


BREAKS: dict[str, tuple[Callable[[list[Object]], object], str]] = {
    "root": (lambda o: pod(o)["securityContext"].pop("runAsNonRoot"), "segment may run as root"),
    "writable root": (
        lambda o: container(o)["securityContext"].update(readOnlyRootFilesystem=False),
        "segment/process: readOnlyRootFilesystem",
    ),
    "host path": (
        lambda o: pod(o)["volumes"].append({"name": "node", "hostPath": {"path": "/"}}),
        "segment mounts node",
    ),
    "token": (lambda o: pod(o).pop("automountServiceAccountToken"), "segment mounts a token"),
    "token for more": (
        lambda o: next(v for v in pod(o)["volumes"] if "projected" in v)["projected"]["sources"][0][
            "serviceAccountToken"
        ].pop("audience"),
        "good for more than the cloud",
    ),
    "shared account": (lambda o: pod(o).update(serviceAccountName="gateway"), "segment shares the account"),
    "no memory limit": (lambda o: container(o)["resources"]["limits"].pop("memory"), "no limit of memory"),
    "throttled": (
        lambda o: container(o)["resources"]["limits"].update(cpu="2"),
        "segment/process is throttled",
    ),
    "endless scratch": (lambda o: pod(o)["volumes"][-1].update(emptyDir={}), "scratch has no size limit"),
    "liveness on NATS": (
        lambda o: container(o)["livenessProbe"]["grpc"].pop("service"),
        "segment: liveness must",
    ),
    "readiness on itself": (
        lambda o: container(o)["readinessProbe"]["grpc"].update(service="liveness"),
        "segment: readiness must",
    ),
    "probe by TLS": (
        lambda o: container(o)["startupProbe"]["grpc"].update(port=50051),
        "segment: startup must",
    ),
    "short grace": (lambda o: pod(o).update(terminationGracePeriodSeconds=30), "segment is killed while"),
    "short drain": (lambda o: config(o, "ASSAY_DRAIN_S", "60"), "the drain of 60 s ends before"),
    "long jobs": (lambda o: config(o, "ASSAY_JOB_DEADLINE_S", "900"), "ends before a job's 900 s"),
    "abrupt": (lambda o: container(o).pop("lifecycle"), "segment stops before callers"),
    "no budget": (lambda o: drop(o, "PodDisruptionBudget", "segment"), "segment needs one disruption budget"),
    "one zone": (lambda o: pod(o)["topologySpreadConstraints"].pop(0), "segment is not spread over topology"),
    "no priority": (lambda o: pod(o).pop("priorityClassName"), "segment has no priority class"),
    "batch first": (lambda o: of(o, "PriorityClass")["assay-batch"].update(value=10**6), "batch goes before"),
    "latest": (lambda o: container(o).update(image="registry.invalid/assay/segment-gpu:latest"), "anything"),
    "no secret": (
        lambda o: drop(o, "ExternalSecret", "assay-nats"),
        "reads Secret assay-nats, which nothing",
    ),
    "no store": (lambda o: drop(o, "SecretStore", "assay"), "comes from assay, which is not declared"),
    "late account": (
        lambda o: of(o, "ServiceAccount")["migrate"]["metadata"]["labels"].pop(policies.PHASE),
        "Job migrate needs ('ServiceAccount', 'migrate')",
    ),
    "early service": (
        lambda o: of(o, "Deployment")["gateway"]["metadata"]["labels"].update({policies.PHASE: "setup"}),
        "gateway would start before the Jobs",
    ),
    "two scalers": (lambda o: of(o, "Deployment")["segment"]["spec"].update(replicas=3), "has both replicas"),
    "no fallback": (
        lambda o: of(o, "ScaledObject")["color"]["spec"].pop("fallback"),
        "color has no fallback",
    ),
    "scales nothing": (
        lambda o: of(o, "ScaledObject")["color"]["spec"]["scaleTargetRef"].update(name="colour"),
        "which is not here",
    ),
    "no analysis": (
        lambda o: of(o, "Rollout")["color"]["spec"]["strategy"]["canary"]["analysis"]["templates"].pop(0),
        "Rollout color is analysed by",
    ),
    "open by default": (lambda o: drop(o, "NetworkPolicy", "default-deny"), "nothing denies by default"),
    "lax namespace": (
        lambda o: of(o, "Namespace")["assay"]["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
        "does not enforce restricted",
    ),
    "squatter": (
        lambda o: pod(o, "color").update(tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}]),
        "color: GPU False, toleration True",
    ),
    "GPU without CUDA": (
        lambda o: container(o).update(image="registry.invalid/assay/segment:0.1.0"),
        "image with CUDA False",
    ),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_rule_sees_what_breaks_it(broken: str):
    change, said = BREAKS[broken]
    objects = render("prod-eu")
    change(objects)
    found = policies.complaints(objects)
    assert any(said in each for each in found), found


def test_settings_are_read_from_the_rendered_map():
    assert settings(render("prod-eu"))["ASSAY_REGION"] == "prod-eu"
