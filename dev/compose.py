"""Draws what k8s/compose.yaml needs and must not be in git: `python -m dev.compose`.

`--check` draws nothing: it compares the file with the Compose specification, as check-jsonschema carries it,
in an environment of its own (k8s/checkers.lock.txt).

Writes keys, passwords and settings into k8s/.compose, once: what is there stays. Everything is readable by
its owner only, who is also the user that the containers run as; started by root, that is 10001.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev import issuer
from dev.bootstrap import find_uv, install_uv
from dev.credentials import passwords, write_private
from dev.home import PROJECT
from dev.servers import nats, postgres, s3
from dev.stack import APP_ROLE, WORKER_ROLE

FILE = PROJECT / "k8s" / "compose.yaml"
FOLDER = PROJECT / "k8s" / ".compose"
CHECKERS = PROJECT / "k8s" / "checkers.lock.txt"
CHECK_S = 300.0
IMAGE_USER = 10001
URL = "http://127.0.0.1:8080"
NATS = """\
port: 4222
http: 8222
jetstream {{ store_dir: "/data", max_file_store: 4GB, sync_interval: always }}
authorization {{ user: "{user}", password: "{password}" }}
max_payload: 1MB
"""


def prepare(folder: Path, *, user: int, group: int) -> None:
    """Writes every file of compose.yaml into `folder`, owned by the user that the containers run as."""
    drawn = passwords(folder / "passwords.json", ["nats", postgres.OWNER, APP_ROLE, WORKER_ROLE])
    issuer.key_file(folder)
    issuer.key_set_file(folder)
    issuer.clients_file(folder)
    write_private(folder / "nats.conf", NATS.format(user=nats.USER, password=drawn["nats"]))
    write_private(folder / "identities.json", s3.identities(folder))
    for name, values in _environments(folder, drawn).items():
        write_private(folder / f"{name}.env", "".join(f"{key}={value}\n" for key, value in values.items()))
    for path in folder.iterdir():
        if os.geteuid() == 0:
            os.chown(path, user, group)


def _environments(folder: Path, drawn: Mapping[str, str]) -> dict[str, dict[str, str]]:
    def dsn(role: str) -> str:
        return f"postgresql://{role}:{drawn[role]}@postgres:5432/{postgres.DATABASE}"

    def storage(identity: str) -> dict[str, str]:
        pair = s3.keys(folder, identity)
        return {"ASSAY_S3_ACCESS_KEY": pair.access, "ASSAY_S3_SECRET_KEY": pair.secret}

    return {
        **{process: storage(process) for process in s3.PROCESSES},
        "process": {
            "ASSAY_ENV": "development",
            "ASSAY_REGION": "local",
            "ASSAY_NATS_URL": "nats://nats:4222",
            "ASSAY_NATS_USER": nats.USER,
            "ASSAY_NATS_PASSWORD": drawn["nats"],
            "ASSAY_S3_ENDPOINT": "http://s3:8333",
            "ASSAY_S3_PUBLIC_ENDPOINT": "http://127.0.0.1:8333",
            "ASSAY_S3_ENCRYPTION": "sse-s3",
            "ASSAY_S3_UPLOADS_BUCKET": s3.UPLOADS,
            "ASSAY_S3_ARTIFACTS_BUCKET": s3.ARTIFACTS,
            "ASSAY_OIDC_ISSUER": URL,
            "ASSAY_OIDC_JWKS_FILE": "/etc/assay/jwks.json",
        },
        "ledger": {"ASSAY_POSTGRES_DSN": dsn(APP_ROLE), "ASSAY_POSTGRES_WORKER_DSN": dsn(WORKER_ROLE)},
        "owner": {"ASSAY_POSTGRES_OWNER_DSN": dsn(postgres.OWNER)},
        "issuer": {
            "ASSAY_DEV_ISSUER_KEY_FILE": "/etc/assay/issuer.pem",
            "ASSAY_DEV_CLIENTS_FILE": "/etc/assay/clients.json",
        },
        # Makes the buckets.
        "topology": storage("admin"),
        "postgres": {
            "POSTGRES_USER": postgres.OWNER,
            "POSTGRES_PASSWORD": drawn[postgres.OWNER],
            "POSTGRES_DB": postgres.DATABASE,
        },
        "s3": {"WEED_S3_SSE_KEY": s3.encryption_key(folder)},
    }


def conforms(path: Path) -> str:
    """What the Compose specification has against a file; "" for nothing."""
    uv = find_uv() or install_uv()
    argv = [str(uv), "run", "--no-project", "--isolated", "--with-requirements", str(CHECKERS), "--quiet"]
    argv += ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    environment = {"UV_CACHE_DIR": str(PROJECT / ".tools" / "cache" / "uv"), **os.environ}
    done = subprocess.run(  # noqa: S603 - argv of our own, no shell
        argv, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=CHECK_S, check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepares k8s/.compose and k8s/.env, which names the user; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["--check"]:
        wrong = conforms(FILE)
        print(wrong or f"{FILE.name} is what the Compose specification says", end="\n")
        return 1 if wrong else 0
    if given:
        raise SystemExit(__doc__)
    root = os.geteuid() == 0
    user, group = (IMAGE_USER, IMAGE_USER) if root else (os.getuid(), os.getgid())
    prepare(FOLDER, user=user, group=group)
    write_private(FOLDER.parent / ".env", f"ASSAY_USER={user}:{group}\n")
    print(f"{FOLDER} is ready; docker compose -f k8s/compose.yaml up --wait")
    return 0


if __name__ == "__main__":
    sys.exit(main())
