"""The ledger's migrations expand, and the gate sees one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.migration_gate import contracts, history, statements

STEP = '''"""A step."""

from gateway.ledger.migrations.sql import run_beside

revision = "{revision}"
down_revision = {follows}


def upgrade() -> None:
    run_beside(__file__)
'''


def write(folder: Path, revision: str, follows: str | None, sql: str) -> None:
    (folder / f"{revision}_step.py").write_text(STEP.format(revision=revision, follows=repr(follows)))
    (folder / f"{revision}_step.sql").write_text(sql)


def test_the_ledgers_own_migrations_only_expand() -> None:
    ours = history()
    assert len(ours) >= 3
    assert [each.follows for each in ours] == ["", *(each.revision for each in ours[:-1])]
    assert all(contract.since for each in ours for contract in each.contracts)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE uploads",
        "DROP VIEW IF EXISTS overview",
        "DROP FUNCTION current_tenant()",
        "ALTER TABLE uploads DROP COLUMN sha256",
        "ALTER TABLE ONLY uploads DROP sha256",
        "alter table uploads drop column if exists sha256",
        "ALTER TABLE uploads RENAME COLUMN sha256 TO digest",
        "ALTER TABLE uploads RENAME sha256 TO digest",
        "ALTER TABLE uploads RENAME TO files",
        "ALTER TABLE uploads ALTER COLUMN size_bytes TYPE integer",
        "ALTER TABLE uploads ALTER size_bytes SET DATA TYPE integer",
        "ALTER TABLE uploads ALTER COLUMN note SET NOT NULL",
        "ALTER TABLE uploads ALTER COLUMN state DROP DEFAULT",
        "ALTER TABLE uploads ADD COLUMN note text NOT NULL",
        "ALTER TABLE uploads ADD CONSTRAINT small CHECK (size_bytes < 10)",
        "ALTER TABLE uploads ADD UNIQUE (sha256)",
        "CREATE UNIQUE INDEX one ON uploads (sha256)",
        "TRUNCATE uploads",
        "DELETE FROM uploads",
        "REVOKE SELECT ON uploads FROM assay_app",
        "DROP POLICY tenant ON uploads",
    ],
)
def test_what_takes_something_away_is_seen(sql: str) -> None:
    found = contracts(f"-- A change.\n{sql};\n")
    assert [(each.sql, each.since) for each in found] == [(sql, "")]
    marked = contracts(f"-- contract: 1.4.0 no longer needs it\n{sql};\n")
    assert [each.since for each in marked] == ["1.4.0"]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE notes (id uuid PRIMARY KEY, body text NOT NULL UNIQUE)",
        "CREATE TABLE n (id uuid); ALTER TABLE n ADD CHECK (id IS NOT NULL); CREATE UNIQUE INDEX u ON n (id)",
        "ALTER TABLE uploads ADD COLUMN note text",
        "ALTER TABLE uploads ADD COLUMN note text NOT NULL DEFAULT ''",
        "ALTER TABLE uploads ALTER COLUMN note DROP NOT NULL",
        "ALTER TABLE uploads DROP CONSTRAINT uploads_purpose_check",
        "DROP POLICY seen ON uploads; CREATE POLICY seen ON uploads FOR SELECT TO assay_app USING (true)",
        "DROP INDEX uploads_unused",
        "CREATE INDEX uploads_by_type ON uploads (media_type)",
        "GRANT DELETE, TRUNCATE ON uploads TO assay_worker",
        "INSERT INTO notes VALUES ('DROP TABLE uploads; DROP TABLE jobs')",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $body$ BEGIN DELETE FROM notes; END $body$",
        "ALTER TABLE uploads ENABLE ROW LEVEL SECURITY",
    ],
)
def test_what_only_adds_passes(sql: str) -> None:
    assert contracts(f"{sql};") == []


def test_a_mark_belongs_to_the_statement_below_it_alone() -> None:
    found = contracts("-- contract: 1.4.0 unused\nDROP TABLE a;\nDROP TABLE b;\n")
    assert [each.since for each in found] == ["1.4.0", ""]


def test_an_unmarked_contraction_stops_the_history(tmp_path: Path) -> None:
    write(tmp_path, "0001", None, "CREATE TABLE a (b text);")
    write(tmp_path, "0002", "0001", "ALTER TABLE a DROP COLUMN b;")
    with pytest.raises(ValueError, match=r"0002_step\.sql drops a column"):
        history(tmp_path)
    write(tmp_path, "0002", "0001", "-- contract: 1.4.0 writes c\nALTER TABLE a DROP COLUMN b;")
    assert [each.since for step in history(tmp_path) for each in step.contracts] == ["1.4.0"]


def test_a_fork_a_hole_and_a_step_of_its_own_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "0001", None, "CREATE TABLE a (b text);")
    write(tmp_path, "0002", "0001", "CREATE TABLE c (b text);")
    write(tmp_path, "0003", "0001", "CREATE TABLE d (b text);")
    with pytest.raises(ValueError, match="2 migrations follow 0001"):
        history(tmp_path)
    write(tmp_path, "0003", "0007", "CREATE TABLE d (b text);")
    with pytest.raises(ValueError, match="0 migrations follow 0002"):
        history(tmp_path)
    step = tmp_path / "0002_step.py"
    step.write_text(step.read_text().replace("run_beside(__file__)", "op.drop_table('a')"))
    with pytest.raises(ValueError, match="does more than run its SQL file"):
        history(tmp_path)


@given(
    st.lists(
        st.sampled_from(
            [
                "SELECT ';'",
                "SELECT 'it''s'",
                "SELECT $a$;$$;$a$",
                'SELECT ";"',
                "-- ;\nSELECT 1",
                "/* ; */ SELECT 2",
            ]
        )
    )
)
def test_scripts_are_split_at_their_own_semicolons_only(parts: list[str]) -> None:
    assert len(statements("".join(f"{part};\n" for part in parts))) == len(parts)
