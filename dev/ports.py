"""Port numbers: the usual ones where they are free, others where they are not."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

Ports = Mapping[str, int]

HOST = "127.0.0.1"


def is_free(port: int, host: str = HOST) -> bool:
    """Tells whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set SO_REUSEADDR too: connections in TIME_WAIT do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(*wanted: Iterable[str]) -> dict[str, int]:
    """Returns a free port for every name, all different.

    All sockets are held open until every port is chosen, so one call never gives a port twice.
    """
    names = [name for group in wanted for name in group]
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in names]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}
    finally:
        for each in sockets:
            each.close()


def assign(usual: Ports, previous: Ports) -> dict[str, int]:
    """Chooses a port for every name of `usual`: the previous one, else the usual one, else a free one.

    A port that is taken is never chosen, and no port is chosen twice.
    """
    chosen: dict[str, int] = {}
    for name, number in usual.items():
        candidates = [previous.get(name, 0), number]
        fitting = (p for p in candidates if p and p not in chosen.values() and is_free(p))
        chosen[name] = next(fitting, 0)
    missing = [name for name, port in chosen.items() if not port]
    while missing:
        for name, port in free_ports(missing).items():
            if port not in chosen.values():
                chosen[name] = port
        missing = [name for name in missing if not chosen[name]]
    return chosen
