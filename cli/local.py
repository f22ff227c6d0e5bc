"""The pipeline in one process: the stage functions of the mesh, with a folder for storage.

Nothing here knows what a stage does, only which fact of which kind it takes. It is the floor
that the mesh's overhead is measured against, and the way to evaluate without servers.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import logging
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog
from assay.color.v1.color_pb2 import Baseline
from assay.common.v1.types_pb2 import ObjectRef
from assay.events.v1.analysis_pb2 import Analysis, Consent, Failure, Job, StageRun
from assay.gateway.v1.gateway_pb2 import AnalysisView, AnalyzeRequest, ArtifactView, StageView, State
from google.protobuf import json_format
from structlog.typing import FilteringBoundLogger

from cli import intake
from cli.problems import refused
from dev import home
from gateway.api.baseline import baseline
from gateway.api.earlier import earlier_trial
from gateway.api.views import model_version
from mesh.errors import AssayError, NotFound, as_assay_error
from mesh.facts import TERMINAL_FACTS
from mesh.settings import Settings
from mesh.stage import Stage

T = TypeVar("T")

# Which module holds the stage that takes a fact of a kind.
TAKES = {
    ("tattoo", "requested"): "svc_ingest.stage",
    ("tattoo", "ingested"): "svc_segment.stage",
    ("tattoo", "segmented"): "svc_color.stage",
    ("tattoo", "colored"): "svc_decision.stage",
    ("tattoo", "decided"): "svc_report.stage",
    ("balance", "requested"): "svc_ingest.stage",
    ("balance", "ingested"): "svc_balance.pose.stage",
    ("balance", "posed"): "svc_balance.sway.stage",
    ("balance", "swayed"): "svc_decision.balance.stage",
    ("balance", "decided"): "svc_report.stage",
    ("balance", "reported"): "svc_report.annotate.stage",
}
DEADLINE = timedelta(minutes=15)
BUCKET = "local"
# Bucket of what lies elsewhere than in the folder of artefacts: the key is a path.
OUTSIDE = "outside"


@dataclass
class FolderContext:
    """The StageContext whose objects are files: artefacts in `folder`, all else where it lies."""

    folder: Path
    stage: str
    deadline: datetime
    executor: ThreadPoolExecutor
    log: FilteringBoundLogger
    written: dict[str, ObjectRef] = field(default_factory=dict)

    async def get(self, ref: ObjectRef) -> bytes:
        """Reads the upload or an artefact; raises NotFound."""
        try:
            return await asyncio.to_thread(self._path(ref).read_bytes)
        except FileNotFoundError as error:
            raise NotFound("OBJECT_NOT_FOUND", f"There is no file {self._path(ref)}.") from error

    async def download(self, ref: ObjectRef, path: Path) -> None:
        """Copies the upload or an artefact to a file; raises NotFound."""
        try:
            await asyncio.to_thread(shutil.copyfile, self._path(ref), path)
        except FileNotFoundError as error:
            raise NotFound("OBJECT_NOT_FOUND", f"There is no file {self._path(ref)}.") from error

    def _path(self, ref: ObjectRef) -> Path:
        return Path(ref.key) if ref.bucket == OUTSIDE else self.folder / ref.name

    async def put(self, name: str, data: bytes, media_type: str) -> ObjectRef:
        """Writes an artefact under its name."""
        await asyncio.to_thread((self.folder / name).write_bytes, data)
        return self._wrote(name, hashlib.sha256(data).hexdigest(), len(data), media_type)

    async def upload(self, name: str, path: Path, media_type: str) -> ObjectRef:
        """Copies a file as an artefact."""
        await asyncio.to_thread(shutil.copyfile, path, self.folder / name)
        digest, size = await asyncio.to_thread(lambda: (_sha256(path), path.stat().st_size))
        return self._wrote(name, digest, size, media_type)

    def _wrote(self, name: str, digest: str, size: int, media_type: str) -> ObjectRef:
        ref = ObjectRef(
            bucket=BUCKET,
            key=f"{self.stage}/{name}/{digest}",
            sha256=digest,
            media_type=media_type,
            size_bytes=size,
            name=name,
        )
        self.written[name] = ref
        return ref

    async def progress(self, percent: float, message: str) -> None:
        """Logs; nobody watches."""
        self.log.debug("progress", percent=percent, message=message)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        """Runs CPU work on the pool."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *args)


