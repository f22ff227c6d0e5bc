"""Rehearsals that need stacks of their own: a bounded device, a lost folder, two regions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from dev import control, home, issuer
from tests.campaigns.rehearsal.data import accepted, analysed, letters, state
from tests.campaigns.rehearsal.trouble import all_succeed
from tests.campaigns.rehearsals import IMPATIENT, Play, Rehearsal, surroundings, until
from tests.campaigns.stack import Stack, running_stack

# Room for a small tile and none for a whole one.
TIGHT = "20000000"


def gpu_out_of_memory(it: Rehearsal) -> None:
    tight = {**IMPATIENT, "ASSAY_INFERENCE_MEMORY_BYTES": TIGHT}
    with surroundings(tight), DetachedStack(it.folder / "home", "local") as stack:
        it.stack = stack
        job = accepted(it)
        it.given(f"ONNX Runtime's arena may take {TIGHT} bytes, and a job is accepted.")
        given_up = until(lambda: state(it, job) == "STATE_FAILED", 240)
        it.check("the job has failed", given_up)
        code = stack.api().job(job)["error"]["code"]
        it.check("its code is DEVICE_MEMORY", code == "DEVICE_MEMORY")
        said = it.type()
        it.check("the letter names the code", "DEVICE_MEMORY" in said)
        said = it.type(LIMIT="0")
        it.check("every command ended well", said.count("[exit status 0]") == 3)
        it.check("no dead letter is left", not letters(it, job))
        it.type(JOB=job)
        it.check("the job has succeeded", all_succeed(it, [job]))


def restore(it: Rehearsal) -> None:
    new = it.folder / "new"
    with running_stack(it.folder / "home") as stack:
        it.stack = stack
        kept, erased = analysed(it), analysed(it)
        it.given("two analyses that have ended.")
        it.type(BACKUP=str(it.folder / "backup"))
        gone = stack.api().call("DELETE", f"/v1/analyze/{erased['job_id']}")
        it.given("one of them is erased after the backup.")
        it.check("it is erased", gone["state"] == "ERASURE_STATE_ERASED")
        log = str(shutil.copy(stack.folder / "logs" / "gateway.log", it.folder / "gateway.log"))
        kill_all(stack)
    shutil.rmtree(it.folder / "home")
    it.stack = None
    it.given("every process is killed and the folder of the stack is deleted.")
    places = {"BACKUP": str(it.folder / "backup"), "NEW_HOME": str(new), "GATEWAY_LOG": log}
    try:
        said = it.type(**places)
        it.check("the restore and the start ended well", said.count("[exit status 0]") == 3)
        it.check("one erasure was made again", "erased_again" in said)
        said = it.type(NEW_HOME=str(new), JOB=kept["job_id"], ERASED=erased["job_id"])
        it.check("the kept job is there", f'"job_id": "{kept["job_id"]}"' in said)
        it.check("the erased one is not found", "JOB_NOT_FOUND" in said)
        it.check("a new analysis has its result", "What was found" in said)
    finally:
        control.stop(new)


def region_failover(it: Rehearsal) -> None:
    a, b = it.folder / "a", it.folder / "b"
    with DetachedStack(b, "region-b"):
        with DetachedStack(a, "region-a") as stack:
            it.stack = stack
            job = accepted(it)
            kill_all(stack)
        it.given("two stacks of two regions; A accepts a job, and every process of A is killed.")
        try:
            said = it.type(HOME_A=str(a), HOME_B=str(b))
            it.check("A has no stack any more", "NO_STACK" in said)
            it.check("B answers with a result", "What was found" in said)
            it.type(HOME_A=str(a), JOB=job)
            it.check("A's job went on when A came back, and has succeeded", all_succeed(it, [job]))
            region = Stack(a).api().job(job)["result"]["job"]["region"]
            it.check("it is of region A still", region == "region-a")
        finally:
            control.stop(a)


class DetachedStack:
    """A stack of a region, started by the command, so that the command can end it as well."""

    def __init__(self, folder: Path, region: str) -> None:
        self._folder, self._region = folder, region

    def __enter__(self) -> Stack:
        issuer.clients_file(self._folder)
        environment = {**os.environ, "ASSAY_REGION": self._region, "ASSAY_HOME": str(self._folder)}
        command = [sys.executable, "-m", "cli.main", "up", "--detach"]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
        return Stack(self._folder)

    def __exit__(self, *_: object) -> None:
        control.stop(self._folder)


def kill_all(stack: Stack) -> None:
    """Kills the supervisor and every process, as the loss of the machine would."""
    whole = stack.state
    supervisor = whole.supervisor.find() if whole.supervisor else None
    if supervisor is not None:
        supervisor.kill()
        supervisor.wait(10)
    home.end_strays(whole, grace_s=0.1)


PLAYS: dict[str, Play] = {
    "gpu-out-of-memory": gpu_out_of_memory,
    "restore": restore,
    "region-failover": region_failover,
}
