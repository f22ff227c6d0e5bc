"""Remembers that the object of an expired upload was removed."""

from gateway.ledger.migrations.sql import run_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Runs the SQL file of the same name."""
    run_beside(__file__)
