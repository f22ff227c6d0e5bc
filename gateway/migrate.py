"""`python -m gateway.migrate`: creates the ledger's roles and brings its tables up to date.

Run with the owner's connection before a gateway starts. Safe to repeat and to run from several
places at once: one advisory lock lets them through one after another.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from gateway.ledger.database import APP_ROLE, WORKER_ROLE
from mesh.settings import Settings

log = structlog.get_logger()

MIGRATIONS = Path(__file__).parent / "ledger" / "migrations"
# Any constant; it only has to be the same in every gateway.
MIGRATION_LOCK = 4_711_001
CONNECT_TIMEOUT_S = 10
LOCK_TIMEOUT = "60s"


def migrate(owner_dsn: str, app_dsn: str, worker_dsn: str) -> None:
    """Creates the roles of `app_dsn` and `worker_dsn` and applies every migration not yet applied.

    Passwords in the two connection strings become the roles' passwords. Raises psycopg.Error when
    the server cannot be reached, or the lock is not had within a minute.
    """
    with psycopg.connect(owner_dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        connection.execute(sql.SQL("SET lock_timeout = {}").format(LOCK_TIMEOUT))
        connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        ensure_role(connection, APP_ROLE, app_dsn)
        ensure_role(connection, WORKER_ROLE, worker_dsn)
        newer = revision_ahead(connection)
        if newer:
            log.info("ledger_is_newer", revision=newer)
            return
        upgrade(owner_dsn)


def ensure_role(connection: psycopg.Connection, role: str, dsn: str) -> None:
    """Creates the login role when it is missing, and sets the password that `dsn` carries, if any."""
    parameters = conninfo_to_dict(dsn)
    if parameters.get("user") != role:
        raise SystemExit(
            f"the connection string for {role} names user {parameters.get('user')!r}; use {role}"
        )
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    name = sql.Identifier(role)
    if known is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB").format(name))
    if parameters.get("password"):
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(parameters["password"]))
        )


def revision_ahead(connection: psycopg.Connection) -> str:
    """The ledger's revision when this code does not know it, "" otherwise.

    A release that was taken back finds the tables of the one after it. They serve both: migrations
    expand, and what deploys lets no release meet tables that lack what it needs (docs/delivery.md).
    """
    there = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    if there is None or there[0] is None:
        return ""
    known = {each.revision for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    reached = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return next((str(row[0]) for row in reached if row[0] not in known), "")


def upgrade(owner_dsn: str) -> None:
    """Applies the migrations in order, each in a transaction of its own."""
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(owner_dsn, connect_timeout=CONNECT_TIMEOUT_S),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def main() -> None:
    settings = Settings()
    migrate(settings.postgres_owner_dsn, settings.postgres_dsn, settings.postgres_worker_dsn)


if __name__ == "__main__":
    main()
