"""Routes, scopes and time limits of each method, generated from its auth option.

Every edge method has one route, keyed by its gRPC path; REST, gRPC and gRPC-web all meet it after
the transcoder, so one policy holds for all three. Whatever has no route is answered 404 without
leaving Envoy, and the RBAC filter itself allows nothing: each route must allow by name.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.surface.door import path_variables
from gateway.surface.methods import Method, SurfaceError

Config = dict[str, Any]

DOCS = Path(__file__).with_name("docs.html")
JWT_FILTER = "envoy.filters.http.jwt_authn"
RBAC_FILTER = "envoy.filters.http.rbac"
RBAC_TYPE = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3"


@dataclass(frozen=True)
class Limits:
    """Seconds: for the whole call, and between two pieces of a stream."""

    whole: float
    idle: float


UNARY = Limits(whole=10, idle=15)
DOWNLOAD = Limits(whole=120, idle=30)
# The caller's own wait is at most 60 s; the gateway's heartbeats come every few seconds.
LIMITS: Mapping[str, Limits] = {
    "assay.gateway.v1.AnalysisService.Analyze": Limits(whole=65, idle=70),
    "assay.gateway.v1.AnalysisService.WatchAnalysis": Limits(whole=900, idle=60),
}


def cluster(method: Method) -> str:
    """The upstream cluster: `gateway`, or the stage service of the method's package."""
    return "gateway" if method.room == "gateway" else f"svc_{method.room}"


def limits(method: Method) -> Limits:
    """Time limits of a method."""
    return LIMITS.get(method.full_name, DOWNLOAD if method.server_streaming else UNARY)


def routes(methods: Iterable[Method]) -> list[Config]:
    """One route per edge method, one per REST path, then a 404 for everything else."""
    chosen = tuple(methods)
    return [*(_route(m) for m in chosen), *_rest(chosen), _nothing()]


def jwt_rules(methods: Iterable[Method], provider: str) -> list[Config]:
    """Open methods by exact path, REST and gRPC; everything else needs a token."""
    rules: list[Config] = []
    for method in methods:
        if method.open:
            rules.append({"match": {"path": method.path}})
            if method.http is not None:
                if path_variables(method.http.template):
                    raise SurfaceError(f"{method.full_name} is open, so its path may hold no variable")
                rules.append({"match": {"path": method.http.template}})
    return [*rules, {"match": {"prefix": "/"}, "requires": {"provider_name": provider}}]


def content_security_policy(page: str) -> str:
    """A policy that lets the page run its own inline script and style and nothing else."""

    def hashes(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        sums = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found]
        return " ".join(f"'sha256-{s}'" for s in sums)

    return (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _route(method: Method) -> Config:
    bound = limits(method)
    route: Config = {"cluster": cluster(method), "idle_timeout": f"{bound.idle}s"}
    seconds = f"{bound.whole}s"
    # A caller's grpc-timeout may only shorten; a stream ends by its duration, a unary call by its
    # timeout. Never both at the same moment, or chance decides which of two codes is answered.
    duration: Config = {"grpc_timeout_header_max": seconds}
    if method.server_streaming:
        duration["max_stream_duration"] = seconds
    route["max_stream_duration"] = duration
    route["timeout"] = "0s" if method.server_streaming else seconds
    if method.http is not None and method.http.verb == "GET" and not method.server_streaming:
        route["retry_policy"] = {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 2,
            "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
        }
    config: Config = {
        "name": method.full_name,
        "match": {"path": method.path},
        "route": route,
        "typed_per_filter_config": {RBAC_FILTER: _per_route(_policies(method))},
    }
    if method.http is not None and method.http.template == "/docs":
        config["response_headers_to_add"] = [
            {
                "header": {
                    "key": "content-security-policy",
                    "value": content_security_policy(DOCS.read_text()),
                },
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ]
    return config


def _rest(methods: Iterable[Method]) -> list[Config]:
    """REST paths as they are before the transcoder, so that CORS finds its policy there.

    No request may leave by such a route: they bring no RBAC policy, so the filter denies.
    """
    templates = {m.http.template: cluster(m) for m in methods if m.http is not None}
    return [
        {
            "name": f"rest {template}",
            "match": {"safe_regex": {"regex": template_regex(template)}},
            "route": {"cluster": upstream},
        }
        for template, upstream in sorted(templates.items())
    ]


def template_regex(template: str) -> str:
    """A path template as a regular expression (RE2); a variable is one non-empty segment."""
    return "[^/]+".join(re.escape(part) for part in re.split(r"{[^}]*}", template))


def _nothing() -> Config:
    """Answers 404 inside Envoy."""
    anyone = {"anyone": {"permissions": [{"any": True}], "principals": [{"any": True}]}}
    return {
        "name": "nothing",
        "match": {"prefix": "/"},
        "direct_response": {"status": 404, "body": {"inline_string": "There is nothing at this path."}},
        "typed_per_filter_config": {RBAC_FILTER: _per_route(anyone)},
    }


def _policies(method: Method) -> Config:
    principals = [{"any": True}] if method.open else [_has_scope(s) for s in method.scopes]
    return {"scopes": {"permissions": [{"any": True}], "principals": principals}}


def _per_route(policies: Config) -> Config:
    return {
        "@type": f"{RBAC_TYPE}.RBACPerRoute",
        "rbac": {"rules": {"action": "ALLOW", "policies": policies}},
    }


def _has_scope(scope: str) -> Config:
    return {
        "sourced_metadata": {
            "metadata_matcher": {
                "filter": JWT_FILTER,
                "path": [{"key": "claims"}, {"key": "scope"}],
                "value": {"list_match": {"one_of": {"string_match": {"exact": scope}}}},
            }
        }
    }
