"""Objects as files: every object of a bucket below its key, with a line on each in BUCKET.jsonl.

Files hold what the callers uploaded, in the clear: storage decrypts what it gives out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from minio import Minio
from minio.sse import SseS3


@dataclass(frozen=True)
class Kept:
    """An object in a file: `file` is its path in the backup, from the hash of its key."""

    key: str
    file: str
    size_bytes: int
    sha256: str
    media_type: str


def save(client: Minio, bucket: str, folder: Path) -> list[Kept]:
    """Writes every object of a bucket; one that is erased meanwhile is left out."""
    kept = []
    for item in client.list_objects(bucket, recursive=True):
        one = _save(client, bucket, str(item.object_name), folder)
        if one is not None:
            kept.append(one)
    (folder / f"{bucket}.jsonl").write_text("".join(json.dumps(asdict(one)) + "\n" for one in kept))
    return kept


def _save(client: Minio, bucket: str, key: str, folder: Path) -> Kept | None:
    from minio.error import S3Error

    try:
        response = client.get_object(bucket, key)
    except S3Error as error:
        if error.code == "NoSuchKey":
            return None
        raise
    # Keys may be long and hold anything; their hash is a short and safe name.
    name = hashlib.sha256(key.encode()).hexdigest()
    target = folder / bucket / name[:2] / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        with target.open("wb") as file:
            for chunk in response.stream(2**18):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
        media_type = response.headers.get("content-type", "application/octet-stream")
    finally:
        response.close()
        response.release_conn()
    return Kept(key, str(target.relative_to(folder)), size, digest.hexdigest(), media_type)


def listed(bucket: str, folder: Path) -> list[Kept]:
    """What a backup holds of a bucket."""
    lines = (folder / f"{bucket}.jsonl").read_text().splitlines()
    return [Kept(**json.loads(line)) for line in lines]


def load(client: Minio, bucket: str, folder: Path) -> int:
    """Puts every object back under its key; returns how many. Raises ValueError for a changed file."""
    kept = listed(bucket, folder)
    for one in kept:
        path = folder / one.file
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != one.sha256:
                raise ValueError(f"{path} is not what was saved of {one.key}")
        client.fput_object(bucket, one.key, str(path), content_type=one.media_type, sse=SseS3())
    return len(kept)
