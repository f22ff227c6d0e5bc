"""The table of variables in the documentation is the one the code reads."""

from __future__ import annotations

import pickle

from mesh import errors
from mesh.settings import Settings, table

from .conftest import repo


def test_the_documented_table_is_the_real_one():
    assert table() in repo("docs", "settings.md").read_text()


def test_secrets_never_show():
    shown = repr(Settings(s3_secret_key="topsecret", postgres_dsn="topsecret", nats_password="topsecret"))
    assert "topsecret" not in shown


def test_errors_cross_process_borders():
    error = errors.InvalidInput(
        "A_CODE", "message", field="f", fix="x", fields=[errors.FieldError("f", "m")], retry_after_s=1.5
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.InvalidInput
    assert vars(copy) == vars(error)


def test_every_error_class_has_its_own_gRPC_code_in_the_status():
    for kind in errors.AssayError.__subclasses__():
        status = errors.to_status(kind("CODE", "m"))
        assert status.code == kind.grpc_code.value[0] != 0
