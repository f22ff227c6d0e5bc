"""The sway stage: reads the landmarks, writes the sway page and the traces."""

from __future__ import annotations

from assay.balance.v1.balance_pb2 import BalanceTrial, SwayPage, TraceSeries
from assay.events.v1.analysis_pb2 import Analysis

from mesh import landmarks
from mesh.errors import FailedPrecondition
from mesh.settings import Settings
from mesh.stage import Stage, StageContext
from svc_balance.sway import page
from svc_balance.sway.flags import Flag
from svc_balance.sway.trial import assess

TRACES_TYPE = "application/vnd.assay.traces+protobuf"


def compute(data: bytes, trial: bytes, upstream: tuple[Flag, ...], code_version: str) -> tuple[bytes, bytes]:
    """A serialised SwayPage and TraceSeries from a LandmarkSeries and a BalanceTrial, all as bytes.

    upstream: flags of earlier stages.

    Raises: as `landmarks.decode` and `trial.assess`.
    """
    result = assess(landmarks.decode(data), BalanceTrial.FromString(trial), upstream)
    written, traces = page.build(result, code_version), page.traces(result)
    return written.SerializeToString(deterministic=True), traces.SerializeToString(deterministic=True)


async def handle(analysis: Analysis, ctx: StageContext) -> SwayPage:
    """Measure one trial.

    Raises FailedPrecondition (NO_LANDMARKS) when the pose page is missing; else as `compute`.
    """
    if not analysis.pose.landmarks.key:
        raise FailedPrecondition("NO_LANDMARKS", "The pose page is missing.", field="pose.landmarks")
    data = await ctx.get(analysis.pose.landmarks)
    await ctx.progress(10, "Measuring sway")
    trial = analysis.job.balance.SerializeToString()
    remarks = [*analysis.ingest.flags, *analysis.pose.flags]
    upstream = tuple(Flag(flag.code, flag.level, flag.message) for flag in remarks)
    written, traces = await ctx.compute(compute, data, trial, upstream, Settings().version)
    answer = SwayPage.FromString(written)
    await ctx.progress(90, "Writing the traces")
    answer.traces.CopyFrom(await ctx.put("traces.pb", traces, TRACES_TYPE))
    return answer


def response(data: bytes, trial: BalanceTrial, code_version: str) -> tuple[SwayPage, TraceSeries]:
    """The same for a caller who waits."""
    written, traces = compute(data, trial.SerializeToString(), (), code_version)
    return SwayPage.FromString(written), TraceSeries.FromString(traces)


STAGE = Stage(name="sway", kind="balance", consumes="posed", publishes="swayed", page="sway", handle=handle)
