"""Object store: S3 through the `minio` client, always with an encryption header.

Artefact keys are content-addressed, `<tenant>/<job>/<stage>/<name>/<sha256>`: writing the
same thing twice is harmless, and a reader can check what it got. The client is blocking,
so its calls run on a small thread pool of their own, each under a time limit.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from assay.common.v1.types_pb2 import ObjectRef
from minio import Minio
from minio.credentials.providers import IamAwsProvider, Provider, StaticProvider
from minio.datatypes import PostPolicy
from minio.error import S3Error
from minio.sse import Sse, SseKMS, SseS3
from opentelemetry import trace

from mesh import telemetry
from mesh.cores import cores
from mesh.errors import AssayError, InvalidInput, NotFound, Transient
from mesh.settings import Settings
from mesh.usage import Threads

T = TypeVar("T")

CALL_TIMEOUT_S = 30.0
DOWNLOAD_TIMEOUT_S = 120.0
CHUNK = 256 * 1024
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
# Not NoSuchBucket: storage that has just started may not know its buckets yet.
MISSING = {"NoSuchKey", "NoSuchObject", "NotFound"}


@dataclass(frozen=True)
class StoredObject:
    """What a stat tells: size in bytes, media type, entity tag, encryption header."""

    size_bytes: int
    media_type: str
    etag: str
    encryption: str


@dataclass(frozen=True)
class SignedUpload:
    """A form POST: `fields` first, unchanged, then the file as "file"."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


