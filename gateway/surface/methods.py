"""Every method of the mesh as data, read from the descriptor set.

The auth option of `assay/common/v1/auth.proto` is the one source of authorisation. A method
that lacks it, or leaves a part of it open, is refused here, so nothing can be generated from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.common.v1 import auth_pb2
from buf.validate import validate_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2

DESCRIPTORS = Path(__file__).resolve().parents[2] / "proto" / "gen" / "descriptors.binpb"
OWN_PACKAGES = "assay."
# Field number of `service` in FileDescriptorProto and of `method` in ServiceDescriptorProto,
# as they stand in SourceCodeInfo paths (google/protobuf/descriptor.proto).
_SERVICE, _METHOD = 6, 2

__all__ = [
    "DESCRIPTORS",
    "HttpRule",
    "Method",
    "SurfaceError",
    "by_full_name",
    "comments",
    "edge",
    "load",
    "read",
]


class SurfaceError(Exception):
    """The descriptors do not say enough to make a surface; the message names the method."""


@dataclass(frozen=True)
class HttpRule:
    """A REST binding: upper-case verb, path template, and what the body fills ("*" or "")."""

    verb: str
    template: str
    body: str


@dataclass(frozen=True)
class Method:
    """One method: its name, its types, and who may call it from where."""

    service: str
    name: str
    request: str
    response: str
    scopes: tuple[str, ...]
    open: bool
    inside: bool
    http: HttpRule | None
    client_streaming: bool
    server_streaming: bool
    summary: str

    @property
    def full_name(self) -> str:
        """Protobuf's full name, for example `assay.color.v1.ColorService.Difference`."""
        return f"{self.service}.{self.name}"

    @property
    def path(self) -> str:
        """gRPC's path, for example `/assay.color.v1.ColorService/Difference`."""
        return f"/{self.service}/{self.name}"

    @property
    def room(self) -> str:
        """The room that serves it: the second part of the package, for example `color`."""
        return self.service.split(".")[1]


def read(descriptors: Path) -> descriptor_pb2.FileDescriptorSet:
    """Parses a descriptor set with its options. Raises SurfaceError when it holds no file."""
    # The extensions of these modules must be registered before parsing, or options stay unknown.
    _registered = (auth_pb2, annotations_pb2, validate_pb2)
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptors.read_bytes())
    if not files.file:
        raise SurfaceError(f"{descriptors.name} holds no descriptors; run `make proto`")
    return files


def load(descriptors: Path = DESCRIPTORS) -> tuple[Method, ...]:
    """Returns every method of the `assay.*` services, by service and name.

    Raises SurfaceError naming the first method whose auth option is missing or incomplete, and
    when two methods claim the same verb and path.
    """
    methods = sorted(
        (
            _method(file, service, index, comments(file).get((_SERVICE, place, _METHOD, index), ""))
            for file in read(descriptors).file
            if file.package.startswith(OWN_PACKAGES)
            for place, service in enumerate(file.service)
            for index in range(len(service.method))
        ),
        key=lambda m: (m.service, m.name),
    )
    _refuse_collisions(methods)
    return tuple(methods)


def by_full_name(methods: Iterable[Method]) -> Mapping[str, Method]:
    """Methods by protobuf full name, for example `assay.color.v1.ColorService.Difference`."""
    return {m.full_name: m for m in methods}


def edge(methods: Iterable[Method]) -> tuple[Method, ...]:
    """The methods that Envoy routes."""
    return tuple(m for m in methods if not m.inside)


def comments(file: descriptor_pb2.FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Leading comments by SourceCodeInfo path, each as one line of prose."""
    return {
        tuple(place.path): " ".join(place.leading_comments.split())
        for place in file.source_code_info.location
        if place.leading_comments
    }


def _method(
    file: descriptor_pb2.FileDescriptorProto,
    service: descriptor_pb2.ServiceDescriptorProto,
    index: int,
    summary: str,
) -> Method:
    method = service.method[index]
    name = f"{file.package}.{service.name}.{method.name}"
    auth = _auth(name, method.options)
    return Method(
        service=f"{file.package}.{service.name}",
        name=method.name,
        request=method.input_type.removeprefix("."),
        response=method.output_type.removeprefix("."),
        scopes=tuple(sorted(auth.scopes)),
        open=auth.open,
        inside=auth.reach == auth_pb2.REACH_INSIDE,
        http=_http(name, method.options),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
        summary=summary,
    )


def _auth(name: str, options: descriptor_pb2.MethodOptions) -> auth_pb2.Auth:
    if not options.HasExtension(auth_pb2.auth):
        raise SurfaceError(f"{name} lacks the option (assay.common.v1.auth)")
    auth = options.Extensions[auth_pb2.auth]
    if auth.open and auth.scopes:
        raise SurfaceError(f"{name} is open and asks for scopes; it must be one or the other")
    if not auth.open and not auth.scopes:
        raise SurfaceError(f"{name} has no scopes and is not open")
    if any(not s or s != s.strip() or " " in s for s in auth.scopes):
        raise SurfaceError(f"{name} has a scope that no token can carry: {list(auth.scopes)}")
    if auth.reach not in (auth_pb2.REACH_EDGE, auth_pb2.REACH_INSIDE):
        raise SurfaceError(f"{name} does not say its reach")
    if auth.reach == auth_pb2.REACH_INSIDE and options.HasExtension(annotations_pb2.http):
        raise SurfaceError(f"{name} is inside only and has a google.api.http rule")
    return auth


def _http(name: str, options: descriptor_pb2.MethodOptions) -> HttpRule | None:
    if not options.HasExtension(annotations_pb2.http):
        return None
    rule: http_pb2.HttpRule = options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    if verb not in ("get", "put", "post", "delete", "patch"):
        raise SurfaceError(f"{name} has no get, put, post, delete or patch in its google.api.http rule")
    if rule.additional_bindings or rule.response_body or rule.body not in ("", "*"):
        raise SurfaceError(f"{name}: only one binding with body '*' or none can be checked at the door")
    return HttpRule(verb=verb.upper(), template=getattr(rule, verb), body=rule.body)


def _refuse_collisions(methods: Iterable[Method]) -> None:
    taken: dict[tuple[str, str], Method] = {}
    for method in methods:
        if method.http is None:
            continue
        other = taken.setdefault((method.http.verb, method.http.template), method)
        if other is not method:
            raise SurfaceError(f"{method.full_name} and {other.full_name} claim the same verb and path")
