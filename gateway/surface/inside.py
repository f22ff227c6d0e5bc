"""Envoy's second listener, for the inside alone: counters to scrape and the two answers a probe wants.

The admin interface stays on the loopback; of it only these paths are passed on.
"""

from __future__ import annotations

from gateway.surface.clusters import Config, socket

CLUSTER = "admin"
_HTTP = "type.googleapis.com/envoy.extensions.filters"


def listener(host: str, port: int) -> Config:
    """`/stats/prometheus`; `/ready`, 503 until Envoy serves and while it drains; `/live`, always 200."""
    passed = [
        {"match": {"path": path}, "route": {"cluster": CLUSTER}} for path in ("/stats/prometheus", "/ready")
    ]
    # A draining Envoy says that it is not ready, and a restart would end what it drains.
    live = {"match": {"path": "/live"}, "direct_response": {"status": 200}}
    manager = {
        "@type": f"{_HTTP}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inside",
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_HTTP}.http.router.v3.Router", "suppress_envoy_headers": True},
            }
        ],
        "route_config": {"virtual_hosts": [{"name": "inside", "domains": ["*"], "routes": [*passed, live]}]},
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "name": "inside",
        "address": socket(host, port),
        "enable_reuse_port": False,
        "filter_chains": [{"filters": filters}],
    }


def cluster(admin_port: int) -> Config:
    """The admin interface."""
    endpoint = {"endpoint": {"address": socket("127.0.0.1", admin_port)}}
    return {
        "name": CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
