"""Fetching packages: pins, sizes, retries, what lies by hand, what is said when it cannot be had."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mesh.errors import FailedPrecondition, Transient
from models.convert import fetch
from models.convert.__main__ import main
from svc_balance.pose.contract import Source

MEMBERS = {"package/a.bin": b"first" * 1000, "package/deep/b.bin": b"second" * 500}


def tarball() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in {**MEMBERS, "package/other.txt": b"x"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


PACKAGE = tarball()


@dataclass
class Registry:
    """An npm registry on this machine: what it answers, in order, and what it was asked."""

    address: str = ""
    asked: list[str] = field(default_factory=list)
    replies: list[tuple[int, bytes]] = field(default_factory=list)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    state = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            status, body = state.replies.pop(0) if state.replies else (200, PACKAGE)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("npm_config_registry", state.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetch, "WAITS_S", (0.0, 0.0))
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def source(package: bytes = PACKAGE) -> Source:
    return Source(
        registry="npm",
        package="@some/pose",
        version="1.2.3",
        file="pose-1.2.3.tgz",
        sha256=hashlib.sha256(package).hexdigest(),
        size_bytes=len(package),
        members={name: hashlib.sha256(data).hexdigest() for name, data in MEMBERS.items()},
        converter="blazepose",
    )


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_members_come_in_order_and_the_second_time_from_the_cache(registry: Registry, tmp_path: Path) -> None:
    for _ in range(2):
        assert fetch.obtain(source(), tmp_path / "cache") == list(MEMBERS.values())
    assert registry.asked == ["/@some/pose/-/pose-1.2.3.tgz"]
    assert len(left(tmp_path / "cache")) == 2


def test_a_member_that_was_damaged_in_the_cache_is_fetched_again(registry: Registry, tmp_path: Path) -> None:
    fetch.obtain(source(), tmp_path)
    fetch.cached(source(), tmp_path)[0].write_bytes(b"rot")
    assert fetch.obtain(source(), tmp_path) == list(MEMBERS.values())
    assert len(registry.asked) == 2


def test_passing_failures_are_tried_again(registry: Registry, tmp_path: Path) -> None:
    registry.replies = [(503, b""), (200, PACKAGE[:100])]
    assert fetch.obtain(source(), tmp_path) == list(MEMBERS.values())
    assert len(registry.asked) == 3


def test_a_registry_that_stays_away_is_a_passing_error_that_says_what_to_do(
    registry: Registry, tmp_path: Path
) -> None:
    registry.replies = [(502, b"")] * 3
    with pytest.raises(Transient) as error:
        fetch.obtain(source(), tmp_path)
    assert error.value.code == "MODEL_PACKAGE_UNREACHABLE"
    assert "pose-1.2.3.tgz" in error.value.fix
    assert left(tmp_path) == []


def test_a_missing_package_is_not_asked_for_again(registry: Registry, tmp_path: Path) -> None:
    registry.replies = [(404, b"")]
    with pytest.raises(Transient, match="404"):
        fetch.obtain(source(), tmp_path)
    assert len(registry.asked) == 1


def test_a_longer_file_is_cut_off(registry: Registry, tmp_path: Path) -> None:
    registry.replies = [(200, PACKAGE + b"x" * 200_000)]
    with pytest.raises(FailedPrecondition) as error:
        fetch.obtain(source(), tmp_path)
    assert error.value.code == "MODEL_PACKAGE_CHANGED"


def test_another_file_under_the_same_name_is_refused(registry: Registry, tmp_path: Path) -> None:
    changed = bytearray(PACKAGE)
    changed[len(changed) // 2] ^= 1
    registry.replies = [(200, bytes(changed))]
    with pytest.raises(FailedPrecondition) as error:
        fetch.obtain(source(), tmp_path)
    assert error.value.code == "MODEL_PACKAGE_CHANGED"
    assert left(tmp_path) == []


def test_a_member_that_is_not_the_pinned_one_is_refused(registry: Registry, tmp_path: Path) -> None:
    wrong = replace(source(), members={"package/a.bin": "0" * 64})
    with pytest.raises(FailedPrecondition, match=r"a\.bin has SHA-256"):
        fetch.obtain(wrong, tmp_path)
    assert registry.asked
    assert left(tmp_path) == []


def test_without_a_network_a_package_laid_by_hand_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "ftp://nowhere")
    with pytest.raises(Transient, match="not an HTTP address"):
        fetch.obtain(source(), tmp_path)
    (tmp_path / "pose-1.2.3.tgz").write_bytes(PACKAGE)
    assert fetch.obtain(source(), tmp_path) == list(MEMBERS.values())


def test_a_wheel_laid_by_hand_is_used(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as wheel:
        for name, data in MEMBERS.items():
            wheel.writestr(name, data)
    said = replace(
        source(out.getvalue()), registry="pypi", package="some-pose", file="some_pose-1.2.3-py3-none-any.whl"
    )
    (tmp_path / said.file).write_bytes(out.getvalue())
    assert fetch.obtain(said, tmp_path) == list(MEMBERS.values())


def test_a_wheel_that_no_index_has_is_told_in_the_installers_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, (tmp_path / "index").as_uri())
    for name in ("UV_NO_CONFIG", "UV_OFFLINE", "PIP_NO_INDEX", "UV_NO_INDEX"):
        monkeypatch.setenv(name, "1")
    said = replace(source(), registry="pypi", package="no-such-pose-package", file="no_such.whl")
    with pytest.raises(Transient) as error:
        fetch.obtain(said, tmp_path / "cache")
    assert error.value.code == "MODEL_PACKAGE_UNREACHABLE"
    assert len(error.value.message) > 60
    assert left(tmp_path / "cache") == []


def test_the_command_explains_itself_and_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "python -m models.convert blazepose-heavy" in capsys.readouterr().out
    assert main(["--list"]) == 0
    assert "blazepose-full@0.10.14" in capsys.readouterr().out
    assert main(["blazepose-tiny"]) == 1
    assert "blazepose-lite" in capsys.readouterr().err