class ObjectStore:
    """Reads and writes objects of the two buckets."""

    def __init__(self, settings: Settings) -> None:
        """Raises ValueError when KMS encryption is asked for without TLS."""
        self.settings = settings
        self._sse = _encryption(settings)
        threads = 2 * cores()
        self._client = _client(settings, settings.s3_endpoint, threads)
        self._public = _client(settings, settings.s3_public_endpoint or settings.s3_endpoint, threads)
        self._threads = Threads("s3", threads)

    def close(self) -> None:
        """Lets the threads go; running calls end by their own time limit."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def get(self, ref: ObjectRef, *, max_bytes: int | None = None) -> bytes:
        """Reads an object whole.

        Raises InvalidInput (OBJECT_TOO_LARGE, OBJECT_CHANGED) when it is larger than
        `max_bytes` or is not what the reference says, NotFound, Transient.
        """
        limit = max_bytes if max_bytes is not None else max(ref.size_bytes, 0) or None
        with measured("get", ref.bucket, ref.name) as moved:
            data = await self._call(lambda: self._read(ref.bucket, ref.key, limit))
            moved.bytes = len(data)
        if ref.sha256 and hashlib.sha256(data).hexdigest() != ref.sha256:
            raise changed(ref)
        return data

    async def put(self, key_prefix: str, name: str, data: bytes, media_type: str) -> ObjectRef:
        """Writes an artefact under `<key_prefix>/<name>/<sha256>`; raises Transient."""
        digest = hashlib.sha256(data).hexdigest()
        key = f"{key_prefix}/{name}/{digest}"
        bucket = self.settings.s3_artifacts_bucket
        with measured("put", bucket, name) as moved:
            await self._call(lambda: self._write(bucket, key, data, media_type))
            moved.bytes = len(data)
        return ObjectRef(
            bucket=bucket, key=key, sha256=digest, media_type=media_type, size_bytes=len(data), name=name
        )

    async def download(self, ref: ObjectRef, path: Path) -> None:
        """Writes an object to a file, chunk by chunk; the same checks and errors as `get`.

        An object of unknown size is refused: what bounds the memory must bound the disk too. What is refused
        leaves no file. Raises Transient (DISK_FULL) as well.
        """
        try:
            with measured("get", ref.bucket, ref.name) as moved:
                digest = await self._call(lambda: self._save(ref, path), DOWNLOAD_TIMEOUT_S)
                moved.bytes = ref.size_bytes
            if digest != (ref.sha256 or None):
                raise changed(ref)
        except AssayError:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise

    async def upload(self, key_prefix: str, name: str, path: Path, media_type: str) -> ObjectRef:
        """Writes a file as an artefact, as `put` writes bytes; raises Transient."""
        size, digest = await asyncio.to_thread(_measured, path)
        key = f"{key_prefix}/{name}/{digest}"
        bucket = self.settings.s3_artifacts_bucket

        def send() -> None:
            self._client.fput_object(bucket, key, str(path), content_type=media_type, sse=self._sse)

        with measured("put", bucket, name) as moved:
            await self._call(send, DOWNLOAD_TIMEOUT_S)
            moved.bytes = size
        return ObjectRef(
            bucket=bucket, key=key, sha256=digest, media_type=media_type, size_bytes=size, name=name
        )

    async def stat(self, bucket: str, key: str) -> StoredObject:
        """Returns what is stored under a key; raises NotFound, Transient."""
        with measured("stat", bucket):
            found = await self._call(lambda: self._client.stat_object(bucket, key))
        headers = found.metadata or {}
        return StoredObject(
            size_bytes=int(found.size or 0),
            media_type=str(found.content_type or ""),
            etag=str(found.etag or ""),
            encryption=str(headers.get("x-amz-server-side-encryption", "")),
        )

    async def stream(self, ref: ObjectRef) -> AsyncGenerator[bytes, None]:
        """Yields an object in chunks of 256 KiB; raises NotFound, Transient before the first."""
        with measured("get", ref.bucket, ref.name):
            response = await self._call(lambda: self._client.get_object(ref.bucket, ref.key))
        try:
            while chunk := await self._call(lambda: response.read(CHUNK)):
                telemetry.OBJECT_BYTES.labels("get", ref.bucket).inc(len(chunk))
                yield bytes(chunk)
        finally:
            response.close()
            response.release_conn()

    async def delete(self, bucket: str, key: str) -> None:
        """Deletes an object; deleting what is not there is fine."""
        with measured("delete", bucket):
            await self._call(lambda: self._client.remove_object(bucket, key))

    async def keys(self, bucket: str, prefix: str, *, at_most: int = 10_000) -> list[str]:
        """Lists at most `at_most` keys below a prefix."""

        def listed() -> list[str]:
            found: list[str] = []
            for item in self._client.list_objects(bucket, prefix=prefix, recursive=True):
                found.append(str(item.object_name))
                if len(found) >= at_most:
                    break
            return found

        with measured("list", bucket):
            return await self._call(listed)

    async def reachable(self) -> bool:
        """Whether storage answers; used by health checks under their own time limit."""
        return bool(await self._call(lambda: self._client.bucket_exists(self.settings.s3_uploads_bucket)))

    def sign_upload(self, key: str, *, media_type: str, max_bytes: int, lifetime: timedelta) -> SignedUpload:
        """Signs a form POST of exactly this key and media type, of 1 to `max_bytes` bytes.

        Signing is local arithmetic; nothing is sent.
        """
        expires = datetime.now(UTC) + lifetime
        bucket = self.settings.s3_uploads_bucket
        policy = PostPolicy(bucket, expires)
        policy.add_equals_condition("key", key)
        policy.add_equals_condition("Content-Type", media_type)
        policy.add_content_length_range_condition(1, max_bytes)
        fields = {"key": key, "Content-Type": media_type}
        for header, value in (self._sse.headers() if self._sse else {}).items():
            policy.add_equals_condition(header, value)
            fields[header] = value
        fields.update(self._public.presigned_post_policy(policy))
        base = self.settings.s3_public_endpoint or self.settings.s3_endpoint
        return SignedUpload(url=f"{base.rstrip('/')}/{bucket}", fields=fields, expires_at=expires)

    def _read(self, bucket: str, key: str, limit: int | None) -> bytes:
        response = self._client.get_object(bucket, key)
        try:
            if limit is None:
                return bytes(response.read())
            data = bytes(response.read(limit + 1))
        finally:
            response.close()
            response.release_conn()
        if len(data) > limit:
            raise too_large(limit)
        return data

    def _save(self, ref: ObjectRef, path: Path) -> str | None:
        """Streams into `path`; returns the content's sha256, or None when the reference has none."""
        response = self._client.get_object(ref.bucket, ref.key)
        seen, digest = 0, hashlib.sha256()
        try:
            with path.open("wb") as file:
                for chunk in response.stream(CHUNK):
                    seen += len(chunk)
                    if seen > ref.size_bytes:
                        raise too_large(ref.size_bytes)
                    digest.update(chunk)
                    file.write(chunk)
        finally:
            response.close()
            response.release_conn()
        return digest.hexdigest() if ref.sha256 else None

    def _write(self, bucket: str, key: str, data: bytes, media_type: str) -> None:
        self._client.put_object(
            bucket, key, io.BytesIO(data), len(data), content_type=media_type, sse=self._sse
        )

    async def _call(self, function: Callable[[], T], timeout_s: float = CALL_TIMEOUT_S) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                return await loop.run_in_executor(self._threads, function)
        except AssayError:
            raise
        except S3Error as error:
            raise _translate(error) from error
        except (TimeoutError, OSError, urllib3.exceptions.HTTPError) as error:
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise Transient("DISK_FULL", "There is no room for the file here.") from error
            raise Transient("STORAGE_UNAVAILABLE", "Object storage does not answer.") from error


