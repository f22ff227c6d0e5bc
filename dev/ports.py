"""Port numbers: the usual ones where they are free, others where they are not."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from pathlib import Path

Ports = Mapping[str, int]

HOST = "127.0.0.1"
# Free ports that another process may snatch, before we give up.
ATTEMPTS = 5
# 110 parts of 200 ports, all below Linux's ephemeral range (32768 and up).
FIRST, PART, PARTS = 10_240, 200, 110

_given: set[int] = set()


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
    """Returns a free port for every name, all different, none that this process was given before.

    Ports come from below the kernel's ephemeral range, where no outgoing connection can take one
    before its server listens, and from a part of it that depends on the process id, so that
    processes that choose at the same time choose differently. Raises OSError when none is left.
    """
    names = [name for group in wanted for name in group]
    first = FIRST + os.getpid() % PARTS * PART
    own = random.sample(range(first, first + PART), PART)
    anywhere = random.sample(range(FIRST, FIRST + PARTS * PART), PARTS * PART)
    fitting = (p for p in (*own, *anywhere) if p not in _given and is_free(p))
    chosen: dict[str, int] = {}
    for name in names:
        port = next(fitting, 0)
        if not port:
            raise OSError(f"no free port for {name}")
        _given.add(port)
        chosen[name] = port
    return chosen


class Claims:
    """Ports that this process claims for its stack, as long as it lives.

    A port is not listened on until its server has started; the claim, a lock on a file per port,
    keeps another stack of the same user from choosing it in the meantime.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"assay-ports-{os.getuid()}"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._held: list[TextIOWrapper] = []

    def take(self, port: int) -> bool:
        """Claims a port that is free; False when it is taken or claimed."""
        if not is_free(port):
            return False
        file = (self._folder / str(port)).open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._held.append(file)
        return True

    def release(self) -> None:
        """Gives up every claim."""
        for file in self._held:
            file.close()
        self._held.clear()


def assign(usual: Ports, previous: Ports, claims: Claims) -> dict[str, int]:
    """Chooses and claims a port per name of `usual`: the previous one, the usual one, or a free one.

    Raises OSError when no free port can be had.
    """
    chosen: dict[str, int] = {}
    for name, number in usual.items():
        candidates = [p for p in (previous.get(name, 0), number) if p]
        candidates += [free_ports([name])[name] for _ in range(ATTEMPTS)]
        chosen[name] = next((p for p in candidates if claims.take(p)), 0)
        if not chosen[name]:
            raise OSError(f"no free port for {name}")
    return chosen
