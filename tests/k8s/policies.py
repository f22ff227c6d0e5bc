"""Rules of our own that every rendered deployment keeps; each yields a sentence for what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.k8s.manifests import SERVICES, Object, Workload, matches, of, settings, workloads

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
"""Volume types of the restricted Pod Security Standard."""
MARGIN_S = 10
PHASE = "app.kubernetes.io/component"


def complaints(objects: list[Object]) -> list[str]:
    """What every rule finds wrong."""
    return [said for rule in RULES for said in rule(objects)]


def restricted(objects: list[Object]) -> Iterator[str]:
    """The restricted Pod Security Standard, and more: a read-only root, a user that is said."""
    for each in workloads(objects):
        pod = each.pod
        own = pod.get("securityContext", {})
        if any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{each.name} is on its host's namespaces"
        if own.get("runAsNonRoot") is not True or own.get("runAsUser", 0) < 10_000:
            yield f"{each.name} may run as root or as a user of the node's"
        if own.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{each.name} has no seccomp profile"
        for volume in pod.get("volumes", []):
            if not VOLUMES & set(volume):
                yield f"{each.name} mounts {volume['name']}, of a type that restricted forbids"
        for container in each.containers:
            yield from _confined(each, container)


def _confined(each: Workload, container: Object) -> Iterator[str]:
    held: dict[str, Any] = container.get("securityContext", {})
    wanted = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for key, value in wanted.items():
        if held.get(key) != value:
            yield f"{each.name}/{container['name']}: {key} is not {value}"


def no_tokens(objects: list[Object]) -> Iterator[str]:
    accounts = of(objects, "ServiceAccount")
    for each in workloads(objects):
        account = each.pod.get("serviceAccountName", "default")
        if each.pod.get("automountServiceAccountToken") is not False:
            yield f"{each.name} mounts a token"
        if account not in accounts:
            yield f"{each.name} runs as {account}, which is not declared"
        elif each.kind != "StatefulSet" and account != each.name:
            yield f"{each.name} shares the account {account}"
        for volume in each.pod.get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []):
                if source.get("serviceAccountToken", {}).get("audience") != "sts.amazonaws.com":
                    yield f"{each.name} holds a token that is good for more than the cloud"
    for name, account in accounts.items():
        if account.get("automountServiceAccountToken") is not False:
            yield f"account {name} mounts tokens"


def resources(objects: list[Object]) -> Iterator[str]:
    for each in workloads(objects):
        for container in each.containers:
            name = f"{each.name}/{container['name']}"
            asked = container.get("resources", {}).get("requests", {})
            limits = container.get("resources", {}).get("limits", {})
            for wanted in ("cpu", "memory", "ephemeral-storage"):
                if wanted not in asked:
                    yield f"{name} asks for no {wanted}"
            for wanted in ("memory", "ephemeral-storage"):
                if wanted not in limits:
                    yield f"{name} has no limit of {wanted}"
            if "cpu" in limits:
                yield f"{name} is throttled; a request is enough"
        for volume in each.pod.get("volumes", []):
            if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
                yield f"{each.name}: {volume['name']} has no size limit"


def probes(objects: list[Object]) -> Iterator[str]:
    """Liveness asks the process about itself alone; readiness asks whether it can work."""
    secured = bool(settings(objects).get("ASSAY_TLS_DIR"))
    port = int(settings(objects)["ASSAY_HEALTH_PORT" if secured else "ASSAY_GRPC_PORT"])
    for each in workloads(objects):
        if each.name not in SERVICES:
            continue
        for probe, service in (("startup", "liveness"), ("readiness", ""), ("liveness", "liveness")):
            found = each.process.get(f"{probe}Probe", {}).get("grpc", {})
            if found.get("port") != port or found.get("service", "") != service:
                yield f"{each.name}: {probe} must ask gRPC health {service!r} on {port}, not {found}"


def drains(objects: list[Object]) -> Iterator[str]:
    """A pod may drain longer than a job may live, and is not killed while it drains."""
    held = settings(objects)
    drain_s, job_s = float(held["ASSAY_DRAIN_S"]), float(held["ASSAY_JOB_DEADLINE_S"])
    if drain_s < job_s:
        yield f"the drain of {drain_s:.0f} s ends before a job's {job_s:.0f} s"
    for each in workloads(objects):
        before = each.process.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if each.name in SERVICES and not before:
            yield f"{each.name} stops before callers have forgotten it"
        if each.name in SERVICES and each.pod["terminationGracePeriodSeconds"] < before + drain_s + MARGIN_S:
            yield f"{each.name} is killed while it drains"


def disruption(objects: list[Object]) -> Iterator[str]:
    budgets = [each["spec"] for each in of(objects, "PodDisruptionBudget").values()]
    for each in workloads(objects):
        if each.name not in (*SERVICES, "envoy"):
            continue
        held = [spec for spec in budgets if matches(spec["selector"], each.labels)]
        if len(held) != 1 or held[0].get("maxUnavailable") != 1:
            yield f"{each.name} needs one disruption budget of at most one pod"
        spread = {c["topologyKey"]: c for c in each.pod.get("topologySpreadConstraints", [])}
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname"):
            if key not in spread or not matches(spread[key]["labelSelector"], each.labels):
                yield f"{each.name} is not spread over {key}"


def priorities(objects: list[Object]) -> Iterator[str]:
    classes = of(objects, "PriorityClass")
    for each in workloads(objects):
        if each.pod.get("priorityClassName") not in classes:
            yield f"{each.name} has no priority class of ours"
    if classes["assay-batch"].get("preemptionPolicy") != "Never":
        yield "batch may evict"
    if classes["assay-interactive"]["value"] <= classes["assay-batch"]["value"]:
        yield "batch goes before interactive"


def images(objects: list[Object]) -> Iterator[str]:
    for each in workloads(objects):
        for container in each.containers:
            image = container["image"]
            last = image.rpartition("/")[2]
            if "@sha256:" not in image and (":" not in last or last.endswith(":latest")):
                yield f"{each.name}/{container['name']} runs {image}, which may be anything"


def references(objects: list[Object]) -> Iterator[str]:
    """What a pod reads is made by something that is here."""
    maps = set(of(objects, "ConfigMap")) | {"assay-trust"}
    secrets = {
        spec.get("target", {}).get("name", name)
        for name, spec in ((name, e["spec"]) for name, e in of(objects, "ExternalSecret").items())
    } | {each["spec"]["secretName"] for each in of(objects, "Certificate").values()}
    for each in workloads(objects):
        for kind, name in read_by(each):
            if name not in (maps if kind == "ConfigMap" else secrets):
                yield f"{each.name} reads {kind} {name}, which nothing makes"
    stores = {("SecretStore", name) for name in of(objects, "SecretStore")}
    for name, each in of(objects, "ExternalSecret").items():
        store = each["spec"].get("secretStoreRef")
        if store and (store["kind"], store["name"]) not in stores:
            yield f"{name} comes from {store['name']}, which is not declared"


def read_by(each: Workload) -> Iterator[tuple[str, str]]:
    """(ConfigMap or Secret, name) of all that a pod reads."""
    for container in each.containers:
        for source in container.get("envFrom", []):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source and not source[key].get("optional"):
                    yield kind, source[key]["name"]
        for variable in container.get("env", []):
            chosen = variable.get("valueFrom", {})
            if "secretKeyRef" in chosen:
                yield "Secret", chosen["secretKeyRef"]["name"]
    for volume in each.pod.get("volumes", []):
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]


def order(objects: list[Object]) -> Iterator[str]:
    """Whatever the Jobs need is applied with them, and no service is."""
    first = {
        (each["kind"], each["metadata"]["name"])
        for each in objects
        if each["metadata"].get("labels", {}).get(PHASE) == "setup"
    }
    for each in workloads(objects):
        if each.kind != "Job":
            if ("Deployment", each.name) in first:
                yield f"{each.name} would start before the Jobs"
            continue
        if ("Job", each.name) not in first:
            yield f"Job {each.name} is not applied first"
        made = {
            ("ServiceAccount", each.pod["serviceAccountName"]),
            ("PriorityClass", each.pod["priorityClassName"]),
        }
        made |= {
            ("ConfigMap", name)
            for kind, name in read_by(each)
            if kind == "ConfigMap" and name != "assay-trust"
        }
        made |= {("ExternalSecret", name) for kind, name in read_by(each) if kind == "Secret"}
        for missing in sorted(made - first):
            yield f"Job {each.name} needs {missing}, which is not applied first"
    for kind in ("Namespace", "NetworkPolicy", "SecretStore"):
        for name in of(objects, kind):
            if (kind, name) not in first:
                yield f"{kind} {name} is not applied first"


def scaling(objects: list[Object]) -> Iterator[str]:
    """An autoscaler has the number of replicas to itself and aims at what is there."""
    kinds = {kind: set(of(objects, kind)) for kind in ("Deployment", "Rollout")}
    for kind in ("ScaledObject", "HorizontalPodAutoscaler"):
        for name, each in of(objects, kind).items():
            target = each["spec"]["scaleTargetRef"]
            if target["name"] not in kinds.get(target.get("kind", "Deployment"), set()):
                yield f"{kind} {name} scales {target}, which is not here"
            elif of(objects, "Deployment")[target["name"]]["spec"].get("replicas") is not None:
                yield f"{name} has both replicas and an autoscaler"
    for name, each in of(objects, "ScaledObject").items():
        spec = each["spec"]
        if (
            not spec["minReplicaCount"]
            <= spec.get("fallback", {}).get("replicas", -1)
            <= spec["maxReplicaCount"]
        ):
            yield f"{name} has no fallback between its least and most replicas"
    for name, each in of(objects, "Rollout").items():
        named = {one["templateName"] for one in each["spec"]["strategy"]["canary"]["analysis"]["templates"]}
        if "objectives" not in named or len(named) < 2 or not named <= set(of(objects, "AnalysisTemplate")):
            yield f"Rollout {name} is analysed by {sorted(named)}"
        if each["spec"]["workloadRef"]["name"] not in kinds["Deployment"]:
            yield f"Rollout {name} has no Deployment"


def isolated(objects: list[Object]) -> Iterator[str]:
    spec = of(objects, "NetworkPolicy").get("default-deny", {}).get("spec")
    if spec != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield "nothing denies by default, both ways, for every pod"
    labels = of(objects, "Namespace")["assay"]["metadata"]["labels"]
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "the namespace does not enforce restricted pods"


def pools(objects: list[Object]) -> Iterator[str]:
    """Who has a GPU tolerates its node and asks for it, and nobody else comes there."""
    for each in workloads(objects):
        gpu = "nvidia.com/gpu" in each.process["resources"]["limits"]
        tolerates = any(one.get("key") == "nvidia.com/gpu" for one in each.pod.get("tolerations", []))
        chosen = each.pod.get("nodeSelector", {}).get("assay.invalid/pool") == "gpu"
        built = "-gpu" in each.process["image"].rpartition("/")[2]
        if len({gpu, tolerates, chosen, built}) != 1:
            yield f"{each.name}: GPU {gpu}, toleration {tolerates}, pool {chosen}, image with CUDA {built}"


RULES: tuple[Callable[[list[Object]], Iterator[str]], ...] = (
    restricted,
    no_tokens,
    resources,
    probes,
    drains,
    disruption,
    priorities,
    images,
    references,
    order,
    scaling,
    isolated,
    pools,
)
