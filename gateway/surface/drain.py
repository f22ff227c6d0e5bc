"""`python -m gateway.surface.drain`: has an Envoy end its work before it is stopped.

It says at once that it is not ready, tells the connections it has to go elsewhere, and returns when no
request is left or the time is up. Exits with 1 when Envoy cannot be told.
"""

from __future__ import annotations

import argparse
import http.client
import time

POLL_S = 0.5
CALL_S = 5.0
# Balancers need this long to stay away.
AT_LEAST_S = 5.0
ACTIVE = "http.edge.downstream_rq_active"


def drain(admin_port: int, at_most_s: float, at_least_s: float = AT_LEAST_S) -> int:
    """Drains the Envoy whose admin interface is on this port; returns how many requests were left.

    Raises OSError when it does not answer.
    """
    began = time.monotonic()
    _call(admin_port, "POST", "/healthcheck/fail")
    _call(admin_port, "POST", "/drain_listeners?graceful&skip_exit")
    while True:
        passed = time.monotonic() - began
        left = active(admin_port)
        if passed >= at_most_s or (left == 0 and passed >= at_least_s):
            return left
        time.sleep(POLL_S)


def active(admin_port: int) -> int:
    """Requests that the public listener works on now."""
    said = _call(admin_port, "GET", f"/stats?filter=^{ACTIVE}$")
    return int(said.partition(f"{ACTIVE}:")[2] or 0)


def _call(port: int, verb: str, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CALL_S)
    try:
        connection.request(verb, path)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"{verb} {path}: {answer.status} {body}")
    return body


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway.surface.drain", description=__doc__)
    parser.add_argument("--admin-port", type=int, required=True, help="port of Envoy's admin, on 127.0.0.1")
    parser.add_argument("--at-most", type=float, default=90.0, help="seconds to wait for requests to end")
    args = parser.parse_args()
    try:
        left = drain(args.admin_port, args.at_most)
    except OSError as error:
        raise SystemExit(f"not drained: {error}") from error
    print(f"drained, {left} requests left", flush=True)


if __name__ == "__main__":
    main()
