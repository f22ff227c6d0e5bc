"""The earlier visit that a tattoo is compared with: found, checked, and put into the order."""

from __future__ import annotations

from assay.color.v1.color_pb2 import Baseline
from assay.events.v1.analysis_pb2 import Analysis, Job

from gateway.api.comparison import comparable, too_large
from gateway.api.views import model_version
from gateway.desk import Desk
from mesh.auth import Principal
from mesh.visits import handed_in

FIELD = "tattoo.compare_with"
# Eight inks, a chart without its patches and three references fit into half of it.
MOST_BYTES = 8 * 1024


async def find_baseline(desk: Desk, caller: Principal, job: Job) -> Baseline | None:
    """Returns what the named analysis measured; None when none is named.

    Raises NotFound (COMPARISON_NOT_FOUND), FailedPrecondition (COMPARISON_NOT_FINISHED), InvalidInput
    (COMPARISON_OF_ANOTHER_SUBJECT, COMPARISON_TOO_LARGE), Transient.
    """
    named = job.tattoo.compare_with
    if not named:
        return None
    row = await comparable(desk, caller, job, named, FIELD)
    found = baseline(row.document)
    if found.ByteSize() > MOST_BYTES:
        raise too_large(FIELD)
    return found


def baseline(document: Analysis) -> Baseline:
    """What a comparison needs of a finished analysis; posteriors and the parts of the chart stay behind."""
    job, color = document.job, document.color
    made = Baseline(
        job_id=job.job_id,
        created_at=handed_in(job),
        working=document.ingest.working,
        mask=document.segment.mask,
        color=color,
        camera=document.ingest.camera,
        segmenter=model_version(document),
    )
    if color.HasField("clusters"):
        made.clusters.CopyFrom(color.clusters)
    for name in ("clusters", "follow_up", "protected_skin", "flags"):
        made.color.ClearField(name)
    if color.HasField("chart"):
        del made.color.chart.corners[:], made.color.chart.tried[:], made.color.chart.patches[:]
        made.color.chart.ClearField("patch_table")
    for ink in made.color.inks:
        ink.ClearField("posterior")
    return made
