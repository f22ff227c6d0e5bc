"""What the product's local stack is made of: servers, set-up tasks, services, Envoy."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev import issuer
from dev.credentials import write_private
from dev.home import PROJECT
from dev.ports import HOST, Claims, Ports, assign
from dev.process import ProcessSpec
from dev.servers import envoy, nats, postgres, s3

# Each a process of its own that scales by itself.
MODULES = {
    "gateway": "gateway",
    "ingest": "svc_ingest",
    "segment": "svc_segment",
    "color": "svc_color",
    "pose": "svc_balance.pose",
    "sway": "svc_balance.sway",
    "decision": "svc_decision",
    "report": "svc_report",
    "annotate": "svc_report.annotate",
}
STAGES = tuple(name for name in MODULES if name != "gateway")
SERVERS = {**nats.PORTS, **postgres.PORTS, **s3.PORTS, **envoy.PORTS}
APP_ROLE, WORKER_ROLE = "assay_app", "assay_worker"
# What the C libraries of a service read when it starts (docs/performance.md); k8s/Dockerfile says the same.
RUNTIME = {
    # One heap that keeps what the next job will want again, instead of asking the kernel for zeroed pages
    # each time: arrays of any size come from it, and it keeps as much as a photo needs.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
    "MALLOC_TOP_PAD_": str(16 * 2**20),
    # Jobs beside each other fill the cores; threads that wait for more work spin meanwhile.
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "RAYON_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}
GRPC_FIRST, METRICS_FIRST = 9050, 9100
SETUP = ("migrate", "topology")


@dataclass(frozen=True)
class Stack:
    """All processes of a stack and where it can be reached."""

    specs: tuple[ProcessSpec, ...]
    urls: dict[str, str]


def process_names(replicas: Mapping[str, int]) -> list[str]:
    """Gateway and stages, each as often as wanted: "segment", "segment-2", ...

    Raises ValueError for an unknown stage or a count outside 1 to 8.
    """
    for name, count in replicas.items():
        if name not in STAGES:
            raise ValueError(f"{name!r} cannot be replicated; stages are {', '.join(STAGES)}")
        if not 1 <= count <= 8:
            raise ValueError(f"{name}={count}: replicas are 1 to 8")
    more = [f"{name}-{n}" for name, count in sorted(replicas.items()) for n in range(2, count + 1)]
    return ["gateway", *STAGES, *more]


def choose_ports(folder: Path, names: list[str], claims: Claims) -> dict[str, int]:
    """Ports of everything; those of the last start where they are free, kept in ports.json."""
    record = folder / "ports.json"
    previous: dict[str, int] = json.loads(record.read_text()) if record.exists() else {}
    usual = dict(SERVERS)
    for index, name in enumerate(names):
        usual[f"grpc_{name}"] = GRPC_FIRST + index
        usual[f"metrics_{name}"] = METRICS_FIRST + index
    wanted = os.environ.get("GATEWAY")
    if wanted:
        previous["gateway"] = int(wanted)
    chosen = assign(usual, previous, claims)
    write_private(record, json.dumps({**previous, **chosen}, indent=2))
    return chosen


def build(folder: Path, replicas: Mapping[str, int], claims: Claims) -> Stack:
    """The stack that lives in `folder`. Draws credentials and claims ports; starts nothing."""
    names = process_names(replicas)
    ports = choose_ports(folder, names, claims)
    common = _common_environment(folder, ports)
    servers = (
        nats.spec(folder / "nats", ports),
        postgres.spec(folder / "postgres", ports),
        s3.spec(folder / "s3", ports),
    )
    setup = (
        _task(
            folder, "migrate", "gateway.migrate", {**common, **_ledger(folder, ports, owner=True)}, "postgres"
        ),
        _task(folder, "topology", "mesh.topology", {**common, **_storage(folder, "topology")}, "nats", "s3"),
    )
    services = tuple(_service(folder, name, ports, common) for name in names)
    door = envoy.spec(folder / "envoy", ports, issuer.key_set_file(folder), after=("gateway",))
    urls = {"gateway": _public(ports), "s3": s3.endpoint(ports), "docs": f"{_public(ports)}/docs"}
    return Stack((*servers, *setup, *services, door), urls)


def more(folder: Path, names: Sequence[str], claims: Claims) -> tuple[ProcessSpec, ...]:
    """Further replicas for the stack that runs in `folder`. Claims ports; starts nothing."""
    record = folder / "ports.json"
    known: dict[str, int] = json.loads(record.read_text())
    wanted = [f"{kind}_{name}" for name in names for kind in ("grpc", "metrics")]
    ports = {**known, **assign(dict.fromkeys(wanted, 0), known, claims)}
    write_private(record, json.dumps(ports, indent=2))
    common = _common_environment(folder, ports)
    return tuple(_service(folder, name, ports, common) for name in names)


def _public(ports: Ports) -> str:
    return f"http://{HOST}:{ports['gateway']}"


def _common_environment(folder: Path, ports: Ports) -> dict[str, str]:
    return {
        "ASSAY_ENV": "development",
        "ASSAY_REGION": os.environ.get("ASSAY_REGION", "local"),
        "ASSAY_NATS_URL": f"nats://{HOST}:{ports['nats']}",
        "ASSAY_NATS_USER": nats.USER,
        "ASSAY_NATS_PASSWORD": nats.password(folder / "nats"),
        "ASSAY_S3_ENDPOINT": s3.endpoint(ports),
        "ASSAY_S3_PUBLIC_ENDPOINT": s3.endpoint(ports),
        # The local KMS forgets its keys at a restart; SSE-S3 does not.
        "ASSAY_S3_ENCRYPTION": "sse-s3",
        "ASSAY_S3_UPLOADS_BUCKET": s3.UPLOADS,
        "ASSAY_S3_ARTIFACTS_BUCKET": s3.ARTIFACTS,
        "ASSAY_OIDC_ISSUER": _public(ports),
        "ASSAY_OIDC_JWKS_FILE": str(issuer.key_set_file(folder)),
        **RUNTIME,
    }


def _storage(folder: Path, process: str) -> dict[str, str]:
    """Keys of the process's own identity, which may do what its policy in k8s/cloud/s3 says."""
    pair = s3.keys(folder / "s3", process)
    return {"ASSAY_S3_ACCESS_KEY": pair.access, "ASSAY_S3_SECRET_KEY": pair.secret}


