"""The public API as the command line uses it: token, upload, analysis, events, downloads."""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from cli.problems import CommandError, failed
from dev import control, home, issuer

Json = dict[str, Any]

TIMEOUT = urllib3.Timeout(connect=5, read=75)
# Server-sent events come at least this often (the gateway sends comments in between).
EVENTS_TIMEOUT = urllib3.Timeout(connect=5, read=60)
# The local stack's client of the person at the keyboard.
OPERATOR = "assay-cli"
ENDED = ("STATE_SUCCEEDED", "STATE_FAILED", "STATE_CANCELLED")
TENTATIVE = (502, 503, 504)
RETRIES = 4


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    data: Json


def base_url() -> str:
    """ASSAY_URL, else the local stack's. Raises CommandError when there is none."""
    given = os.environ.get("ASSAY_URL")
    if given:
        return given.rstrip("/")
    state = control.running(home.home())
    if state is None:
        fix = "Start one with `assay up`, set ASSAY_URL, or analyse with --local."
        raise failed("NO_STACK", "No local stack runs.", fix=fix)
    return str(state.urls["gateway"])


def client_credentials(name: str = OPERATOR) -> issuer.Client:
    """ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET, else this client of the local stack."""
    given = os.environ.get("ASSAY_CLIENT_ID"), os.environ.get("ASSAY_CLIENT_SECRET")
    return (
        issuer.Client(given[0], given[1]) if given[0] and given[1] else issuer.named_client(home.home(), name)
    )


