"""The Dockerfile, the scripts it runs, and the arguments of each image."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dev.home import PROJECT
from dev.images import BAKE, images
from dev.stack import MODULES

K8S = PROJECT / "k8s"
DOCKERFILE = K8S / "Dockerfile"
BIN = Path(sys.executable).parent


def lint(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    argv = [str(BIN / tool), *(str(each) for each in arguments)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_hadolint_and_shellcheck_have_nothing_to_say() -> None:
    for done in (lint("hadolint", DOCKERFILE), lint("shellcheck", *sorted(K8S.glob("*.sh")))):
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("written", "instead", "rule"),
    [
        ("python:3.11.15-slim-bookworm@sha256", "python:latest@sha256", "DL3007"),
        ("USER 10001:10001", "USER root", "DL3002"),
        ("--no-install-recommends", "", "DL3015"),
        ("RUN pip install --no-cache-dir", "RUN cd /tmp && sudo pip install --no-cache-dir", "DL3004"),
    ],
)
def test_hadolint_would_have_said_so(tmp_path: Path, written: str, instead: str, rule: str) -> None:
    changed = DOCKERFILE.read_text().replace(written, instead)
    assert changed != DOCKERFILE.read_text()
    # hadolint does not resolve ARG in FROM.
    first = re.search(r"ARG PYTHON=(\S+)", changed)
    assert first is not None
    (tmp_path / "Dockerfile").write_text(changed.replace("${PYTHON}", first[1].partition("@")[0]))
    done = lint("hadolint", tmp_path / "Dockerfile")
    assert done.returncode != 0
    assert rule in done.stdout


def problems(dockerfile: str) -> list[str]:
    """What hadolint does not look at."""
    wrong = []
    base = re.search(r"^ARG PYTHON=(\S+)$", dockerfile, re.MULTILINE)
    if base is None or not re.fullmatch(r"python:3\.11\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base[1]):
        wrong.append("the base image is not pinned by tag and digest")
    final = dockerfile.rpartition("\nFROM ")[2]
    if not final.startswith("${PYTHON} AS image"):
        wrong.append("the last stage is not the image, from the base")
    users = re.findall(r"^USER (\S+)$", final, re.MULTILINE)
    if users != ["10001:10001"]:
        wrong.append("the image does not run as 10001:10001")
    if re.search(r"apt-get|gcc|uv sync|COPY \. ", final):
        wrong.append("the last stage builds something")
    copied = re.findall(r"^COPY (.*)$", final, re.MULTILINE)
    if any(not each.startswith("--from=content ") for each in copied):
        wrong.append("the last stage takes files from elsewhere than the content stage")
    if "--require-hashes" not in dockerfile:
        wrong.append("uv is not checked by hash")
    wrong += [
        f"a secret is an argument: {each}"
        for each in re.findall(r"ARG \w*(?:TOKEN|SECRET|PASSWORD)\w*", dockerfile)
    ]
    return wrong


def test_the_image_is_pinned_small_and_not_root() -> None:
    assert problems(DOCKERFILE.read_text()) == []


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("@sha256:b18992999", "@sha256:b1899"),
        ("USER 10001:10001", "USER 0:0"),
        ("USER 10001:10001\n", ""),
        ("COPY --from=content /opt/assay /opt/assay", "COPY . /opt/assay"),
        ("--require-hashes", ""),
        ("ARG GROUP", "ARG INDEX_TOKEN\nARG GROUP"),
        ("RUN pip uninstall", "RUN apt-get update && pip uninstall"),
    ],
)
def test_the_check_of_the_image_can_fail(written: str, instead: str) -> None:
    assert problems(DOCKERFILE.read_text().replace(written, instead))


def test_every_argument_of_an_image_is_one_of_the_dockerfile() -> None:
    declared = set(re.findall(r"^ARG (\w+)", DOCKERFILE.read_text(), re.MULTILINE))
    given = {name for target in json.loads(BAKE.read_text())["target"].values() for name in target["args"]}
    assert given <= declared | {"SOURCE_DATE_EPOCH"}  # BuildKit's own


def test_ffmpeg_is_the_same_release_where_it_is_fetched_and_where_it_is_built() -> None:
    script = (K8S / "ffmpeg.sh").read_text()
    version = re.search(r"^VERSION=(\S+)$", script, re.MULTILINE)
    assert version is not None
    assert f"ffmpeg-{version[1]}.tar.xz" in DOCKERFILE.read_text()
    assert not re.search(r"--enable-(gpl|nonfree|libx26)", script)


def test_there_is_an_image_for_every_process() -> None:
    started = {module.removesuffix(".__main__") for image in images().values() for module in image.processes}
    assert {*MODULES.values(), "gateway.migrate", "mesh.topology"} <= started


def test_the_default_group_builds_every_image_but_those_for_gpus() -> None:
    groups = json.loads(BAKE.read_text())["group"]
    assert set(groups["default"]["targets"]) | set(groups["gpu"]["targets"]) == set(images())
    assert all(name.endswith("-gpu") for name in groups["gpu"]["targets"])


def test_an_image_with_pyav_builds_it_against_our_own_ffmpeg() -> None:
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]
    for image in images().values():
        uses = any(isinstance(each, str) and re.match(r"av\b", each) for each in groups[image.group])
        assert image.video == uses, image.name


def test_what_an_image_is_made_of_is_there_and_not_ignored() -> None:
    allowed = [
        line[1:]
        for line in (K8S / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for image in images().values():
        for room in ("mesh", "proto/gen", *image.rooms):
            assert (PROJECT / room).exists(), f"{image.name}: {room}"
            assert any(under(room, each) for each in allowed), room


def under(room: str, pattern: str) -> bool:
    return any(path.match(pattern) for path in (Path(room), *Path(room).parents) if path.name)


def test_a_new_image_must_say_what_it_starts(tmp_path: Path) -> None:
    bake = json.loads(BAKE.read_text())
    bake["target"]["mystery"] = {"inherits": ["common"], "args": {"GROUP": "sway", "ROOMS": "svc_balance"}}
    path = tmp_path / "bake.json"
    path.write_text(json.dumps(bake))
    with pytest.raises(ValueError, match="mystery is new"):
        images(path)
