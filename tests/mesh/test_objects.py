"""The object store against a real S3: encrypted, content-addressed, honest about what is missing."""

from __future__ import annotations

import asyncio
import hashlib
import urllib.request
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from assay.common.v1.types_pb2 import ObjectRef
from minio.credentials.providers import IamAwsProvider, StaticProvider

from mesh.errors import InvalidInput, NotFound, Transient
from mesh.objects import ObjectStore, credentials
from mesh.settings import Settings


async def test_every_object_carries_the_encryption_header(objects):
    ref = await objects.put(f"t/{uuid4()}", "mask.png", b"data", "image/png")
    stored = await objects.stat(ref.bucket, ref.key)
    assert stored.encryption == "AES256"
    assert (stored.size_bytes, stored.media_type) == (4, "image/png")


async def test_keys_end_in_the_hash_and_writing_twice_is_one_object(objects):
    prefix = f"t/{uuid4()}"
    first = await objects.put(prefix, "a.txt", b"same", "text/plain")
    second = await objects.put(prefix, "a.txt", b"same", "text/plain")
    assert first == second
    assert first.key == f"{prefix}/a.txt/{hashlib.sha256(b'same').hexdigest()}"
    assert await objects.keys(first.bucket, prefix) == [first.key]


async def test_an_old_object_is_readable_after_a_restart_of_s3(objects, servers):
    """The local stack's SSE-S3 key must outlive the server; its KMS would not."""
    ref = await objects.put(f"t/{uuid4()}", "old.bin", b"x" * 100_000, "application/octet-stream")
    # In this thread: the process lives as long as the thread that starts it.
    servers.running["s3"].restart()
    assert await objects.get(ref) == b"x" * 100_000


async def test_what_is_missing_is_not_found(objects, settings):
    missing = ObjectRef(bucket=settings.s3_artifacts_bucket, key=f"nothing/{uuid4()}", size_bytes=5)
    with pytest.raises(NotFound):
        await objects.get(missing)
    with pytest.raises(NotFound):
        await objects.stat(missing.bucket, missing.key)
    with pytest.raises(NotFound):
        async for _ in objects.stream(missing):
            pass


async def test_an_object_larger_than_announced_is_refused(objects):
    ref = await objects.put(f"t/{uuid4()}", "big.bin", b"x" * 1000, "application/octet-stream")
    ref.size_bytes = 999
    with pytest.raises(InvalidInput) as caught:
        await objects.get(ref)
    assert caught.value.code == "OBJECT_TOO_LARGE"


async def test_an_object_that_changed_is_refused(objects):
    ref = await objects.put(f"t/{uuid4()}", "a.bin", b"one", "application/octet-stream")
    ref.sha256 = hashlib.sha256(b"two").hexdigest()
    with pytest.raises(InvalidInput) as caught:
        await objects.get(ref)
    assert caught.value.code == "OBJECT_CHANGED"


async def test_streams_arrive_in_chunks(objects):
    data = bytes(range(256)) * 4096
    ref = await objects.put(f"t/{uuid4()}", "long.bin", data, "application/octet-stream")
    chunks = [chunk async for chunk in objects.stream(ref)]
    assert len(chunks) == 4
    assert b"".join(chunks) == data


async def test_storage_that_is_away_is_a_passing_error(settings):
    away = ObjectStore(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}))
    with pytest.raises(Transient):
        await away.put("t", "a", b"a", "text/plain")
    away.close()


