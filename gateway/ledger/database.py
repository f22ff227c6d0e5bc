"""The two doors to PostgreSQL: requests as assay_app, background work as assay_worker.

Every piece of work is one short transaction bound to one tenant; row-level security lets it see
that tenant's rows and no others. Statements, locks and waits for a connection all have limits.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from mesh.errors import Transient
from mesh.usage import watch_pool

APP_ROLE = "assay_app"
WORKER_ROLE = "assay_worker"
CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 5.0
# A connection that a busy minute needed is needed again: what the server learned for it stays learned.
IDLE_S = 3600.0
# So long a session lasts: every new one reads PostgreSQL's catalogs anew and holds some twenty more files.
LIFETIME_S = 4 * 3600.0
STATEMENT_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_MS = 4_000
IDLE_IN_TRANSACTION_MS = 30_000
# The server's own limits do not end a wait for a server that is frozen or has vanished: these do.
TRANSACTION_S = 25.0
VANISHED_MS = 10_000

Connection = psycopg.AsyncConnection[DictRow]


class Ledger:
    """A pool of connections of one role, and transactions on it."""

    def __init__(self, dsn: str, *, name: str, max_size: int, limit_s: float = TRANSACTION_S) -> None:
        """limit_s: longest time a transaction may take, waiting for a connection included."""
        self._limit_s = limit_s
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            dsn,
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs=connection_options(name),
            min_size=1,
            max_size=max_size,
            max_idle=IDLE_S,
            max_lifetime=LIFETIME_S,
            timeout=POOL_TIMEOUT_S,
            max_waiting=max_size * 32,
            reconnect_timeout=5.0,
            name=name,
            open=False,
            check=check_idle,
        )
        watch_pool(name.replace("gateway", "ledger"), self._busy)

    async def open(self) -> None:
        """Starts the pool; the server may come later."""
        await self._pool.open(wait=False)

    def _busy(self) -> tuple[int, int, int]:
        """Connections idle and used, and callers that wait for one."""
        told = self._pool.get_stats()
        idle = told.get("pool_available", 0)
        return idle, told.get("pool_size", 0) - idle, told.get("requests_waiting", 0)

    async def close(self) -> None:
        """Closes every connection, waiting at most 5 s for those in use."""
        await self._pool.close(timeout=5.0)

    @asynccontextmanager
    async def tenant(self, tenant_id: str) -> AsyncIterator[Connection]:
        """Opens a transaction bound to one tenant; raises Transient when the ledger is away."""
        async with self.transaction() as connection:
            await bind_tenant(connection, tenant_id)
            yield connection

    @asynccontextmanager
    async def single(self) -> AsyncIterator[Connection]:
        """Lends a connection for single statements, each a transaction of its own; raises Transient."""
        async with self._connection() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Opens a transaction bound to no tenant; raises Transient when the ledger is away."""
        async with self._connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with asyncio.timeout(self._limit_s), self._pool.connection() as connection:
                yield connection
        except (
            TimeoutError, PoolTimeout, PoolClosed, psycopg.OperationalError, psycopg.InterfaceError,
        ) as error:  # fmt: skip
            raise Transient(
                "LEDGER_UNAVAILABLE", "The ledger does not answer.", fix="Try again.", retry_after_s=1.0
            ) from error


def connection_options(name: str) -> dict[str, Any]:
    """Keyword arguments of every connection: limits, and rows as dictionaries."""
    return {
        # Every transaction is opened by name; a single read needs none.
        "autocommit": True,
        "row_factory": dict_row,
        "application_name": name,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": 10,
        "tcp_user_timeout": VANISHED_MS,
        "options": (
            f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
            f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"
        ),
    }


async def check_idle(connection: Connection) -> None:
    """Raises OperationalError for a connection that the server has closed.

    An idle connection has nothing to read; when there is something, the server has restarted or has said
    something, and one round trip tells which. This keeps the round trip out of every other request.
    """
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if waiting.poll(0):
        await AsyncConnectionPool.check_connection(connection)


async def bind_tenant(connection: Connection, tenant_id: str) -> None:
    """Binds the running transaction to a tenant; the binding ends with it."""
    await connection.execute("SELECT set_config('app.tenant_id', %s, true)", (tenant_id,))
