"""The canary against a running stack: right, wrong, late, and turned away."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import urllib3

from cli import canary, golden
from dev.ports import free_ports
from tests.campaigns.stack import REPO, Stack

TATTOO = golden.read()["tattoo"]


@pytest.fixture
def environment(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    client = stack.client("assay-canary")
    named = {
        "ASSAY_URL": stack.url,
        "ASSAY_CLIENT_ID": client.client_id,
        "ASSAY_CLIENT_SECRET": client.client_secret,
    }
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **named}


def test_the_canary_has_a_tenant_of_its_own(stack: Stack) -> None:
    clients = json.loads((stack.folder / "clients.json").read_text())
    tenants = {one["client_id"]: one["tenant_id"] for one in clients}
    assert tenants["assay-canary"] not in {tenants["assay-cli"], tenants["assay-inside"]}


def test_a_right_answer_passes_and_is_erased(stack: Stack, environment: dict[str, str]) -> None:
    done = canary.run(TATTOO, 100)
    assert (done.outcome, done.reasons) == ("passed", ())
    listed = stack.api("assay-canary").list(100)
    assert done.job_id not in {each["job_id"] for each in listed}


def test_every_single_expectation_that_is_not_met_is_named(stack: Stack, environment: dict[str, str]) -> None:
    """One run with every expectation off by a little more than its tolerance."""
    off = {place: (value + 2 * within, within) for place, (value, within) in TATTOO.near.items()}
    never = {place: ["something else"] for place in TATTOO.exact}
    done = canary.run(dataclasses.replace(TATTOO, near=off, exact=never), 100)
    assert done.outcome == "wrong"
    named = {reason.partition(": ")[0] for reason in done.reasons}
    assert named == set(TATTOO.near) | set(TATTOO.exact)
    # What was wrong stays for whoever looks into it.
    assert stack.api("assay-canary").job(done.job_id)["state"] == "STATE_SUCCEEDED"


def test_an_answer_after_the_deadline_is_late(environment: dict[str, str]) -> None:
    assert canary.run(TATTOO, 0).outcome == "late"


def test_without_an_api_or_a_right_the_run_fails_and_says_why(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CLIENT_SECRET", "not the secret")
    refused = canary.run(TATTOO, 60)
    assert refused.outcome == "failed"
    assert refused.reasons[0]
    monkeypatch.setenv("ASSAY_URL", "http://127.0.0.1:9")
    gone = canary.run(TATTOO, 60)
    assert gone.outcome == "failed"
    assert "UNREACHABLE" in gone.reasons[0]


def test_the_process_counts_and_ends_when_told(environment: dict[str, str]) -> None:
    port = free_ports(["canary"])["canary"]
    command = [sys.executable, "-m", "cli.canary", "--kind", "tattoo", "--every", "3600", "--json"]
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=REPO, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said["outcome"] == "passed"
        metrics = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics", timeout=5.0).data.decode()
        values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line.startswith("assay_canary"))
        assert float(values['assay_canary_runs_total{kind="tattoo",outcome="passed"}']) == 1
        assert float(values['assay_canary_runs_total{kind="tattoo",outcome="wrong"}']) == 0
        last = float(values['assay_canary_last_success_timestamp_seconds{kind="tattoo"}'])
        assert 0 <= time.time() - last < 60
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
