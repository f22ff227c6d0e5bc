"""A tattoo and a photo of protected skin, a chart in both, through the whole mesh: tan is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from svc_color.space import lab_to_xyz, linear_to_xyz
from tests.campaigns.stack import Stack, order
from tests.color.chart_photos import Shot, shoot
from tests.color.visits import INKS, Pose, body, scene

pytestmark = pytest.mark.timeout(300)

SIZE = (620, 900)
# ITA 59 degrees; the drawn tattoo lies on skin of 48.
PALE = (72.0, 6.0, 13.0)


def saved(path: Path, xyz: np.ndarray, shot: Shot) -> Path:
    rgb, _ = shoot(shot, scene=xyz)
    cv2.imwrite(str(path), rgb[..., ::-1])
    return path


@pytest.fixture(scope="module")
def result(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("protected")
    beside = {"size": SIZE, "pitch": 34.0}
    tattoo = linear_to_xyz(scene(body(INKS), 1.0, Pose(zoom=0.5, shift=(-110, 20)), SIZE)[0])
    pale = np.tile(lab_to_xyz(np.array(PALE)), (*SIZE, 1))
    api = stack.api()
    uploads = [
        api.upload(saved(folder / "tattoo.png", tattoo, Shot(**beside, offset=(300, -210))), "image/png"),
        api.upload(
            saved(
                folder / "arm.png", pale, Shot(**beside, offset=(-280, 190), light=(1.0, 0.9, 0.8), seed=7)
            ),
            "image/png",
        ),
    ]
    job_id = api.analyze(order(uploads[0], protected_upload_id=uploads[1]))["job_id"]
    list(api.await_end(job_id, 240))
    job: dict[str, Any] = api.job(job_id)
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    return job


def test_tan_is_measured_between_the_two_photos(result: dict[str, Any]) -> None:
    pages = result["result"]
    assert pages["ingest"]["protected_working"]["name"] == "protected_working.png"
    margin, protected = pages["color"]["skin"]["ita"], pages["color"]["protected_skin"]["ita"]
    assert protected["value"] == pytest.approx(59.4, abs=4)
    assert protected["value"] - margin["value"] > 10
    assert "R12" in {flag["id"] for flag in pages["decision"]["flags"]}


def test_both_photos_are_artefacts(result: dict[str, Any]) -> None:
    assert {"working.png", "protected_working.png"} <= {each["name"] for each in result["artifacts"]}
