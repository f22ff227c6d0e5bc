"""A release: its manifest, what an environment is given, and whether its tables allow the change.

    python3 -m dev.release digest METADATA.json IMAGE
    python3 -m dev.release manifest --version V --revision SHA --registry R --built FOLDER --out release.json
    python3 -m dev.release images release.json
    python3 -m dev.release gate --running running.json --next release.json
    python3 -m dev.release install release.json ENVIRONMENT
    kubectl get pods --output json | python3 -m dev.release runs release.json

The manifest is made once. Every environment gets the same one, so the same digests. Standard library only:
the workflow that deploys runs it without installing anything.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dev.migration_gate import FOLDER, history, version

PROJECT = Path(__file__).resolve().parent.parent
BAKE = PROJECT / "k8s" / "docker-bake.json"
OVERLAYS = PROJECT / "k8s" / "overlays"
RECORD = "assay-release"
"""The ConfigMap that says what runs in an environment."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Refused(Exception):
    """What a release must not do; the message says why and what to do instead."""


@dataclass(frozen=True)
class Release:
    """images: digest by name. contracts: by revision of the ledger, oldest first, the versions it needs."""

    version: str
    revision: str
    registry: str
    images: Mapping[str, str]
    contracts: Mapping[str, tuple[str, ...]]

    @property
    def references(self) -> list[str]:
        """Every image by digest, for example "ghcr.io/o/assay/sway@sha256:..."."""
        return [f"{self.registry}/{name}@{digest}" for name, digest in sorted(self.images.items())]


def targets(bake: Path = BAKE) -> list[str]:
    """The images that a release consists of."""
    said = json.loads(bake.read_text(encoding="utf-8"))["group"]
    return sorted({name for group in said.values() for name in group["targets"]})


def digest(metadata: Mapping[str, Any], image: str) -> str:
    """The digest that buildx says it pushed, from what `--metadata-file` wrote; raises Refused."""
    found = str(metadata.get(image, {}).get("containerimage.digest", ""))
    if not DIGEST.fullmatch(found):
        raise Refused(f"the build's metadata have no digest of {image}")
    return found


def manifest(version_: str, revision: str, registry: str, built: Path, migrations: Path = FOLDER) -> Release:
    """Gathers what was built; raises Refused when an image is missing, ValueError for a bad version."""
    version(version_)
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise Refused(f"{revision!r} is no commit")
    images = {}
    for name in targets():
        path = built / f"{name}.json"
        if not path.is_file():
            raise Refused(f"{name} was not built: {path} is missing")
        images[name] = digest(json.loads(path.read_text(encoding="utf-8")), name)
    contracts = {
        each.revision: tuple(sorted({contract.since for contract in each.contracts}, key=version))
        for each in history(migrations)
    }
    # Registries take lower case only.
    return Release(version_, revision, registry.lower(), images, contracts)


def read(path: Path) -> Release | None:
    """A manifest, or None where the file is empty: nothing runs there yet. Raises Refused."""
    text = path.read_text(encoding="utf-8")
    if not text.strip():
        return None
    try:
        said = json.loads(text)
        contracts = {name: tuple(needed) for name, needed in said.pop("contracts").items()}
        release = Release(**said, contracts=contracts)
        version(release.version)
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(f"{path.name} is no manifest of a release: {error}") from error
    for name, found in release.images.items():
        if not DIGEST.fullmatch(found):
            raise Refused(f"{path.name}: {name} is not pinned by digest")
    return release


