"""The Lua of the door in process: its JSON reader against Python's, its checks against protobuf's.

It is the very text that Envoy loads, run by the same LuaJIT line that Envoy embeds.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from assay.color.v1 import color_pb2
from assay.gateway.v1 import gateway_pb2
from google.protobuf import json_format
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.surface import door, methods

lupa = pytest.importorskip("lupa.luajit21", reason="lupa is missing: install the group `test`")

TAIL = b"""
function read(text)
  local ok, value = pcall(json_decode, text)
  if ok then return true, value end
  if type(value) ~= "table" then error(value, 0) end
  return false, value.code
end
function check(verb, target, content_type, body)
  local problem = check_request(verb, target, content_type, body)
  return problem and open_problem(problem) .. "}"
end
function convert(body, status)
  local problem, retry = problem_of_status(body, status)
  return open_problem(problem) .. "}", retry
end
quote = json_quote
"""


def _load() -> Any:
    source = door.script(methods.read(methods.DESCRIPTORS), methods.edge(methods.load()))
    lua = lupa.LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
    lua.execute(source.encode() + TAIL)
    return lua.globals()


LUA = _load()


def plain(value: Any) -> Any:
    """A value of the Lua reader as Python's json would give it; repeated keys stay visible."""
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if value[b"kind"] == b"null":
        return None
    if value[b"kind"] == b"array":
        return [plain(v) for v in value[b"items"].values()]
    return [
        ("key", k.decode(), plain(v))
        for k, v in zip(value[b"keys"].values(), value[b"values"].values(), strict=True)
    ]


def pairs(found: list[tuple[str, Any]]) -> list[Any]:
    return [("key", k, v) for k, v in found]


def no_constant(name: str) -> None:
    raise ValueError(name)


def python_reads(text: bytes) -> tuple[bool, Any]:
    """Python's reading, made as strict as RFC 8259 and UTF-8 (no NaN, no lone surrogates)."""
    try:
        value = json.loads(text.decode(), object_pairs_hook=pairs, parse_constant=no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False, None
    return True, value


def depth(value: Any) -> int:
    if isinstance(value, tuple):
        return depth(value[2])
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 1


def same(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, bool) or isinstance(b, bool) or not isinstance(a, (int, float)):
        return type(a) is type(b) and bool(a == b)
    # Lua's numbers are doubles; an integer beyond their range is infinite there.
    try:
        return float(a) == float(b)
    except OverflowError:
        return math.isinf(float(a) if isinstance(a, float) else float(b))


def agree(text: bytes) -> None:
    ours, found = LUA[b"read"](text)
    theirs, expected = python_reads(text)
    if not ours and found == b"JSON_TOO_DEEP":
        assert not theirs or depth(expected) > 16
        return
    assert ours == theirs, (text, found)
    if ours:
        assert same(plain(found), expected)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(VALUES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_what_python_writes_is_read_alike(value: Any, ascii_only: bool, indent: int | str | None) -> None:
    agree(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode())


@settings(max_examples=300, deadline=None)
@given(VALUES, st.data())
def test_damaged_text_is_judged_alike(value: Any, data: st.DataObject) -> None:
    text = bytearray(json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text)))
        match data.draw(st.sampled_from(["insert", "cut", "flip"])):
            case "insert":
                text[place:place] = data.draw(
                    st.sampled_from([b",", b'"', b"}", b"]", b"\\", b"0", b"e", b"\xc0", b" "])
                )
            case "cut":
                del text[place : place + data.draw(st.integers(1, 3))]
            case "flip" if place < len(text):
                text[place] = data.draw(st.integers(0, 255))
            case _:
                pass
    agree(bytes(text))


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from('{}[]:,"\\/ \n0123456789.eE+-truefalsn\u00fcabu\x00\x7f'), max_size=24).map(
        "".join
    )
)
@example('"\\ud83d\\ude00"')
@example('"\\ud83d"')
@example('"\\ude00\\ud83d"')
@example("1e400")
@example("-")
@example("01")
@example("[1,]")
@example('{"a":1,}')
@example("NaN")
@example("\ufeff{}")
def test_any_text_is_judged_alike(text: str) -> None:
    agree(text.encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=24))
