"""Structured logs: one JSON object a line on stdout, with service, trace and job ids.

Keys: ts, level, event, service, version, region, trace_id, span_id, and whatever the call
adds as key=value. No photo, no name, no token is ever a value; a tenant or caller is its hash. One canonical
line ends each request (`rpc`) and each stage run (`stage_run`): `mesh.signals` says what is in them.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

import structlog
from opentelemetry import trace
from structlog.typing import Processor

from mesh.settings import Settings


def configure(service: str, settings: Settings) -> None:
    """Sets up structlog and the standard library's logging for this process."""
    level = getattr(logging, settings.log_level.upper())

    def add_identity(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        event["version"] = settings.version
        event["region"] = settings.region
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event["trace_id"] = f"{context.trace_id:032x}"
            event["span_id"] = f"{context.span_id:016x}"
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        add_identity,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


@lru_cache(maxsize=4096)
def hashed(name: str) -> str:
    """A tenant or caller as logs name it: 16 hex digits of SHA-256, the same everywhere; empty for none."""
    return hashlib.sha256(name.encode()).hexdigest()[:16] if name else ""
