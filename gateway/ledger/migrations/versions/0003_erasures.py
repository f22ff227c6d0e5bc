"""Adds erasures, and the right of background work to erase and to give a re-driven job new time."""

from gateway.ledger.migrations.sql import run_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Runs the SQL file of the same name."""
    run_beside(__file__)
