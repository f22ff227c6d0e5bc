"""The cloud's policies of one environment, from the documents in k8s/cloud.

    python -m dev.cloud prod-eu --account 123456789012 --key ARN --repository owner/assay --cluster NAME \\
        --cluster-issuer HOST/id/X --out DIR

Bucket names, region and key come from the environment's overlay, so that what is allowed is what is used.
docs/delivery.md has the commands that apply them.
"""

from __future__ import annotations

import argparse
import json
import re
import string
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dev.home import PROJECT
from dev.servers.s3 import PROCESSES

DOCUMENTS = PROJECT / "k8s" / "cloud"
OVERLAYS = PROJECT / "k8s" / "overlays"

Document = dict[str, Any]


def render(path: Path, values: Mapping[str, str]) -> Document:
    """A document with its variables filled in; raises KeyError for one that has no value."""
    text = string.Template(path.read_text(encoding="utf-8")).substitute(values)
    document = json.loads(text)
    assert isinstance(document, dict)  # a policy is an object
    return document


def documents(values: Mapping[str, str]) -> dict[str, Document]:
    """Every document of an environment by its name; a trust policy for each process."""
    found: dict[str, Document] = {}
    for path in sorted(DOCUMENTS.rglob("*.json")):
        name = str(path.relative_to(DOCUMENTS).with_suffix(""))
        if name == "trust/process":
            found |= {f"trust/{each}": render(path, {**values, "PROCESS": each}) for each in PROCESSES}
        else:
            found[name] = render(path, values)
    return found


def settings(environment: str) -> dict[str, str]:
    """What the environment's overlay says of buckets, region and key; raises ValueError where it does not."""
    path = OVERLAYS / environment / "settings.env"
    said = dict(re.findall(r"^(ASSAY_\w+)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    names = {
        "REGION": "ASSAY_S3_REGION",
        "UPLOADS": "ASSAY_S3_UPLOADS_BUCKET",
        "ARTIFACTS": "ASSAY_S3_ARTIFACTS_BUCKET",
        "ALIAS": "ASSAY_S3_KMS_KEY_ID",
    }
    missing = [name for name in names.values() if not said.get(name)]
    if missing:
        raise ValueError(f"{path} does not say {', '.join(missing)}")
    return {ours: said[name] for ours, name in names.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes one JSON file for each document; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.cloud", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", help="an overlay, for example prod-eu")
    parser.add_argument("--account", required=True, help="12 digits")
    parser.add_argument("--key", required=True, help="ARN of the KMS key behind the overlay's alias")
    parser.add_argument("--repository", required=True, help="owner/name at GitHub")
    parser.add_argument("--cluster", required=True, help="name of the EKS cluster")
    parser.add_argument(
        "--cluster-issuer", required=True, help="OIDC issuer of the cluster, without https://"
    )
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    if not re.fullmatch(r"\d{12}", given.account):
        parser.error("--account is 12 digits")
    values = {
        **settings(given.environment),
        "ACCOUNT": given.account,
        "KEY": given.key,
        "REPOSITORY": given.repository,
        "CLUSTER": given.cluster,
        "CLUSTER_ISSUER": given.cluster_issuer,
        "ENVIRONMENT": given.environment,
    }
    for name, document in documents(values).items():
        path = given.out / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
