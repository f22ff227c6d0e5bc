"""Two visits of one drawn tattoo through Envoy, gateway and every stage, and one whose photos are gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import pytest

from cli.problems import CommandError
from svc_color.space import linear_to_xyz
from tests.campaigns.stack import Stack, order
from tests.color.chart_photos import Shot, shoot
from tests.color.visits import INKS, Pose, body, scene

pytestmark = pytest.mark.timeout(300)

Json = dict[str, Any]
SIZE = (620, 900)
BODY = body(INKS)


def photo(path: Path, left: float, pose: Pose, shot: Shot) -> Path:
    rgb, _ = shoot(shot, scene=linear_to_xyz(scene(BODY, left, pose, SIZE)[0]))
    cv2.imwrite(str(path), rgb[..., ::-1])
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Before, and with half of the ink in another pose and light; a chart lies beside at both."""
    folder = tmp_path_factory.mktemp("visits")
    beside = {"size": SIZE, "pitch": 34.0}
    first = photo(
        folder / "first.png", 1.0, Pose(zoom=0.5, shift=(-110, 20)), Shot(**beside, offset=(300, -210))
    )
    lit = Shot(**beside, offset=(310, 190), turn=12, light=(0.9, 1.0, 0.7), exposure=0.8, seed=5)
    second = photo(folder / "second.png", 0.5, Pose(8, 0.56, (-120, -15), tilt=0.08, bend=0.08), lit)
    return first, second


def analysed(stack: Stack, path: Path, **changes: Any) -> Json:
    api = stack.api()
    body = order(api.upload(path, "image/png"), subject_id="follow-up")
    body["tattoo"] = {**body["tattoo"], **changes}
    job_id = api.analyze(body)["job_id"]
    list(api.await_end(job_id, 240))
    job: Json = api.job(job_id)
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    return job


@pytest.fixture(scope="module")
def first(stack: Stack, photos: tuple[Path, Path]) -> Json:
    return analysed(stack, photos[0])


def test_the_second_visit_says_what_changed(
    stack: Stack, photos: tuple[Path, Path], first: Json, tmp_path: Path
) -> None:
    job = analysed(stack, photos[1], compare_with=first["job_id"])
    found = job["result"]["color"]["follow_up"]
    assert found["baseline_job_id"] == first["job_id"]
    assert not found["not_comparable"], found["reasons"]
    assert found["overlap"]["value"] > 0.9
    assert found["days"] < timedelta(hours=1) / timedelta(days=1)
    assert "FOLLOW_UP_EARLY" in {flag["code"] for flag in found["cautions"]}
    assert {change["verdict"] for change in found["inks"]} == {"lighter"}
    for change in found["inks"]:
        cleared = change["clearance_density"]
        assert cleared["low_95"] < 50 < cleared["high_95"]
    fired = {entry["rule"]: entry for entry in job["result"]["decision"]["trace"]}
    assert not fired["R33"]["fired"]
    assert any(seen.startswith("region.delta_l_t=") for seen in fired["R33"]["saw"])
    target = tmp_path / found["registered"]["name"]
    stack.api().download(f"/v1/analyze/{job['job_id']}/artifacts/{target.name}", target)
    laid = cv2.imread(str(target))
    assert laid is not None
    assert laid.shape[:2] == SIZE


def test_another_subject_is_not_compared(stack: Stack, photos: tuple[Path, Path], first: Json) -> None:
    api = stack.api()
    body = order(api.upload(photos[1], "image/png"), subject_id="somebody-else")
    body["tattoo"] = {**body["tattoo"], "compare_with": first["job_id"]}
    with pytest.raises(CommandError) as caught:
        api.analyze(body)
    assert caught.value.problem["code"] == "COMPARISON_OF_ANOTHER_SUBJECT"
    assert caught.value.problem["field"] == "tattoo.compare_with"


def test_a_visit_whose_photos_are_gone_is_a_reason_and_no_failure(
    stack: Stack, photos: tuple[Path, Path]
) -> None:
    """Retention or erasure took the earlier objects; numbers of the ledger alone compare nothing."""
    early = analysed(stack, photos[0])
    stack.remove(early["result"]["ingest"]["working"])
    found = analysed(stack, photos[1], compare_with=early["job_id"])["result"]["color"]["follow_up"]
    assert found["not_comparable"] == ["BASELINE_GONE"]
    assert found["reasons"]
    assert all(not change["clearance_contrast"].get("value") for change in found["inks"])
