"""The command line without any server: help, exit codes, decisions, the one-process pipeline."""

import json
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli import intake, problems
from cli.analyze import Followed
from cli.api import Event, http_problem, parse_events, storage_problem
from cli.main import assay

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "models" / "sample" / "tattoo.jpg"


def commands(group: click.Group = assay, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


def run(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=REPO,
        env={"PATH": "/usr/bin:/bin", "ASSAY_HOME": str(home), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(path):
    shown = CliRunner().invoke(assay, [*path, "--help"])
    assert shown.exit_code == 0
    assert "Example:\n" in shown.output
    assert f"assay {path[0]}" in shown.output or path[0] == "token"


def test_the_command_starts_quickly_without_the_heavy_libraries():
    code = (
        "import sys, cli.main\n"
        "heavy = {'numpy', 'onnxruntime', 'cv2', 'grpc', 'nats', 'psycopg', 'minio'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - began < 10


def test_without_a_stack_the_api_commands_say_what_to_do(tmp_path):
    for command in (["token"], ["status"], ["jobs", "list"], ["analyze", str(SAMPLE)]):
        done = run(*command, home=tmp_path)
        assert done.returncode == 1, command
        assert "assay up" in done.stderr
        assert "Traceback" not in done.stderr


def test_decide_prints_the_whole_decision(tmp_path):
    case = REPO / "svc_decision" / "examples" / "red-on-type-ii.json"
    done = run("decide", str(case), "--json", home=tmp_path)
    decision = json.loads(done.stdout)
    assert done.returncode == 0
    assert decision["status"] == "ok"
    assert {"inks", "flags", "fitzpatrick_safe", "sessions", "ruleset", "trace"} <= decision.keys()
    readable = run("decide", str(case), home=tmp_path)
    assert "532 nm  recommend" in readable.stdout


def test_decide_refuses_a_wrong_case_and_names_the_field(tmp_path):
    case = tmp_path / "case.json"
    case.write_text('{"skin": {"fitzpatrick_operator": "IX"}}')
    done = run("decide", str(case), "--json", home=tmp_path)
    problem = json.loads(done.stderr)
    assert done.returncode == 2
    assert problem["code"] == "CASE_INVALID"
    assert any("fitzpatrick_operator" in fault["field"] for fault in problem["errors"])
    case.write_text("no json")
    assert run("decide", str(case), home=tmp_path).returncode == 2


def test_decide_schema_is_a_json_schema(tmp_path):
    done = run("decide", "--schema", home=tmp_path)
    assert "$schema" in json.loads(done.stdout)


def test_local_refuses_what_is_no_image(tmp_path):
    fake = tmp_path / "x.jpg"
    fake.write_text("a text")
    done = run("analyze", str(fake), "--local", "--json", "--out", str(tmp_path / "out"), home=tmp_path)
    problem = json.loads(done.stderr)
    assert (done.returncode, done.stdout) == (2, "")
    assert (problem["code"], problem["stage"]) == ("MEDIA_TYPE_MISMATCH", "ingest")


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        ("nonsense", "INTAKE_INVALID", "intake"),
        ("[]", "INTAKE_INVALID", "intake"),
        ('{"upload_id": "x"}', "INTAKE_INVALID", "upload_id"),
    ],
)
def test_a_wrong_intake_file_is_refused(tmp_path, content, code, field):
    path = tmp_path / "intake.json"
    path.write_text(content)
    with pytest.raises(problems.CommandError) as caught:
        intake.read(path)
    assert caught.value.refused
    assert (caught.value.problem["code"], caught.value.problem["field"]) == (code, field)


@pytest.mark.parametrize(
    ("change", "field", "fix"),
    [
        ({"tattoo": {"sight": "arm"}}, "tattoo.sight", "Did you mean site?"),
        ({"tattoo": {"intake": {"pregnent": True}}}, "tattoo.intake.pregnent", "Did you mean pregnant?"),
        ({"tattoo": {"area_cm2": "forty"}}, "tattoo.area_cm2", "Correct the value"),
        ({"tattoo": {"area_cm2": -1}}, "tattoo.area_cm2", "Correct tattoo.area_cm2"),
    ],
)
def test_a_wrong_statement_is_refused_locally_with_field_and_fix(change, field, fix):
    from cli.local import order

    with pytest.raises(problems.CommandError) as caught:
        order(SAMPLE, "image", {**intake.unanswered(), **change})
    assert caught.value.refused
    assert caught.value.problem["field"] == field
    assert caught.value.problem["fix"].startswith(fix)


def test_what_cannot_work_is_refused_before_anything_starts(tmp_path, monkeypatch):
    from cli.stack import wanted_port

    done = run("analyze", str(SAMPLE), "--out", str(tmp_path / "out"), home=tmp_path)
    assert (done.returncode, "--local" in done.stderr) == (2, True)
    empty = tmp_path / "empty.jpg"
    empty.touch()
    assert "is empty" in run("analyze", str(empty), home=tmp_path).stderr
    monkeypatch.setenv("GATEWAY", "99999")
    with pytest.raises(problems.CommandError) as caught:
        wanted_port()
    assert caught.value.problem["field"] == "GATEWAY"


def test_the_sample_intake_says_that_it_is_one_and_is_valid():
    from cli.local import order

    assert "SAMPLE" in json.loads(intake.SAMPLE.read_text())["_note"]
    job = order(SAMPLE, "image", intake.read(intake.SAMPLE)).job
    assert job.consent.treatment
    assert job.tattoo.intake.HasField("pregnant")
    assert job.upload.media_type == "image/jpeg"


def test_without_an_intake_file_nothing_counts_as_answered():
    from cli.local import order

    job = order(SAMPLE, "image", intake.read(None)).job
    assert job.consent.treatment
    assert not job.consent.research
    assert not job.tattoo.intake.ListFields()


def test_missing_consent_is_refused_locally_too():
    from cli.local import order

    with pytest.raises(problems.CommandError) as caught:
        order(SAMPLE, "image", {"consent": {"text_version": "x"}, "tattoo": {}})
    assert caught.value.problem["field"] == "consent.treatment"


def test_server_sent_events_are_read_as_the_standard_says():
    text = ': comment\n\nevent: progress\ndata: {"percent":\ndata: 5}\n\ndata: no json\n\ndata:{"a": 1}\n\n'
    assert list(parse_events(iter(text.split("\n")))) == [
        Event("progress", {"percent": 5}),
        Event("message", {"a": 1}),
    ]


def test_progress_of_the_whole_never_goes_back():
    followed = Followed()
    stages = [{"name": "ingest", "finished_at": "t"}, {"name": "segment"}]
    seen = []
    for name, data in [
        ("state", {"stages": [{"name": "ingest"}, {"name": "segment"}]}),
        ("progress", {"stage": "ingest", "percent": 80, "message": "Reading"}),
        ("state", {"stages": stages}),
        ("progress", {"stage": "segment", "percent": 50, "message": "Looking"}),
        ("progress", {"stage": "segment", "percent": 10, "message": "Late"}),
        ("state", {"stages": [{**stage, "finished_at": "t"} for stage in stages]}),
    ]:
        followed.take(name, data)
        seen.append(followed.percent)
    assert seen == [0, 40, 50, 75, 75, 100]
    assert followed.doing == "segment: Late"


def test_doctor_finds_what_is_wrong_and_says_what_to_do(tmp_path):
    done = run("doctor", "--json", home=tmp_path)
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert {
        "python",
        "program envoy",
        "colour kernel",
        "disk",
        "memory",
        "clock",
        "credentials",
    } <= findings.keys()
    assert all(
        findings[name]["ok"] for name in ("python", "program envoy", "colour kernel", "clock", "credentials")
    )
    (tmp_path / "issuer.pem").write_text("a key")
    (tmp_path / "issuer.pem").chmod(0o644)
    done = run("doctor", home=tmp_path)
    assert done.returncode == 1
    assert "fix: chmod 600" in done.stdout


def test_problems_are_read_from_any_answer(capsys):
    assert http_problem(400, b'{"code": "X", "title": "t"}')["code"] == "X"
    assert http_problem(502, b"<html>")["code"] == "HTTP_502"
    xml = b"<Error><Code>EntityTooLarge</Code><Message>too big</Message></Error>"
    assert storage_problem(400, xml)["detail"] == "EntityTooLarge: too big"
    assert storage_problem(400, b"not xml")["detail"] == "not xml"
    assert problems.report(problems.refused("C", "why", field="f", fix="do"), as_json=False) == 2
    assert problems.report(problems.failed("C", "why"), as_json=True) == 1
    assert "do" in capsys.readouterr().err


def test_protected_skin_takes_another_photo(tmp_path):
    out = str(tmp_path / "out")
    done = run("analyze", str(SAMPLE), "--protected", str(SAMPLE), "--local", "--out", out, home=tmp_path)
    assert done.returncode == 2
    assert "PROTECTED_PHOTO_SAME" in done.stderr
    empty = tmp_path / "empty.jpg"
    empty.touch()
    done = run("analyze", str(SAMPLE), "--protected", str(empty), "--local", "--json", home=tmp_path)
    problem = json.loads(done.stderr)
    assert (done.returncode, problem["code"], problem["field"]) == (2, "UPLOAD_EMPTY", "protected")
