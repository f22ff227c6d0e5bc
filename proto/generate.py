"""Generates everything that follows from the .proto files, and checks them.

`python proto/generate.py` rewrites proto/gen: Python stubs with type stubs, and
`descriptors.binpb`, the descriptor set that Envoy and the surface generator read.
`python proto/generate.py --check` generates into a temporary folder, fails on any
difference, lints, and compares with `proto/released.binpb` for breaking changes.

The compiler is grpcio-tools' protoc, which needs no network. `buf/validate/validate.proto`
is in no package as a file; its descriptor is inside the protovalidate wheel and is handed
to protoc as a descriptor set.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parent
GEN = ROOT / "gen"
RELEASED = ROOT / "released.binpb"


def validate_descriptors() -> descriptor_pb2.FileDescriptorSet:
    """Returns buf/validate/validate.proto and what it imports as a descriptor set."""
    out = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(out.file.add())
    out.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    return out


def compile_protos(gen: Path) -> None:
    """Writes stubs and descriptor sets to `gen`; raises SystemExit with protoc's message."""
    gen.mkdir(parents=True, exist_ok=True)
    includes = [ROOT, resources.files("grpc_tools") / "_proto", Path(protoc.__file__).parent.parent]
    sources = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "assay").rglob("*.proto"))
    with tempfile.TemporaryDirectory() as tmp:
        validate = Path(tmp) / "validate.binpb"
        validate.write_bytes(validate_descriptors().SerializeToString())
        common = ["protoc", f"--descriptor_set_in={validate}", *(f"-I{i}" for i in includes)]
        run_protoc(
            [
                *common,
                f"--python_out={gen}",
                f"--grpc_python_out={gen}",
                f"--mypy_out={gen}",
                f"--mypy_grpc_out={gen}",
                *sources,
                "buf/validate/validate.proto",
            ]
        )
        run_protoc(
            [
                *common,
                f"--descriptor_set_out={gen / 'descriptors.binpb'}",
                "--include_imports",
                "--include_source_info",
                *sources,
            ]
        )
    tidy(gen)


def tidy(gen: Path) -> None:
    """Removes gRPC stubs of files that define no service, and marks the packages as typed."""
    for stub in [*gen.rglob("*_pb2_grpc.py"), *gen.rglob("*_pb2_grpc.pyi")]:
        proto = ROOT / stub.relative_to(gen).parent / (stub.stem.removesuffix("_pb2_grpc") + ".proto")
        if not proto.exists() or "\nservice " not in proto.read_text():
            stub.unlink()
    for package in ("assay", "buf"):
        (gen / package / "py.typed").touch()
        for folder in [gen / package, *(p for p in (gen / package).rglob("*") if p.is_dir())]:
            if folder.name != "__pycache__":
                (folder / "__init__.py").touch()


def run_protoc(args: list[str]) -> None:
    """Runs protoc in a process of its own, so that its plugins are found beside Python."""
    result = subprocess.run(  # noqa: S603 (argv of our own, no shell)
        [sys.executable, "-m", "grpc_tools.protoc", *args[1:]],
        env={"PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if result.returncode:
        raise SystemExit(result.stderr)


def buf(*args: str) -> None:
    """Runs buf on a descriptor set; raises SystemExit with what it found."""
    binary = Path(sys.executable).parent / "buf"
    result = subprocess.run(  # noqa: S603 (argv of our own, no shell)
        [str(binary), *args], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    if result.returncode:
        raise SystemExit(f"buf {args[0]} failed\n{result.stdout}{result.stderr}")


def own_config() -> str:
    """buf.yaml as the one-module configuration that an image input takes."""
    import yaml

    loaded = yaml.safe_load((ROOT / "buf.yaml").read_text())
    return json.dumps({"version": "v2", "lint": loaded["lint"], "breaking": loaded["breaking"]})


def lint(descriptors: Path) -> None:
    """Lints our own files; those of Google and Buf are only imported."""
    buf("lint", str(descriptors), "--config", own_config(), "--path", "assay")


def breaking(descriptors: Path) -> None:
    """Compares with the last release, which only `make release-proto` rewrites."""
    buf(
        "breaking", str(descriptors), "--against", str(RELEASED), "--config", own_config(),
        "--path", "assay",
    )  # fmt: skip


def differences(left: Path, right: Path) -> list[str]:
    """Relative paths of files that differ or exist on one side only."""
    names = {
        str(p.relative_to(base))
        for base in (left, right)
        for p in base.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    return sorted(n for n in names if not same(left / n, right / n))


def same(left: Path, right: Path) -> bool:
    """Whether both files exist and hold the same bytes."""
    return left.exists() and right.exists() and filecmp.cmp(left, right, shallow=False)


def check() -> None:
    """Fails when the committed stubs are not what the .proto files say, or break a promise."""
    with tempfile.TemporaryDirectory() as tmp:
        compile_protos(Path(tmp))
        stale = differences(Path(tmp), GEN)
        if stale:
            raise SystemExit("generated files are stale; run `make proto`: " + ", ".join(stale))
    lint(GEN / "descriptors.binpb")
    breaking(GEN / "descriptors.binpb")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="example: python proto/generate.py --check")
    parser.add_argument("--check", action="store_true", help="change nothing; fail on any difference")
    parser.add_argument("--release", action="store_true", help="make the present contract the released one")
    args = parser.parse_args()
    if args.check:
        check()
        return
    shutil.rmtree(GEN, ignore_errors=True)
    compile_protos(GEN)
    lint(GEN / "descriptors.binpb")
    if args.release or not RELEASED.exists():
        shutil.copyfile(GEN / "descriptors.binpb", RELEASED)


if __name__ == "__main__":
    main()
