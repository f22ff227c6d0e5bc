"""Adds the read of one job that binds its tenant by itself, so that it is one round trip."""

from gateway.ledger.migrations.sql import run_beside

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Runs the SQL file of the same name."""
    run_beside(__file__)
