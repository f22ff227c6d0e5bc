"""The Lua door: the generated table of what requests may say, and the filter that checks it.

Envoy's transcoder drops unknown body fields in silence (seen with 1.40), so the filter before it
holds every field name that the descriptors know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
)

from gateway.surface.methods import Method

SOURCES = Path(__file__).resolve().parents[1] / "envoy"
# In the order of their use: each file sees the local names of those before it.
PARTS = ("json.lua", "problem.lua", "check.lua", "door.lua")
HTTP_BODY = "google.api.HttpBody"
TIMESTAMP, DURATION = "google.protobuf.Timestamp", "google.protobuf.Duration"

_F = FieldDescriptorProto
_SCALARS: Mapping[int, str] = {
    _F.TYPE_DOUBLE: "double",
    _F.TYPE_FLOAT: "double",
    _F.TYPE_INT32: "int32",
    _F.TYPE_SINT32: "int32",
    _F.TYPE_SFIXED32: "int32",
    _F.TYPE_UINT32: "uint32",
    _F.TYPE_FIXED32: "uint32",
    _F.TYPE_INT64: "int64",
    _F.TYPE_SINT64: "int64",
    _F.TYPE_SFIXED64: "int64",
    _F.TYPE_UINT64: "uint64",
    _F.TYPE_FIXED64: "uint64",
    _F.TYPE_BOOL: "bool",
    _F.TYPE_STRING: "string",
    _F.TYPE_BYTES: "string",
}


class Types:
    """Messages and enumerations of a descriptor set by full name."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self.messages: dict[str, DescriptorProto] = {}
        self.enums: dict[str, EnumDescriptorProto] = {}
        for file in files.file:
            self.enums.update({f"{file.package}.{e.name}": e for e in file.enum_type})
            for message in file.message_type:
                self._add(file.package, message)

    def _add(self, scope: str, message: DescriptorProto) -> None:
        name = f"{scope}.{message.name}"
        self.messages[name] = message
        self.enums.update({f"{name}.{e.name}": e for e in message.enum_type})
        for nested in message.nested_type:
            self._add(name, nested)

    def map_entry(self, field: FieldDescriptorProto) -> DescriptorProto | None:
        """The entry type of a map field, otherwise None."""
        entry = self.messages.get(field.type_name.removeprefix("."))
        return entry if entry is not None and entry.options.map_entry else None

    def reachable(self, roots: Iterable[str]) -> list[str]:
        """Messages that the roots hold, themselves included, without Google's and map entries; sorted."""
        found: set[str] = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name in found or name.startswith("google."):
                continue
            found.add(name)
            for field in self.messages[name].field:
                entry = self.map_entry(field)
                inner = entry.field[1] if entry else field
                if inner.type == _F.TYPE_MESSAGE:
                    waiting.append(inner.type_name.removeprefix("."))
        return sorted(found)


def script(files: FileDescriptorSet, methods: Iterable[Method]) -> str:
    """The whole Lua source that Envoy loads: the generated table, then the filter."""
    return table(files, methods) + "\n" + "\n".join((SOURCES / p).read_text() for p in PARTS)


def table(files: FileDescriptorSet, methods: Iterable[Method]) -> str:
    """The Lua table SURFACE: routes, messages and enumerations of the REST surface."""
    types = Types(files)
    rest = sorted((m for m in methods if m.http is not None), key=_specific_first)
    names = types.reachable(m.request for m in rest)
    enums = sorted(
        {
            f.type_name.removeprefix(".")
            for n in names
            for f in _inner_fields(types, n)
            if f.type == _F.TYPE_ENUM
        }
    )
    lines = [
        "-- Generated from the descriptor set by gateway.surface; not to be edited.",
        "SURFACE = {",
        "  routes = {",
    ]
    lines += [f"    {_route(types, m)}," for m in rest]
    lines += ["  },", "  messages = {"]
    for name in names:
        lines.append(f"    [{_text(name)}] = {{")
        lines += [f"      {_field(types, types.messages[name], f)}," for f in types.messages[name].field]
        lines.append("    },")
    lines += ["  },", "  enums = {"]
    lines += [f"    [{_text(e)}] = {_list(v.name for v in types.enums[e].value)}," for e in enums]
    lines += ["  },", "}"]
    return "\n".join(lines) + "\n"


