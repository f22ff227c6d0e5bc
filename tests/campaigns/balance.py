"""The full campaign of balance: `make proof-balance` runs it and keeps its output in docs/proofs.

python -m tests.campaigns.balance --data ../shared/data
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.sample import video
from models.synth.standing import StandingSpec, trial
from tests.campaigns.parts import ASSAY, PYTEST, Part, fenced, last_lines, write
from tests.campaigns.stack import REPO, VIDEO, Stack, balance_order, running_stack

OUT = REPO / "docs" / "proofs" / "balance.md"
WAIT_S = 300.0
# The clip that must be through the mesh in less than its own duration.
LONG = replace(video.SAMPLE, duration_s=30.0, end_s=28.0, width=1080, height=1920, mm_per_px=1.17)
CLIP = Path("posevideo", "pose2sim_balancing", "videos", "cam01.mp4")
PROOFS = (
    "tests/ingest/test_video_sandbox.py",
    "tests/balance/test_pose2sim.py",
    "tests/balance/test_yoga.py",
    "tests/balance/test_truth.py",
    "tests/balance/test_convert.py",
)
TESTS = (
    "tests/balance",
    "tests/cli/test_balance_bad_input.py",
    "tests/fault/test_pose_kill.py",
)
Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared" / "data", help="reference data")
    args = parser.parse_args()
    if not args.data.is_dir():
        parser.error(f"{args.data} is no folder; the figures are measured against the data in it")
    # What is timed comes first, while nothing else runs.
    steps = [*timed(args.data), through_the_mesh, *parts(args.data)]
    sys.exit(0 if write(OUT, "balance", "make proof-balance", steps) else 1)


def timed(data: Path) -> list[Part]:
    """What needs the machine to itself."""
    return [
        Part(
            "Speed of pose, side by side with MediaPipe",
            [sys.executable, "-m", "bench.pose", "--video", str(data / CLIP)],
            fenced,
        ),
        Part(
            "Models: size, speed and parity beside LiteRT",
            [sys.executable, "-m", "tests.campaigns.pose_models"],
            fenced,
        ),
    ]


def parts(data: Path) -> list[Part]:
    """Every figure that needs no stack."""
    return [
        Part(
            "Sway against published values",
            [*ASSAY, "eval", "sway", "--data", str(data / "cop"), "--json"],
            sway_table,
        ),
        Part(
            "Landmarks against the reprojected 3D reference",
            [*ASSAY, "eval", "pose", "--data", str(data / "posevideo" / "pose2sim_balancing")],
            fenced,
        ),
        Part(
            "Sway injection",
            [*ASSAY, "eval", "injection", "--data", str(data / "posevideo")],
            fenced,
        ),
        Part(
            "Ingest's memory on 60 s of 1080p60; events in real clips; every model's parity",
            [*PYTEST, "-s", "-m", "proof", *PROOFS],
            fenced,
        ),
        Part(
            "Golden signals, properties, published values, bad input, the kill of the pose stage",
            [*PYTEST, "-n", "2", "--dist", "loadgroup", "-m", "not proof", *TESTS],
            last_lines,
        ),
    ]


def sway_table(output: str) -> str:
    """The largest relative difference per folder and metric."""
    worst: dict[tuple[str, str], tuple[int, float]] = {}
    for found in json.loads(output)["trials"]:
        folder = Path(found["file"]).parent.name
        for metric in found["metrics"]:
            count, most = worst.get((folder, metric["id"]), (0, 0.0))
            difference = metric["relative_difference"]
            most = max(most, abs(difference)) if difference is not None else most
            worst[folder, metric["id"]] = (count + 1, most)
    rows = [
        f"| {folder} | {name} | {count} | {most:.2g} |"
        for (folder, name), (count, most) in sorted(worst.items())
    ]
    head = "| data | metric | trials | largest relative difference |\n| --- | --- | --- | --- |"
    return "\n".join([head, *rows])


def through_the_mesh() -> str:
    """A 30 s 1080p30 video from the order to `reported`, and the sample in both modes."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="assay-proof-") as folder:
        clip = Path(folder) / "long.mp4"
        video.make(clip, LONG, bit_rate=6_000_000)
        with running_stack(Path(folder) / "stack") as stack:
            run(stack, VIDEO, "POSE_MODE_SINGLE_PASS")  # warms every process
            for name, path, spec in (
                ("30 s, 1080x1920, 30 fps", clip, LONG),
                ("sample", VIDEO, video.SAMPLE),
            ):
                for mode in ("POSE_MODE_SINGLE_PASS", "POSE_MODE_QUALITY"):
                    seconds, job = run(stack, path, mode)
                    rows.append(row(name, mode, seconds, spec, job))
                    print(rows[-1], flush=True)
    return (
        "## Through the whole mesh\n\nFrom the order to the `reported` fact, VP9, full model, idle mesh; "
        "truth from the generator.\n\n"
        "| video | mode | s | of its duration | held (true) s | RDIST_ML (true) mm |\n"
        "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )


def run(stack: Stack, path: Path, mode: str) -> tuple[float, Json]:
    """Analyses a video; answers seconds from acceptance to end, and the job."""
    api = stack.api()
    upload = api.upload(path, "video/mp4", "video")
    started = time.monotonic()
    job_id = api.analyze(balance_order(upload, pose_mode=mode))["job_id"]
    for _ in api.await_end(job_id, WAIT_S):
        pass
    seconds = time.monotonic() - started
    job = api.job(job_id)
    if job["state"] != "STATE_SUCCEEDED":
        raise SystemExit(f"{path.name} {mode}: {job['error']}")
    until = time.monotonic() + WAIT_S
    while "annotation" not in api.job(job_id)["result"] and time.monotonic() < until:
        time.sleep(1.0)  # what follows the end must not slow the next run
    return seconds, job


def row(name: str, mode: str, seconds: float, spec: StandingSpec, job: Json) -> str:
    """One line of the table."""
    _, truth = trial(spec)
    sway = job["result"]["sway"]
    window = sway["window"]
    inside = (truth.time_s >= window["start_s"]) & (truth.time_s <= window["end_s"])
    true = truth.com_mm[inside, 0].std()
    found = {m["measurement"]["id"]: m["measurement"].get("value") for m in sway["metrics"]}
    held = (spec.end_s or spec.duration_s) - (spec.foot_up_s or 0)
    sway_mm, timed = found.get("RDIST_ML"), sway["time_to_failure"].get("value", float("nan"))
    return (
        f"| {name} | {mode.removeprefix('POSE_MODE_').lower()} | {seconds:.1f} "
        f"| {seconds / spec.duration_s:.2f} | {timed:.2f} ({held:.2f}) "
        f"| {'-' if sway_mm is None else f'{sway_mm:.2f}'} ({true:.2f}) |"
    )


if __name__ == "__main__":
    main()