class Api:
    """A session with the API under one access token."""

    def __init__(self, url: str, credentials: issuer.Client, token_url: str = "") -> None:
        """`token_url` is the issuer's token endpoint; when empty, the development issuer's at `url`."""
        self.url = url
        self._token_url = token_url or f"{url}/oauth/token"
        self._credentials = credentials
        self._pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT)
        self._token = ""

    @classmethod
    def connect(cls, client: str = OPERATOR) -> Api:
        """A session with the stack or server that the environment names."""
        return cls(base_url(), client_credentials(client), os.environ.get("ASSAY_TOKEN_URL", ""))

    def token(self) -> Json:
        """Gets a new access token (RFC 6749 section 4.4); answers the issuer's document."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        answer = self._send(
            "POST",
            self._token_url,
            body=urlencode(form).encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
            authorised=False,
        )
        granted: Json = json.loads(answer.data)
        self._token = str(granted["access_token"])
        return granted

    def call(self, method: str, path: str, body: Json | None = None, **headers: str) -> Json:
        """A JSON call; raises CommandError with the server's problem."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        encoded = None if body is None else json.dumps(body).encode()
        if encoded is not None:
            sent["content-type"] = "application/json"
        answer = self._send(method, path, body=encoded, headers=sent)
        result: Json = json.loads(answer.data)
        return result

    def upload(self, source: Path, media_type: str, purpose: str = "image") -> str:
        """Signs and uploads a file, read piece by piece; answers the upload_id."""
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        request = {
            "purpose": f"UPLOAD_PURPOSE_{purpose.upper()}",
            "media_type": media_type,
            "size_bytes": str(source.stat().st_size),
            "sha256": digest,
        }
        signed = self.call("POST", "/uploads/sign", request)
        # The file is the form's last part (S3's rule), so it can follow the others as a stream.
        marked = b"assay-file-goes-here"
        form: list[Any] = [*signed["fields"].items(), ("file", (source.name, marked, media_type))]
        body, content_type = urllib3.encode_multipart_formdata(form)
        head, tail = body.split(marked)
        length = len(head) + source.stat().st_size + len(tail)
        headers = {"content-type": content_type, "content-length": str(length)}
        answer = self._request("POST", signed["url"], body=_pieces(head, source, tail), headers=headers)
        if answer.status >= 300:
            raise CommandError(storage_problem(answer.status, answer.data), refused=answer.status < 500)
        return str(signed["upload_id"])

    def analyze(self, request: Mapping[str, Any]) -> Json:
        """Starts an analysis; safe to repeat by its idempotency key."""
        return self.call("POST", "/v1/analyze", dict(request), idempotency_key=str(uuid.uuid4()))

    def replay(self, job_id: str, **versions: str) -> Json:
        """Repeats an analysis under the versions that are named; safe to repeat by its idempotency key."""
        body = {name: version for name, version in versions.items() if version}
        path = f"/v1/analyze/{quote(job_id)}:replay"
        return self.call("POST", path, body, idempotency_key=str(uuid.uuid4()))

    def job(self, job_id: str) -> Json:
        """The analysis as it is now."""
        return self.call("GET", f"/v1/analyze/{quote(job_id)}")

    def list(self, limit: int, **filters: str) -> list[Json]:
        """At most `limit` analyses, newest first, over as many pages as that takes."""
        found: list[Json] = []
        page = ""
        while len(found) < limit:
            query = {"page_size": str(min(100, limit - len(found))), "page_token": page, **filters}
            asked = urlencode({name: value for name, value in query.items() if value})
            answer = self.call("GET", f"/v1/analyze?{asked}")
            found += answer.get("analyses", [])
            page = str(answer.get("next_page_token") or "")
            if not page:
                break
        return found

    def watch(self, job_id: str) -> Iterator[Event]:
        """Events of a job until the server ends the stream."""
        answer = self._send(
            "GET",
            f"/v1/analyze/{quote(job_id)}:watch",
            headers={"accept": "text/event-stream"},
            stream=True,
        )
        try:
            yield from parse_events(_lines(answer))
        finally:
            answer.close()
            answer.release_conn()

    def await_end(self, job_id: str, deadline_s: float) -> Iterator[Event]:
        """Events until the job has ended, over as many streams as it takes.

        Raises CommandError after `deadline_s`. A broken stream is opened again; the job's own
        state, not the stream, says whether it has ended.
        """
        until = time.monotonic() + deadline_s
        while time.monotonic() < until:
            try:
                yield from self.watch(job_id)
            except urllib3.exceptions.HTTPError:
                time.sleep(0.5)
            if self.job(job_id)["state"] in ENDED:
                return
            time.sleep(0.2)
        raise failed("CLIENT_TIMEOUT", f"Job {job_id} did not end within {deadline_s:.0f} s.")

    def download(self, path: str, target: Path) -> None:
        """Writes a binary answer to a file, whole or not at all."""
        answer = self._send("GET", path, stream=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.part")
        with draft.open("wb") as file:
            for chunk in answer.stream(65536):
                file.write(chunk)
        answer.release_conn()
        draft.replace(target)

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        authorised: bool = True,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """Sends once, or again with backoff while the gateway is away (every call is repeatable)."""
        if authorised and not self._token:
            self.token()
        sent = dict(headers or {})
        if authorised:
            sent["authorization"] = f"Bearer {self._token}"
        address = path if "://" in path else self.url + path
        for attempt in range(RETRIES + 1):
            answer = self._request(method, address, body=body, headers=sent, preload_content=not stream)
            if answer.status not in TENTATIVE or attempt == RETRIES:
                break
            time.sleep(0.5 * 2**attempt)
        if answer.status >= 300:
            raise CommandError(http_problem(answer.status, answer.data), refused=answer.status < 500)
        return answer

    def _request(self, method: str, url: str, **how: Any) -> urllib3.BaseHTTPResponse:
        timeout = TIMEOUT if how.get("preload_content", True) else EVENTS_TIMEOUT
        try:
            return self._pool.request(method, url, timeout=timeout, **how)
        except urllib3.exceptions.HTTPError as error:
            raise failed("UNREACHABLE", f"{method} {url}: {error}", fix="See `assay status`.") from error


def _pieces(head: bytes, source: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with source.open("rb") as file:
        while piece := file.read(2**20):
            yield piece
    yield tail


def http_problem(status: int, body: bytes) -> Json:
    """The problem document of an answer, or one made from its status."""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if isinstance(problem, dict) and ("code" in problem or "title" in problem):
        return problem
    return {"status": status, "code": f"HTTP_{status}", "detail": body.decode(errors="replace")[:500]}


def storage_problem(status: int, body: bytes) -> Json:
    """A problem from S3's XML error."""
    try:
        tree = ET.fromstring(body)  # noqa: S314 - our own S3's answer, and only two texts are read
        code, detail = tree.findtext("Code") or "", tree.findtext("Message") or ""
    except ET.ParseError:
        code, detail = "", body.decode(errors="replace")[:500]
    return {
        "status": status,
        "code": "UPLOAD_REFUSED",
        "detail": f"{code}: {detail}".removeprefix(": "),
        "field": "file",
    }


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[str]:
    rest = b""
    for chunk in answer.stream(amt=None, decode_content=True):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode().rstrip("\r") for line in whole)


def parse_events(lines: Iterator[str]) -> Iterator[Event]:
    """Server-sent events (WHATWG HTML section 9.2); those whose data is no JSON object are left out."""
    name, data = "message", []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif not line:
            content = _object("\n".join(data))
            if content is not None:
                yield Event(name, content)
            name, data = "message", []


def _object(text: str) -> Json | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
