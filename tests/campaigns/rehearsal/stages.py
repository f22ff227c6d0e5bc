"""Rehearsals of stages: too slow, too few, gone, stuck."""

from __future__ import annotations

import re
import time

from tests.campaigns.rehearsal.data import analysed
from tests.campaigns.rehearsal.trouble import all_succeed, freeze, frozen, ready, submitted
from tests.campaigns.rehearsals import Play, Rehearsal, until


def scale_a_stage(it: Rehearsal) -> None:
    jobs = submitted(it, 5)
    it.given("five jobs at once, one process of segment.")
    it.type()
    it.check("a second process of segment is ready", ready(it.mesh, "segment-2"))
    jobs += submitted(it, 3)
    it.given("three more jobs.")
    said = it.type()
    it.check("the replica has left", "segment-2" not in it.mesh.state.processes)
    it.check("all eight jobs have succeeded", all_succeed(it, jobs))
    deliveries = {run["delivery"] for job in jobs for run in it.mesh.api().job(job)["result"]["runs"]}
    it.check("no stage ran twice for any of them", deliveries == {1})
    it.check("every command ended well", said.count("[exit status 0]") == 3)


def drain_a_node(it: Rehearsal) -> None:
    it.type()
    jobs = submitted(it, 6)
    it.given("six jobs are under way on two processes of segment and color each.")
    said = it.type()
    it.check("every command ended well", said.count("[exit status 0]") == 2)
    it.check("all six have succeeded", all_succeed(it, jobs))
    found = [it.mesh.api().job(job)["result"]["runs"] for job in jobs]
    it.check("nothing had to be delivered again", {run["delivery"] for runs in found for run in runs} == {1})


def stage_down(it: Rehearsal) -> None:
    jobs = submitted(it, 2)
    it.check("the only process of color was killed", it.mesh.kill("color"))
    it.given("two jobs are under way and the only process of color is killed.")
    it.type()
    it.check("color is ready again", ready(it.mesh, "color"))
    it.check("both jobs have succeeded", all_succeed(it, jobs))


def consumer_stuck(it: Rehearsal) -> None:
    freeze(it.mesh, "decision")
    jobs = submitted(it, 2)
    it.given("decision is frozen, and two jobs come to it.")
    until(lambda: it.mesh.state.processes["decision"].phase == "unready", 40)
    said = it.type()
    it.check("its health is shown as unready, with the reason", "unready" in said)
    it.check("decision is ready again", ready(it.mesh, "decision"))
    done = all_succeed(it, jobs)
    said = it.type()
    it.check("both jobs have succeeded", done)
    it.check("no dead letter has come of it", "0 dead letters" in said)


def crash_loop(it: Rehearsal) -> None:
    before = it.mesh.state.processes["report"].restarts
    for count in range(1, 4):
        ready(it.mesh, "report")
        it.mesh.kill("report")
        until(lambda count=count: it.mesh.state.processes["report"].restarts >= before + count, 60)
    it.given("the only process of report is killed three times.")
    again = it.mesh.state.processes["report"].restarts - before
    it.check("the supervisor has started it three times", again == 3 and ready(it.mesh, "report"))
    said = it.type()
    it.check("status shows the restarts", re.search(r"report\b.*\b[3-9]\b", said) is not None)
    it.check("a new job ends well", analysed(it)["state"] == "STATE_SUCCEEDED")


def freshness(it: Rehearsal) -> None:
    jobs = submitted(it, 8)
    it.given("eight jobs at once.")
    said = it.type()
    it.check("every command ended well", said.count("[exit status 0]") == 4)
    said = it.type()
    it.check("a replica came and left", said.count("[exit status 0]") == 3)
    it.check("all eight have succeeded", all_succeed(it, jobs))


def memory_near_limit(it: Rehearsal) -> None:
    for _ in range(10):
        analysed(it)
    it.given("ten analyses.")
    said = it.type()
    resident = [float(found) for found in re.findall(r"process_resident_memory_bytes (\S+)", said)]
    it.check(f"memory before and after the restart is shown: {resident}", len(resident) == 2)
    it.check("a new job ends well", analysed(it)["state"] == "STATE_SUCCEEDED")


def files_near_limit(it: Rehearsal) -> None:
    analysed(it)
    it.given("nothing: the usual number of files.")
    said = it.type()
    counts = re.findall(r"process_open_fds (\S+)", said)
    it.check(f"open files before and after are shown: {counts}", len(counts) == 2)
    it.check("a new job ends well", analysed(it)["state"] == "STATE_SUCCEEDED")


def event_loop_lag(it: Rehearsal) -> None:
    with frozen(it.mesh, "gateway"):
        time.sleep(4)
    it.given("the gateway was frozen for four seconds.")
    time.sleep(2)
    said = it.type()
    it.check("the lag is shown before and after", said.count("event_loop_lag") >= 4)
    it.check("every command ended well", said.count("[exit status 0]") == 5)


def target_down(it: Rehearsal) -> None:
    freeze(it.mesh, "report")
    it.given("report is frozen.")
    until(lambda: it.mesh.state.processes["report"].phase == "unready", 40)
    said = it.type()
    it.check("its metrics could not be read, and then could", said.count("UNREACHABLE") == 1)
    it.check("they name the build", "assay_build_info{" in said.rpartition("$ ")[2])


PLAYS: dict[str, Play] = {
    "scale-a-stage": scale_a_stage,
    "drain-a-node": drain_a_node,
    "stage-down": stage_down,
    "consumer-stuck": consumer_stuck,
    "crash-loop": crash_loop,
    "freshness": freshness,
    "memory-near-limit": memory_near_limit,
    "files-near-limit": files_near_limit,
    "event-loop-lag": event_loop_lag,
    "target-down": target_down,
}
