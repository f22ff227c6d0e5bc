"""Messages as JSON Schema (2020-12), with their validation rules and comments.

Covers the rules of protovalidate that our .proto files use; a rule that this module does not know
raises SurfaceError, so that the document never says less than the services check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.duration_pb2 import Duration

from gateway.surface.door import DURATION, TIMESTAMP, Types
from gateway.surface.methods import SurfaceError, comments

Schema = dict[str, Any]

_F = FieldDescriptorProto
_BASE: dict[int, Schema] = {
    _F.TYPE_DOUBLE: {"type": "number"},
    _F.TYPE_FLOAT: {"type": "number"},
    _F.TYPE_INT32: {"type": "integer", "format": "int32"},
    _F.TYPE_UINT32: {"type": "integer", "format": "int64", "minimum": 0},
    # 64-bit integers are strings in JSON (protobuf's JSON mapping); numbers are taken too.
    _F.TYPE_INT64: {"type": ["string", "integer"], "format": "int64"},
    _F.TYPE_UINT64: {"type": ["string", "integer"], "format": "uint64"},
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
# Where fields, nested types and enum values stand in SourceCodeInfo paths (descriptor.proto).
_MESSAGE, _ENUM, _FIELD, _VALUE = 4, 5, 2, 2


class Schemas:
    """Component schemas of the messages and enumerations that a surface needs."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self.types = Types(files)
        self._notes = _Notes(files)

    def components(self, requests: Iterable[str], responses: Iterable[str]) -> dict[str, Schema]:
        """Schemas of the roots and all they hold, by component name, sorted.

        What only responses hold stays open for fields to come.
        """
        closed = self.types.reachable(requests)
        names = sorted({*closed, *self.types.reachable(responses)})
        enums = {
            field.type_name.removeprefix(".")
            for name in names
            for field in self.types.messages[name].field
            if field.type == _F.TYPE_ENUM
        }
        found = {component(n): self.message(n, closed=n in closed) for n in names}
        found.update({component(e): self._enum(e) for e in enums})
        return dict(sorted(found.items()))

    def message(self, name: str, *, closed: bool) -> Schema:
        """The schema of one message; `closed` refuses fields that it does not name."""
        message = self.types.messages[name]
        schema: Schema = {"type": "object"}
        if note := self._notes.of(name):
            schema["description"] = note
        schema["properties"] = {f.name: self.field(name, f) for f in message.field}
        if required := [f.name for f in message.field if _needed(f)]:
            schema["required"] = required
        if closed:
            schema["additionalProperties"] = False
        exclusive = _oneofs(message)
        return {**schema, "allOf": exclusive} if exclusive else schema

    def field(self, message: str, field: FieldDescriptorProto) -> Schema:
        """The schema of one field, its rules and comment included."""
        rules = _rules(field)
        entry = self.types.map_entry(field)
        if entry is not None:
            schema: Schema = {"type": "object", "additionalProperties": self._single(entry.field[1])}
            if rules.map.HasField("max_pairs"):
                schema["maxProperties"] = rules.map.max_pairs
        elif field.label == _F.LABEL_REPEATED:
            schema = {"type": "array", "items": self._single(field, rules.repeated.items)}
            schema.update(_repeated(rules.repeated))
        else:
            schema = self._single(field, rules)
            if refused := self._refused_values(field, rules):
                schema = {**schema, "not": {"enum": refused}}
        note = self._notes.of(f"{message}.{field.name}")
        return {"description": note, **schema} if note else schema

    def _single(self, field: FieldDescriptorProto, rules: validate_pb2.FieldRules | None = None) -> Schema:
        name = field.type_name.removeprefix(".")
        if name == TIMESTAMP:
            return {"type": "string", "format": "date-time"}
        if name == DURATION:
            return {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", **_duration(rules)}
        if field.type in (_F.TYPE_MESSAGE, _F.TYPE_ENUM):
            return {"$ref": f"#/components/schemas/{component(name)}"}
        schema = dict(_BASE[field.type])
        return {**schema, **_scalar(rules)} if rules is not None else schema

    def _refused_values(self, field: FieldDescriptorProto, rules: validate_pb2.FieldRules) -> list[str]:
        """Names of the enumeration that its rule `not_in` refuses."""
        if field.type != _F.TYPE_ENUM:
            return []
        values = self.types.enums[field.type_name.removeprefix(".")].value
        return [v.name for v in values if v.number in rules.enum.not_in]

    def _enum(self, name: str) -> Schema:
        values: EnumDescriptorProto = self.types.enums[name]
        lines = [self._notes.of(name)]
        lines += [f"- `{v.name}`: {self._notes.of(f'{name}.{v.name}')}" for v in values.value]
        return {"type": "string", "enum": [v.name for v in values.value], "description": "\n".join(lines)}


def component(name: str) -> str:
    """Component name of a message: the room and the simple name, for example `color.Lab`."""
    package, _, simple = name.rpartition(".")
    return f"{package.split('.')[1]}.{simple}"


class _Notes:
    """Comments by full name of message, field, enumeration and value."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self._by_name: dict[str, str] = {}
        for file in files.file:
            self._read(file)

    def of(self, name: str) -> str:
        return self._by_name.get(name, "")

    def _read(self, file: FileDescriptorProto) -> None:
        found = comments(file)
        for i, message in enumerate(file.message_type):
            name = f"{file.package}.{message.name}"
            self._by_name[name] = found.get((_MESSAGE, i), "")
            for j, field in enumerate(message.field):
                self._by_name[f"{name}.{field.name}"] = found.get((_MESSAGE, i, _FIELD, j), "")
        for i, enum in enumerate(file.enum_type):
            name = f"{file.package}.{enum.name}"
            self._by_name[name] = found.get((_ENUM, i), "")
            for j, value in enumerate(enum.value):
                self._by_name[f"{name}.{value.name}"] = found.get((_ENUM, i, _VALUE, j), "")


def _rules(field: FieldDescriptorProto) -> validate_pb2.FieldRules:
    return field.options.Extensions[validate_pb2.field]


def _needed(field: FieldDescriptorProto) -> bool:
    """True when leaving the field out breaks its own rules.

    A field without presence is checked even when it is absent, as its empty value (protovalidate).
    """
    rules = _rules(field)
    if rules.required or rules.repeated.min_items > 0:
        return True
    if field.HasField("oneof_index") or field.type == _F.TYPE_MESSAGE or field.label == _F.LABEL_REPEATED:
        return False
    if field.type == _F.TYPE_STRING:
        return bool(rules.string.uuid or rules.string.min_len)
    if field.type == _F.TYPE_ENUM:
        return 0 in rules.enum.not_in
    kind = rules.WhichOneof("type")
    numeric = getattr(rules, kind) if kind is not None and kind != "bytes" else None
    return any(
        (rule.name == "gt" and value >= 0) or (rule.name == "gte" and value > 0)
        for rule, value in (numeric.ListFields() if numeric is not None else ())
    )


def _oneofs(message: DescriptorProto) -> list[Schema]:
    """One `oneOf` per oneof: exactly one member when it is required, otherwise at most one."""
    schemas: list[Schema] = []
    for index, oneof in enumerate(message.oneof_decl):
        members = [
            f.name
            for f in message.field
            if f.HasField("oneof_index") and f.oneof_index == index and not f.proto3_optional
        ]
        if not members:
            continue
        choices: list[Schema] = [{"required": [m]} for m in members]
        if not oneof.options.Extensions[validate_pb2.oneof].required:
            choices.append({"not": {"anyOf": [{"required": [m]} for m in members]}})
        schemas.append({"oneOf": choices})
    return schemas


def _scalar(rules: validate_pb2.FieldRules) -> Schema:
    kind = rules.WhichOneof("type")
    if kind in (None, "enum", "bool"):
        return {}
    known: dict[str, Callable[[Any], Schema]] = {"string": _string, "bytes": _bytes}
    return known.get(str(kind), _number)(getattr(rules, str(kind)))


_STRING_WORDS = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"}
_NUMBER_WORDS = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def _string(rules: validate_pb2.StringRules) -> Schema:
    schema: Schema = {}
    for rule, value in rules.ListFields():
        if rule.name in _STRING_WORDS:
            schema[_STRING_WORDS[rule.name]] = value
        elif rule.name == "uuid":
            schema["format"] = "uuid"
        elif rule.name == "in":
            schema["enum"] = list(value)
        else:
            raise SurfaceError(f"the rule string.{rule.name} has no JSON Schema here")
    return schema


def _bytes(rules: validate_pb2.BytesRules) -> Schema:
    unknown = {rule.name for rule, _ in rules.ListFields()} - {"min_len", "max_len"}
    if unknown:
        raise SurfaceError(f"the rules bytes.{sorted(unknown)} have no JSON Schema here")
    # Base64 makes four characters of three bytes.
    return {"maxLength": -(-rules.max_len // 3) * 4} if rules.HasField("max_len") else {}


def _number(rules: Any) -> Schema:
    schema: Schema = {}
    for rule, value in rules.ListFields():
        if rule.name not in _NUMBER_WORDS:
            raise SurfaceError(f"the rule {rules.DESCRIPTOR.name}.{rule.name} has no JSON Schema here")
        schema[_NUMBER_WORDS[rule.name]] = value
    return schema


def _repeated(rules: validate_pb2.RepeatedRules) -> Schema:
    words = {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"}
    return {words[r.name]: v for r, v in rules.ListFields() if r.name in words}


def _duration(rules: validate_pb2.FieldRules | None) -> Schema:
    """JSON Schema cannot compare durations, so their bounds are said in words."""
    if rules is None or not rules.HasField("duration"):
        return {}

    def seconds(bound: Duration) -> str:
        return f"{bound.seconds + bound.nanos / 1e9:g} s"

    words = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}
    said = [f"{words[r.name]} {seconds(v)}" for r, v in rules.duration.ListFields() if r.name in words]
    return {"title": "Duration, " + " and ".join(said)}
