"""A release is built once, pinned by digest everywhere, and gated by the ledger's history."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev import kubectl
from dev import release as releases
from dev.home import PROJECT
from dev.migration_gate import history
from dev.release import Refused, Release, gate, main, manifest, read, targets, write

ENVIRONMENTS = ("dev", "staging", "prod-eu", "prod-us")
REVISION = "0123456789abcdef0123456789abcdef01234567"


def pushed(name: str) -> str:
    return "sha256:" + (name.encode().hex() * 8)[:64]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "built"
    folder.mkdir()
    for name in targets():
        said = {name: {"containerimage.digest": pushed(name), "image.name": f"r/{name}:1.2.3"}}
        (folder / f"{name}.json").write_text(json.dumps(said))
    return folder


def test_the_manifest_names_every_image_by_what_was_pushed(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "release.json"
    given = ["--version", "1.2.3", "--revision", REVISION, "--registry", "ghcr.io/Some/Assay"]
    assert main(["manifest", *given, "--built", str(built), "--out", str(out)]) == 0
    made = read(out)
    assert made is not None
    assert made.images == {name: pushed(name) for name in targets()}
    assert list(made.contracts) == [each.revision for each in history()]
    assert f"ghcr.io/some/assay/color@{pushed('color')}" in made.references
    assert made == manifest("1.2.3", REVISION, "ghcr.io/some/assay", built)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda built: (built / "sway.json").unlink(), "sway was not built"),
        (lambda built: (built / "sway.json").write_text("{}"), "no digest of sway"),
        (
            lambda built: (built / "sway.json").write_text('{"sway": {"containerimage.digest": "latest"}}'),
            "no digest of sway",
        ),
    ],
)
def test_what_was_not_built_is_not_released(
    built: Path,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(built)
    given = ["--version", "1.2.3", "--revision", REVISION, "--registry", "r"]
    assert main(["manifest", *given, "--built", str(built), "--out", str(tmp_path / "out.json")]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def made(version: str, **contracts: tuple[str, ...]) -> Release:
    steps = {name.removeprefix("m"): needed for name, needed in contracts.items()}
    return Release(version, REVISION, "ghcr.io/o/assay", {"sway": pushed("sway")}, steps)


def test_expanding_migrations_let_a_release_go_forwards_and_back() -> None:
    older, newer = made("1.0.0", m0001=()), made("1.1.0", m0001=(), m0002=())
    gate(None, newer)
    gate(older, newer)
    gate(newer, older)
    gate(newer, newer)


def test_a_contraction_waits_for_the_release_that_does_without() -> None:
    needs, free = made("1.0.0", m0001=()), made("1.1.0", m0001=())
    drops = made("1.2.0", m0001=(), m0002=("1.1.0",))
    gate(needs, free)
    gate(free, drops)
    gate(drops, free)
    with pytest.raises(Refused, match=r"migration 0002 .* Deploy 1\.1\.0 first"):
        gate(needs, drops)
    with pytest.raises(Refused, match="go back only to it"):
        gate(drops, needs)


def test_ledgers_of_different_histories_never_meet() -> None:
    with pytest.raises(Refused, match="different histories"):
        gate(made("1.0.0", m0001=(), m0002=()), made("1.1.0", m0001=(), m0002b=(), m0003=()))


def test_the_gate_as_the_workflow_calls_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running, following = tmp_path / "running.json", tmp_path / "next.json"
    running.write_text("")
    write(made("1.2.0", m0001=(), m0002=("1.1.0",)), following)
    asked = ["gate", "--running", str(running), "--next", str(following)]
    assert main(asked) == 0
    write(made("1.0.0", m0001=()), running)
    assert main(asked) == 1
    assert "refused: migration 0002" in capsys.readouterr().err
    running.write_text("{}")
    assert main(asked) == 1
    assert "no manifest" in capsys.readouterr().err


def test_an_image_by_tag_is_no_release(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    write(replace(made("1.0.0"), images={"sway": "1.0.0"}), path)
    with pytest.raises(Refused, match="not pinned by digest"):
        read(path)


@pytest.fixture
def overlays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The overlays as they are, in a folder where a release may be written into them."""
    shutil.copytree(PROJECT / "k8s", tmp_path / "k8s", ignore=shutil.ignore_patterns("release.json"))
    monkeypatch.setattr(releases, "OVERLAYS", tmp_path / "k8s" / "overlays")
    return tmp_path / "k8s" / "overlays"


