"""Crash reports to Sentry, where ASSAY_SENTRY_DSN is set; otherwise nothing is imported and nothing sent.

What leaves is chosen, not filtered: `scrub` builds a new event from a short list of what may go. The text
of an exception never does, since it may quote what was sent; neither do local variables, requests,
breadcrumbs, host names or source lines. What is left tells which code failed, in which version, and the
trace id under which our own logs say the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from mesh.settings import Settings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

FLUSH_S = 2.0
KEPT = ("event_id", "timestamp", "platform", "level", "release", "environment")
TAGS = ("service", "region", "rpc", "stage", "trace_id")
FRAME = ("filename", "module", "function", "lineno", "in_app")

_service = ""


def configure(service: str, settings: Settings) -> None:
    """Starts reporting from this process, if it is asked for."""
    global _service
    if not settings.sentry_dsn:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        release=f"assay@{settings.version}",
        environment=settings.env,
        # No integration looks into frameworks, threads or log lines: only `report` reports.
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        send_client_reports=False,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        server_name="",
        before_send=scrub,
    )
    sentry_sdk.set_tag("service", service)
    sentry_sdk.set_tag("region", settings.region)
    _service = service


def report(error: BaseException, *, rpc: str = "", stage: str = "") -> None:
    """Reports an exception that is not in the error tree: a fault of ours. Never blocks, never raises."""
    if not _service:
        return
    import sentry_sdk

    context = trace.get_current_span().get_span_context()
    with sentry_sdk.new_scope() as scope:
        tags = {
            "rpc": rpc,
            "stage": stage,
            "trace_id": f"{context.trace_id:032x}" if context.is_valid else "",
        }
        for name, value in tags.items():
            if value:
                scope.set_tag(name, value)
        scope.capture_exception(error)


def flush() -> None:
    """Waits a moment for what is on its way; at the end of a process."""
    if _service:
        import sentry_sdk

        sentry_sdk.flush(FLUSH_S)


def scrub(event: Event, hint: Hint) -> Event:
    """A new event of what may leave."""
    given: dict[str, Any] = dict(event)
    tags = given.get("tags") or {}
    kept = {name: given[name] for name in KEPT if name in given}
    kept["tags"] = {name: str(tags[name]) for name in TAGS if name in tags}
    values = (given.get("exception") or {}).get("values") or []
    kept["exception"] = {"values": [_exception(value) for value in values]}
    return kept  # type: ignore[return-value]  # a TypedDict whose keys KEPT lists


def _exception(value: dict[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames") or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": "",
        "stacktrace": {"frames": [{name: frame.get(name) for name in FRAME} for frame in frames]},
    }
