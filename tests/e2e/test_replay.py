"""An analysis repeated through the whole mesh: pinned it comes out the same to the byte, else we know why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.problems import CommandError
from tests.campaigns.stack import SAMPLE, Stack, balance_order, order
from tests.e2e.test_balance_journey import SAMPLE as STANDING
from tests.e2e.test_balance_journey import device_file
from tests.e2e.test_documented_journeys import run

pytestmark = pytest.mark.timeout(300)

OLD, NEW = "tattoo@1.0.0", "tattoo@1.1.0"
Json = dict[str, Any]


def replayed(stack: Stack, job_id: str, **versions: str) -> Json:
    """The replay of a job, begun from the command line."""
    named = [part for name, version in versions.items() for part in (f"--{name}", version)]
    started = json.loads(run(stack, "assay", "jobs", "replay", job_id, *named, "--json"))
    api = stack.api()
    list(api.await_end(started["job_id"], 120))
    job = api.job(started["job_id"])
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    return job


def artefact(job: Json, name: str) -> str:
    """SHA-256 of an artefact."""
    return next(each["sha256"] for each in job["artifacts"] if each["name"] == name)


def refused(stack: Stack, job: str, body: Json | None = None, client: str = "assay-cli") -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        stack.api(client).call("POST", f"/v1/analyze/{job}:replay", body or {})
    return caught.value.problem["status"], caught.value.problem["code"]


def test_pinned_to_an_older_ruleset_the_decision_has_identical_bytes(stack: Stack, first: Json) -> None:
    """The newer version is installed and active meanwhile."""
    rulesets = {
        each["ruleset"]: each["state"] for each in stack.api().call("GET", "/v1/rulesets")["rulesets"]
    }
    assert rulesets[NEW] == "RULESET_STATE_ACTIVE"
    again = replayed(stack, first["job_id"])
    assert again["job_id"] != first["job_id"]
    assert (again["replay_of"], again["ruleset_version"]) == (first["job_id"], OLD)
    assert artefact(again, "decision.json") == artefact(first, "decision.json")
    assert again["result"]["decision"]["inks"] == first["result"]["decision"]["inks"]
    assert again["result"]["job"]["first_created_at"] == first["result"]["job"]["created_at"]
    told = json.loads(run(stack, "assay", "jobs", "diff", first["job_id"], again["job_id"], "--json"))
    assert (told["differences"], told["within_uncertainty"]) == ([], 0)


def test_under_a_newer_ruleset_the_difference_is_laid_to_it(stack: Stack, first: Json) -> None:
    other = replayed(stack, first["job_id"], ruleset=NEW)
    assert (other["replay_of"], other["ruleset_version"]) == (first["job_id"], NEW)
    assert other["result"]["color"]["inks"] == first["result"]["color"]["inks"]
    told = json.loads(run(stack, "assay", "jobs", "diff", first["job_id"], other["job_id"], "--json"))
    versions = [each["at"] for each in told["differences"] if each["kind"] == "version"]
    assert versions == ["ruleset tattoo"]
    rest = [each for each in told["differences"] if each["kind"] != "version"]
    assert all(each["versions"] == ["ruleset tattoo"] for each in rest)
    assert "ruleset tattoo" in run(stack, "assay", "jobs", "diff", first["job_id"], other["job_id"])


def test_another_model_decides_again_under_the_same_rules(stack: Stack, first: Json) -> None:
    served = [each["model"] for each in stack.api().call("GET", "/v1/models")["models"]]
    others = [name for name in served if name.startswith("ink-seg@") and name != first["model_version"]]
    other = replayed(stack, first["job_id"], model=others[0])
    assert (other["model_version"], other["ruleset_version"]) == (others[0], OLD)
    told = json.loads(run(stack, "assay", "jobs", "diff", first["job_id"], other["job_id"], "--json"))
    assert "model ink-seg" in {each["at"] for each in told["differences"] if each["kind"] == "version"}


def test_a_balance_trial_is_repeated_with_what_it_was_compared_with(stack: Stack, tmp_path: Path) -> None:
    api = stack.api()
    upload = api.upload(device_file(STANDING, tmp_path), "application/json", "landmarks")
    before = api.analyze(balance_order(upload, {"mode": "MODE_SYNC", "timeout": "60s"}))
    assert before["state"] == "STATE_SUCCEEDED", before["error"]
    upload = api.upload(device_file(STANDING, tmp_path), "application/json", "landmarks")
    wanted = {"mode": "MODE_SYNC", "timeout": "60s"}
    job = api.analyze(balance_order(upload, wanted, compare_with=[before["job_id"]]))
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    again = replayed(stack, job["job_id"])
    assert again["result"]["decision"]["balance"] == job["result"]["decision"]["balance"]
    assert artefact(again, "decision.json") == artefact(job, "decision.json")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"ruleset": "tattoo@9.9.9"}, 400, "RULESET_NOT_FOUND"),
        ({"ruleset": "balance@1.0.0"}, 400, "RULESET_NOT_FOUND"),
        ({"ruleset": "newest"}, 400, "INVALID_FIELD"),
        ({"model": "ink-seg@9.9.9"}, 400, "MODEL_NOT_FOUND"),
        ({"rules": OLD}, 400, "UNKNOWN_FIELD"),
        ({"job_id": "00000000-0000-0000-0000-000000000000"}, 400, "CONFLICTING_FIELDS"),
    ],
)
def test_bad_input_is_named(stack: Stack, first: Json, body: Json, status: int, code: str) -> None:
    assert refused(stack, first["job_id"], body) == (status, code)


def test_only_the_owner_with_the_scope_may_repeat(stack: Stack, first: Json) -> None:
    assert refused(stack, first["job_id"], client="other-tenant") == (404, "JOB_NOT_FOUND")
    assert refused(stack, first["job_id"], client="read-only") == (403, "PERMISSION_DENIED")
    assert refused(stack, "not-a-job")[0] == 400


def test_what_still_runs_or_was_erased_cannot_be_repeated(stack: Stack) -> None:
    api = stack.api()
    job = api.analyze(order(api.upload(SAMPLE, "image/jpeg")))
    assert refused(stack, job["job_id"]) == (400, "JOB_NOT_ENDED")
    list(api.await_end(job["job_id"], 120))
    stack.remove(job["result"]["job"]["upload"])
    assert refused(stack, job["job_id"]) == (400, "SOURCE_ERASED")