def rendered(overlay: Path) -> list[dict[str, Any]]:
    argv = [str(kubectl.program()), "kustomize", str(overlay)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def pods(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in documents:
        if each["kind"] in ("Deployment", "Job"):
            yield each["spec"]["template"]["spec"]
        if each["kind"] == "CronJob":
            yield each["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def foreign(documents: list[dict[str, Any]], release: Release) -> set[str]:
    """Images of our own that are not the release's, by digest; other people's are not ours to build."""
    used = {
        container["image"]
        for pod in pods(documents)
        for container in (*pod.get("initContainers", ()), *pod["containers"])
        if "assay/" in container["image"]
    }
    assert used, "nothing of ours is deployed"
    return used - set(release.references)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_gets_the_same_digests(environment: str, built: Path, overlays: Path) -> None:
    released = manifest("1.2.3", REVISION, "ghcr.io/o/assay", built)
    overlay = releases.install(released, environment)
    documents = rendered(overlay)
    assert foreign(documents, released) == set()
    records = [
        each
        for each in documents
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == releases.RECORD
    ]
    assert len(records) == 1
    assert Release(**json.loads(records[0]["data"]["release.json"])).images == released.images


def test_an_image_that_the_release_lacks_would_be_seen(built: Path, overlays: Path) -> None:
    released = manifest("1.2.3", REVISION, "ghcr.io/o/assay", built)
    without = replace(
        released, images={name: each for name, each in released.images.items() if name != "color"}
    )
    assert foreign(rendered(releases.install(without, "prod-eu")), released) == {"assay/color"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_jobs_find_what_they_need_before_anything_else_is_applied(
    environment: str, overlays: Path
) -> None:
    documents = rendered(overlays / environment)
    assert missing(documents) == set()
    for each in documents:
        if each["kind"] in ("ConfigMap", "ServiceAccount"):
            each["metadata"]["labels"] = {}
    assert missing(documents)


def missing(documents: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """What the Jobs refer to and the first step of k8s/apply.sh does not apply."""
    first = {
        (each["kind"].removeprefix("External"), each["metadata"]["name"])
        for each in documents
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "setup"
    }
    wanted = set()
    for job in (each for each in documents if each["kind"] == "Job"):
        pod = job["spec"]["template"]["spec"]
        wanted |= {
            ("Job", job["metadata"]["name"]),
            ("Namespace", job["metadata"]["namespace"]),
            ("ServiceAccount", pod["serviceAccountName"]),
            ("PriorityClass", pod["priorityClassName"]),
        }
        for source in (each for container in pod["containers"] for each in container.get("envFrom", ())):
            kind = "ConfigMap" if "configMapRef" in source else "Secret"
            named = next(iter(source.values()))
            if not named.get("optional"):
                wanted.add((kind, named["name"]))
    assert len(wanted) > 4
    return wanted - first


def pod(image: str, *, ready: bool = True, phase: str = "Running") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"name": "sway-0"},
        "spec": {"containers": [{"image": image}, {"image": "docker.io/istio/proxyv2:1"}]},
        "status": {"phase": phase, "conditions": conditions},
    }


def test_a_release_has_arrived_when_nothing_else_runs_and_all_is_ready() -> None:
    release = made("1.0.0")
    (ours,) = release.references
    other = f"ghcr.io/o/assay/sway@{pushed('older')}"
    assert releases.unsettled(release, {"items": [pod(ours)]}) == []
    assert releases.unsettled(release, {"items": [pod(ours), pod(other, phase="Succeeded")]}) == []
    assert releases.unsettled(release, {"items": [pod(ours), pod(other)]}) == [f"sway-0 runs {other}"]
    assert releases.unsettled(release, {"items": [pod(ours, ready=False)]}) == ["sway-0 is not ready"]
    assert releases.unsettled(release, {"items": []}) == ["nothing of it runs"]
    assert releases.unsettled(release, {"items": [pod(ours), pod("assay/sway:development")]}) != []


def test_an_unknown_environment_is_named_with_those_that_exist(overlays: Path) -> None:
    with pytest.raises(Refused, match=r"there is no overlay production; there are .*prod-eu"):
        releases.install(made("1.0.0"), "production")
