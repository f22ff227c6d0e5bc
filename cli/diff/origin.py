"""What two results were made from: the order, and the versions of every page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assay.common.v1.types_pb2 import ComponentVersion, ObjectRef
from assay.events.v1.analysis_pb2 import Analysis
from google.protobuf.message import Message

from cli.diff.difference import Difference, pairs

MEASURED = ("ingest", "segment", "color", "pose", "sway")
PAGES = (*MEASURED, "decision")
ORDER = "order"
# Fields of the order that say what was asked; ruleset and model show as versions of what ran.
ASKED = ("subject_id", "language", "protected_upload", "tattoo", "balance", "earlier", "baseline")


def order_differences(a: Analysis, b: Analysis) -> list[Difference]:
    """The leaves of the two orders that differ, the photo or recording first."""
    found = [
        Difference(ORDER, path, before or "", after or "")
        for path, before, after in pairs(_order(a), _order(b))
        if before != after
    ]
    return sorted(found, key=lambda one: one.at != "upload")


def version_differences(a: Analysis, b: Analysis) -> list[Difference]:
    """Components that took part in both results in another version, or in one result only."""
    return [
        Difference("version", name, before or "", after or "")
        for name, before, after in pairs(_versions(a, PAGES), _versions(b, PAGES))
        if before != after
    ]


def differing(a: Analysis, b: Analysis, pages: Sequence[str]) -> tuple[str, ...]:
    """ "kind name" of every component of some pages that differs."""
    return tuple(
        name for name, before, after in pairs(_versions(a, pages), _versions(b, pages)) if before != after
    )


def _order(analysis: Analysis) -> dict[str, str]:
    job = analysis.job
    found = {"upload": analysis.ingest.source_sha256 or job.upload.sha256 or job.upload.key}
    for name in ASKED:
        value = getattr(job, name)
        if isinstance(value, str):
            found[name] = value
        elif isinstance(value, Message):
            # HasField takes the names as literals in the stubs; here they are data.
            found.update(_leaves(value, name) if job.HasField(name) else ())  # type: ignore[arg-type]
        else:
            found.update(
                leaf for index, item in enumerate(value) for leaf in _leaves(item, f"{name}[{index}]")
            )
    return found


def _leaves(message: Message, path: str) -> Iterator[tuple[str, str]]:
    """Path and text of every scalar that is set; an object is its hash, or its key where it has none."""
    if isinstance(message, ObjectRef):
        yield path, message.sha256 or message.key
        return
    for field, value in message.ListFields():
        step = f"{path}.{field.name}"
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            yield from ((f"{step}.{key}", str(value[key])) for key in sorted(value))
            continue
        for index, item in enumerate(value if field.is_repeated else (value,)):
            at = f"{step}[{index}]" if field.is_repeated else step
            if isinstance(item, Message):
                yield from _leaves(item, at)
            elif field.enum_type is not None:
                yield at, field.enum_type.values_by_number[item].name
            else:
                yield at, str(item)


def _versions(analysis: Analysis, pages: Sequence[str]) -> dict[str, str]:
    """Version and hash by "kind name"; several of one name are told together."""
    found: dict[str, set[str]] = {}
    for page in pages:
        for one in getattr(analysis, page).provenance.versions:
            found.setdefault(f"{one.kind} {one.name}", set()).add(_version(one))
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _version(one: ComponentVersion) -> str:
    return f"{one.version} ({one.sha256[:12]})" if one.sha256 else one.version
