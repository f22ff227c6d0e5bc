"""The ingest page: what the other stages learn about an upload."""

import hashlib
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

from svc_ingest.result import Ingested

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
        source_bits=done.source_bits,
        source_mode=done.source_mode,
        width=done.original.width,
        height=done.original.height,
        working_width=done.working.width,
        working_height=done.working.height,
        quality=[
            Measurement(id=m.id, value=m.value, unit=m.unit, not_measurable=m.not_measurable)
            for m in done.measures
        ],
        flags=[
            QualityFlag(code=f.code, level=FlagLevel.Value(f"FLAG_LEVEL_{f.level.value}"), message=f.message)
            for f in done.flags
        ],
        provenance=Provenance(versions=_versions()),
    )


@lru_cache(maxsize=1)
def _versions() -> tuple[ComponentVersion, ...]:
    return tuple(
        ComponentVersion(kind="code", name=name, version=_version(name)) for name in ("assay", *_LIBRARIES)
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
