"""What Envoy refuses so that it stays up."""

from __future__ import annotations

from gateway.surface.clusters import Config

HEAP_BYTES = 512 * 1024 * 1024
CONNECTIONS = 5000
_TYPE = "type.googleapis.com/envoy.extensions"


def manager() -> Config:
    """Sheds load before memory or connections run out."""

    def monitor(name: str, kind: str, **settings: int) -> Config:
        package = kind.rpartition(".")[0]
        return {
            "name": f"envoy.resource_monitors.{name}",
            "typed_config": {
                "@type": f"{_TYPE}.resource_monitors.{package}.{kind.rpartition('.')[2]}",
                **settings,
            },
        }

    def action(name: str, share: float) -> Config:
        trigger = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": share}}
        return {"name": f"envoy.overload_actions.{name}", "triggers": [trigger]}

    connections = "downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            monitor("fixed_heap", "fixed_heap.v3.FixedHeapConfig", max_heap_size_bytes=HEAP_BYTES),
            monitor(
                "global_downstream_max_connections",
                connections,
                max_active_downstream_connections=CONNECTIONS,
            ),
        ],
        "actions": [action("shrink_heap", 0.9), action("stop_accepting_requests", 0.95)],
    }
