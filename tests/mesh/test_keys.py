"""The key set that tokens are verified by: missing, damaged, from a URL, asked for unknown keys."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mesh import auth
from mesh.auth import Verifier
from mesh.errors import Transient, Unauthenticated
from mesh.settings import Settings

from .tokens import ISSUER, TENANT, Issuer


@contextmanager
def key_server(body: bytes) -> Iterator[tuple[str, list[str]]]:
    """Serves a key set; yields its URL and the requests it gets."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/jwks", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


async def test_unknown_keys_are_refused_and_do_not_hammer_the_issuer(tmp_path: Path) -> None:
    issuer, stranger = Issuer(), Issuer(kid="stranger")
    body = Path(issuer.write_keys(tmp_path / "jwks.json")).read_bytes()
    with key_server(body) as (url, asked):
        verifier = Verifier(Settings(oidc_issuer=ISSUER, oidc_jwks_url=url))
        assert (await verifier.verify(f"Bearer {issuer.token()}")).tenant_id == TENANT
        for _ in range(5):
            with pytest.raises(Unauthenticated):
                await verifier.verify(f"Bearer {stranger.token()}")
    assert len(asked) == 1


async def test_an_issuer_that_is_away_does_not_lock_everybody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "KEYS_LIFETIME_S", 0.0)
    issuer = Issuer()
    body = Path(issuer.write_keys(tmp_path / "jwks.json")).read_bytes()
    with key_server(body) as (url, asked):
        verifier = Verifier(Settings(oidc_issuer=ISSUER, oidc_jwks_url=url))
        await verifier.verify(f"Bearer {issuer.token()}")
    for _ in range(3):
        assert (await verifier.verify(f"Bearer {issuer.token()}")).tenant_id == TENANT
    assert len(asked) == 1
    monkeypatch.setattr(auth, "KEYS_STALE_S", 0.0)
    with pytest.raises(Transient):
        await verifier.verify(f"Bearer {issuer.token()}")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"keys": []}'])
async def test_a_damaged_key_set_is_our_fault_not_the_tokens(tmp_path: Path, body: bytes) -> None:
    issuer, path = Issuer(), tmp_path / "jwks.json"
    path.write_bytes(body)
    with key_server(body) as (url, _):
        for settings in (
            Settings(oidc_issuer=ISSUER, oidc_jwks_file=str(path)),
            Settings(oidc_issuer=ISSUER, oidc_jwks_url=url),
        ):
            with pytest.raises(Transient) as caught:
                await Verifier(settings).verify(f"Bearer {issuer.token()}")
            assert caught.value.code == "KEYS_UNAVAILABLE"


async def test_a_missing_key_set_is_passing_and_comes_back(tmp_path: Path) -> None:
    issuer, path = Issuer(), tmp_path / "jwks.json"
    verifier = Verifier(Settings(oidc_issuer=ISSUER, oidc_jwks_file=str(path)))
    with pytest.raises(Transient):
        await verifier.verify(f"Bearer {issuer.token()}")
    issuer.write_keys(path)
    assert (await verifier.verify(f"Bearer {issuer.token()}")).tenant_id == TENANT


@pytest.mark.parametrize("scope", [5, {"a": 1}, ["analyses:read", 5]])
async def test_an_odd_scope_claim_is_no_crash(tmp_path: Path, scope: object) -> None:
    issuer = Issuer()
    keys = issuer.write_keys(tmp_path / "jwks.json")
    verifier = Verifier(Settings(oidc_issuer=ISSUER, oidc_jwks_file=keys))
    try:
        principal = await verifier.verify(f"Bearer {issuer.token(scope=scope)}")
    except Unauthenticated:
        return
    assert principal.scopes == {"analyses:read", "5"} or principal.scopes == {"a"}


async def test_a_remembered_token_costs_no_second_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer, checked = Issuer(), []
    decode = auth.jwt.decode
    monkeypatch.setattr(
        auth.jwt, "decode", lambda *given, **named: checked.append(1) or decode(*given, **named)
    )
    verifier = Verifier(
        Settings(oidc_issuer=ISSUER, oidc_jwks_file=issuer.write_keys(tmp_path / "jwks.json"))
    )
    token = issuer.token()
    assert await verifier.verify(f"Bearer {token}") == await verifier.verify(f"bearer {token}")
    assert len(checked) == 1
    forged = token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB")
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"Bearer {forged}")


async def test_a_remembered_token_ends_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer()
    verifier = Verifier(
        Settings(oidc_issuer=ISSUER, oidc_jwks_file=issuer.write_keys(tmp_path / "jwks.json"))
    )
    monkeypatch.setattr(auth, "CLOCK_SKEW_S", 1)
    token = issuer.token(exp=int(time.time()))
    await verifier.verify(f"Bearer {token}")
    await asyncio.sleep(1.1)
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"Bearer {token}")


@pytest.mark.parametrize("successor", ["successor", ""])
async def test_a_remembered_token_ends_with_its_key(tmp_path: Path, successor: str) -> None:
    issuer, path = Issuer(), tmp_path / "jwks.json"
    verifier = Verifier(Settings(oidc_issuer=ISSUER, oidc_jwks_file=issuer.write_keys(path)))
    token = issuer.token()
    await verifier.verify(f"Bearer {token}")
    # Withdrawn, or replaced under the same name.
    (Issuer(kid=successor) if successor else Issuer()).write_keys(path)
    os.utime(path, (1, 1))
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"Bearer {token}")


async def test_only_so_many_tokens_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "REMEMBERED", 3)
    issuer = Issuer()
    verifier = Verifier(
        Settings(oidc_issuer=ISSUER, oidc_jwks_file=issuer.write_keys(tmp_path / "jwks.json"))
    )
    for number in range(5):
        await verifier.verify(f"Bearer {issuer.token(sub=f'phone-{number}')}")
    assert len(verifier._verified) == 3
