"""A release that was taken back starts on the tables of the one after it."""

from __future__ import annotations

import psycopg
import pytest

from gateway import migrate as migration
from gateway.migrate import migrate, revision_ahead
from mesh.settings import Settings


def test_an_older_release_leaves_a_newer_ledger_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = settings.postgres_owner_dsn
    with psycopg.connect(owner, autocommit=True) as connection:
        assert revision_ahead(connection) == ""
        (known,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
        applied: list[str] = []
        with monkeypatch.context() as patched:
            patched.setattr(migration, "upgrade", applied.append)
            try:
                connection.execute("UPDATE alembic_version SET version_num = '9999'")
                assert revision_ahead(connection) == "9999"
                migrate(owner, settings.postgres_dsn, settings.postgres_worker_dsn)
                assert applied == []
                connection.execute("UPDATE alembic_version SET version_num = %s", (known,))
                migrate(owner, settings.postgres_dsn, settings.postgres_worker_dsn)
                assert applied == [owner]
            finally:
                connection.execute("UPDATE alembic_version SET version_num = %s", (known,))


def test_an_empty_database_is_migrated_from_the_start(settings: Settings) -> None:
    with psycopg.connect(settings.postgres_owner_dsn, autocommit=True) as connection:
        connection.execute("SET search_path = pg_temp")
        assert revision_ahead(connection) == ""
