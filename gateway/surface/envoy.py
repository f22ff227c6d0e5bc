"""Envoy's bootstrap, rendered from the methods.

The order of the HTTP filters is a security property (Envoy 1.40, each seen failing the other way):
RBAC stands after the transcoder, since before it a REST path matches no per-method route and its
policy would be skipped; the Lua door stands between gRPC-web and the transcoder, since only there
is the caller's own JSON seen, and on the way back the transcoder's.

To drain: `python -m gateway.surface.drain`, then SIGTERM; `--drain-time-s` is how long connections are given
to go elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gateway.surface import clusters, door, inside, methods, overload, replies, routes, tls
from gateway.surface.methods import Method, SurfaceError

Config = dict[str, Any]

BODY_BYTES = 256 * 1024  # a colour request of 1000 pairs in JSON is about 190 KiB
RESPONSE_BYTES = 8 * 1024 * 1024
HEADER_KIB = 16
HEADER_COUNT = 64
PROVIDER = "issuer"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
TOKEN_LIFETIME_S = 24 * 3600
_TYPE = "type.googleapis.com/envoy.extensions"


@dataclass(frozen=True)
class EnvoyOptions:
    """What differs between deployments. Addresses are host:port."""

    folder: Path
    """Where `write` puts envoy.yaml and door.lua."""
    port: int
    admin_port: int
    issuer: str
    upstreams: Mapping[str, str]
    """Address of each cluster: `gateway`, `svc_color` and `svc_decision`."""
    jwks_file: Path | None = None
    """Key set of a development issuer; otherwise `jwks_url` of an OpenID Connect issuer."""
    jwks_url: str = ""
    ca_file: Path = AUTHORITIES
    """Certificate authorities that an https `jwks_url` is verified against."""
    audience: str = "assay"
    host: str = "127.0.0.1"
    cors_origins: Sequence[str] = ()
    otlp: str = ""
    """Address of an OTLP/gRPC collector; empty means no tracing."""
    stats_port: int = 0
    """Port of the inside's listener for counters and probes (`gateway.surface.inside`); 0: none."""
    public_tls: Path | None = None
    """Folder of the public certificate; none: the public listener is plaintext."""
    inside_tls: Path | None = None
    """Folder of the certificate shown to services and collector, and of their authority; none: plaintext."""
    ip_requests_per_second: int = 1000
    tenant_requests_per_second: int = 1000
    descriptors: Path = field(default=methods.DESCRIPTORS)

    @property
    def trace(self) -> str:
        """Format command of what problems give as `trace_id`."""
        return "%TRACE_ID%" if self.otlp else "%REQ(X-REQUEST-ID)%"


def write(options: EnvoyOptions) -> Path:
    """Writes envoy.yaml, door.lua and what names certificates to `options.folder`; returns envoy.yaml."""
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, content in tls.files(options.public_tls, options.inside_tls).items():
        (options.folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    edge = methods.edge(methods.load(options.descriptors))
    source = door.script(methods.read(options.descriptors), edge)
    (options.folder / "door.lua").write_text(source)
    bootstrap = options.folder / "envoy.yaml"
    bootstrap.write_text(yaml.safe_dump(render(options), sort_keys=False, width=120))
    return bootstrap


def render(options: EnvoyOptions) -> Config:
    """The bootstrap as a dict.

    Raises SurfaceError when an edge method has no upstream or there are no keys to verify with.
    """
    edge = methods.edge(methods.load(options.descriptors))
    for method in edge:
        if routes.cluster(method) not in options.upstreams:
            raise SurfaceError(f"{method.full_name} needs an upstream {routes.cluster(method)}")
    if not options.issuer or not options.audience:
        raise SurfaceError("give the issuer and the audience; without them Envoy would take any")
    if (options.jwks_file is None) == (not options.jwks_url):
        raise SurfaceError("give exactly one of jwks_file and jwks_url")
    admin_paths = ("/ready", "/stats", "/clusters", "/server_info", "/healthcheck/", "/drain_listeners")
    return {
        "node": {"id": "assay-edge", "cluster": "assay-edge"},
        "admin": {
            "address": clusters.socket("127.0.0.1", options.admin_port),
            "allow_paths": [{"prefix": p} for p in admin_paths],
        },
        "overload_manager": overload.manager(),
        "static_resources": {"listeners": _listeners(options, edge), "clusters": _clusters(options)},
    }


def _listeners(options: EnvoyOptions, edge: Sequence[Method]) -> list[Config]:
    within = [inside.listener(options.host, options.stats_port)] if options.stats_port else []
    return [_listener(options, edge), *within]


def _listener(options: EnvoyOptions, edge: Sequence[Method]) -> Config:
    secure = {"transport_socket": tls.downstream(options.folder)} if options.public_tls else {}
    return {
        "name": "edge",
        "per_connection_buffer_limit_bytes": 65536,
        # A second gateway on the same port must fail to start, not share the first one's callers.
        "enable_reuse_port": False,
        "address": clusters.socket(options.host, options.port),
        "filter_chains": [
            {
                **secure,
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(options, edge),
                    }
                ],
            }
        ],
    }


