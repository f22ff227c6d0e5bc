"""Rulesets through Envoy: read, activate, retire; what new analyses get; across a restart; by scope."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from cli.problems import CommandError
from gateway import ruleset_switch
from tests.campaigns.stack import SAMPLE, Stack, order
from tests.e2e.test_documented_journeys import run

pytestmark = pytest.mark.timeout(300)

OLD, NEW = "tattoo@1.0.0", "tattoo@1.1.0"
Json = dict[str, Any]


def path(ruleset: str, word: str = "") -> str:
    return f"/v1/rulesets/{quote(ruleset, safe='@')}{word}"


def states(stack: Stack) -> dict[str, str]:
    found = stack.api().call("GET", "/v1/rulesets")["rulesets"]
    return {each["ruleset"]: each["state"].removeprefix("RULESET_STATE_") for each in found}


def activate(stack: Stack, ruleset: str) -> Json:
    return stack.api().call("POST", path(ruleset, ":activate"), {})


def ordered(stack: Stack, **fields: str) -> Json:
    """A new analysis that has ended."""
    api = stack.api()
    job = api.analyze(order(api.upload(SAMPLE, "image/jpeg"), mode="MODE_SYNC", timeout="60s", **fields))
    assert job["state"] == "STATE_SUCCEEDED", job["error"]
    return job


def problem(
    stack: Stack, method: str, at: str, body: Json | None, client: str = "assay-cli"
) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        stack.api(client).call(method, at, body)
    return caught.value.problem["status"], caught.value.problem["code"]


@pytest.fixture
def switch(stack: Stack) -> Iterator[None]:
    """Leaves both versions usable and the newer one active, as it was found."""
    yield
    for ruleset in (OLD, NEW):
        activate(stack, ruleset)


def test_a_ruleset_is_read_whole_and_its_hash_can_be_checked(stack: Stack) -> None:
    listed = {each["ruleset"]: each for each in stack.api().call("GET", "/v1/rulesets")["rulesets"]}
    for ruleset, known in listed.items():
        whole = stack.api().call("GET", path(ruleset))
        text = json.dumps(whole["document"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == whole["sha256"] == known["sha256"]
        manifest = whole["document"]["manifest"]
        assert f"{manifest['name']}@{manifest['version']}" == whole["ruleset"] == ruleset
        assert (manifest["effective"], manifest["approval"]["status"]) == (
            known["effective"],
            known["approval"],
        )


def test_a_retired_version_serves_replays_only(stack: Stack, first: Json, switch: None) -> None:
    reason = {"reason": "takes no test spots"}
    assert stack.api().call("POST", path(OLD, ":retire"), reason)["reason"] == "takes no test spots"
    with pytest.raises(CommandError) as caught:
        ordered(stack, ruleset=OLD)
    assert caught.value.problem["code"] == "RULESET_RETIRED"
    assert "takes no test spots" in caught.value.problem["detail"]
    api = stack.api()
    again = api.replay(first["job_id"])
    list(api.await_end(again["job_id"], 120))
    assert api.job(again["job_id"])["ruleset_version"] == OLD


def test_new_analyses_get_the_active_version_also_after_a_crash_of_the_gateway(
    stack: Stack, finished: Json, switch: None
) -> None:
    assert finished["ruleset_version"] == NEW
    assert activate(stack, OLD)["state"] == "RULESET_STATE_ACTIVE"
    assert stack.kill("gateway")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            found = states(stack)
            break
        except CommandError:
            time.sleep(0.5)
    assert found[OLD] == "ACTIVE"
    job = ordered(stack)
    assert (job["ruleset_version"], job["result"]["job"]["ruleset"]) == (OLD, OLD)


def test_the_active_one_cannot_be_retired(stack: Stack) -> None:
    for ruleset, state in states(stack).items():
        if state == "ACTIVE":
            answer = problem(stack, "POST", path(ruleset, ":retire"), {"reason": "by mistake"})
            assert answer == (409, "RULESET_ACTIVE")


@pytest.mark.parametrize(
    ("method", "at", "body", "status", "code"),
    [
        ("GET", path("tattoo@9.9.9"), None, 404, "RULESET_NOT_FOUND"),
        ("GET", path("aura@1.0.0"), None, 404, "RULESET_NOT_FOUND"),
        ("GET", path("tattoo"), None, 400, "INVALID_FIELD"),
        ("POST", path("tattoo@9.9.9", ":activate"), {}, 404, "RULESET_NOT_FOUND"),
        ("POST", path(OLD, ":retire"), {}, 400, "INVALID_FIELD"),
        ("POST", path(OLD, ":retire"), {"why": "x"}, 400, "UNKNOWN_FIELD"),
        ("GET", "/v1/models/ink-seg@9.9.9", None, 404, "MODEL_NOT_FOUND"),
    ],
)
def test_bad_input_is_named(
    stack: Stack, method: str, at: str, body: Json | None, status: int, code: str
) -> None:
    assert problem(stack, method, at, body) == (status, code)


@pytest.mark.parametrize(
    ("method", "at", "body"),
    [
        ("GET", "/v1/rulesets", None),
        ("GET", path(OLD), None),
        ("GET", "/v1/models/ink-seg@1.0.0", None),
        ("POST", path(OLD, ":activate"), {}),
        ("POST", path(OLD, ":retire"), {"reason": "no scope for it"}),
    ],
)
def test_each_call_needs_its_scope(stack: Stack, method: str, at: str, body: Json | None) -> None:
    assert problem(stack, method, at, body, "read-only") == (403, "PERMISSION_DENIED")


def test_a_model_shows_its_contract_gates_and_card(stack: Stack, finished: Json) -> None:
    shown = stack.api().call("GET", f"/v1/models/{quote(finished['model_version'], safe='@')}")
    assert shown["model"] == finished["model_version"]
    ran = [v for v in finished["result"]["segment"]["provenance"]["versions"] if v["kind"] == "model"]
    assert shown["contract"]["sha256"] == ran[0]["sha256"]
    assert shown["contract"]["release"]["state"] == "released"
    assert shown["card"].startswith("#")


def test_the_impact_of_a_version_is_known_before_it_is_activated(stack: Stack, first: Json) -> None:
    same = json.loads(run(stack, "assay", "ruleset", "impact", OLD, "--jobs", first["job_id"], "--json"))
    assert (same["jobs"], same["changed"], same["not_reproduced"]) == (1, 0, [])
    every = json.loads(run(stack, "assay", "ruleset", "impact", NEW, "--json"))
    kinds = ("stricter", "milder", "mixed", "other", "wording", "unchanged")
    assert every["jobs"] == sum(every[kind] for kind in kinds) > 0
    assert (every["undecided"], every["not_reproduced"]) == ([], [])
    assert "decisions would change" in run(stack, "assay", "ruleset", "impact", NEW, "--since", "2026-01-01")


def test_the_command_line_turns_the_switch(stack: Stack, switch: None) -> None:
    assert "active" in run(stack, "assay", "ruleset", "activate", OLD)
    assert OLD in run(stack, "assay", "ruleset", "status")
    time.sleep(2 * ruleset_switch.POLL_S)
    assert "retired" in run(stack, "assay", "ruleset", "retire", NEW, "--reason", "only a test")
