"""The connection to NATS: reconnects for ever, says when it is away, closes fast.

`drain()` of nats-py waits its whole timeout when an idle pull subscription holds an unread
status message, so shutdown here is: stop fetching, finish, unsubscribe, flush, close.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nats
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext

from mesh import tls
from mesh.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True)
class JetStream:
    """A NATS connection and its JetStream context."""

    client: Client
    js: JetStreamContext

    @property
    def connected(self) -> bool:
        """Whether the server is there now."""
        return bool(self.client.is_connected)

    async def close(self) -> None:
        """Sends what is buffered, then closes; bounded to 2 s."""
        if self.client.is_connected:
            await self.client.flush(timeout=2)
        await self.client.close()


async def connect(settings: Settings, name: str) -> JetStream:
    """Connects; raises when the server cannot be reached within 5 s.

    By mutual TLS where there is a certificate; a renewed one is shown at the next connection.
    """

    async def on_error(error: Exception) -> None:
        log.warning("nats_error", error=str(error), kind=type(error).__name__)

    async def on_reconnect() -> None:
        log.info("nats_reconnected")

    credentials = (
        {"user": settings.nats_user, "password": settings.nats_password} if settings.nats_user else {}
    )
    folder = Path(settings.tls_dir)
    context = tls.client_context(folder) if settings.tls_dir else None

    async def on_disconnect() -> None:
        log.warning("nats_disconnected")
        if context is not None:
            try:
                tls.show(context, folder)
            except OSError as error:
                # Half-exchanged; the one in use may still do, and the next loss looks again.
                log.warning("certificate_not_renewed", error=str(error))

    secured = {"tls": context} if context is not None else {}
    client = await nats.connect(
        settings.nats_url,
        name=name,
        connect_timeout=5,
        reconnect_time_wait=0.25,
        max_reconnect_attempts=-1,
        ping_interval=10,
        max_outstanding_pings=3,
        error_cb=on_error,
        disconnected_cb=on_disconnect,
        reconnected_cb=on_reconnect,
        **credentials,
        **secured,
    )
    return JetStream(client, client.jetstream(timeout=5))
