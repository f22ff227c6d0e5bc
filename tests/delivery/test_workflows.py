"""The workflows: linted, pinned, least privilege, and one chain from a tag to production."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev import release
from dev.home import PROJECT

WORKFLOWS = PROJECT / ".github" / "workflows"
BIN = Path(sys.executable).parent
PINNED = {
    # Seen as the commit of that tag in a copy of the repository itself.
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "actions/setup-python": ("5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"),
    "actions/upload-artifact": ("bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
    "actions/download-artifact": ("3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    "sigstore/cosign-installer": ("6f9f17788090df1f26f669e9d70d6ae9567deba6", "v4.1.2"),
    "aws-actions/configure-aws-credentials": ("e6de054238d6b7531b4efff3b6587d9aade6a06c", "v6.2.3"),
}
CHAIN = ("dev", "staging", "prod-eu", "prod-us")


def actionlint(folder: Path) -> str:
    files = sorted(str(each) for each in (folder / ".github" / "workflows").glob("*.yml"))
    argv = [str(BIN / "actionlint"), "-shellcheck", str(BIN / "shellcheck"), *files]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def zizmor(folder: Path) -> str:
    argv = [
        str(BIN / "zizmor"),
        "--offline",
        "--quiet",
        "--persona",
        "pedantic",
        "--no-progress",
        "--color",
        "never",
    ]
    done = subprocess.run(
        [*argv, str(folder / ".github")], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PROJECT / ".github", tmp_path / ".github")
    return tmp_path


def change(folder: Path, name: str, written: str, instead: str) -> None:
    path = folder / ".github" / "workflows" / name
    assert written in path.read_text()
    path.write_text(path.read_text().replace(written, instead, 1))


def test_actionlint_and_zizmor_have_nothing_to_say() -> None:
    assert actionlint(PROJECT) == ""
    assert zizmor(PROJECT) == ""


@pytest.mark.parametrize(
    ("name", "written", "instead", "rule"),
    [
        ("ci.yml", "timeout-minutes: 15", "timeout-minute: 15", "timeout-minute"),
        ("release.yml", "needs: staging", "needs: stagin", "stagin"),
        ("release.yml", '"$IMAGE.cdx.json"', "$IMAGE.cdx.json", "SC2086"),
        (
            "deploy.yml",
            "inputs.environment }}\n    concurrency",
            "inputs.environmen }}\n    concurrency",
            "environmen",
        ),
    ],
)
def test_actionlint_would_have_said_so(copy: Path, name: str, written: str, instead: str, rule: str) -> None:
    change(copy, name, written, instead)
    assert rule in actionlint(copy)


@pytest.mark.parametrize(
    ("name", "written", "instead", "rule"),
    [
        ("ci.yml", "          persist-credentials: false\n", "          fetch-depth: 1\n", "artipacked"),
        ("ci.yml", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses"),
        ("ci.yml", "permissions:\n  contents: read", "permissions: write-all", "excessive-permissions"),
        (
            "deploy.yml",
            "gate --running running.json",
            "gate --running ${{ inputs.release }}",
            "template-injection",
        ),
        ("ci.yml", "  pull_request:", "  pull_request_target:", "dangerous-triggers"),
    ],
)
def test_zizmor_would_have_said_so(copy: Path, name: str, written: str, instead: str, rule: str) -> None:
    change(copy, name, written, instead)
    assert rule in zizmor(copy)


def workflow(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((WORKFLOWS / name).read_text())
    assert isinstance(loaded, dict)
    return loaded


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_every_action_is_the_commit_that_its_comment_says() -> None:
    for path in WORKFLOWS.glob("*.yml"):
        for line in re.findall(r"^\s*(?:- )?uses: (\S.*)$", path.read_text(), re.MULTILINE):
            if line.startswith("$/"):
                continue
            used = re.fullmatch(r"(\S+)@([0-9a-f]{40}) # (v\S+)", line)
            assert used, f"{path.name}: {line}"
            assert PINNED[used[1]] == (used[2], used[3])


def test_a_tag_is_tested_then_built_then_signed_then_promoted_in_order() -> None:
    jobs = workflow("release.yml")["jobs"]
    assert jobs["build"]["needs"] == "test"
    assert jobs["manifest"]["needs"] == "build"
    for environment, before in zip(CHAIN, ("manifest", *CHAIN), strict=False):
        job = jobs[environment]
        assert job["needs"] == before
        assert job["with"] == {"environment": environment, "release": "${{ github.ref_name }}"}
    assert {each.name for each in release.OVERLAYS.iterdir() if each.is_dir()} >= set(CHAIN)


def test_every_image_is_built_and_signed_once() -> None:
    build = workflow("release.yml")["jobs"]["build"]
    assert sorted(build["strategy"]["matrix"]["image"]) == release.targets()
    said = commands(build)
    assert 'cosign sign --yes "$REGISTRY/$IMAGE@$digest"' in said
    assert "cosign attest --yes --type cyclonedx" in said
    # Nothing builds after that: an environment gets what was tested.
    assert not any("bake" in commands(job) for job in workflow("deploy.yml")["jobs"].values())


def test_nothing_is_deployed_unverified_ungated_or_by_tag() -> None:
    deploy = workflow("deploy.yml")["jobs"]["deploy"]
    assert deploy["environment"] == "${{ inputs.environment }}"  # where approvals are asked for
    said = commands(deploy)
    order = [
        "cosign verify-blob",
        "cosign verify ",
        "dev.release gate",
        "k8s/apply.sh release.json",
        "canary --once",
    ]
    places = [said.index(each) for each in order]
    assert places == sorted(places)
    back = said.index("gate --running release.json --next running.json")
    assert places[-1] < back < said.index("k8s/apply.sh running.json")
    script = (PROJECT / "k8s" / "apply.sh").read_text()
    steps = ["release install", "delete job migrate", "component=setup", "condition=complete", "release runs"]
    assert [script.index(each) for each in steps] == sorted(script.index(each) for each in steps)
    assert not re.search(r":latest|set image", said + script)


def test_only_jobs_that_sign_or_deploy_may_ask_for_an_identity() -> None:
    for name in ("ci.yml", "release.yml", "deploy.yml", "rollback.yml"):
        for title, job in workflow(name)["jobs"].items():
            granted = job.get("permissions", workflow(name)["permissions"])
            identity = granted.get("id-token") == "write"
            assert identity == (title in {"build", "manifest", "deploy", "rollback", *CHAIN}), (
                f"{name}: {title}"
            )


def test_no_secret_is_stored_with_the_workflows() -> None:
    for path in WORKFLOWS.glob("*.yml"):
        assert not re.search(r"\bsecrets\.\w", path.read_text()), (
            f"{path.name}: use the job's identity (OIDC)"
        )


def test_every_command_that_a_workflow_calls_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for path in WORKFLOWS.glob("*.yml"):
        text = path.read_text()
        for called in re.findall(r"run: make (.+)", text):
            assert set(called.split()) <= targets, f"{path.name}: make {called}"
        for module in re.findall(r"python3? -m (dev\.\w+)", text):
            assert (PROJECT / f"{module.replace('.', '/')}.py").exists(), module
        for file in re.findall(r"(?:--file|python3) ((?:k8s|dev)/\S+)", text):
            assert (PROJECT / file).exists(), file


def test_what_deploys_needs_nothing_installed() -> None:
    argv = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import dev.release",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_the_contract_is_checked_for_what_breaks_callers() -> None:
    assert "make setup check" in commands(workflow("ci.yml")["jobs"]["check"])
    makefile = (PROJECT / "Makefile").read_text()
    assert "proto/generate.py --check" in makefile
