"""Envoy's upstreams: the services, the key set of an issuer, the trace collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Config = dict[str, Any]

_HTTP2: Config = {"explicit_http_config": {"http2_protocol_options": {}}}


def service(name: str, address: str, tls: Config | None = None) -> Config:
    """A gRPC service of the mesh at host:port; only while it says that it is healthy.

    tls is the transport socket to reach it by; without one it is plaintext.
    """
    check = {
        "timeout": "1s",
        "interval": "5s",
        "unhealthy_interval": "1s",
        "no_traffic_interval": "1s",
        "unhealthy_threshold": 3,
        "healthy_threshold": 1,
        "grpc_health_check": {},
    }
    keepalive = {"connection_keepalive": {"interval": "30s", "timeout": "5s"}}
    return {
        **_cluster(name, address, {"explicit_http_config": {"http2_protocol_options": keepalive}}),
        "lb_policy": "LEAST_REQUEST",
        # No panic routing: a service that says it is not healthy gets no request.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "health_checks": [check],
        # Every :watch holds one request as long as it lasts.
        "circuit_breakers": {
            "thresholds": [{"max_connections": 200, "max_pending_requests": 500, "max_requests": 10000}]
        },
        **({"transport_socket": tls} if tls else {}),
    }


def collector(address: str, tls: Config | None = None) -> Config:
    """An OTLP/gRPC collector at host:port, named `otlp`; tls as for `service`."""
    return {**_cluster("otlp", address, _HTTP2), **({"transport_socket": tls} if tls else {})}


def key_set(address: str, ca_file: Path) -> Config:
    """The host of a key set's URL, named `jwks`; https is verified against `ca_file`."""
    url = urlsplit(address)
    host, secure = str(url.hostname), url.scheme == "https"
    keys = _cluster("jwks", f"{host}:{url.port or (443 if secure else 80)}", None)
    return {**keys, **_tls(host, ca_file)} if secure else keys


def _cluster(name: str, address: str, protocol: Config | None) -> Config:
    host, _, port = address.rpartition(":")
    endpoint = {"endpoint": {"address": socket(host, int(port))}}
    cluster: Config = {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    if protocol is None:
        return cluster
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        **cluster,
        "typed_extension_protocol_options": {kind: {"@type": f"type.googleapis.com/{kind}", **protocol}},
    }


def _tls(host: str, ca_file: Path) -> Config:
    return {
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": host,
                "auto_sni_san_validation": True,
                "common_tls_context": {"validation_context": {"trusted_ca": {"filename": str(ca_file)}}},
            },
        }
    }


def socket(host: str, port: int) -> Config:
    """A socket address."""
    return {"socket_address": {"address": host, "port_value": port}}
