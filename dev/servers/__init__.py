"""The servers of the local stack, one module each.

Each module has `PORTS` (names and usual numbers of its ports), `spec(data, ports)` (how to run
it) and what a client needs (`url`, `dsn`, `keys`). `data` is a folder the server owns; it keeps
the server's files and its generated credentials (mode 0600). In a test:

    ports = free_ports(nats.PORTS, s3.PORTS)
    with run([nats.spec(tmp_path / "nats", ports), s3.spec(tmp_path / "s3", ports)]) as servers:
        client = await nats_py.connect(nats.url(tmp_path / "nats", ports))
        servers["s3"].restart()

`run` returns when all of them answer, stops them at the end, and none outlives the thread that
started it, even when that is killed.
"""

from dev.ports import free_ports
from dev.process import ProcessSpec, Running, run

__all__ = ["ProcessSpec", "Running", "free_ports", "run"]