def test_any_bytes_are_judged_alike(data: bytes) -> None:
    agree(b'"' + data + b'"')
    agree(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_quoted_text_is_always_json(data: bytes) -> None:
    back = json.loads(LUA[b"quote"](data).decode())
    expected = data.decode(errors="replace")
    assert back.replace("\ufffd", "") == expected.replace("\ufffd", "")


def refused(body: Any, path: bytes = b"/v1/analyze") -> dict[str, Any] | None:
    text = json.dumps(body).encode()
    answer = LUA[b"check"](b"POST", path, b"application/json; charset=utf-8", text)
    return json.loads(answer) if answer else None


FIELD_NAMES = st.sampled_from(
    ["upload_id", "uploadId", "mode", "tattoo", "balance", "k_l", "site", "x", "device"]
)
WORDS = st.sampled_from(["", "a", "MODE_SYNC", "3s", "1"])
LOOSE = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1, 1) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD_NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(FIELD_NAMES, LOOSE, max_size=4))
def test_nothing_passes_that_protobuf_refuses(body: dict[str, Any]) -> None:
    """The door is at least as strict as protobuf's own JSON parser, which knows every field."""
    if refused(body) is None:
        json_format.Parse(json.dumps(body), gateway_pb2.AnalyzeRequest())


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-200, 200)] * 6), max_size=4),
    st.sampled_from(color_pb2.DifferenceFormula.values()),
    st.none() | st.floats(0.1, 5),
    st.booleans(),
)
def test_what_protobuf_writes_passes(labs: list[Any], formula: int, k_l: float | None, snake: bool) -> None:
    pairs = [
        {"reference": dict(zip("lab", v[:3], strict=True)), "sample": dict(zip("lab", v[3:], strict=True))}
        for v in labs
    ]
    request = color_pb2.DifferenceRequest(pairs=pairs, formula=formula, k_l=k_l)
    body = json.loads(json_format.MessageToJson(request, preserving_proto_field_name=snake))
    assert refused(body, b"/v1/color:difference") is None


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"sha": 1}, "UNKNOWN_FIELD", "sha"),
        ({"purpose": "UPLOAD_PURPOSE_IMAGES"}, "INVALID_FIELD", "purpose"),
        ({"purpose": 1.5}, "INVALID_FIELD", "purpose"),
        ({"size_bytes": "12x"}, "INVALID_FIELD", "size_bytes"),
        ({"size_bytes": 1e30}, "INVALID_FIELD", "size_bytes"),
        ({"sizeBytes": True}, "INVALID_FIELD", "size_bytes"),
        ({"media_type": {}}, "INVALID_FIELD", "media_type"),
        ({"size_bytes": "12", "purpose": 1, "media_type": "image/jpeg", "sha256": None}, None, None),
    ],
)
def test_types_are_checked(body: dict[str, Any], code: str | None, field: str | None) -> None:
    found = refused(body, b"/uploads/sign")
    assert (found and found["code"], found and found["field"]) == (code, field)


@pytest.mark.parametrize(
    ("given_name", "meant"),
    [("uploadid", "upload_id"), ("Upload_Id", "upload_id"), ("tatoo", "tattoo"), ("modes", "mode")],
)
def test_near_misses_are_named(given_name: str, meant: str) -> None:
    found = refused({given_name: "x"})
    assert found is not None
    assert found["fix"] == f"Did you mean {meant}?"


def test_far_misses_list_what_is_allowed() -> None:
    found = refused({"zzzzzz": 1})
    assert found is not None
    assert found["fix"].startswith("Allowed: upload_id, mode,")


def test_a_hostile_body_costs_little() -> None:
    """Bounded time for the largest body that Envoy lets in: many keys, many errors, long names."""
    bodies = [
        b"{" + b",".join(b'"k%d":1' % n for n in range(20_000)) + b"}",
        b'{"' + b"k" * 250_000 + b'":1}',
        b'{"pairs":[' + b",".join([b"{}"] * 80_000) + b"]}",
        b'{"pairs":[' + b",".join([b"0"] * 120_000) + b"]}",
        b'{"formula":' + b"[" * 250_000,
        b'{"formula":"' + b"\\u00e4" * 40_000 + b'"}',
    ]
    start = time.process_time()
    for body in bodies:
        LUA[b"check"](b"POST", b"/v1/color:difference", b"application/json", body)
    assert time.process_time() - start < 3
    start = time.process_time()
    LUA[b"check"](b"GET", b"/v1/analyze?" + b"&".join([b"a=1"] * 4000), b"", b"")
    assert time.process_time() - start < 1


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([400, 404, 429, 500, 503]))
@example(b'{"code":"x","message":3,"details":[1,{"@type":"a"},null,{"@type":"/google.rpc.BadRequest"}]}', 400)
@example(b'{"details":{"a":1}}', 500)
@example(b"[]", 500)
def test_any_upstream_body_becomes_a_problem(body: bytes, status: int) -> None:
    text, _ = LUA[b"convert"](body, status)
    found = json.loads(text)
    assert found["status"] == status
    assert found["code"]
