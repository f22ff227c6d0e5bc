"""Runs a migration's SQL file through the psycopg connection that Alembic holds."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import psycopg
from alembic import op


def run_beside(script: str) -> None:
    """Executes the `.sql` file beside `script`, in Alembic's transaction."""
    text = Path(script).with_suffix(".sql").read_text(encoding="utf-8")
    connection = cast("psycopg.Connection", op.get_bind().connection.driver_connection)
    connection.execute(psycopg.sql.SQL(text))