def analyze(
    source: Path,
    purpose: str,
    statement: dict[str, Any],
    out: Path | None,
    earlier: Sequence[Analysis] = (),
    visit: Baseline | None = None,
    protected: Path | None = None,
) -> tuple[dict[str, Any], Path]:
    """Runs every stage on a file; answers the AnalysisView as JSON and the folder of artefacts.

    purpose: "image", "video" or "landmarks". earlier: finished balance analyses to compare with.
    visit: the earlier visit to compare a tattoo with (`baseline_of`). protected: photo of protected skin.
    Raises CommandError when the statement is at fault; a stage's error is in the view.
    """
    # Standard output belongs to the result.
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    analysis = order(source, purpose, statement)
    analysis.job.earlier.extend(earlier_trial(document) for document in earlier)
    if visit is not None:
        analysis.job.baseline.CopyFrom(visit)
    if protected is not None:
        analysis.job.protected_upload.CopyFrom(_protected(protected, analysis.job.upload))
    folder = out or home.home() / "local" / analysis.job.job_id
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="compute") as executor:
        view = asyncio.run(_run(analysis, folder, executor))
    document = json_format.MessageToDict(
        view, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return document, folder


def order(source: Path, purpose: str, statement: dict[str, Any]) -> Analysis:
    """The document of a new job, made from a statement that passed the API's own validation."""
    import protovalidate

    request = AnalyzeRequest(upload_id=str(uuid.uuid4()))
    intake.check_names(statement, request.DESCRIPTOR)
    try:
        json_format.ParseDict(statement, request)
        protovalidate.validate(request)
    except json_format.ParseError as error:
        fix = "Correct the value; `/docs` of a running stack lists every field with its bounds."
        raise refused("INVALID_FIELD", str(error), field=_named(str(error)), fix=fix) from error
    except protovalidate.ValidationError as error:
        first = error.violations[0].proto
        elements = first.field.elements if first.field else ()
        path = ".".join(element.field_name for element in elements)
        detail, fix = f"{path}: {first.message}", f"Correct {path}, in the intake file or the option."
        if path in ("model", "ruleset"):
            detail, fix = f"{path} is no name@version.", f"Write {path} as name@1.2.3, or leave it out."
        raise refused("INVALID_FIELD", detail, field=path, fix=fix) from error
    if not request.consent.treatment:
        raise refused(
            "CONSENT_REQUIRED",
            "Nothing is analysed without the person's consent to it.",
            field="consent.treatment",
            fix="Ask the person; when they agree, state consent.treatment as true.",
        )
    now = datetime.now(UTC)
    job = Job(
        job_id=str(uuid.uuid4()),
        tenant_id=str(uuid.UUID(int=0)),
        region=Settings().region,
        kind=request.WhichOneof("assessment") or "",
        epoch=1,
        upload=_outside(source),
        subject_id=request.subject_id,
        consent=Consent.FromString(request.consent.SerializeToString()),
        ruleset=request.ruleset,
        model=request.model,
        language=request.language or "en",
        upload_purpose=purpose,
    )
    if request.HasField("tattoo"):
        job.tattoo.CopyFrom(request.tattoo)
    else:
        job.balance.CopyFrom(request.balance)
    job.created_at.FromDatetime(now)
    job.deadline.FromDatetime(now + DEADLINE)
    return Analysis(job=job)


def baseline_of(folder: Path) -> Baseline:
    """The earlier visit that a folder of artefacts holds; raises CommandError (COMPARISON_UNREADABLE)."""
    try:
        document = json_format.Parse((folder / "report.json").read_bytes(), Analysis())
    except (OSError, ValueError, json_format.ParseError) as error:
        raise refused(
            "COMPARISON_UNREADABLE",
            f"{folder} holds no finished analysis: {error}",
            field="compare_with",
            fix="Name the --out folder of an earlier `assay analyze --local`.",
        ) from error
    if not document.HasField("color"):
        raise refused(
            "COMPARISON_UNREADABLE",
            f"{folder} holds no analysis of a tattoo.",
            field="compare_with",
            fix="Name the --out folder of an earlier `assay analyze --local`.",
        )
    found = baseline(document)
    for ref in (found.working, found.mask, found.clusters):
        if ref.key:
            ref.bucket, ref.key = OUTSIDE, str((folder / ref.name).resolve())
    return found


def _outside(path: Path) -> ObjectRef:
    return ObjectRef(
        bucket=OUTSIDE,
        key=str(path),
        sha256=_sha256(path),
        media_type=intake.media_type(path),
        size_bytes=path.stat().st_size,
        name=path.name,
    )


def _protected(path: Path, photo: ObjectRef) -> ObjectRef:
    """The photo of protected skin; raises CommandError (PROTECTED_PHOTO_SAME)."""
    found = _outside(path)
    if found.sha256 == photo.sha256:
        raise refused(
            "PROTECTED_PHOTO_SAME",
            "The photo of protected skin is the photo of the tattoo.",
            field="protected",
            fix="Give another photo, of skin that the sun does not reach, such as the inner upper arm.",
        )
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(message: str) -> str:
    """The field that protobuf's parser names at the end of its message, else "intake"."""
    found = re.search(r"AnalyzeRequest\.([a-z0-9_.]+?)\.?$", message)
    return found[1] if found else "intake"


async def _run(analysis: Analysis, folder: Path, executor: ThreadPoolExecutor) -> AnalysisView:
    deadline = analysis.job.deadline.ToDatetime(tzinfo=UTC)
    log: FilteringBoundLogger = structlog.get_logger().bind(job_id=analysis.job.job_id)
    context = FolderContext(folder, "", deadline, executor, log)
    fact = "requested"
    while module := TAKES.get((analysis.job.kind, fact)):
        stage: Stage = importlib.import_module(module).STAGE
        context.stage = stage.name
        try:
            fact = await _step(stage, analysis, context)
        except Exception as error:
            if not isinstance(error, AssayError):
                log.error("stage_crashed", stage=stage.name, exc_info=error)
            if fact not in TERMINAL_FACTS:
                analysis.failure.CopyFrom(_failure(stage.name, as_assay_error(error)))
            break
    return _view(analysis, context)


async def _step(stage: Stage, analysis: Analysis, context: FolderContext) -> str:
    """Runs a stage and fills in what it answers; returns the fact that then holds."""
    run = StageRun(stage=stage.name, delivery=1, code_version=Settings().version)
    run.started_at.FromDatetime(datetime.now(UTC))
    began = time.perf_counter()
    await context.compute(stage.prepare)
    outcome = stage.outcome(await stage.handle(analysis, context))
    for page, content in outcome.pages.items():
        getattr(analysis, page).CopyFrom(content)
    run.finished_at.FromDatetime(datetime.now(UTC))
    analysis.runs.append(run)
    context.log.debug("stage_run", stage=stage.name, seconds=round(time.perf_counter() - began, 4))
    return outcome.publishes


def _failure(stage: str, error: AssayError) -> Failure:
    return Failure(
        stage=stage,
        code=error.code,
        message=error.message,
        field=error.field,
        fix=error.fix,
        permanent=error.permanent,
    )


def _view(analysis: Analysis, context: FolderContext) -> AnalysisView:
    """The same message that the API answers with."""
    job, failed = analysis.job, analysis.HasField("failure")
    view = AnalysisView(
        job_id=job.job_id,
        kind=job.kind,
        state=State.STATE_FAILED if failed else State.STATE_SUCCEEDED,
        progress_percent=0.0 if failed else 100.0,
        created_at=job.created_at,
        deadline=job.deadline,
        stages=[
            StageView(name=run.stage, started_at=run.started_at, finished_at=run.finished_at)
            for run in analysis.runs
        ],
        model_version=model_version(analysis),
        ruleset_version=analysis.decision.ruleset,
        artifacts=[
            ArtifactView(name=r.name, media_type=r.media_type, size_bytes=r.size_bytes, sha256=r.sha256)
            for r in context.written.values()
        ],
        result=analysis,
        subject_id=job.subject_id,
    )
    view.finished_at.FromDatetime(datetime.now(UTC))
    if failed:
        view.error.CopyFrom(analysis.failure)
    return view
