"""When certificates end: of files, of servers, and what is no certificate."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.certificates import certificates
from cli.problems import CommandError


def draw(folder: Path, days: int) -> Path:
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    name = ["-subj", "/CN=api.example.org", "-addext", "subjectAltName=DNS:api.example.org"]
    command = ["openssl", "req", "-x509", *key, *files, "-days", str(days), *name]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "tls.crt"


@pytest.mark.parametrize(("days", "status"), [(5, 1), (90, 0)])
def test_one_that_ends_soon_is_said(tmp_path: Path, days: int, status: int) -> None:
    done = CliRunner().invoke(certificates, [str(draw(tmp_path, days)), "--json"])
    (found,) = json.loads(done.stdout)
    assert done.exit_code == status
    assert days - 1 < found["days_left"] <= days
    assert found["names"] == ["api.example.org"]


def test_a_chain_is_read_whole(tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(draw(tmp_path, 90).read_bytes() + draw(tmp_path, 3).read_bytes())
    done = CliRunner().invoke(certificates, [str(chain)])
    assert (done.exit_code, done.stdout.count("api.example.org")) == (1, 2)
    assert done.stdout.count("SOON") == 1


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pem"
    path.write_bytes(content)
    done = CliRunner().invoke(certificates, [str(path)])
    assert isinstance(done.exception, CommandError)
    assert done.exception.problem["code"] == "CERTIFICATE_UNREADABLE"


@pytest.mark.parametrize("source", ["nothing", "127.0.0.1:1", "example.org:https"])
def test_a_server_that_is_none_is_refused(source: str) -> None:
    done = CliRunner().invoke(certificates, [source])
    assert isinstance(done.exception, CommandError)
    assert done.exception.refused