def form(fields: dict[str, str], content: bytes) -> tuple[bytes, str]:
    boundary = uuid4().hex
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode()
        for k, v in fields.items()
    )
    body += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'.encode()
    body += b"Content-Type: image/png\r\n\r\n" + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def post(url: str, fields: dict[str, str], content: bytes) -> int:
    body, kind = form(fields, content)
    request = urllib.request.Request(url, data=body, headers={"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


async def test_a_signed_form_takes_exactly_what_was_signed(objects, settings):
    key = f"tenant/{uuid4()}"
    signed = objects.sign_upload(key, media_type="image/png", max_bytes=100, lifetime=timedelta(minutes=1))
    assert await asyncio.to_thread(post, signed.url, signed.fields, b"z" * 101) == 400
    assert await asyncio.to_thread(post, signed.url, {**signed.fields, "key": "tenant/other"}, b"z") == 403
    tampered = {**signed.fields, "x-amz-signature": "0" * 64}
    assert await asyncio.to_thread(post, signed.url, tampered, b"z") == 403
    assert await asyncio.to_thread(post, signed.url, signed.fields, b"z" * 50) in (200, 204)
    stored = await objects.stat(settings.s3_uploads_bucket, key)
    assert (stored.size_bytes, stored.encryption) == (50, "AES256")


async def test_an_expired_signature_is_refused(objects):
    signed = objects.sign_upload(
        f"tenant/{uuid4()}", media_type="image/png", max_bytes=100, lifetime=timedelta(seconds=1)
    )
    await asyncio.sleep(2.2)
    assert await asyncio.to_thread(post, signed.url, signed.fields, b"z") == 403


def test_production_signs_and_sends_the_kms_header(settings):
    """SeaweedFS's KMS forgets its keys, so only the header is looked at here."""
    kms = settings.model_copy(
        update={"s3_encryption": "sse-kms", "s3_kms_key_id": "tenant-key", "s3_endpoint": "https://s3.test"}
    )
    store = ObjectStore(kms)
    signed = store.sign_upload("k", media_type="image/png", max_bytes=9, lifetime=timedelta(minutes=1))
    store.close()
    assert signed.fields["X-Amz-Server-Side-Encryption"] == "aws:kms"
    assert signed.fields["X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"] == "tenant-key"
    assert signed.url == "https://s3.test/assay-uploads"


def test_kms_in_the_clear_is_refused_at_start(settings):
    kms = settings.model_copy(update={"s3_encryption": "sse-kms", "s3_kms_key_id": "tenant-key"})
    with pytest.raises(ValueError, match="needs an https"):
        ObjectStore(kms)


async def test_a_file_goes_up_and_comes_down_in_pieces(objects, tmp_path):
    source, target = tmp_path / "clip.mp4", tmp_path / "copy.mp4"
    source.write_bytes(bytes(range(256)) * 30_000)
    ref = await objects.upload(f"t/{uuid4()}", "video.mp4", source, "video/mp4")
    assert ref.size_bytes == source.stat().st_size
    assert ref.key.endswith(ref.sha256)
    assert (await objects.stat(ref.bucket, ref.key)).encryption
    await objects.download(ref, target)
    assert target.read_bytes() == source.read_bytes()


async def test_a_file_that_is_not_the_announced_one_is_refused(objects, tmp_path):
    ref = await objects.put(f"t/{uuid4()}", "a.bin", b"one two three", "application/octet-stream")
    ref.sha256 = "0" * 64
    with pytest.raises(InvalidInput, match="not the one"):
        await objects.download(ref, tmp_path / "a.bin")
    ref.size_bytes = 3
    with pytest.raises(InvalidInput, match="larger"):
        await objects.download(ref, tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_is_a_passing_error(objects, tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")
    ref = await objects.put(f"t/{uuid4()}", "a.bin", b"one two three", "application/octet-stream")
    with pytest.raises(Transient) as caught:
        # Writing to it always says ENOSPC, as a full disk does.
        await objects.download(ref, tmp_path / "full")
    assert caught.value.code == "DISK_FULL"


def test_keys_come_from_the_settings_else_from_the_role_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE", raising=False)
    assert credentials(Settings()) is None
    given = credentials(Settings(s3_access_key="a", s3_secret_key="b"))
    assert given is not None
    assert (given.retrieve().access_key, given.retrieve().secret_key) == ("a", "b")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::000000000001:role/assay-segment")
    assert isinstance(credentials(Settings()), IamAwsProvider)
    # A key that is given goes first: a role must not widen what somebody narrowed.
    assert isinstance(credentials(Settings(s3_access_key="a", s3_secret_key="b")), StaticProvider)
