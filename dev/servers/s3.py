"""S3: SeaweedFS (`weed server -filer -s3`), objects encrypted by SSE-S3.

One identity for each process, which may do what its policy in k8s/cloud/s3 says, and `admin`, which makes
buckets. The key that encrypts the objects lies in the data folder, beside
what it encrypts, so the two are moved and deleted together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from dev.credentials import passwords, write_private
from dev.home import PROJECT
from dev.ports import HOST, Ports
from dev.process import ProcessSpec, beside_python, http_probe

PORTS = {
    "s3": 8333,
    "s3_grpc": 18333,
    "s3_master": 9333,
    "s3_master_grpc": 19333,
    "s3_volume": 9340,
    "s3_volume_grpc": 19340,
    "s3_filer": 8888,
    "s3_filer_grpc": 18888,
}
UPLOADS = "assay-uploads"
ARTIFACTS = "assay-artifacts"
BUCKETS = (UPLOADS, ARTIFACTS)
# What each process may do, as it is in the cloud.
POLICIES = PROJECT / "k8s" / "cloud" / "s3"
PROCESSES = (
    "gateway",
    "topology",
    "ingest",
    "segment",
    "color",
    "pose",
    "sway",
    "decision",
    "report",
    "annotate",
)
# "service" may do what any of them may, for tests that play several.
IDENTITIES = ("admin", "service", *PROCESSES)
VARIABLES = {"${UPLOADS}": UPLOADS, "${ARTIFACTS}": ARTIFACTS}
SEAWEED = {
    "s3:GetObject": ("Read",),
    # Whether a bucket exists is listing to S3, reading to SeaweedFS.
    "s3:ListBucket": ("List", "Read"),
    "s3:PutObject": ("Write",),
    "s3:AbortMultipartUpload": ("Write",),
    "s3:DeleteObject": ("Write",),
}
# The longest path a Unix socket may have, with room for the file's name.
SOCKET_FOLDER_MAX = 90


@dataclass(frozen=True)
class Keys:
    """An S3 identity."""

    access: str
    secret: str


def keys(data: Path, identity: str = "service") -> Keys:
    """Keys of an identity of `IDENTITIES`, drawn on first use."""
    drawn = _credentials(data)
    return Keys(access=drawn[f"{identity}_access"][:20].upper(), secret=drawn[f"{identity}_secret"])


def _credentials(data: Path) -> dict[str, str]:
    names = [f"{each}_{part}" for each in IDENTITIES for part in ("access", "secret")]
    return passwords(data / "credentials.json", [*names, "sse_key"])


def endpoint(ports: Ports) -> str:
    """URL of the S3 interface."""
    return f"http://{HOST}:{ports['s3']}"


def encryption_key(data: Path) -> str:
    """The secret that objects are encrypted under, drawn on first use."""
    return _credentials(data)["sse_key"]


def identities(data: Path) -> str:
    """SeaweedFS's table of who may do what: an identity for each process, by its policy in k8s/cloud/s3."""
    allowed = {process: seaweed_actions(process) for process in PROCESSES}
    allowed["service"] = sorted({action for each in allowed.values() for action in each})
    allowed["admin"] = ["Admin", "Read", "List", "Tagging", "Write"]
    entries = []
    for name in IDENTITIES:
        pair = keys(data, name)
        credential = {"accessKey": pair.access, "secretKey": pair.secret}
        entries.append({"name": name, "credentials": [credential], "actions": allowed[name]})
    return json.dumps({"identities": entries}, indent=2)


def seaweed_actions(process: str) -> list[str]:
    """A process's policy in SeaweedFS's coarser words, for example "Read:assay-uploads"."""
    policy = json.loads((POLICIES / f"{process}.json").read_text(encoding="utf-8"))
    found = set()
    for statement in policy["Statement"]:
        resources = statement["Resource"]
        for resource in [resources] if isinstance(resources, str) else resources:
            bucket = next((ours for variable, ours in VARIABLES.items() if variable in resource), "")
            if bucket:
                found |= {f"{word}:{bucket}" for action in statement["Action"] for word in SEAWEED[action]}
    return sorted(found)


