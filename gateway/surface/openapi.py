"""The OpenAPI 3.1 document of the REST surface, generated from the methods and their messages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gateway.surface import methods
from gateway.surface.door import HTTP_BODY, path_variables, query_fields
from gateway.surface.methods import Method, SurfaceError
from gateway.surface.schemas import Schemas, component

Document = dict[str, Any]

DOCUMENT = Path(__file__).with_name("openapi.json")

_TEXT: Document = {"type": "string"}
_TOKEN: Document = {
    "type": "object",
    "description": "An access token (RFC 6749, section 5.1).",
    "properties": {
        "access_token": _TEXT,
        "token_type": {"type": "string", "const": "Bearer"},
        "expires_in": {"type": "integer", "description": "Seconds until it expires."},
        "scope": {"type": "string", "description": "Scopes granted, separated by spaces."},
    },
    "required": ["access_token", "token_type", "expires_in"],
}
_TOKEN_FORM: Document = {
    "type": "object",
    "properties": {
        "grant_type": {"type": "string", "const": "client_credentials"},
        "client_id": _TEXT,
        "client_secret": {"type": "string", "format": "password"},
        "scope": {"type": "string", "description": "Scopes asked for, separated by spaces; all when absent."},
    },
    "required": ["grant_type"],
}
_MODEL: Document = {
    "type": "object",
    "properties": {
        "model": _TEXT,
        "kind": _TEXT,
        "recalled": {"type": "boolean"},
        "contract": {
            "type": "object",
            "description": "Hashes, inputs, outputs, release gates: its model.json.",
        },
        "card": {"type": "string", "description": "The model card, Markdown."},
    },
    "required": ["model", "kind", "recalled", "contract", "card"],
}
_RULESET: Document = {
    "type": "object",
    "properties": {
        "ruleset": _TEXT,
        "sha256": {
            "type": "string",
            "description": "SHA-256 of `document` as canonical JSON: keys sorted, no spaces, UTF-8.",
        },
        "document": {"type": "object", "description": "Manifest, rules, texts and sources."},
    },
    "required": ["ruleset", "sha256", "document"],
}
# Media type and schema of the methods that answer with google.api.HttpBody.
_BODIES: Mapping[str, tuple[str, Document]] = {
    "assay.gateway.v1.AnalysisService.WatchAnalysis": ("text/event-stream", _TEXT),
    "assay.gateway.v1.AnalysisService.GetReport": ("application/pdf", {}),
    "assay.gateway.v1.AnalysisService.GetArtifact": ("*/*", {}),
    "assay.gateway.v1.TokenService.IssueToken": ("application/json", _TOKEN),
    "assay.gateway.v1.TokenService.GetKeySet": ("application/jwk-set+json", {"type": "object"}),
    "assay.gateway.v1.PlatformService.GetOpenApi": ("application/json", {"type": "object"}),
    "assay.gateway.v1.ModelService.GetModel": ("application/json", _MODEL),
    "assay.decision.v1.DecisionService.GetRuleset": ("application/json", _RULESET),
    "assay.gateway.v1.PlatformService.GetDocs": ("text/html", _TEXT),
}
# What callers must know beyond the comment in the .proto file.
_NOTES: Mapping[str, str] = {
    "assay.gateway.v1.AnalysisService.SignUpload": (
        "Then POST the file to `url` as multipart/form-data: every entry of `fields` unchanged, and "
        "last the file as `file`. The storage answers 204, or an XML error when the signature has expired, "
        "the size is out of range or a field was changed."
    ),
    "assay.gateway.v1.AnalysisService.Analyze": (
        "MODE_ASYNC answers 202 at once. MODE_SYNC answers 200 with the result, or 202 when it is not ready "
        "within `timeout`. The same `idempotency-key` with the same body gives the same job; with another "
        "body it gives 409."
    ),
    "assay.gateway.v1.AnalysisService.ReplayAnalysis": (
        "The whole course runs again on the same upload, as a new job that names this one in `replay_of`; "
        "answers 202. The same `idempotency-key` with the same body gives the same job, with 200 once it has "
        "ended."
    ),
    "assay.gateway.v1.AnalysisService.WatchAnalysis": (
        "Events: `state` and `done` carry the analysis without its result, `progress` the running stage's "
        "step, `error` why the stream ends early. A stream lasts at most 15 minutes; open it again if the "
        "analysis has not ended by then."
    ),
}
_KEY: Document = {
    "name": "idempotency-key",
    "in": "header",
    "description": "Any text of at most 255 characters, new for each analysis; a UUID serves well.",
    "schema": {"type": "string", "maxLength": 255},
}
_HEADERS: Mapping[str, Document] = {
    "assay.gateway.v1.AnalysisService.Analyze": _KEY,
    "assay.gateway.v1.AnalysisService.ReplayAnalysis": _KEY,
    "assay.gateway.v1.AnalysisService.WatchAnalysis": {
        "name": "last-event-id",
        "in": "header",
        "description": "The id of the last event seen; states up to it are not sent again.",
        "schema": {"type": "string", "pattern": "^[0-9]*$"},
    },
}
_PROBLEM: Document = {
    "type": "object",
    "description": "A problem (RFC 9457). `code` is stable; the texts are for people.",
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:assay:problem:unknown-field"]},
        "title": _TEXT,
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"},
        "detail": _TEXT,
        "field": {"type": "string", "description": "The field at fault, for example `tattoo.site`."},
        "fix": {"type": "string", "description": "What to do about it."},
        "errors": {
            "type": "array",
            "description": "Every field at fault, at most 16.",
            "items": {
                "type": "object",
                "properties": {"field": _TEXT, "message": _TEXT},
                "required": ["field", "message"],
            },
        },
        "trace_id": {"type": "string", "description": "To be quoted when asking for help."},
    },
    "required": ["type", "title", "status", "code"],
}
_ABOUT = (
    "Phone photos to explainable, versioned measurements. Field names are snake_case; lowerCamelCase is "
    "taken too. Unknown fields and query parameters are refused. Every error is a problem (RFC 9457) with "
    "a stable `code`; gRPC and gRPC-web callers get a google.rpc.Status with the same code as the reason "
    "of its ErrorInfo."
)


def generate(descriptors: Path = methods.DESCRIPTORS) -> str:
    """The document as JSON text, the same for the same descriptors."""
    files = methods.read(descriptors)
    rest = [m for m in methods.edge(methods.load(descriptors)) if m.http is not None]
    return json.dumps(document(rest, Schemas(files)), indent=1, ensure_ascii=False) + "\n"


def document(rest: Sequence[Method], schemas: Schemas) -> Document:
    """The document as a dict. Raises SurfaceError for a raw body whose media type is unknown."""
    paths: dict[str, Document] = {}
    for method in sorted(rest, key=_place):
        verb, template = _place(method)[1], _place(method)[0]
        paths.setdefault(template, {})[verb] = _operation(method, schemas)
    requests = [m.request for m in rest if m.http is not None and m.http.body and m.request != HTTP_BODY]
    responses = [m.response for m in rest if m.response != HTTP_BODY]
    queried = [m.request for m in rest if list(query_fields(schemas.types, m))]
    components = schemas.components([*requests, *queried], responses)
    for name in map(component, queried):
        del components[name]  # its fields are parameters
    return {
        "openapi": "3.1.0",
        "info": {"title": "Assay", "version": version("assay"), "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": s.rpartition(".")[2]} for s in sorted({m.service for m in rest})],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM},
            "responses": {"Problem": _problem("The request was refused or failed.")},
            "securitySchemes": {"oauth2": _security_scheme(rest)},
        },
    }


def _place(method: Method) -> tuple[str, str]:
    assert method.http is not None
    return method.http.template, method.http.verb.lower()


def _operation(method: Method, schemas: Schemas) -> Document:
    operation: Document = {
        "operationId": method.name,
        "tags": [method.service.rpartition(".")[2]],
        "summary": re.split(r"(?<=\.)\s", method.summary)[0].removesuffix("."),
        "description": "\n\n".join(t for t in (method.summary, _NOTES.get(method.full_name, "")) if t),
    }
    if parameters := _parameters(method, schemas):
        operation["parameters"] = parameters
    if body := _request_body(method):
        operation["requestBody"] = body
    operation["responses"] = _responses(method)
    # Any one of the scopes is enough, so each is a requirement of its own.
    operation["security"] = [{"oauth2": [scope]} for scope in method.scopes]
    return operation


def _parameters(method: Method, schemas: Schemas) -> list[Document]:
    assert method.http is not None
    message = schemas.types.messages.get(method.request)
    found: list[Document] = []
    for name in path_variables(method.http.template):
        assert message is not None
        field = next(f for f in message.field if f.name == name)
        found.append(
            {"in": "path", "required": True, **_parameter(schemas.field(method.request, field), name)}
        )
    for field in query_fields(schemas.types, method):
        found.append({"in": "query", **_parameter(schemas.field(method.request, field), field.name)})
    if method.full_name in _HEADERS:
        found.append(_HEADERS[method.full_name])
    return found


def _parameter(schema: Document, name: str) -> Document:
    rest = {k: v for k, v in schema.items() if k != "description"}
    return {"name": name, "description": schema.get("description", ""), "schema": rest}


def _request_body(method: Method) -> Document | None:
    assert method.http is not None
    if not method.http.body:
        return None
    if method.request == HTTP_BODY:
        return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _TOKEN_FORM}}}
    reference = {"$ref": f"#/components/schemas/{component(method.request)}"}
    # What the path fills must not be in the body, and an empty body is taken as {}.
    needed = not path_variables(method.http.template)
    schema = reference if needed else {"type": "object", "additionalProperties": False}
    return {"required": needed, "content": {"application/json": {"schema": schema}}}


def _responses(method: Method) -> Document:
    if method.response == HTTP_BODY:
        if method.full_name not in _BODIES:
            raise SurfaceError(f"{method.full_name} answers a raw body of unknown media type")
        media, schema = _BODIES[method.full_name]
        content = {media: {"schema": schema}}
    else:
        content = {
            "application/json": {"schema": {"$ref": f"#/components/schemas/{component(method.response)}"}}
        }
    responses: Document = {"200": {"description": "The answer.", "content": content}}
    if _HEADERS.get(method.full_name) is _KEY:
        location = {
            "description": "Path of the analysis.",
            "schema": {"type": "string", "format": "uri-reference"},
        }
        responses["200"]["description"] = "The analysis has ended."
        accepted = {"description": "Accepted; look at Location.", "headers": {"location": location}}
        responses["202"] = {**accepted, "content": content}
        responses["409"] = _problem("The same idempotency-key came with another body.")
    if not method.open:
        responses["401"] = _problem("There is no valid token.")
        responses["403"] = _problem("The token lacks the scope.")
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    return responses


def _problem(description: str) -> Document:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}


def _security_scheme(rest: Sequence[Method]) -> Document:
    scopes = sorted({s for m in rest for s in m.scopes})
    opens = {s: "Opens " + ", ".join(m.name for m in rest if s in m.scopes) + "." for s in scopes}
    return {
        "type": "oauth2",
        "description": "In production the tokens of the configured OpenID Connect issuer.",
        "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": opens}},
    }