@dataclass
class Moved:
    """How many bytes an operation carried."""

    bytes: int = 0


@contextmanager
def measured(operation: str, bucket: str, name: str = "") -> Iterator[Moved]:
    """Counts an operation, its time and its bytes; a span of its own where spans are exported."""
    began, moved, outcome = time.perf_counter(), Moved(), "failed"
    named = f"s3 {operation} {name}".rstrip()
    with telemetry.inner_span(named, trace.SpanKind.CLIENT, bucket=bucket):
        try:
            yield moved
            outcome = "ok"
        except NotFound:
            outcome = "missing"
            raise
        finally:
            seconds = time.perf_counter() - began
            telemetry.OBJECT_SECONDS.labels(operation, outcome).observe(seconds)
            if moved.bytes:
                telemetry.OBJECT_BYTES.labels(operation, bucket).inc(moved.bytes)


def changed(ref: ObjectRef) -> InvalidInput:
    """The error of an object that is not the one its reference describes."""
    return InvalidInput(
        "OBJECT_CHANGED",
        f"The stored object {ref.name or ref.key} is not the one that was announced.",
        field="sha256",
        fix="Upload the file again and send the hash of what you upload.",
    )


def too_large(limit: int) -> InvalidInput:
    """The error of an object that is larger than announced."""
    return InvalidInput(
        "OBJECT_TOO_LARGE",
        f"The stored object is larger than the {limit} bytes that were announced.",
        field="size_bytes",
        fix="Announce the real size when signing the upload.",
    )


def _measured(path: Path) -> tuple[int, str]:
    """Size and sha256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest


def _translate(error: S3Error) -> AssayError:
    if error.code in MISSING:
        return NotFound("OBJECT_NOT_FOUND", "There is no such stored object.")
    return Transient(
        "STORAGE_UNAVAILABLE", "Object storage refused a request.", metadata={"s3": str(error.code)}
    )


def credentials(settings: Settings) -> Provider | None:
    """Who asks: the keys of the settings; without keys, the role that the cluster gave this process.

    A cluster that gives roles names one in AWS_ROLE_ARN and a token for it in AWS_WEB_IDENTITY_TOKEN_FILE;
    its keys live for an hour and are fetched anew. Without either, nobody: requests are not signed.
    """
    if settings.s3_access_key:
        return StaticProvider(settings.s3_access_key, settings.s3_secret_key)
    if "AWS_WEB_IDENTITY_TOKEN_FILE" in os.environ:
        return IamAwsProvider(region=settings.s3_region)
    return None


def _client(settings: Settings, endpoint: str, connections: int) -> Minio:
    parts = urlsplit(endpoint)
    return Minio(
        parts.netloc,
        credentials=credentials(settings),
        secure=parts.scheme == "https",
        region=settings.s3_region,
        http_client=urllib3.PoolManager(
            maxsize=connections,
            timeout=urllib3.Timeout(connect=2.0, read=CALL_TIMEOUT_S),
            retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
        ),
    )


def _encryption(settings: Settings) -> Sse:
    if settings.s3_encryption == "sse-s3":
        return SseS3()
    if not settings.s3_endpoint.startswith("https://"):
        raise ValueError("ASSAY_S3_ENCRYPTION=sse-kms needs an https:// ASSAY_S3_ENDPOINT")
    return SseKMS(settings.s3_kms_key_id, {})
