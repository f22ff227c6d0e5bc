"""The ingest page: what the other stages learn about an upload."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from assay.common.v1.types_pb2 import (
    ComponentVersion,
    FlagLevel,
    Measurement,
    Provenance,
    QualityFlag,
)
from assay.ingest.v1.ingest_pb2 import IngestPage

from svc_ingest.result import Flag, Ingested, Measure

# Whatever shapes the pixels: a change of version may change a measured colour.
_LIBRARIES: Final = ("pillow", "simplejpeg", "pi-heif", "opencv-python-headless", "numpy")


def page(upload: bytes, done: Ingested) -> IngestPage:
    """The page for `upload` and what became of it; the references to stored images are left empty."""
    return IngestPage(
        source_media_type=done.source_media_type,
        source_sha256=hashlib.sha256(upload).hexdigest(),
        source_size_bytes=len(upload),
        exif_orientation=done.orientation,
        icc_profile=done.icc_profile,
        camera=done.camera,
        source_bits=done.source_bits,
        source_mode=done.source_mode,
        width=done.original.width,
        height=done.original.height,
        working_width=done.working.width,
        working_height=done.working.height,
        quality=measurements(done.measures),
        flags=quality_flags(done.flags),
        provenance=provenance(_LIBRARIES),
    )


def measurements(measures: Iterable[Measure]) -> list[Measurement]:
    """Measures as the page has them."""
    return [
        Measurement(id=m.id, value=m.value, unit=m.unit, not_measurable=m.not_measurable) for m in measures
    ]


def quality_flags(flags: Iterable[Flag]) -> list[QualityFlag]:
    """Flags as the page has them."""
    return [
        QualityFlag(code=f.code, level=FlagLevel.Value(f"FLAG_LEVEL_{f.level.value}"), message=f.message)
        for f in flags
    ]


def provenance(libraries: Sequence[str]) -> Provenance:
    """This code and the libraries that took part, with their installed versions."""
    return Provenance(
        versions=[
            ComponentVersion(kind="code", name=name, version=_version(name)) for name in ("assay", *libraries)
        ]
    )


@lru_cache(maxsize=32)
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
