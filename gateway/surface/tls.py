"""TLS of Envoy: its public certificate, and the one it shows to services and checks theirs with.

A folder holds tls.crt and tls.key, for services also ca.crt, as cert-manager lays them down. Envoy reads
them through files of its secret discovery: only so does it see that they were renewed.
"""

from __future__ import annotations

from pathlib import Path

from gateway.surface.clusters import Config

PUBLIC, OWN, TRUST = "public", "own", "trust"
_SOCKET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"


def files(public: Path | None, inside: Path | None) -> dict[str, Config]:
    """Content of each discovery file by its name, for those folders that are given."""
    found = {}
    if public is not None:
        found[PUBLIC] = _certificate(PUBLIC, public)
    if inside is not None:
        found[OWN] = _certificate(OWN, inside)
        authority = {
            "trusted_ca": {"filename": str(inside / "ca.crt")},
            "watched_directory": {"path": str(inside)},
        }
        found[TRUST] = _secret(TRUST, "validation_context", authority)
    return {f"{name}-tls.yaml": {"resources": [secret]} for name, secret in found.items()}


def downstream(folder: Path) -> Config:
    """The transport socket of a listener that shows the public certificate; TLS 1.2 or newer."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_SOCKET}.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [_discovered(PUBLIC, folder)],
            },
        },
    }


def upstream(host: str, folder: Path) -> Config:
    """The transport socket of a cluster whose certificate must name `host`; Envoy shows its own."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_SOCKET}.UpstreamTlsContext",
            "sni": host,
            "auto_sni_san_validation": True,
            "common_tls_context": {
                # Towards a service Envoy would by itself speak no newer than 1.2.
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_3",
                    "tls_maximum_protocol_version": "TLSv1_3",
                },
                "alpn_protocols": ["h2"],
                "tls_certificate_sds_secret_configs": [_discovered(OWN, folder)],
                "validation_context_sds_secret_config": _discovered(TRUST, folder),
            },
        },
    }


def _discovered(name: str, folder: Path) -> Config:
    return {
        "name": name,
        "sds_config": {
            "resource_api_version": "V3",
            "path_config_source": {"path": str(folder / f"{name}-tls.yaml")},
        },
    }


def _certificate(name: str, folder: Path) -> Config:
    pair = {
        "certificate_chain": {"filename": str(folder / "tls.crt")},
        "private_key": {"filename": str(folder / "tls.key")},
        "watched_directory": {"path": str(folder)},
    }
    return _secret(name, "tls_certificate", pair)


def _secret(name: str, kind: str, content: Config) -> Config:
    return {"@type": f"{_SOCKET}.Secret", "name": name, kind: content}
