"""Mutual TLS between processes, from a folder as cert-manager lays it down: tls.crt, tls.key, ca.crt.

Certificates are renewed in place, so they are read again: by the server for a new connection once the files
have changed, by clients when they connect.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import grpc
import structlog

log = structlog.get_logger()

CERTIFICATE, KEY, AUTHORITY = "tls.crt", "tls.key", "ca.crt"


def server_credentials(folder: Path) -> grpc.ServerCredentials:
    """Credentials of a server that takes only callers with a certificate of the same authority.

    Raises OSError (ssl.SSLError included) when the folder holds no usable pair.
    """
    held = _stamp(folder)
    first = _configuration(folder)

    def renewed() -> Any:
        """What to use from now on; None, which the stubs do not know, for what is in use already."""
        nonlocal held
        found = held
        try:
            found = _stamp(folder)
            if found == held:
                return None
            fresh = _configuration(folder)
        except OSError as error:
            # Half-exchanged: the certificate in use goes on, and the next connection looks again.
            log.warning("certificate_not_renewed", error=str(error))
            return None
        held = found
        log.info("certificate_renewed")
        return fresh

    return grpc.dynamic_ssl_server_credentials(first, renewed, require_client_authentication=True)


def client_context(folder: Path) -> ssl.SSLContext:
    """A client's context: verifies by ca.crt, shows tls.crt. Raises OSError, ssl.SSLError included."""
    context = ssl.create_default_context(cafile=folder / AUTHORITY)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    show(context, folder)
    return context


def show(context: ssl.SSLContext, folder: Path) -> None:
    """Has a client's context show the certificate that the folder holds now, from the next connection on."""
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)


def _stamp(folder: Path) -> tuple[tuple[int, int], ...]:
    found = [(folder / name).stat() for name in (CERTIFICATE, KEY, AUTHORITY)]
    return tuple((stat.st_ino, stat.st_mtime_ns) for stat in found)


def _configuration(folder: Path) -> grpc.ServerCertificateConfiguration:
    # gRPC would take a key and a certificate that do not belong together, and refuse every caller.
    client_context(folder)
    pair = ((folder / KEY).read_bytes(), (folder / CERTIFICATE).read_bytes())
    return grpc.ssl_server_certificate_configuration([pair], (folder / AUTHORITY).read_bytes())
