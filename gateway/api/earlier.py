"""Earlier balance analyses that a new one is compared with: found, checked, and put into the order."""

from __future__ import annotations

from collections.abc import Iterable

from assay.balance.v1.balance_pb2 import EarlierTrial, PoseMode
from assay.common.v1.types_pb2 import FlagLevel, QualityFlag
from assay.events.v1.analysis_pb2 import Analysis, Job

from gateway.api.comparison import comparable, too_large
from gateway.desk import Desk
from mesh.auth import Principal
from mesh.errors import InvalidInput
from mesh.visits import handed_in

FIELD = "balance.compare_with"
# What the balance rules compare trials and add up batteries by; nothing else of an earlier trial is needed.
COMPARED = frozenset(
    {
        "MVELO_ML", "MVELO_AP", "RDIST_ML", "RDIST_AP", "HSI", "FPPA_MEAN", "PELVIC_OBLIQUITY_MEAN",
        "TRUNK_LEAN_MEAN", "REACH", "REACH_PCT",
    }
)  # fmt: skip
# Eight earlier trials and this one's own pages, each at its largest, must fit into a fact of 64 KiB.
MOST_BYTES = 13 * 1024


async def find_earlier_trials(desk: Desk, caller: Principal, job: Job) -> list[EarlierTrial]:
    """Returns what the named analyses measured.

    Raises NotFound (COMPARISON_NOT_FOUND), FailedPrecondition (COMPARISON_NOT_FINISHED), InvalidInput
    (INVALID_FIELD, COMPARISON_OF_ANOTHER_SUBJECT, COMPARISON_TOO_LARGE), Transient.
    """
    trials: list[EarlierTrial] = []
    check_each_once(job)
    for job_id in job.balance.compare_with:
        row = await comparable(desk, caller, job, job_id, FIELD)
        trials.append(earlier_trial(row.document))
    if sum(trial.ByteSize() for trial in trials) > MOST_BYTES:
        raise too_large(FIELD)
    return trials


def check_each_once(job: Job) -> None:
    """Raises InvalidInput (INVALID_FIELD) for an analysis named twice; case tells no two UUIDs apart."""
    named = [job_id.lower() for job_id in job.balance.compare_with]
    for index, job_id in enumerate(named):
        if job_id in named[:index]:
            raise InvalidInput(
                "INVALID_FIELD",
                f"The analysis {job_id} is named twice.",
                field=f"{FIELD}[{index}]",
                fix="Name each analysis once.",
            )


def earlier_trial(document: Analysis) -> EarlierTrial:
    """What a comparison needs of a finished analysis: protocol, compared metrics, score, failing flags."""
    job, sway = document.job, document.sway
    trial = EarlierTrial(job_id=job.job_id, created_at=handed_in(job), trial=job.balance)
    trial.trial.ClearField("compare_with")
    trial.trial.ClearField("floor_marks")
    trial.sway.CopyFrom(sway)
    for name in ("metrics", "events", "phases", "traces", "flags", "provenance", "bess_counted"):
        trial.sway.ClearField(name)
    trial.sway.metrics.extend(m for m in sway.metrics if m.measurement.id in COMPARED)
    models = [v for v in document.pose.provenance.versions if v.kind == "model"]
    named = f"{models[0].name}@{models[0].version}" if models else document.pose.source
    mode = PoseMode.Name(document.pose.mode).removeprefix("POSE_MODE_").lower()
    trial.pose = f"{named} {mode}"
    trial.flags.extend(failing((*document.ingest.flags, *document.pose.flags)))
    # The sway stage repeats what it was told; the recording's flags already withhold everything.
    told = {flag.code for flag in trial.flags}
    trial.sway.flags.extend(flag for flag in failing(sway.flags) if flag.code not in told)
    decided = document.decision.balance
    if decided.score.HasField("value"):
        trial.score.CopyFrom(decided.score)
        trial.ruleset_sha256 = document.decision.ruleset_sha256
        trial.score_rules.extend(part.rule for part in decided.sub_scores if part.weight > 0)
    return trial


def failing(flags: Iterable[QualityFlag]) -> list[QualityFlag]:
    """The flags under which nothing may be concluded, without their sentences for people."""
    fail = FlagLevel.FLAG_LEVEL_FAIL
    return [QualityFlag(code=flag.code, level=fail) for flag in flags if flag.level == fail]