def _connection_manager(options: EnvoyOptions, edge: Sequence[Method]) -> Config:
    manager: Config = {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge",
        "codec_type": "AUTO",
        "server_name": "assay",
        "use_remote_address": True,
        # Nobody is taken for internal, so x-envoy-* of any caller is dropped.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "early_header_mutation_extensions": [_drop_spoofed()],
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "max_request_headers_kb": HEADER_KIB,
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "headers_with_underscores_action": "REJECT_REQUEST",
            "max_headers_count": HEADER_COUNT,
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
        "stream_idle_timeout": "60s",
        "request_headers_timeout": "10s",
        "request_timeout": "30s",
        "drain_timeout": "5s",
        "local_reply_config": replies.local_reply_config("" if options.otlp else options.trace),
        "access_log": [_access_log(options)],
        "http_filters": _filters(options, edge),
        "route_config": _route_config(options, edge),
    }
    return {**manager, "tracing": _tracing()} if options.otlp else manager


def _drop_spoofed() -> Config:
    prefixes = ("x-envoy-", "x-assay-", "x-auth-", "x-http-status", "x-trace-id")
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": f"{_TYPE}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove_on_match": {"key_matcher": {"prefix": p}}} for p in prefixes],
        },
    }


def _filters(options: EnvoyOptions, edge: Sequence[Method]) -> list[Config]:
    ready = {"name": ":path", "string_match": {"exact": "/readyz"}}
    return [
        _filter("health_check", "HealthCheck", pass_through_mode=False, headers=[ready]),
        _filter("buffer", "Buffer", max_request_bytes=BODY_BYTES),
        _filter("cors", "Cors"),
        _rate_limit("ip", options.ip_requests_per_second, {"remote_address": {}}, "remote_address"),
        _jwt(options, edge),
        _rate_limit("tenant", options.tenant_requests_per_second, _tenant_action(), "tenant"),
        _filter("grpc_web", "GrpcWeb"),
        _filter("lua", "Lua", default_source_code={"filename": str(options.folder / "door.lua")}),
        _transcoder(options, edge),
        # Allows nothing by itself; each route brings its own policies.
        _filter("rbac", "RBAC", rules={"action": "ALLOW", "policies": {}}),
        _filter("router", "Router", suppress_envoy_headers=True),
    ]


def _filter(name: str, kind: str, **settings: Any) -> Config:
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{_TYPE}.filters.http.{name}.v3.{kind}", **settings},
    }


def _rate_limit(name: str, per_second: int, action: Config, key: str) -> Config:
    bucket = {"max_tokens": per_second, "tokens_per_fill": per_second, "fill_interval": "1s"}
    # The bucket of the filter itself counts everybody, so only the one per key may bind.
    everybody = {**bucket, "max_tokens": per_second * 100, "tokens_per_fill": per_second * 100}
    config = _filter(
        "local_ratelimit",
        "LocalRateLimit",
        stat_prefix=f"{name}_limit",
        token_bucket=everybody,
        filter_enabled={"default_value": {"numerator": 100}},
        filter_enforced={"default_value": {"numerator": 100}},
        rate_limited_as_resource_exhausted=True,
        max_dynamic_descriptors=10000,
        rate_limits=[{"actions": [action]}],
        descriptors=[{"entries": [{"key": key}], "token_bucket": bucket}],
    )
    return {**config, "name": f"assay.{name}_limit"}


def _tenant_action() -> Config:
    claim = {"key": routes.JWT_FILTER, "path": [{"key": "claims"}, {"key": "tenant"}]}
    return {"metadata": {"descriptor_key": "tenant", "source": "DYNAMIC", "metadata_key": claim}}


def _jwt(options: EnvoyOptions, edge: Sequence[Method]) -> Config:
    provider: Config = {
        "issuer": options.issuer,
        "audiences": [options.audience],
        "require_expiration": True,
        "max_lifetime": f"{TOKEN_LIFETIME_S}s",
        "clock_skew_seconds": 30,
        # The services verify the token again, so it goes with the request.
        "forward": True,
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "payload_in_metadata": "claims",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope"]},
        **_keys(options),
    }
    return _filter(
        "jwt_authn",
        "JwtAuthentication",
        providers={PROVIDER: provider},
        rules=routes.jwt_rules(edge, PROVIDER),
    )


