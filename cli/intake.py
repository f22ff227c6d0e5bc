"""The statement that goes with a photo or a video: consent, the case or the trial, the subject."""

from __future__ import annotations

import difflib
import json
import mimetypes
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor

from cli.problems import refused

SAMPLE = Path(__file__).parent / "examples" / "intake.json"
TRIAL = Path(__file__).parent / "examples" / "balance.json"
# Fields of AnalyzeRequest that a file may state; the rest is the command's own business.
FIELDS = ("consent", "tattoo", "balance", "subject_id", "ruleset", "model", "language")
KINDS = ("tattoo", "balance")
CONSENT_TEXT = "assay-cli-operator/1"

mimetypes.add_type("image/heic", ".heic")
mimetypes.add_type("image/heif", ".heif")
mimetypes.add_type("image/avif", ".avif")
mimetypes.add_type("image/webp", ".webp")
mimetypes.add_type("video/x-matroska", ".mkv")
mimetypes.add_type("video/quicktime", ".mov")
mimetypes.add_type("video/webm", ".webm")


def unanswered(kind: str = "tattoo") -> dict[str, Any]:
    """What is stated without an intake file: consent by the operator at the keyboard, no answers."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    consent = {"treatment": True, "research": False, "text_version": CONSENT_TEXT, "given_at": now}
    return {"consent": consent, kind: {}}


def read(path: Path | None, kind: str = "tattoo") -> dict[str, Any]:
    """Reads an intake file; raises CommandError (INTAKE_INVALID) when it is no JSON object of FIELDS."""
    if path is None:
        return unanswered(kind)
    shown = f"cli/examples/{(TRIAL if kind == 'balance' else SAMPLE).name} shows one."
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise refused("INTAKE_INVALID", f"There is no file {path}.", field="intake", fix=shown) from error
    except (OSError, ValueError, RecursionError) as error:
        detail = f"{path} cannot be read as JSON: {error}"
        raise refused("INTAKE_INVALID", detail, field="intake", fix=shown) from error
    if not isinstance(stated, dict):
        raise refused("INTAKE_INVALID", f"{path} holds no JSON object.", field="intake", fix=shown)
    notes = [name for name in stated if name.startswith("_")]
    strange = sorted(set(stated) - set(FIELDS) - set(notes))
    if strange:
        raise refused(
            "INTAKE_INVALID",
            f"{path} states {', '.join(strange)}, which is not known.",
            field=strange[0],
            fix=f"Known are {', '.join(FIELDS)}; names that begin with _ are notes.",
        )
    other = next((name for name in KINDS if name in stated and kind not in stated), "")
    if other:
        detail = f"{path} states a {other} case; this command takes {kind}."
        raise refused("INTAKE_INVALID", detail, field=other, fix=shown)
    return {name: value for name, value in stated.items() if name not in notes}


def check_names(stated: dict[str, Any], kind: Descriptor, path: str = "") -> None:
    """Raises CommandError (UNKNOWN_FIELD) for the first field, at any depth, that the message lacks."""
    known = {field.name: field for field in kind.fields}
    known |= {field.json_name: field for field in kind.fields}
    for name, value in stated.items():
        at = f"{path}{name}"
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            names = ", ".join(field.name for field in kind.fields)
            fix = f"Did you mean {near[0]}?" if near else f"Allowed: {names}."
            raise refused("UNKNOWN_FIELD", f"The field {at} is not known here.", field=at, fix=fix)
        inner = known[name].message_type
        if inner is not None and isinstance(value, dict):
            check_names(value, inner, f"{at}.")


def media_type(photo: Path) -> str:
    """The type that the file's name announces; the server looks at the content."""
    guessed, _ = mimetypes.guess_type(photo.name)
    return guessed or "application/octet-stream"
