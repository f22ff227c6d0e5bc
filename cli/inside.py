"""The way to NATS for operators' commands: settings of the local stack or of the environment."""

from __future__ import annotations

import os

from cli.problems import failed
from dev import control, home
from mesh.settings import Settings


def nats_settings() -> Settings:
    """Settings that reach NATS: ASSAY_NATS_URL where it is set, else the running local stack's.

    Raises CommandError (NO_STACK) when neither is there.
    """
    if os.environ.get("ASSAY_NATS_URL"):
        return Settings()
    from dev.servers import nats

    state = control.running(home.home())
    if state is None:
        fix = "Start one with `assay up`, or set ASSAY_NATS_URL, ASSAY_NATS_USER and ASSAY_NATS_PASSWORD."
        raise failed("NO_STACK", "No local stack runs.", fix=fix)
    port = state.processes["nats"].ports["nats"]
    return Settings(
        nats_url=f"nats://127.0.0.1:{port}",
        nats_user=nats.USER,
        nats_password=nats.password(home.home() / "nats"),
    )
