"""`assay certificates`: when certificates end, of files and of servers."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from cli.jobs import JSON
from cli.problems import refused

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Certificate:
    """A certificate: where it was read, whom it names, when it ends (RFC 3339), days left."""

    source: str
    subject: str
    names: tuple[str, ...]
    ends: str
    days_left: float


@click.command()
@click.argument("sources", metavar="FILE|HOST:PORT...", nargs=-1, required=True)
@click.option(
    "--days", type=click.FloatRange(0), default=14, show_default=True, help="Fewer left is too few."
)
@JSON
def certificates(sources: tuple[str, ...], days: float, as_json: bool) -> None:
    """Says when certificates end: of PEM files, and of what servers show. Exit status 1 when it is soon.

    \b
    Example:
      assay certificates api.example.org:443 --days 14
      assay certificates tls.crt
    """
    found = [one for source in sources for one in read(source)]
    soon = [one for one in found if one.days_left < days]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in found:
            mark = "SOON" if one in soon else "ok  "
            named = ", ".join(one.names) or one.subject
            click.echo(f"{mark}  {one.days_left:7.1f} days  {one.ends}  {named}  ({one.source})")
    if soon:
        raise click.exceptions.Exit(1)


def read(source: str) -> list[Certificate]:
    """The certificates of a PEM file, or the one that a server shows; raises CommandError."""
    path = Path(source)
    try:
        pem = path.read_bytes() if path.is_file() else shown(source)
        return parse(source, pem)
    except (OSError, ValueError) as error:
        detail = f"{source}: {error}"
        fix = "Give a PEM file or HOST:PORT of a TLS server."
        raise refused("CERTIFICATE_UNREADABLE", detail, field="sources", fix=fix) from error


def shown(address: str) -> bytes:
    """The certificate that a TLS server shows, PEM, not verified: an ended one is to be seen as well."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError("neither a file nor HOST:PORT")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host, int(port)), TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        der = secure.getpeercert(binary_form=True)
    if not der:
        raise ValueError("the server shows no certificate")
    return ssl.DER_cert_to_PEM_cert(der).encode()


def parse(source: str, pem: bytes) -> list[Certificate]:
    """Every certificate in PEM text; raises ValueError when there is none."""
    from cryptography import x509

    found = []
    for one in x509.load_pem_x509_certificates(pem):
        try:
            names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            dns = tuple(names.get_values_for_type(x509.DNSName))
        except x509.ExtensionNotFound:
            dns = ()
        ends = one.not_valid_after_utc
        left = (ends - datetime.now(UTC)).total_seconds() / 86_400
        found.append(
            Certificate(
                source=source,
                subject=one.subject.rfc4514_string(),
                names=dns,
                ends=ends.isoformat(timespec="seconds"),
                days_left=round(left, 2),
            )
        )
    return found
