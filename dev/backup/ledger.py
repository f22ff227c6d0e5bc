"""The ledger as one file of pg_dump, and what a restored one needs before it serves again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg

from dev.process import StartError
from dev.servers import postgres

LIMIT_S = 1800.0
UNPUBLISH = (
    "UPDATE outbox SET published_at = NULL WHERE published_at >= %s::timestamptz - interval '10 seconds'"
)
ERASE_AGAIN = """
INSERT INTO erasures (job_id, tenant_id, requested_by, settled_at)
SELECT job_id, tenant_id, 'restore', now() FROM jobs WHERE job_id = ANY(%s::uuid[])
ON CONFLICT (job_id) DO UPDATE SET confirmed_at = NULL, next_at = now(), settled_at = now()
"""


def save(dsn: str, file: Path) -> None:
    """Writes the whole database; raises StartError with what pg_dump said."""
    _run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={dsn}")


def load(dsn: str, file: Path) -> None:
    """Replaces tables and rows by those of the file, in one transaction; raises StartError."""
    flags = ("--clean", "--if-exists", "--single-transaction", "--exit-on-error")
    _run("pg_restore", *flags, f"--dbname={dsn}", str(file))


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(  # noqa: S603 - argv of our own, no shell
        [postgres.program(program), *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, "PGCONNECT_TIMEOUT": "10"},
    )
    if done.returncode != 0:
        # A connection string holds a password, so the command line itself is never shown.
        raise StartError(f"{program} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")


def rows(dsn: str) -> dict[str, int]:
    """How many jobs and facts the ledger holds, by table."""
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        found = connection.execute("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM job_facts)")
        jobs, facts = found.fetchone() or (0, 0)
    return {"jobs": jobs, "job_facts": facts}


def last_sequence(dsn: str) -> int:
    """The highest stream sequence of a fact in the ledger; 0 when there is none."""
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        found = connection.execute("SELECT coalesce(max(stream_seq), 0) FROM job_facts").fetchone()
    return int(found[0]) if found else 0


def publish_again(dsn: str, since: str) -> int:
    """Marks what the relay published since the streams were saved as not published; returns how many.

    since: RFC 3339. Facts are created once, so one that the stream has stays one.
    """
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        return connection.execute(UNPUBLISH, (since,)).rowcount


def erase_again(dsn: str, job_ids: Sequence[str]) -> int:
    """Asks anew for erasures that the backup does not know of; returns how many of the jobs it held."""
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        return connection.execute(ERASE_AGAIN, (list(job_ids),)).rowcount
