"""The whole journey of a video through the mesh, and of landmarks from a device, without the pose stage."""

from __future__ import annotations

import io
import itertools
import json
import time
from pathlib import Path

import av
import pytest
from pypdf import PdfReader

from models.sample.video import SAMPLE
from models.synth.standing import StandingSpec, trial
from tests.campaigns.stack import Stack, balance_order
from tests.e2e.conftest import Json, followed

pytestmark = pytest.mark.timeout(300)

STAGES = ["ingest", "pose", "sway", "decision", "report"]


def metric(job: Json, name: str) -> Json:
    found = [m for m in job["result"]["sway"]["metrics"] if m["measurement"]["id"] == name]
    assert found, name
    return found[0]["measurement"]


def test_every_stage_leaves_its_page(watched):
    job, _ = watched
    assert [stage["name"] for stage in job["stages"]] == STAGES
    assert all(stage["finished_at"] for stage in job["stages"])
    result = job["result"]
    assert result["ingest"]["video"]["codec"] == "vp9"
    frames = round(SAMPLE.duration_s * SAMPLE.fps) + 1
    assert result["pose"]["frames"] == result["ingest"]["video"]["frames"] == frames
    assert job["model_version"] == "blazepose-full@0.10.14"
    assert job["ruleset_version"] == "balance@1.0.0"
    for page in ("ingest", "pose", "sway", "decision", "report"):
        assert result[page]["provenance"]["versions"], page


def test_what_the_generator_did_is_found(watched):
    sway = watched[0]["result"]["sway"]
    assert sway["side_found"] == "STANCE_SIDE_RIGHT"
    assert sway["view"] == "VIEW_FRONT"
    assert sway["ended_by"] == "touchdown"
    assert sway["censored"] is False
    held = SAMPLE.end_s - SAMPLE.foot_up_s
    assert sway["time_to_failure"]["value"] == pytest.approx(held, abs=0.6)
    up = next(event for event in sway["events"] if event["id"] == "foot_up")
    assert up["onset_s"] == pytest.approx(SAMPLE.foot_up_s, abs=0.35)


def test_sway_is_near_the_truth_and_says_how_sure_it_is(watched):
    """RDIST_ML of the true centre of mass over the measured window, within a third."""
    job, _ = watched
    _, truth = trial(SAMPLE)
    window = job["result"]["sway"]["window"]
    inside = (truth.time_s >= window["start_s"]) & (truth.time_s <= window["end_s"])
    true = truth.com_mm[inside, 0].std()
    found = metric(job, "RDIST_ML")
    assert found["value"] == pytest.approx(true, rel=0.33)
    assert found["low_95"] < found["value"] < found["high_95"]
    assert found["unit"] == "mm"


def test_what_a_front_view_cannot_see_is_not_guessed(watched):
    found = metric(watched[0], "RDIST_AP")
    assert found.get("value") is None
    assert "view" in found["not_measurable"]


def test_progress_goes_forward_through_every_stage(watched):
    steps = [event.data for event in watched[1] if event.name == "progress"]
    order = ["ingest", "pose", "sway", "decision", "report", "annotate"]
    places = [(order.index(step["stage"]), step["percent"]) for step in steps]
    assert places == sorted(places)
    assert len([step for step in steps if step["stage"] == "pose"]) >= 3


def test_the_report_names_the_job_and_shows_the_person(stack: Stack, watched, tmp_path: Path):
    target = tmp_path / "report.pdf"
    stack.api().download(f"/v1/analyze/{watched[0]['job_id']}/report.pdf", target)
    reader = PdfReader(io.BytesIO(target.read_bytes()))
    text = "".join(page.extract_text() for page in reader.pages)
    assert watched[0]["job_id"] in text.replace("\n", "")
    assert len(reader.pages) >= 2
    assert sum(len(page.images) for page in reader.pages) >= 2


def test_the_annotated_video_follows_the_report(stack: Stack, watched, tmp_path: Path):
    api, job_id = stack.api(), watched[0]["job_id"]
    until = time.monotonic() + 120
    while "annotation" not in (job := api.job(job_id))["result"] and time.monotonic() < until:
        time.sleep(0.5)
    assert job["state"] == "STATE_SUCCEEDED"
    assert job["finished_at"] == watched[0]["finished_at"]
    name = next(a["name"] for a in job["artifacts"] if a["media_type"] == "video/webm")
    target = tmp_path / name
    api.download(f"/v1/analyze/{job_id}/artifacts/{name}", target)
    with av.open(target) as container:
        assert container.streams.video[0].codec_context.name == "vp9"
        sizes = {(frame.width, frame.height) for frame in itertools.islice(container.decode(video=0), 5)}
    assert sizes == {(540, 960)}


def device_file(spec: StandingSpec, folder: Path) -> Path:
    """A landmark file as a phone would make it."""
    landmarks, _ = trial(spec)
    frames = [
        {
            "t_s": t,
            "points": [
                {"x": float(x), "y": float(y), "visibility": float(v), "presence": 1.0}
                for (x, y), v in zip(points, seen, strict=True)
            ],
        }
        for t, points, seen in zip(
            landmarks.time_s.tolist(), landmarks.image_px, landmarks.visibility, strict=True
        )
    ]
    path = folder / "landmarks.json"
    path.write_text(
        json.dumps(
            {
                "format": "assay-landmarks/1",
                "device": "test phone",
                "model": "synthetic@1",
                "width": spec.width,
                "height": spec.height,
                "frames": frames,
            }
        )
    )
    return path


def test_landmarks_from_a_device_need_no_pose_stage(stack: Stack, tmp_path: Path):
    api = stack.api()
    upload = api.upload(device_file(SAMPLE, tmp_path), "application/json", "landmarks")
    job, _ = followed(api, balance_order(upload))
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    result = job["result"]
    assert result["pose"]["source"] == "device"
    assert [run["stage"] for run in result["runs"]][:2] == ["ingest", "sway"]
    assert result["ingest"]["device_landmarks"]["device"] == "test phone"
    assert result["sway"]["side_found"] == "STANCE_SIDE_RIGHT"
    held = SAMPLE.end_s - SAMPLE.foot_up_s
    assert result["sway"]["time_to_failure"]["value"] == pytest.approx(held, abs=0.4)


def test_a_second_trial_is_compared_with_the_first(stack: Stack, watched, tmp_path: Path):
    api = stack.api()
    upload = api.upload(device_file(SAMPLE, tmp_path), "application/json", "landmarks")
    job, _ = followed(api, balance_order(upload, compare_with=[watched[0]["job_id"]]))
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    changes = job["result"]["decision"]["balance"]["follow_up"]
    # Another model made the landmarks: said, not compared.
    assert changes
    assert all(change["not_comparable"] for change in changes)
