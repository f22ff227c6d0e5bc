"""Starting an analysis, once per idempotency key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assay.events.v1.analysis_pb2 import Analysis, Job
from assay.gateway.v1 import gateway_pb2 as pb

from gateway.api.baseline import find_baseline
from gateway.api.earlier import find_earlier_trials
from gateway.api.protected import FIELD, protected_upload
from gateway.api.uploads import expired, received
from gateway.api.views import moment
from gateway.desk import Desk
from gateway.ledger import idempotency, jobs, uploads
from gateway.ledger.ids import uuid7
from gateway.ledger.jobs import JobRow
from gateway.ledger.uploads import Upload
from mesh.auth import Principal
from mesh.errors import Internal, InvalidInput

PURPOSES_OF = {"tattoo": ("image",), "balance": ("video", "landmarks")}
METHOD = "assay.gateway.v1.AnalysisService/Analyze"


@dataclass(frozen=True)
class Started:
    """The job of a request, and whether an earlier request with the same key had started it."""

    row: JobRow
    replayed: bool


async def start(desk: Desk, caller: Principal, request: pb.AnalyzeRequest, key: str | None) -> Started:
    """Starts an analysis, or returns the one that the idempotency key started before.

    Nothing is stored for a request that is refused. Raises InvalidInput, NotFound,
    FailedPrecondition, Conflict (IDEMPOTENCY_CONFLICT), Transient.
    """
    digest = idempotency.request_hash(METHOD, request)
    if key is not None:
        earlier = await find_earlier(desk, caller, idempotency.check_key(key), digest)
        if earlier is not None:
            return earlier
    ruleset = check_order(desk, request)
    upload = await received(desk, caller, request.upload_id)
    check_purpose(request, upload)
    analysis = order(desk, caller, request, upload, ruleset)
    protected = await protected_upload(desk, caller, request, upload)
    if protected is not None:
        analysis.job.protected_upload.CopyFrom(protected.ref("protected_upload"))
    analysis.job.earlier.extend(await find_earlier_trials(desk, caller, analysis.job))
    baseline = await find_baseline(desk, caller, analysis.job)
    if baseline is not None:
        analysis.job.baseline.CopyFrom(baseline)
    return await record(desk, caller, analysis, upload, key, digest, protected)


async def find_earlier(desk: Desk, caller: Principal, key: str, digest: bytes) -> Started | None:
    """Returns the job that a key is bound to, if any; raises Conflict."""
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        job_id = await idempotency.find(connection, key, digest)
    return Started(await desk.job(caller.tenant_id, job_id), replayed=True) if job_id else None


def check_order(desk: Desk, request: pb.AnalyzeRequest) -> str:
    """Returns the ruleset to decide under; raises unless there is consent and what is asked for is served."""
    if not request.consent.treatment:
        raise InvalidInput(
            "CONSENT_REQUIRED",
            "Nothing is analysed without the person's consent to it.",
            field="consent.treatment",
            fix="Ask the person; when they agree, send consent.treatment as true.",
        )
    if request.consent.HasField("given_at"):
        moment(request.consent.given_at, "consent.given_at")
    if not request.consent.text_version.isprintable():
        raise InvalidInput(
            "INVALID_FIELD",
            "The version of the consent text holds control characters.",
            field="consent.text_version",
            fix='Send the version that the person saw, for example "2026-01".',
        )
    kind = request.WhichOneof("assessment") or ""
    desk.catalogue.check(kind, request.model)
    return desk.rulesets.for_order(kind, request.ruleset)


def check_purpose(request: pb.AnalyzeRequest, upload: Upload) -> None:
    """Raises InvalidInput (UPLOAD_WRONG_PURPOSE) when the upload is none for the assessment."""
    kind = request.WhichOneof("assessment") or ""
    if upload.purpose not in PURPOSES_OF[kind]:
        wanted = " or ".join(f"UPLOAD_PURPOSE_{purpose.upper()}" for purpose in PURPOSES_OF[kind])
        raise InvalidInput(
            "UPLOAD_WRONG_PURPOSE",
            f"The upload was announced as {upload.purpose}; {kind} needs another.",
            field="upload_id",
            fix=f"Sign an upload with {wanted}.",
        )


def order(
    desk: Desk, caller: Principal, request: pb.AnalyzeRequest, upload: Upload, ruleset: str
) -> Analysis:
    """Returns the document that starts to travel: the job, without pages."""
    job = Job(
        tenant_id=caller.tenant_id,
        region=desk.settings.region,
        kind=request.WhichOneof("assessment") or "",
        upload=upload.ref(),
        subject_id=request.subject_id,
        consent=request.consent,
        ruleset=ruleset,
        model=request.model,
        language=request.language or "en",
        upload_purpose=upload.purpose,
    )
    if request.HasField("tattoo"):
        job.tattoo.CopyFrom(request.tattoo)
    else:
        job.balance.CopyFrom(request.balance)
    begin(desk, job)
    return Analysis(job=job)


def begin(desk: Desk, job: Job) -> None:
    """Gives an order its identity and its times: a new job, in its first epoch, accepted now."""
    now = datetime.now(UTC)
    job.job_id, job.epoch = uuid7(), 1
    job.created_at.FromDatetime(now)
    job.deadline.FromDatetime(now + timedelta(seconds=desk.settings.job_deadline_s))


async def record(
    desk: Desk,
    caller: Principal,
    analysis: Analysis,
    upload: Upload,
    key: str | None,
    digest: bytes,
    protected: Upload | None = None,
) -> Started:
    """Writes key, job, consent, audit entry and `requested` fact in one transaction; uses up the uploads."""
    job_id = analysis.job.job_id
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        if key is not None:
            earlier = await idempotency.claim(connection, caller.tenant_id, key, digest, job_id)
            if earlier is not None:
                row = await jobs.find(connection, earlier)
                return Started(known(row), replayed=True)
        if not await uploads.mark_used(connection, upload.upload_id):
            raise expired()
        if protected is not None and not await uploads.mark_used(connection, protected.upload_id):
            raise expired(FIELD)
        await jobs.create(
            connection,
            analysis,
            upload_id=upload.upload_id,
            protected_upload_id="" if protected is None else protected.upload_id,
            by=caller.subject,
        )
        return Started(known(await jobs.find(connection, job_id)), replayed=False)


def known(row: JobRow | None) -> JobRow:
    """The row that a foreign key says is there."""
    if row is None:
        raise Internal("JOB_LOST", "The ledger has no row for its own job.")
    return row
