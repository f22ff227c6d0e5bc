"""The pose stage: reads the video that ingest wrote, writes the pose page and the landmarks."""

from __future__ import annotations

from assay.balance.v1.balance_pb2 import PosePage
from assay.events.v1.analysis_pb2 import Analysis

from mesh import landmarks
from mesh.errors import FailedPrecondition
from mesh.scratch import scratch
from mesh.settings import Settings
from mesh.stage import Stage, StageContext
from svc_balance.pose import page
from svc_balance.pose.networks import networks
from svc_balance.pose.order import Order, fulfil

OBJECT = "landmarks.pb"
FOLLOWING = "Following the person"


async def handle(analysis: Analysis, ctx: StageContext) -> PosePage:
    """Estimates the pose in every frame.

    Raises FailedPrecondition (NO_VIDEO, and as `model.load`), NotFound for an unknown `job.model`,
    Unmeasurable (NO_PERSON), InvalidInput (VIDEO_UNREADABLE), DeadlineExceeded.
    """
    video = analysis.ingest.video
    if not video.object.key:
        raise FailedPrecondition("NO_VIDEO", "Ingest's page names no video.", field="ingest.video")
    await ctx.progress(0, "Looking for the person")
    with scratch() as folder:
        path = folder / "video"
        await ctx.download(video.object, path)
        order = Order(
            path=path,
            rotation_deg=video.rotation_deg,
            model=analysis.job.model,
            mode=analysis.job.balance.pose_mode,
            deadline=ctx.deadline,
            frames=video.frames,
            cuts_s=tuple(video.cuts_s),
        )
        made, loaded = await fulfil(
            order, ctx.compute, lambda share: ctx.progress(_percent(share), FOLLOWING)
        )
    written = page.build(made, loaded, Settings().version, video.frames)
    data = await ctx.compute(landmarks.encode, made.landmarks)
    written.landmarks.CopyFrom(await ctx.put(OBJECT, data, landmarks.MEDIA_TYPE))
    ctx.log.info(
        "posed", frames=written.frames, regions=written.regions, flags=[f.code for f in written.flags]
    )
    return written


def _percent(share: float) -> float:
    """Of the stage: what remains after the last frame is writing."""
    return round(98 * share, 1)


def prepare() -> None:
    """Load and warm the default model before the process says it is ready."""
    networks()


STAGE = Stage(
    name="pose",
    kind="balance",
    consumes="ingested",
    publishes="posed",
    page="pose",
    handle=handle,
    prepare=prepare,
)
