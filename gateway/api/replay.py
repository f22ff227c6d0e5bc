"""Repeating an ended analysis under another ruleset or model: a new job with the old one's order.

The whole course runs again, also where only the ruleset differs: the measured pages name objects of the old
job, which its erasure takes away, and the runs say when a stage worked. Copied under another job, both would
be untrue.
"""

from __future__ import annotations

from assay.events.v1.analysis_pb2 import Analysis, Job
from assay.gateway.v1 import gateway_pb2 as pb

from gateway.api.start import Started, begin, find_earlier, record
from gateway.api.views import model_version
from gateway.desk import Desk
from gateway.ledger import idempotency, uploads
from gateway.ledger.jobs import JobRow
from gateway.ledger.uploads import Upload
from mesh import tenancy
from mesh.auth import Principal
from mesh.errors import FailedPrecondition, NotFound

METHOD = "assay.gateway.v1.AnalysisService/ReplayAnalysis"


async def replay(
    desk: Desk, caller: Principal, request: pb.ReplayAnalysisRequest, key: str | None
) -> Started:
    """Starts the replay of a job, or returns the one that the idempotency key started before.

    Raises NotFound (JOB_NOT_FOUND), InvalidInput (MODEL_NOT_FOUND, RULESET_NOT_FOUND), FailedPrecondition
    (JOB_NOT_ENDED, MODEL_RECALLED, SOURCE_ERASED), Conflict (IDEMPOTENCY_CONFLICT), Transient.
    """
    digest = idempotency.request_hash(METHOD, request)
    if key is not None:
        earlier = await find_earlier(desk, caller, idempotency.check_key(key), digest)
        if earlier is not None:
            return earlier
    row = await desk.job(caller.tenant_id, request.job_id)
    if not row.ended:
        raise FailedPrecondition(
            "JOB_NOT_ENDED",
            f"The analysis has not ended: it is {row.state}.",
            field="job_id",
            fix="Wait for its end, or cancel it first.",
            metadata={"state": row.state},
        )
    job = order_again(desk, row, request)
    await check_sources(desk, job)
    upload = await upload_of(desk, caller, row.upload_id)
    second = job.protected_upload.key.rpartition("/")[2]
    protected = await upload_of(desk, caller, second) if second else None
    return await record(desk, caller, Analysis(job=job), upload, key, digest, protected)


def order_again(desk: Desk, row: JobRow, request: pb.ReplayAnalysisRequest) -> Job:
    """The old order under a new identity; what is not named is pinned to what the old job ran with.

    Raises InvalidInput (MODEL_NOT_FOUND, RULESET_NOT_FOUND), FailedPrecondition (MODEL_RECALLED).
    """
    old, document = row.document.job, row.document
    job = Job()
    job.CopyFrom(old)
    begin(desk, job)
    job.replay_of = old.job_id
    if not job.HasField("first_created_at"):
        job.first_created_at.CopyFrom(old.created_at)
    # Landmarks come from a device: there the page names what made them, and none of our models ran.
    ran = "" if old.upload_purpose == "landmarks" else model_version(document)
    job.model = request.model or old.model or ran
    desk.catalogue.check(job.kind, job.model)
    named = request.ruleset or old.ruleset or document.decision.ruleset
    job.ruleset = desk.rulesets.for_replay(job.kind, named)
    if document.ingest.source_sha256:
        # The caller may not have announced a hash; ingest then has taken it of what it read.
        job.upload.sha256 = document.ingest.source_sha256
    return job


async def check_sources(desk: Desk, job: Job) -> None:
    """Raises FailedPrecondition (SOURCE_ERASED) unless every object that the order names is still there."""
    for path, ref in tenancy.references(job):
        if not ref.key:
            continue
        try:
            await desk.objects.stat(ref.bucket, ref.key)
        except NotFound as error:
            raise erased(path) from error


async def upload_of(desk: Desk, caller: Principal, upload_id: str) -> Upload:
    """The ledger's row of an upload that an order names; raises FailedPrecondition (SOURCE_ERASED)."""
    async with desk.ledger.tenant(caller.tenant_id) as connection:
        upload = await uploads.find(connection, upload_id)
    if upload is None:
        raise erased("upload")
    return upload


def erased(what: str) -> FailedPrecondition:
    """The refusal of a replay whose source is gone."""
    return FailedPrecondition(
        "SOURCE_ERASED",
        f"What the analysis was made from has been erased ({what}); it cannot be repeated.",
        field="job_id",
        fix="Start a new analysis with a new upload.",
    )
