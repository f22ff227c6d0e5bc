"""Envoy's own replies, in the caller's language.

REST callers get a problem (RFC 9457) with a stable code; gRPC callers get a status from Envoy
itself; gRPC-web callers, whom Envoy would answer in plain HTTP before its gRPC-web filter has
run, get a trailers-only status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Config = dict[str, Any]

BODY = "%LOCAL_REPLY_BODY%"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Reply:
    """What Envoy says when it answers an HTTP status by itself."""

    status: int
    code: str
    title: str
    detail: str
    grpc: int
    fix: str = ""
    headers: tuple[tuple[str, str], ...] = ()


WRONG_AUDIENCE = "jwt_authn_access_denied{Audiences"
UNAUTHENTICATED = Reply(
    401,
    "UNAUTHENTICATED",
    "Unauthorized",
    BODY,
    16,
    "Send authorization: Bearer with a valid access token; POST /oauth/token issues one in development.",
    (("www-authenticate", 'Bearer realm="assay"'),),
)
# The gRPC code of each follows grpc/doc/http-grpc-status-mapping.md where the status is the
# caller's fault, except 413, which gRPC itself calls RESOURCE_EXHAUSTED.
REPLIES: tuple[Reply, ...] = (
    Reply(400, "BAD_REQUEST", "Bad Request", "This is no valid HTTP request.", 3),
    UNAUTHENTICATED,
    Reply(
        403,
        "PERMISSION_DENIED",
        "Forbidden",
        "The token carries none of the scopes that this call asks for.",
        7,
        "Ask for a token with a scope that /docs lists for this call.",
        (("www-authenticate", 'Bearer realm="assay", error="insufficient_scope"'),),
    ),
    Reply(404, "NOT_FOUND", "Not Found", "There is nothing at this path.", 12, "See /docs."),
    Reply(
        408, "REQUEST_TIMEOUT", "Request Timeout", "The request did not arrive in time.", 4, "Send it again."
    ),
    Reply(
        413,
        "PAYLOAD_TOO_LARGE",
        "Content Too Large",
        "The body is larger than 256 KiB.",
        8,
        "Upload files with POST /uploads/sign; split long lists.",
    ),
    Reply(
        429,
        "RATE_LIMITED",
        "Too Many Requests",
        "Too many requests in too short a time.",
        8,
        "Wait as Retry-After says and send fewer.",
        (("retry-after", "1"),),
    ),
    Reply(
        431,
        "HEADERS_TOO_LARGE",
        "Request Header Fields Too Large",
        "The headers are larger than 16 KiB or more than 64.",
        8,
        "Send fewer or shorter headers.",
    ),
    Reply(500, "INTERNAL", "Internal Server Error", "The gateway failed to handle the request.", 13),
    Reply(
        502, "UPSTREAM_UNAVAILABLE", "Bad Gateway", "A service gave an unreadable answer.", 14, "Try again."
    ),
    Reply(
        503,
        "UPSTREAM_UNAVAILABLE",
        "Service Unavailable",
        "A service behind the gateway cannot be reached.",
        14,
        "Try again as Retry-After says.",
        (("retry-after", "2"),),
    ),
    Reply(
        504,
        "UPSTREAM_TIMEOUT",
        "Gateway Timeout",
        "A service behind the gateway did not answer in time.",
        4,
        "Try again with the same idempotency-key.",
    ),
)
# The same statuses for a cause that Envoy names in its response code details.
CAUSES: tuple[tuple[str, Reply], ...] = (
    (WRONG_AUDIENCE, UNAUTHENTICATED),
    (
        "grpc_json_transcode",
        Reply(400, "INVALID_ARGUMENT", "Bad Request", BODY, 3, "See /docs for this call."),
    ),
    (
        "path_normalization_failed",
        Reply(
            400,
            "INVALID_PATH",
            "Bad Request",
            "The path is malformed or holds an escaped slash.",
            3,
            "See /docs.",
        ),
    ),
    (
        "http1.unexpected_underscore",
        Reply(400, "INVALID_HEADER", "Bad Request", "A header name holds an underscore.", 3, "Use dashes."),
    ),
    (
        "http2.unexpected_underscore",
        Reply(400, "INVALID_HEADER", "Bad Request", "A header name holds an underscore.", 3, "Use dashes."),
    ),
)
ANY = Reply(0, "GATEWAY_ERROR", "Error", "The gateway refused the request.", 2)


def local_reply_config(trace: str) -> Config:
    """The `local_reply_config` of the connection manager.

    `trace`: format command of the trace id; empty when a tracer makes it, since Envoy formats its
    own replies without the span, and the Lua filter adds the id on their way out.
    """
    return {
        "mappers": [
            _plain(_status(399, "LE")),
            # Envoy answers 403 to a wrong audience; RFC 6750 calls that an invalid token: 401.
            {**_plain(_both(native_grpc(), _details(WRONG_AUDIENCE))), "status_code": 401},
            _plain(native_grpc()),
            _web_mapper(UNAUTHENTICATED, _details(WRONG_AUDIENCE)),
            *(_web_mapper(r, _status(r.status)) for r in REPLIES),
            _lua_mapper(trace),
            *(_problem_mapper(r, _details(cause), trace) for cause, r in CAUSES),
            *(_problem_mapper(r, _status(r.status), trace) for r in REPLIES),
        ],
        "body_format": _json(ANY, trace),
    }


def native_grpc() -> Config:
    """Requests that were gRPC when they came: transcoded ones carry their original path."""
    return _both(
        _header("content-type", {"safe_regex": {"regex": r"application/grpc(\+.*)?"}}),
        {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": False}}},
    )


def _plain(when: Config) -> Config:
    """Leaves the text as it is; for gRPC it becomes the message of the status."""
    return {"filter": when, "body_format_override": _text(BODY, "text/plain")}


def _web_mapper(reply: Reply, when: Config) -> Config:
    headers = (("grpc-status", str(reply.grpc)), ("grpc-message", reply.code), *reply.headers)
    return {
        "filter": _both(_header("content-type", {"prefix": "application/grpc-web"}), when),
        "status_code": 200,
        "headers_to_add": _added(headers),
        "body_format_override": _text("", "text/plain"),
    }


def _lua_mapper(trace: str) -> Config:
    # The filter sends its problem without the closing brace, since only Envoy knows the trace.
    end = f',"trace_id":"{trace}"}}' if trace else "}"
    return {"filter": _details("lua_response"), "body_format_override": _text(BODY + end, PROBLEM)}


def _problem_mapper(reply: Reply, when: Config, trace: str) -> Config:
    return {
        "filter": when,
        "status_code": reply.status,
        "headers_to_add": _added(reply.headers),
        "body_format_override": _json(reply, trace),
    }


def _json(reply: Reply, trace: str) -> Config:
    problem: Config = {
        "type": "urn:assay:problem:" + reply.code.lower().replace("_", "-"),
        "title": reply.title,
        "status": reply.status or "%RESPONSE_CODE%",
        "code": reply.code,
        "detail": reply.detail,
    }
    if trace:
        problem["trace_id"] = trace
    if reply.fix:
        problem["fix"] = reply.fix
    # A request that is refused before it is read has no trace.
    return {"json_format": problem, "content_type": PROBLEM, "omit_empty_values": True}


def _both(one: Config, other: Config) -> Config:
    return {"and_filter": {"filters": [one, other]}}


def _status(status: int, op: str = "EQ") -> Config:
    value = {"default_value": status, "runtime_key": f"assay.replies.{status}"}
    return {"status_code_filter": {"comparison": {"op": op, "value": value}}}


def _details(prefix: str) -> Config:
    kind = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": f"type.googleapis.com/{kind}",
                "expression": f"response.code_details.startsWith('{prefix}')",
            },
        }
    }


def _header(name: str, match: Config) -> Config:
    return {"header_filter": {"header": {"name": name, "string_match": match}}}


def _added(headers: Sequence[tuple[str, str]]) -> list[Config]:
    return [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in headers
    ]


def _text(text: str, content_type: str) -> Config:
    return {"text_format_source": {"inline_string": text}, "content_type": content_type}
