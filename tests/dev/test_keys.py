"""Rotation of the signing key: every token that may live verifies at every step."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import jwt
import pytest

from dev import issuer, keys


def signed(folder: Path) -> str:
    kid = issuer.public_key(issuer.key_file(folder))["kid"]
    return jwt.encode({"sub": "x"}, issuer.key_file(folder).read_text(), "ES256", headers={"kid": kid})


def verifies(folder: Path, token: str) -> bool:
    known = jwt.PyJWKSet.from_dict(json.loads(issuer.key_set_file(folder).read_text()))
    kid = jwt.get_unverified_header(token)["kid"]
    found = [key for key in known.keys if key.key_id == kid]
    return bool(found) and jwt.decode(token, found[0], ["ES256"])["sub"] == "x"


def test_no_token_is_refused_before_its_key_is_retired(tmp_path: Path) -> None:
    issuer.key_set_file(tmp_path)
    before = signed(tmp_path)
    announced = keys.announce(tmp_path)
    assert keys.announce(tmp_path) == announced
    assert verifies(tmp_path, before)
    assert keys.switch(tmp_path) == keys.Key(announced.kid, "signing")
    after = signed(tmp_path)
    assert jwt.get_unverified_header(after)["kid"] == announced.kid
    assert verifies(tmp_path, before)
    assert verifies(tmp_path, after)
    assert sorted(key.state for key in keys.listed(tmp_path)) == ["signing", "verifying"]
    with pytest.raises(keys.NotDue):
        keys.retire(tmp_path, at_once=False)
    assert verifies(tmp_path, before)
    long_ago = time.time() - keys.TOKENS_END_S - 1
    os.utime(issuer.key_file(tmp_path), (long_ago, long_ago))
    assert len(keys.retire(tmp_path, at_once=False)) == 1
    assert verifies(tmp_path, after)
    assert not verifies(tmp_path, before)


def test_a_compromised_key_can_be_retired_at_once(tmp_path: Path) -> None:
    before = (issuer.key_set_file(tmp_path), signed(tmp_path))[1]
    keys.announce(tmp_path)
    keys.switch(tmp_path)
    keys.retire(tmp_path, at_once=True)
    assert not verifies(tmp_path, before)
    assert keys.retire(tmp_path, at_once=True) == []


def test_nothing_is_switched_to_before_it_was_announced(tmp_path: Path) -> None:
    issuer.key_set_file(tmp_path)
    with pytest.raises(keys.NotDue):
        keys.switch(tmp_path)
    keys.announce(tmp_path)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": []}))
    with pytest.raises(keys.NotDue):
        keys.switch(tmp_path)


def test_private_keys_are_their_owners_only(tmp_path: Path) -> None:
    keys.announce(tmp_path)
    keys.switch(tmp_path)
    assert (tmp_path / "issuer.pem").stat().st_mode & 0o077 == 0
    assert not (tmp_path / "issuer-next.pem").exists()
