"""The whole local stack, driven by the `assay` command as a person would."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from dev import home

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "models" / "sample" / "tattoo.jpg"
INTAKE = REPO / "cli" / "examples" / "intake.json"
PSS_LIMIT = 2 * 2**30

pytestmark = [pytest.mark.mesh, pytest.mark.timeout(400), pytest.mark.xdist_group("stack")]


class Shell:
    """The command line with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=REPO,
            env={**os.environ, "ASSAY_HOME": str(self.folder), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def status(self) -> dict:
        return json.loads(self.run("status", "--json")[1])

    def processes(self) -> list[psutil.Process]:
        state = home.read_state(self.folder)
        found = [each.identity.find() for each in state.processes.values() if each.identity]
        return [process for process in found if process is not None]


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """A healthy stack; its end is checked too."""
    it = Shell(tmp_path_factory.mktemp("stack"))
    code, _, err = it.run("up", "--detach")
    assert code == 0, err
    yield it
    running = it.processes()
    assert len(running) >= 10
    code, out, err = it.run("down")
    assert (code, out.strip()) == (0, "nothing is running"), err
    assert not [process for process in running if process.is_running()]
    assert it.run("status")[0] == 1


def healthy(url: str, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            time.sleep(0.2)
    return False


def test_the_idle_stack_is_healthy_and_modest(shell):
    status = shell.status()
    assert status["healthy"]
    assert status["pss_bytes"] < PSS_LIMIT
    assert healthy(status["urls"]["gateway"])


def test_a_photo_gets_its_result_and_its_pdf(shell, tmp_path):
    pdf = tmp_path / "report.pdf"
    code, out, err = shell.run(
        "analyze", str(SAMPLE), "--intake", str(INTAKE), "--report", str(pdf), "--json"
    )
    assert code == 0, err
    view = json.loads(out)
    assert view["state"] == "STATE_SUCCEEDED"
    assert [run["stage"] for run in view["result"]["runs"]] == [
        "ingest", "segment", "color", "decision", "report",
    ]  # fmt: skip
    assert view["result"]["color"]["inks"]
    assert pdf.read_bytes().startswith(b"%PDF-")
    listed = json.loads(shell.run("jobs", "list", "--json")[1])
    assert view["job_id"] in [each["job_id"] for each in listed]
    shown = json.loads(shell.run("jobs", "show", view["job_id"], "--json")[1])
    assert shown["result"] == view["result"]


def test_local_and_mesh_answer_the_same(shell, tmp_path):
    mesh = json.loads(shell.run("analyze", str(SAMPLE), "--intake", str(INTAKE), "--json")[1])
    code, out, err = shell.run(
        "analyze", str(SAMPLE), "--intake", str(INTAKE), "--json", "--local", "--out", str(tmp_path)
    )
    assert code == 0, err
    local = json.loads(out)
    assert local.keys() == mesh.keys()
    for page in ("segment", "color", "decision"):
        for artefact in ("mask", "probability", "clusters"):
            if artefact in mesh["result"][page]:
                assert local["result"][page][artefact]["sha256"] == mesh["result"][page][artefact]["sha256"]
    assert local["result"]["decision"]["inks"] == mesh["result"]["decision"]["inks"]
    assert {a["name"] for a in local["artifacts"]} == {a["name"] for a in mesh["artifacts"]}
    assert all((tmp_path / a["name"]).stat().st_size == int(a["size_bytes"]) for a in local["artifacts"])


def test_refused_input_is_exit_2_with_the_problem_on_stderr(shell, tmp_path):
    fake = tmp_path / "photo.jpg"
    fake.write_text("this is a text file, whatever its name says\n" * 10)
    code, out, err = shell.run("analyze", str(fake), "--json")
    problem = json.loads(err)
    assert (code, out) == (2, "")
    assert problem["code"] == "MEDIA_TYPE_MISMATCH"
    assert problem["field"]
    assert problem["fix"]
    assert problem["job_id"]


def test_what_is_killed_comes_back(shell):
    before = shell.status()
    for name in ("gateway", "segment", "envoy"):
        os.kill(before["processes"][name]["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        now = shell.status()
        restarted = [now["processes"][n]["restarts"] for n in ("gateway", "segment", "envoy")]
        if now["healthy"] and restarted == [1, 1, 1]:
            break
        time.sleep(0.5)
    assert restarted == [1, 1, 1]
    assert now["healthy"]
    assert healthy(now["urls"]["gateway"])
    assert shell.run("analyze", str(SAMPLE), "--json")[0] == 0


def test_two_stacks_side_by_side_and_nothing_left_of_a_killed_one(shell, tmp_path):
    second = Shell(tmp_path)
    code, _, err = second.run("up", "--detach", "--replicas", "decision=2")
    assert code == 0, err
    first, other = shell.status(), second.status()
    assert other["healthy"]
    assert other["processes"]["decision-2"]["phase"] == "ready"
    ports = [
        {p for process in status["processes"].values() for p in process["ports"].values()}
        for status in (first, other)
    ]
    assert not ports[0] & ports[1]
    running = second.processes()
    psutil.Process(home.read_state(tmp_path).supervisor.pid).kill()
    _, alive = psutil.wait_procs(running, timeout=15)
    assert not alive
    assert healthy(first["urls"]["gateway"]), "the other stack is not touched"
    code, out, _ = second.run("down")
    assert (code, out.strip()) == (0, "nothing is running")


def test_up_in_the_foreground_ends_with_ctrl_c(tmp_path):
    shell = Shell(tmp_path)
    process = shell.start("up")
    try:
        assert process.stdout.readline().startswith("gateway"), "says where the API is"
        running = shell.processes()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert running
        assert not [each for each in running if each.is_running()]
    finally:
        if process.poll() is None:
            process.kill()
        shell.run("down")
