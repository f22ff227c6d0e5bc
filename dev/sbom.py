"""An image's bill of materials, CycloneDX 1.6: `python -m dev.sbom sway FOLDER --out sway.cdx.json`.

FOLDER holds what the image has below /opt/assay: what `python -m dev.images` built, or what was copied out of
the image itself. Lists Python packages with their licences, models with their hashes, and our own FFmpeg with
the two codec libraries. Debian's packages in the base image are not ours to list: its digest names them. The
same content gives the same bytes. Exit status 1 when the image holds what it must not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dev.home import PROJECT
from dev.image_contents import Contents, Package, findings, read
from dev.images import Image, images

SPACE = uuid.UUID("c1d52c9e-5c5e-4d0a-9d53-4d0c0a4e8a52")
"""Any constant; serial numbers are drawn from it and the content."""
EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
Json = dict[str, Any]


def bill(image: Image, contents: Contents, place: Path, version: str) -> Json:
    """The bill of materials of an image's content at `place`."""
    components = [*map(_package, contents.packages), *_models(place), *(_ffmpeg() if image.video else ())]
    name = f"assay/{image.name}"
    said = json.dumps([name, version, components], sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, said)}",
        "version": 1,
        "metadata": {"component": {"type": "container", "bom-ref": name, "name": name, "version": version}},
        "components": components,
    }


def _package(package: Package) -> Json:
    purl = f"pkg:pypi/{package.name}@{package.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "licenses": _licences(package.licence),
    }


def _licences(said: str) -> list[Json]:
    """An SPDX expression where it looks like one, else the words as they are."""
    if said == "not declared":
        return []
    if (EXPRESSION.fullmatch(said) and "-" in said) or said in ("MIT", "ISC", "Zlib", "Unlicense"):
        return [{"expression": said}]
    return [{"license": {"name": said}}]


def _models(place: Path) -> Iterator[Json]:
    for path in sorted(
        [*place.glob("models/registry/*/*/model.onnx"), *place.glob(".tools/cache/models/*.onnx")]
    ):
        name, version = _labelled(path)
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"model:{name}@{version}",
            "name": name,
            "version": version,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        }


def _labelled(path: Path) -> tuple[str, str]:
    """Name and version: of a folder NAME/VERSION/model.onnx, or of a file NAME-VERSION-HASH.onnx."""
    if path.name == "model.onnx":
        return path.parent.parent.name, path.parent.name
    name, version, _ = path.stem.rsplit("-", 2)
    return name, version


def _ffmpeg() -> list[Json]:
    script = (PROJECT / "k8s" / "ffmpeg.sh").read_text(encoding="utf-8")
    version, digest = (
        re.findall(rf"^{name}=(\S+)$", script, re.MULTILINE)[0] for name in ("VERSION", "SHA256")
    )
    source = {
        "type": "distribution",
        "url": f"https://ffmpeg.org/releases/ffmpeg-{version}.tar.xz",
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    codecs = {"dav1d": "BSD-2-Clause", "libvpx": "BSD-3-Clause"}
    return [
        {
            "type": "library",
            "bom-ref": f"pkg:generic/ffmpeg@{version}",
            "name": "ffmpeg",
            "version": version,
            "purl": f"pkg:generic/ffmpeg@{version}",
            "licenses": [{"expression": "LGPL-2.1-or-later"}],
            "externalReferences": [source],
        },
        *(
            {
                "type": "library",
                "bom-ref": f"library:{name}",
                "name": name,
                "licenses": [{"expression": licence}],
            }
            for name, licence in codecs.items()
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the bill; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.sbom", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", choices=sorted(images()))
    parser.add_argument("content", type=Path, help="folder with what the image has below /opt/assay")
    parser.add_argument("--version", default="development", help="version of the image")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    image, contents = images()[given.image], read(given.content)
    made = bill(image, contents, given.content, given.version)
    given.out.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    wrong = findings(image.name, image.rooms, contents, given.content)
    print("\n".join([f"{given.out}: {len(made['components'])} components", *wrong]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