def write(release: Release, path: Path) -> None:
    """Writes a manifest, the same bytes for the same release."""
    path.write_text(json.dumps(asdict(release), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def gate(running: Release | None, following: Release) -> None:
    """Lets a release follow the running one, forwards or back, or raises Refused.

    Both serve the same tables while the change lasts, and the older one again if it is taken back. So
    whatever one has contracted, the other must not need.
    """
    if running is None:
        return
    older, newer = sorted((running, following), key=lambda each: len(each.contracts))
    if list(newer.contracts)[: len(older.contracts)] != list(older.contracts):
        raise Refused(f"the ledgers of {running.version} and {following.version} have different histories")
    for revision in list(newer.contracts)[len(older.contracts) :]:
        for needed in newer.contracts[revision]:
            if version(older.version) < version(needed):
                raise Refused(
                    f"migration {revision} takes away what only {needed} and later do without, and "
                    f"{older.version} would meet it. Deploy {needed} first, or go back only to it."
                )


def install(release: Release, environment: str) -> Path:
    """Writes the environment's release component: every image by digest, and a record of what they are.

    Returns the overlay that kustomize renders. Raises Refused for an environment that has no overlay.
    """
    base = OVERLAYS / environment
    if not (base / "kustomization.yaml").is_file():
        known = ", ".join(sorted(each.name for each in OVERLAYS.iterdir() if each.is_dir()))
        raise Refused(f"there is no overlay {environment}; there are {known}")
    component = base / "release"
    component.mkdir(exist_ok=True)
    write(release, component / "release.json")
    # JSON is YAML.
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "images": [
            {"name": f"assay/{name}", "newName": f"{release.registry}/{name}", "digest": found}
            for name, found in sorted(release.images.items())
        ],
        "configMapGenerator": [
            {
                "name": RECORD,
                "namespace": "assay",
                "files": ["release.json"],
                "options": {"disableNameSuffixHash": True},
            }
        ],
    }
    (component / "kustomization.yaml").write_text(
        json.dumps(kustomization, indent=2) + "\n", encoding="utf-8"
    )
    return base


def unsettled(release: Release, pods: Mapping[str, Any]) -> list[str]:
    """What keeps a namespace from being this release's: pods of another, pods that are not ready, or none.

    `pods` is what `kubectl get pods --output json` says. Pods that have ended count for nothing, and images
    that no release of ours holds are other people's.
    """
    ours, seen, wrong = set(release.references), set(), []
    for pod in pods["items"]:
        name, status = pod["metadata"]["name"], pod.get("status", {})
        if status.get("phase") in ("Succeeded", "Failed"):
            continue
        used = {each["image"] for each in pod["spec"]["containers"] if _named(each["image"], release)}
        wrong += [f"{name} runs {image}" for image in sorted(used - ours)]
        ready = any(
            each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ())
        )
        if used and not ready:
            wrong.append(f"{name} is not ready")
        seen |= used & ours
    return wrong or ([] if seen else ["nothing of it runs"])


def _named(image: str, release: Release) -> bool:
    """Whether an image is one of ours, of whatever release and registry."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0] in release.images


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 with the reason on standard error."""
    given = _parser().parse_args(arguments)
    try:
        _run(given)
    except (Refused, ValueError) as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    return 0


def _run(given: argparse.Namespace) -> None:
    if given.command == "digest":
        print(digest(json.loads(given.metadata.read_text(encoding="utf-8")), given.image))
    elif given.command == "manifest":
        write(manifest(given.version, given.revision, given.registry, given.built), given.out)
    elif given.command == "images":
        print("\n".join(_present(given.release).references))
    elif given.command == "gate":
        gate(read(given.running), _present(given.next))
    elif given.command == "runs":
        wrong = unsettled(_present(given.release), json.load(sys.stdin))
        if wrong:
            raise Refused(f"not settled: {'; '.join(wrong)}")
    else:
        print(install(_present(given.release), given.environment))


def _present(path: Path) -> Release:
    found = read(path)
    if found is None:
        raise Refused(f"{path.name} is empty")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m dev.release",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("digest", help="what a build pushed")
    one.add_argument("metadata", type=Path)
    one.add_argument("image")
    made = commands.add_parser("manifest", help="gather what was built")
    for name in ("version", "revision", "registry"):
        made.add_argument(f"--{name}", required=True)
    made.add_argument("--built", type=Path, required=True, help="folder of buildx's metadata, IMAGE.json")
    made.add_argument("--out", type=Path, required=True)
    commands.add_parser("images", help="every image by digest").add_argument("release", type=Path)
    asked = commands.add_parser("gate", help="may this release follow that one?")
    asked.add_argument("--running", type=Path, required=True, help="manifest; empty where nothing runs")
    asked.add_argument("--next", type=Path, required=True)
    runs = commands.add_parser("runs", help="do the pods on standard input run this release, all ready?")
    runs.add_argument("release", type=Path)
    laid = commands.add_parser("install", help="write the release into an environment's overlay")
    laid.add_argument("release", type=Path)
    laid.add_argument("environment")
    return parser


if __name__ == "__main__":
    sys.exit(main())