def _ledger(folder: Path, ports: Ports, *, owner: bool = False) -> dict[str, str]:
    data = folder / "postgres"
    roles = {"POSTGRES_DSN": APP_ROLE, "POSTGRES_WORKER_DSN": WORKER_ROLE}
    if owner:
        roles["POSTGRES_OWNER_DSN"] = postgres.OWNER
    return {f"ASSAY_{name}": postgres.dsn(data, ports, role) for name, role in roles.items()}


def _task(folder: Path, name: str, module: str, env: Mapping[str, str], *after: str) -> ProcessSpec:
    argv = (sys.executable, "-m", module)
    return ProcessSpec(name, argv, PROJECT, probe=lambda: "", env=env, after=after, once=True)


def _service(folder: Path, name: str, ports: Ports, common: Mapping[str, str]) -> ProcessSpec:
    stage = name.partition("-")[0]
    own = {
        **_storage(folder, stage),
        "ASSAY_GRPC_PORT": str(ports[f"grpc_{name}"]),
        "ASSAY_METRICS_PORT": str(ports[f"metrics_{name}"]),
    }
    if stage == "gateway":
        own |= _ledger(folder, ports)
        own["ASSAY_DEV_ISSUER_KEY_FILE"] = str(issuer.key_file(folder))
        own["ASSAY_CANARY_TENANT"] = issuer.CANARY_TENANT
        own["ASSAY_DEV_CLIENTS_FILE"] = str(issuer.clients_file(folder))
    target = f"{HOST}:{ports[f'grpc_{name}']}"
    return ProcessSpec(
        name=name,
        argv=(sys.executable, "-m", MODULES[stage]),
        folder=PROJECT,
        env={**common, **own},
        ports={"grpc": ports[f"grpc_{name}"], "metrics": ports[f"metrics_{name}"]},
        probe=lambda: grpc_probe(target),
        after=SETUP if stage == "gateway" else ("topology",),
        stop_s=25.0,
        ready_s=90.0,
    )


def grpc_probe(target: str) -> str:
    """Asks the standard health service; "" when it serves."""
    import grpc
    from grpc_health.v1 import health_pb2

    with grpc.insecure_channel(target) as channel:
        try:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            answer = check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError as error:
            return f"health on {target}: {error.code().name}"
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return "" if serving else f"health on {target}: not serving"
