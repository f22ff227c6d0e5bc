"""openapi.json, the page that shows it, and docs/api.md: valid, and what the descriptors say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.surface import openapi, replies, routes
from gateway.surface.__main__ import main
from gateway.surface.door import PARTS, SOURCES
from gateway.surface.methods import edge, load

API = Path(__file__).resolve().parents[2] / "docs" / "api.md"
SPEC: dict[str, Any] = json.loads(openapi.DOCUMENT.read_text())
REST = [m for m in edge(load()) if m.http is not None]


def test_it_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(SPEC).iter_errors()) == []


def test_the_committed_document_is_what_the_descriptors_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert openapi.DOCUMENT.read_text() == openapi.generate()
    main(["--check"])
    assert capsys.readouterr().err == ""


def test_a_stale_document_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / "openapi.json"
    stale.write_text(openapi.DOCUMENT.read_text().replace("color:read", "color:write"))
    monkeypatch.setattr(openapi, "DOCUMENT", stale)
    with pytest.raises(SystemExit, match="stale"):
        main(["--check"])


def test_the_command_writes_a_deployment(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text('{"keys": []}')
    addresses = ("gateway=127.0.0.1:9000", "svc_color=127.0.0.1:9003", "svc_decision=127.0.0.1:9004")
    upstreams = [part for address in addresses for part in ("--upstream", address)]
    keys = ["--jwks-file", str(tmp_path / "jwks.json")]
    main(["--out", str(tmp_path / "out"), "--issuer", "https://issuer.example", *keys, *upstreams])
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"envoy.yaml", "door.lua", "openapi.json"}
    with pytest.raises(SystemExit, match=r"ColorService\.Difference needs an upstream svc_color"):
        main(["--out", str(tmp_path / "out"), "--issuer", "https://issuer.example", *keys, *upstreams[:2]])


@pytest.mark.parametrize("method", REST, ids=lambda m: m.name)
def test_each_call_says_its_scopes_and_problems(method: Any) -> None:
    operation = SPEC["paths"][method.http.template][method.http.verb.lower()]
    assert [scope for s in operation["security"] for scope in s["oauth2"]] == list(method.scopes)
    assert operation["summary"]
    assert ("401" in operation["responses"]) == (not method.open)
    assert "default" in operation["responses"]


def test_every_field_is_explained() -> None:
    for name, schema in SPEC["components"]["schemas"].items():
        assert schema["description"], name
        for field, inner in schema.get("properties", {}).items():
            assert inner.get("description") or name == "Problem", f"{name}.{field}"


def accepts(schema: str, body: Any) -> bool:
    """Whether a component schema takes a body."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}
    return bool(jsonschema.Draft202012Validator(whole).is_valid(body))


JOB = "0192f0c1-1111-7000-8000-000000000001"
GOOD: dict[str, Any] = {"upload_id": JOB, "consent": {"treatment": True, "text_version": "1"}, "tattoo": {}}


def test_the_rules_of_the_messages_are_in_the_schemas() -> None:
    assert accepts("gateway.AnalyzeRequest", GOOD)
    for change in (
        {"upload": 1}, {"balance": {}}, {"mode": "MODE_FAST"}, {"subject_id": "a b"}, {"timeout": "soon"},
        {"tattoo": {"area_cm2": 0}}, {"tattoo": {"device": {"wavelengths_nm": [299]}}}, {"consent": {}},
    ):  # fmt: skip
        assert not accepts("gateway.AnalyzeRequest", {**GOOD, **change}), change
    for missing in ("upload_id", "consent", "tattoo"):
        assert not accepts("gateway.AnalyzeRequest", {k: v for k, v in GOOD.items() if k != missing})
    sign = {"purpose": "UPLOAD_PURPOSE_IMAGE", "media_type": "image/jpeg", "size_bytes": 5}
    assert accepts("gateway.SignUploadRequest", sign)
    assert not accepts("gateway.SignUploadRequest", {**sign, "purpose": "UPLOAD_PURPOSE_UNSPECIFIED"})
    lab = {"l": 1, "a": 2, "b": 3}
    pairs = [{"reference": lab, "sample": lab}]
    assert accepts("color.DifferenceRequest", {"pairs": pairs, "k_l": 1})
    assert not accepts("color.DifferenceRequest", {"pairs": pairs, "k_l": 11})
    assert not accepts("color.DifferenceRequest", {"pairs": []})
    assert not accepts("color.DifferenceRequest", {"pairs": pairs * 1001})


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = routes.DOCS.read_text()
    assert not re.search(r"https?://|innerHTML|style=|onclick", page)
    assert '<html lang="en">' in page
    policy = routes.content_security_policy(page)
    assert policy.count("sha256-") == 2
    assert "unsafe" not in policy


def table(heading: str) -> list[list[str]]:
    """Rows of the first table under a heading of docs/api.md, without backquotes."""
    section = API.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows]


def test_api_md_lists_every_call_with_its_scopes() -> None:
    assert API.exists()
    listed = {(row[0], row[1], row[2]) for row in table("Calls")}
    assert listed == {
        (f"{m.http.verb} {m.http.template}", f"{m.service}/{m.name}", " or ".join(m.scopes) or "open")
        for m in REST
        if m.http is not None
    }


def test_api_md_lists_every_code_of_the_door() -> None:
    lua = "".join((SOURCES / part).read_text() for part in PARTS)
    checks = set(re.findall(r'code = "([A-Z_]+)"|add\(report, "([A-Z_]+)"', lua))
    codes = (
        {a or b for a, b in checks} | {r.code for r in replies.REPLIES} | {r.code for _, r in replies.CAUSES}
    )
    assert {row[0] for row in table("Codes of the door")} == codes | {replies.ANY.code}
