"""The manifests as kubectl renders them, and small ways to look at them."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dev import kubectl

K8S = Path(__file__).resolve().parents[2] / "k8s"
REGIONS = ("staging", "prod-eu", "prod-us")
OVERLAYS = ("dev", *REGIONS)
FOLDERS = {name: K8S / "overlays" / name for name in OVERLAYS} | {"cluster": K8S / "cluster"}
RENDER_S = 60

Object = dict[str, Any]
SERVICES = ("gateway", "ingest", "segment", "color", "pose", "sway", "decision", "report", "annotate")


@cache
def text(name: str) -> str:
    """What `kubectl kustomize` prints; fails with what it says."""
    argv = [str(kubectl.program()), "kustomize", str(FOLDERS[name])]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=RENDER_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _parsed(name: str) -> list[Object]:
    return [each for each in yaml.load_all(text(name), yaml.CSafeLoader) if each]


def render(name: str) -> list[Object]:
    """The objects of an overlay, or of `cluster`; the caller may change them."""
    return copy.deepcopy(_parsed(name))


@dataclass(frozen=True)
class Workload:
    """A Deployment, StatefulSet or Job, and its pod."""

    kind: str
    name: str
    labels: dict[str, str]
    pod: Object
    source: Object

    @property
    def containers(self) -> list[Object]:
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def process(self) -> Object:
        """The container that the pod is for."""
        return dict(self.pod["containers"][0])


def workloads(objects: list[Object]) -> Iterator[Workload]:
    for each in objects:
        if each["kind"] in ("Deployment", "StatefulSet", "Job"):
            template = each["spec"]["template"]
            labels = template.get("metadata", {}).get("labels", {})
            yield Workload(each["kind"], each["metadata"]["name"], labels, template["spec"], each)


def of(objects: list[Object], kind: str) -> dict[str, Object]:
    """The objects of a kind by name."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def workload(objects: list[Object], name: str) -> Workload:
    return next(each for each in workloads(objects) if each.name == name)


def settings(objects: list[Object]) -> dict[str, str]:
    """The content of assay-settings-<hash>."""
    [found] = [each for name, each in of(objects, "ConfigMap").items() if name.startswith("assay-settings-")]
    return dict(found["data"])


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector (labels and expressions In, NotIn, Exists) selects these labels."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for each in selector.get("matchExpressions", []):
        held, operator = labels.get(each["key"]), each["operator"]
        fits = {
            "In": held in each.get("values", []),
            "NotIn": held not in each.get("values", []),
            "Exists": held is not None,
        }
        if not fits[operator]:
            return False
    return True