def _keys(options: EnvoyOptions) -> Config:
    if options.jwks_file is not None:
        return {"local_jwks": {"filename": str(options.jwks_file)}}
    return {
        "remote_jwks": {
            "http_uri": {"uri": options.jwks_url, "cluster": "jwks", "timeout": "2s"},
            "cache_duration": "300s",
            "async_fetch": {"fast_listener": False, "failed_refetch_duration": "1s"},
            "retry_policy": {"num_retries": 3},
        }
    }


def _transcoder(options: EnvoyOptions, edge: Sequence[Method]) -> Config:
    return _filter(
        "grpc_json_transcoder",
        "GrpcJsonTranscoder",
        proto_descriptor=str(options.descriptors),
        services=sorted({m.service for m in edge if m.http is not None}),
        auto_mapping=False,
        convert_grpc_status=True,
        match_incoming_request_route=False,
        case_insensitive_enum_parsing=False,
        max_request_body_size=BODY_BYTES,
        max_response_body_size=RESPONSE_BYTES,
        url_unescape_spec="ALL_CHARACTERS_EXCEPT_RESERVED",
        print_options={"always_print_primitive_fields": True, "preserve_proto_field_names": True},
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
    )


def _route_config(options: EnvoyOptions, edge: Sequence[Method]) -> Config:
    headers = {
        "x-request-id": "%REQ(X-REQUEST-ID)%",
        "x-trace-id": options.trace,
        "x-content-type-options": "nosniff",
    }
    # Services set some of them too; appending would answer them twice.
    added = [
        {"header": {"key": k, "value": v}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for k, v in headers.items()
    ]
    # What a person's data is in must not stay in caches that nobody knows of.
    store = {"header": {"key": "cache-control", "value": "no-store"}, "append_action": "ADD_IF_ABSENT"}
    cors: Config = {
        "@type": f"{_TYPE}.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in options.cors_origins],
        "allow_methods": "GET, POST, DELETE, OPTIONS",
        "allow_headers": "authorization,content-type,idempotency-key,last-event-id,traceparent,"
        "x-grpc-web,x-user-agent,grpc-timeout",
        "expose_headers": "location,retry-after,x-request-id,x-trace-id,www-authenticate,"
        "grpc-status,grpc-message,grpc-status-details-bin",
        "max_age": "600",
    }
    return {
        "name": "edge",
        "response_headers_to_add": [*added, store],
        "virtual_hosts": [
            {
                "name": "edge",
                "domains": ["*"],
                "typed_per_filter_config": {"envoy.filters.http.cors": cors},
                "routes": routes.routes(edge),
            }
        ],
    }


def _access_log(options: EnvoyOptions) -> Config:
    # Never a token, a body or a query: subjects and page tokens stand in queries. Who called stands in the
    # gateway's own line of the same request_id, as a hash, which Envoy cannot make.
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": f"{_TYPE}.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {
                "json_format": {
                    "timestamp": "%START_TIME%",
                    "event": "request",
                    "service": "envoy",
                    "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
                    "path": "%PATH(NQ:ORIG_OR_PATH)%",
                    "route": "%ROUTE_NAME%",
                    "status": "%RESPONSE_CODE%",
                    "grpc_status": "%GRPC_STATUS_NUMBER%",
                    "flags": "%RESPONSE_FLAGS%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "duration_ms": "%DURATION%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                    "trace_id": options.trace,
                    "request_id": "%REQ(X-REQUEST-ID)%",
                    "upstream": "%UPSTREAM_CLUSTER%",
                }
            },
        },
    }


def _tracing() -> Config:
    return {
        "random_sampling": {"value": 100},
        "spawn_upstream_span": True,
        # By itself Envoy tells every span the whole URL, whose query names subjects, and who called.
        "custom_tags": [
            {"tag": "http.url", "value": "%PATH(NQ:ORIG_OR_PATH)%"},
            {"tag": "http.route", "value": "%ROUTE_NAME%"},
            {"tag": "http.request_id", "value": "%REQ(X-REQUEST-ID)%"},
            *({"tag": name, "literal": {"value": "-"}} for name in ("peer.address", "user_agent")),
        ],
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "service_name": "envoy",
                "grpc_service": {"envoy_grpc": {"cluster_name": "otlp"}, "timeout": "0.25s"},
            },
        },
    }


def _clusters(options: EnvoyOptions) -> list[Config]:
    def secure(address: str) -> Config | None:
        host = address.rpartition(":")[0]
        return tls.upstream(host, options.folder) if options.inside_tls else None

    services = [
        clusters.service(name, address, secure(address))
        for name, address in sorted(options.upstreams.items())
    ]
    keys = [clusters.key_set(options.jwks_url, options.ca_file)] if options.jwks_url else []
    traces = [clusters.collector(options.otlp, secure(options.otlp))] if options.otlp else []
    admin = [inside.cluster(options.admin_port)] if options.stats_port else []
    return [*services, *keys, *traces, *admin]