def create_buckets(data: Path, ports: Ports) -> None:
    """Makes the buckets that are missing, as `admin`."""
    from minio import Minio

    admin = keys(data, "admin")
    client = Minio(
        f"{HOST}:{ports['s3']}",
        access_key=admin.access,
        secret_key=admin.secret,
        secure=False,
        region="us-east-1",
    )
    for bucket in BUCKETS:
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)


def _flags(data: Path, ports: Ports) -> list[str]:
    flags = {
        "dir": data / "volumes",
        "ip": HOST,
        "ip.bind": HOST,
        "master.port": ports["s3_master"],
        "master.port.grpc": ports["s3_master_grpc"],
        "master.dir": data / "master",
        "master.telemetry": "false",
        # One master elects itself; after a restart the usual 10 s would be spent waiting.
        "master.electionTimeout": "1s",
        "master.volumeSizeLimitMB": 1024,
        "volume.port": ports["s3_volume"],
        "volume.port.grpc": ports["s3_volume_grpc"],
        "volume.max": 0,
        "volume.index": "leveldb",
        # How long the volume server lingers after SIGTERM; there is no second one to take over.
        "volume.preStopSeconds": 0,
        "filer.port": ports["s3_filer"],
        "filer.port.grpc": ports["s3_filer_grpc"],
        "s3.port": ports["s3"],
        "s3.port.grpc": ports["s3_grpc"],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": data / "identities.json",
        "s3.autoCreateBucket": "false",
    }
    if len(str(data)) <= SOCKET_FOLDER_MAX:
        flags["filer.localSocket"] = data / "filer.sock"
        flags["s3.localSocket"] = data / "s3.sock"
    return [f"-{name}={value}" for name, value in flags.items()]


def spec(data: Path, ports: Ports) -> ProcessSpec:
    """The S3 server that keeps its objects in `data`."""

    def prepare() -> None:
        for folder in ("volumes", "master"):
            (data / folder).mkdir(parents=True, exist_ok=True)
        write_private(data / "identities.json", identities(data))

    return ProcessSpec(
        name="s3",
        argv=(beside_python("weed"), "-logtostderr=true", "server", "-filer", "-s3", *_flags(data, ports)),
        folder=data,
        # Its heap holds some 230 MB that it mostly never touches; under a limit near that it collects garbage
        # without end, even idle. Well above, it grows to the limit and stays there.
        env={"WEED_S3_SSE_KEY": _credentials(data)["sse_key"], "GOMEMLIMIT": "400MiB", "GOGC": "off"},
        ports={name: ports[name] for name in PORTS},
        prepare=prepare,
        probe=lambda: _probe(ports),
        settle=lambda: create_buckets(data, ports),
        # After SIGTERM its gRPC servers wait 15 s for each other's streams. Nothing is lost by
        # ending that: a write was handed to the kernel before it was acknowledged.
        stop_s=2.0,
        leftovers=tuple(_sockets(ports)),
    )


def _sockets(ports: Ports) -> list[Path]:
    # SeaweedFS puts these sockets under /tmp, whatever TMPDIR or its own settings say; they are named here
    # only to be removed.
    parts = {
        "master": "s3_master_grpc",
        "volume": "s3_volume_grpc",
        "filer": "s3_filer_grpc",
        "s3": "s3_grpc",
    }
    return [Path(f"/tmp/seaweedfs-{part}-grpc-{ports[name]}.sock") for part, name in parts.items()]  # noqa: S108 - SeaweedFS's own place


def _probe(ports: Ports) -> str:
    # S3 answers before a volume server has joined; a write would fail until then.
    volumes = http_probe(f"http://{HOST}:{ports['s3_volume']}/healthz")
    return volumes or http_probe(f"{endpoint(ports)}/healthz")