def path_variables(template: str) -> tuple[str, ...]:
    """Names of the fields that a path template binds, for example `job_id`."""
    return tuple(re.findall(r"{([a-z_]+)}", template))


def query_fields(types: Types, method: Method) -> Iterator[FieldDescriptorProto]:
    """Fields that a call takes from its query: those that neither the path nor the body fills."""
    assert method.http is not None
    if method.http.body or method.request == HTTP_BODY:
        return
    bound = path_variables(method.http.template)
    for field in types.messages[method.request].field:
        nested = field.type == _F.TYPE_MESSAGE and field.type_name.removeprefix(".") not in (
            TIMESTAMP,
            DURATION,
        )
        if field.name not in bound and not nested:
            yield field


def _specific_first(method: Method) -> tuple[int, str, str]:
    assert method.http is not None
    literal = re.sub(r"{[^}]*}", "", method.http.template)
    return (-len(literal), method.http.template, method.http.verb)


def _pattern(template: str) -> str:
    """A path template as a Lua pattern; a variable is one non-empty segment."""
    parts = re.split(r"{[^}]*}", template)
    return "^" + "[^/]+".join(re.sub(r"([^A-Za-z0-9/:])", r"%\1", p) for p in parts) + "$"


def _route(types: Types, method: Method) -> str:
    assert method.http is not None
    body = "" if not method.http.body else "form" if method.request == HTTP_BODY else "json"
    fields = list(query_fields(types, method))
    either = sorted({n for f in fields for n in (f.name, f.json_name)})
    query = "{" + ", ".join(f"{n} = true" for n in either) + "}"
    bound = "{" + ", ".join(f"{n} = true" for n in path_variables(method.http.template)) + "}"
    return (
        f"{{verb = {_text(method.http.verb)}, pattern = {_text(_pattern(method.http.template))}, "
        f"message = {_text(method.request)}, body = {_text(body)}, "
        f"bound = {bound}, query = {query}, query_names = {_list(f.name for f in fields)}}}"
    )


def _inner_fields(types: Types, message: str) -> Iterator[FieldDescriptorProto]:
    for field in types.messages[message].field:
        entry = types.map_entry(field)
        yield entry.field[1] if entry else field


def _field(types: Types, message: DescriptorProto, field: FieldDescriptorProto) -> str:
    entry = types.map_entry(field)
    parts = [
        f"name = {_text(field.name)}",
        f"json = {_text(field.json_name)}",
        _kind(entry.field[1] if entry else field),
    ]
    if entry:
        parts.append("map = true")
    elif field.label == _F.LABEL_REPEATED:
        parts.append("list = true")
    if field.HasField("oneof_index") and not field.proto3_optional:
        parts.append(f"oneof = {_text(message.oneof_decl[field.oneof_index].name)}")
    return "{" + ", ".join(parts) + "}"


def _kind(field: FieldDescriptorProto) -> str:
    name = field.type_name.removeprefix(".")
    if field.type == _F.TYPE_ENUM:
        return f"enum = {_text(name)}"
    if field.type == _F.TYPE_MESSAGE:
        known = {TIMESTAMP: "timestamp", DURATION: "duration"}.get(name)
        return f"kind = {_text(known)}" if known else f"message = {_text(name)}"
    return f"kind = {_text(_SCALARS[field.type])}"


def _list(names: Iterable[str]) -> str:
    return "{" + ", ".join(_text(n) for n in names) + "}"


def _text(value: str) -> str:
    """A Lua string; names in descriptors and path templates hold no control characters."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
