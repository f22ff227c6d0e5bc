"""A photo's whole journey through Envoy, gateway, S3, JetStream, five stages and PostgreSQL."""

from __future__ import annotations

import hashlib
import io
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from pypdf import PdfReader

from cli.problems import CommandError
from tests.campaigns.stack import SAMPLE, Stack, order

STAGES = ["ingest", "segment", "color", "decision", "report"]


def test_sync_answers_the_whole_result(finished):
    assert finished["state"] == "STATE_SUCCEEDED"
    assert [stage["name"] for stage in finished["stages"]] == STAGES
    assert all(stage["finished_at"] for stage in finished["stages"])
    result = finished["result"]
    assert result["ingest"]["working_width"] > 0
    assert result["segment"]["regions"]
    assert result["color"]["inks"]
    assert result["decision"]["inks"]
    assert result["report"]["pages"] >= 1
    assert finished["model_version"] == "ink-seg@" + finished["model_version"].partition("@")[2]
    assert finished["ruleset_version"].startswith("tattoo@")


def test_every_ink_carries_its_uncertainty(finished):
    for ink in finished["result"]["color"]["inks"]:
        contrast = ink["delta_e_skin"]
        assert contrast["low_95"] <= contrast["value"] <= contrast["high_95"]
        assert contrast["unit"]


def test_pages_name_the_versions_that_made_them(finished):
    for page in ("ingest", "segment", "color", "decision", "report"):
        kinds = {version["kind"] for version in finished["result"][page]["provenance"]["versions"]}
        assert kinds, page
    models = [v for v in finished["result"]["segment"]["provenance"]["versions"] if v["kind"] == "model"]
    assert len(models[0]["sha256"]) == 64


def test_no_recommendation_without_a_chart(finished):
    """An uncalibrated photo is qualitative: nothing on it may be recommended."""
    assert finished["result"]["color"]["calibrated"] is False
    assert finished["result"]["decision"]["status"] == "DECISION_STATUS_QUALITATIVE"
    options = [o["status"] for ink in finished["result"]["decision"]["inks"] for o in ink["options"]]
    assert "OPTION_STATUS_RECOMMEND" not in options


def test_the_report_is_a_pdf_that_names_the_job(stack: Stack, finished, tmp_path):
    target = tmp_path / "report.pdf"
    stack.api().download(f"/v1/analyze/{finished['job_id']}/report.pdf", target)
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(target.read_bytes())).pages)
    assert finished["job_id"] in text.replace("\n", "")


def test_every_artefact_downloads_and_matches_its_hash(stack: Stack, finished, tmp_path):
    assert {"mask.png", "report.pdf", "report.json"} <= {a["name"] for a in finished["artifacts"]}
    for artefact in finished["artifacts"]:
        target = tmp_path / artefact["name"]
        stack.api().download(f"/v1/analyze/{finished['job_id']}/artifacts/{artefact['name']}", target)
        assert hashlib.sha256(target.read_bytes()).hexdigest() == artefact["sha256"]
        assert target.stat().st_size == int(artefact["size_bytes"])


def test_async_is_accepted_watched_and_done(stack: Stack):
    api = stack.api()
    accepted = api.analyze(order(api.upload(SAMPLE, "image/jpeg")))
    assert accepted["state"] in ("STATE_QUEUED", "STATE_RUNNING")
    events = list(api.await_end(accepted["job_id"], 60))
    assert events[-1].name == "done"
    assert api.job(accepted["job_id"])["state"] == "STATE_SUCCEEDED"


def test_an_ended_job_can_still_be_watched(stack: Stack, finished):
    events = list(stack.api().watch(finished["job_id"]))
    assert events[-1].name == "done"


def test_the_same_key_is_the_same_job(stack: Stack):
    api, key = stack.api(), str(uuid.uuid4())
    body = order(api.upload(SAMPLE, "image/jpeg"))
    with ThreadPoolExecutor(8) as pool:
        jobs = list(
            pool.map(lambda _: api.call("POST", "/v1/analyze", body, idempotency_key=key)["job_id"], range(8))
        )
    assert len(set(jobs)) == 1
    with pytest.raises(CommandError) as caught:
        api.call("POST", "/v1/analyze", {**body, "subject_id": "another"}, idempotency_key=key)
    assert (caught.value.problem["status"], caught.value.problem["code"]) == (409, "IDEMPOTENCY_CONFLICT")


def test_a_cancelled_job_stays_cancelled(stack: Stack):
    api = stack.api()
    job = api.analyze(order(api.upload(SAMPLE, "image/jpeg")))
    api.call("POST", f"/v1/analyze/{job['job_id']}:cancel", {})
    deadline = time.monotonic() + 10
    while api.job(job["job_id"])["state"] != "STATE_CANCELLED" and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    assert api.job(job["job_id"])["state"] == "STATE_CANCELLED"


def test_jobs_are_listed_newest_first_in_pages(stack: Stack, finished):
    api = stack.api()
    first = api.call("GET", "/v1/analyze?page_size=1")
    assert len(first["analyses"]) == 1
    second = api.call("GET", f"/v1/analyze?page_size=1&page_token={first['next_page_token']}")
    assert second["analyses"][0]["job_id"] != first["analyses"][0]["job_id"]
    assert second["analyses"][0]["created_at"] <= first["analyses"][0]["created_at"]
    good = api.call("GET", "/v1/analyze?state=STATE_SUCCEEDED&kind=tattoo&page_size=100")
    assert finished["job_id"] in {each["job_id"] for each in good["analyses"]}


def test_another_tenant_sees_nothing(stack: Stack, finished):
    other = stack.api("other-tenant")
    assert other.call("GET", "/v1/analyze")["analyses"] == []
    for path in ("", "/report.pdf", "/artifacts/mask.png", ":watch"):
        with pytest.raises(CommandError) as caught:
            other.call("GET", f"/v1/analyze/{finished['job_id']}{path}")
        assert caught.value.problem["status"] == 404, path
    with pytest.raises(CommandError) as caught:
        other.call("POST", f"/v1/analyze/{finished['job_id']}:cancel", {})
    assert caught.value.problem["status"] == 404
    upload = stack.api().upload(SAMPLE, "image/jpeg")
    with pytest.raises(CommandError) as caught:
        other.analyze(order(upload))
    assert caught.value.problem["code"] == "UPLOAD_NOT_FOUND"


def test_the_idle_stack_fits_in_two_gibibytes(stack: Stack, finished):
    assert stack.memory_bytes() <= 2 * 2**30
