"""Every bad input ends in problem+json with its own stable code, the field, and what to do."""

from __future__ import annotations

import io
import json
import struct
import time
import uuid
import zlib
from pathlib import Path
from typing import Any

import pytest
import urllib3
from PIL import Image

from cli.api import ENDED
from cli.problems import CommandError
from tests.campaigns.stack import SAMPLE, Stack, order

POOL = urllib3.PoolManager(retries=False)


def png(width: int, height: int) -> bytes:
    """A tiny PNG that claims any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def encoded(width: int, height: int, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 160, 140)).save(out, kind)
    return out.getvalue()


GIF_BOMB = b"GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff," + struct.pack(
    "<HHHHB", 0, 0, 65535, 65535, 0
) + b"\x02\x02\x4c\x01\x00;"  # fmt: skip
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"\x00" * 400

FILES = {
    "text called jpg": (b"hello, I am a text file\n" * 40, "image/jpeg", "MEDIA_TYPE_MISMATCH"),
    "truncated jpeg": (
        SAMPLE.read_bytes()[:20_000] if SAMPLE.exists() else b"",
        "image/jpeg",
        "IMAGE_TRUNCATED",
    ),
    "gif bomb": (GIF_BOMB, "image/gif", "IMAGE_TOO_MANY_PIXELS"),
    "65536 squared png": (png(65536, 65536), "image/png", "IMAGE_TOO_MANY_PIXELS"),
    "video as image": (MP4, "image/jpeg", "VIDEO_SENT_AS_IMAGE"),
    "20 pixels": (encoded(20, 20), "image/png", "IMAGE_TOO_SMALL"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files_fail_with_a_code_a_field_and_a_fix(stack: Stack, tmp_path: Path, name: str):
    content, media_type, code = FILES[name]
    path = tmp_path / "photo"
    path.write_bytes(content)
    api = stack.api()
    job = api.analyze(order(api.upload(path, media_type), mode="MODE_SYNC", timeout="30s"))
    assert job["state"] in ENDED
    assert job["state"] == "STATE_FAILED", job["state"]
    error = job["error"]
    assert (error["code"], error["permanent"]) == (code, True)
    assert error["field"]
    assert error["fix"]
    assert error["stage"] == "ingest"


def problem_of(action: Any) -> dict:
    with pytest.raises(CommandError) as caught:
        action()
    return caught.value.problem


def test_an_empty_file_is_refused_when_it_is_announced(stack: Stack):
    body = {"purpose": "UPLOAD_PURPOSE_IMAGE", "media_type": "image/png", "size_bytes": "0"}
    problem = problem_of(lambda: stack.api().call("POST", "/uploads/sign", body))
    assert (problem["status"], problem["code"], problem["field"]) == (400, "INVALID_FIELD", "size_bytes")


def test_an_upload_never_made(stack: Stack):
    api = stack.api()
    signed = api.call(
        "POST",
        "/uploads/sign",
        {"purpose": "UPLOAD_PURPOSE_IMAGE", "media_type": "image/png", "size_bytes": "100"},
    )
    problem = problem_of(lambda: api.analyze(order(signed["upload_id"])))
    assert (problem["status"], problem["code"]) == (400, "UPLOAD_NOT_RECEIVED")
    assert problem["field"] == "upload_id"
    problem = problem_of(lambda: api.analyze(order(str(uuid.uuid4()))))
    assert (problem["status"], problem["code"]) == (404, "UPLOAD_NOT_FOUND")


def test_a_tampered_signature_is_refused_by_storage(stack: Stack):
    api = stack.api()
    content = encoded(300, 300)
    signed = api.call(
        "POST",
        "/uploads/sign",
        {"purpose": "UPLOAD_PURPOSE_IMAGE", "media_type": "image/png", "size_bytes": str(len(content))},
    )
    fields = {**signed["fields"], "x-amz-signature": "0" * 64}
    answer = POOL.request(
        "POST", signed["url"], fields=[*fields.items(), ("file", ("a", content, "image/png"))]
    )
    assert answer.status == 403
    elsewhere = {**signed["fields"], "key": f"{uuid.uuid4()}/{uuid.uuid4()}"}
    answer = POOL.request(
        "POST", signed["url"], fields=[*elsewhere.items(), ("file", ("a", content, "image/png"))]
    )
    assert answer.status == 403


def raw(stack: Stack, body: bytes, path: str = "/v1/analyze", token: str | None = "", **headers: str) -> Any:
    """Sends bytes as they are; an empty token is replaced by a good one."""
    sent = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if token is not None:
        sent["authorization"] = f"Bearer {token or stack.api().token()['access_token']}"
    return POOL.request("POST", stack.url + path, body=body, headers=sent)


def as_problem(answer: Any) -> dict:
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = json.loads(answer.data)
    assert problem["status"] == answer.status
    assert {"type", "title", "detail"} <= set(problem)
    return problem


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not json", "INVALID_JSON"),
        (b'{"upload_id": ', "INVALID_JSON"),
        (b"", "INVALID_FIELD"),
        (b'{"upload_idd": "x"}', "UNKNOWN_FIELD"),
        (b'{"tattoo": {"intake": {"agee": 3}}}', "UNKNOWN_FIELD"),
    ],
)
def test_bodies_that_are_no_orders(stack: Stack, body: bytes, code: str):
    answer = raw(stack, body)
    problem = as_problem(answer)
    assert (answer.status, problem["code"]) == (400, code)


def test_unknown_fields_are_named(stack: Stack):
    problem = as_problem(raw(stack, b'{"tattoo": {"intake": {"agee": 3}}}'))
    assert problem["field"] == "tattoo.intake.agee"


def test_unknown_query_parameters_are_refused(stack: Stack):
    problem = problem_of(lambda: stack.api().call("GET", "/v1/analyze?pagesize=3"))
    assert (problem["status"], problem["code"]) == (400, "UNKNOWN_QUERY_PARAMETER")


def test_a_missing_consent(stack: Stack):
    api = stack.api()
    body = order(str(uuid.uuid4()))
    body["consent"] = {**body["consent"], "treatment": False}
    problem = problem_of(lambda: api.analyze(body))
    assert (problem["status"], problem["code"], problem["field"]) == (
        400, "CONSENT_REQUIRED", "consent.treatment",
    )  # fmt: skip
    del body["consent"]
    problem = problem_of(lambda: api.analyze(body))
    assert (problem["status"], problem["field"]) == (400, "consent")


def test_envoy_not_python_answers_401(stack: Stack):
    before = orders(stack)
    for token in (None, "rubbish"):
        answer = raw(stack, b"{}", token=token)
        assert (answer.status, as_problem(answer)["code"]) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    time.sleep(0.5)
    assert orders(stack) == before


def orders(stack: Stack) -> int:
    """RPCs of this path that reached the gateway, once its log has no more of them on the way."""
    log, found = stack.folder / "logs" / "gateway.log", -1
    for _ in range(40):
        said = [line for line in log.read_text().splitlines() if '"event": "rpc"' in line]
        count = sum("AnalysisService/Analyze" in line for line in said)
        if count == found:
            return count
        found = count
        time.sleep(0.25)
    raise AssertionError("the gateway's log does not come to rest")


def test_a_read_only_token_may_not_write(stack: Stack):
    token = stack.api("read-only").token()["access_token"]
    answer = raw(stack, b"{}", token=token)
    assert (answer.status, as_problem(answer)["code"]) == (403, "PERMISSION_DENIED")


def test_bodies_and_headers_have_a_limit(stack: Stack):
    big = json.dumps({"subject_id": "x" * 300_000}).encode()
    answer = raw(stack, big)
    assert (answer.status, as_problem(answer)["code"]) == (413, "PAYLOAD_TOO_LARGE")
    answer = raw(stack, b"{}", x_filler="y" * 70_000)
    assert answer.status == 431
