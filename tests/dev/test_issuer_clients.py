"""The development issuer's clients: secrets stay, scopes follow the code, added clients are left alone."""

from __future__ import annotations

import json
from pathlib import Path

from dev import issuer


def clients(folder: Path) -> dict[str, dict]:
    return {one["client_id"]: one for one in json.loads(issuer.clients_file(folder).read_text())}


def test_scopes_follow_the_code_and_nothing_else_changes(tmp_path):
    before = clients(tmp_path)
    path = tmp_path / "clients.json"
    said = json.loads(path.read_text())
    said[0]["scopes"] = ["analyses:read"]
    said.append({"client_id": "guest", "client_secret": "s", "tenant_id": "t", "scopes": []})
    path.write_text(json.dumps(said))
    after = clients(tmp_path)
    assert after.pop("guest") == said[-1]
    assert after == before


def test_a_file_that_is_right_is_not_written_again(tmp_path):
    path = issuer.clients_file(tmp_path)
    written = path.stat().st_mtime_ns
    assert issuer.clients_file(tmp_path).stat().st_mtime_ns == written
