"""Generates the surface from the descriptor set.

`--out DIR` writes Envoy's files and OpenAPI for a deployment, `--write` rewrites the committed
openapi.json, `--check` changes nothing and fails when that file is not what the descriptors say.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.surface import openapi
from gateway.surface.envoy import AUTHORITIES, EnvoyOptions, write
from gateway.surface.methods import DESCRIPTORS, SurfaceError


def main(argv: list[str] | None = None) -> None:
    """Entry point; exits with a message when the surface cannot be made."""
    args = _parser().parse_args(argv)
    try:
        document = openapi.generate(args.descriptors)
        if args.check:
            if not openapi.DOCUMENT.exists() or openapi.DOCUMENT.read_text() != document:
                raise SystemExit("openapi.json is stale; run `make proto`")
        elif args.write:
            openapi.DOCUMENT.write_text(document)
        else:
            print(write(_options(args)))
            (args.out / "openapi.json").write_text(document)
    except SurfaceError as error:
        raise SystemExit(f"no surface: {error}") from error


def _options(args: argparse.Namespace) -> EnvoyOptions:
    return EnvoyOptions(
        folder=args.out.resolve(),
        host=args.host,
        port=args.port,
        admin_port=args.admin_port,
        issuer=args.issuer,
        audience=args.audience,
        upstreams=dict(u.split("=", 1) for u in args.upstream),
        jwks_file=args.jwks_file.resolve() if args.jwks_file else None,
        jwks_url=args.jwks_url,
        cors_origins=tuple(args.cors_origin),
        otlp=args.otlp,
        stats_port=args.stats_port,
        public_tls=args.public_tls,
        inside_tls=args.inside_tls,
        ca_file=args.ca_file,
        descriptors=args.descriptors.resolve(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gateway.surface",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        epilog="example: python -m gateway.surface --out run/envoy --jwks-file run/jwks.json "
        "--issuer http://127.0.0.1:8080 "
        "--upstream gateway=127.0.0.1:9000 --upstream svc_color=127.0.0.1:9003 "
        "--upstream svc_decision=127.0.0.1:9004",
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument(
        "--check", action="store_true", help="change nothing; fail when openapi.json is stale"
    )
    action.add_argument("--write", action="store_true", help="rewrite the committed openapi.json")
    action.add_argument("--out", type=Path, help="folder for envoy.yaml, door.lua and openapi.json")
    parser.add_argument("--descriptors", type=Path, default=DESCRIPTORS, help="descriptor set of the protos")
    parser.add_argument("--host", default="127.0.0.1", help="address Envoy listens on")
    parser.add_argument("--port", type=int, default=8080, help="port Envoy listens on")
    parser.add_argument("--admin-port", type=int, default=9901, help="port of Envoy's admin, on 127.0.0.1")
    parser.add_argument("--issuer", default="", help="issuer that tokens must name")
    parser.add_argument("--audience", default="assay", help="audience that tokens must name")
    parser.add_argument("--jwks-file", type=Path, help="key set of a development issuer")
    parser.add_argument("--jwks-url", default="", help="key set URL of an OpenID Connect issuer")
    parser.add_argument(
        "--upstream",
        action="append",
        default=[],
        metavar="NAME=HOST:PORT",
        help="gateway, svc_color and svc_decision",
    )
    parser.add_argument(
        "--cors-origin", action="append", default=[], help="origin of a web page that may call"
    )
    parser.add_argument("--otlp", default="", help="host:port of an OTLP/gRPC collector")
    parser.add_argument("--stats-port", type=int, default=0, help="port for scrapes and probes; 0: none")
    parser.add_argument("--public-tls", type=Path, help="folder of the public tls.crt and tls.key")
    parser.add_argument("--inside-tls", type=Path, help="folder of tls.crt, tls.key, ca.crt towards services")
    parser.add_argument(
        "--ca-file",
        type=Path,
        default=AUTHORITIES,
        help="authorities that an https --jwks-url is verified with",
    )
    return parser


if __name__ == "__main__":
    main()
