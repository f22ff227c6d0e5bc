"""The ledger's first tables, with forced row-level security from the first moment."""

from gateway.ledger.migrations.sql import run_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Runs the SQL file of the same name."""
    run_beside(__file__)
