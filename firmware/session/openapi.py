"""The description of the API (OpenAPI 3.1), made of the table from which sessions dispatch: neither can say what the other does
not."""

import re
from collections.abc import Sequence
from typing import Any

from firmware import __version__
from firmware.session import problem
from firmware.session.endpoint import Channel, Download, Endpoint
from firmware.session.schema import Schema, Schemas
from firmware.typed_values import annotations

_PROBLEM: Schema = {
    "type": "object",
    "description": "what went wrong (RFC 9457), what to do, and where",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "places": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "file": {"type": "string"},
                    "line": {"type": "integer"},
                    "text": {"type": "string"},
                    "severity": {"type": "string", "enum": ["error", "warning"]},
                },
                "required": ["file", "line", "text"],
            },
        },
    },
    "required": ["title", "status", "detail", "hint", "places"],
}
_ABOUT = """\
What the web UI does, as JSON. Log in with `Authorization: Bearer TOKEN` (`account token NAME` on the node makes one).
An operation of role admin is refused to accounts of role monitor (403). Errors are application/problem+json."""


def describe(endpoints: Sequence[Endpoint], channels: Sequence[Channel]) -> dict[str, Any]:
    """The whole document."""
    schemas = Schemas()
    paths: dict[str, Any] = {}
    for row in endpoints:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, schemas)
    described = [_channel(row, schemas) for row in channels]
    return {
        "openapi": "3.1.0",
        "info": {"title": "csyncd", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas.by_name, "Problem": _PROBLEM},
        },
        "x-channels": described,
    }


def _operation(row: Endpoint, schemas: Schemas) -> dict[str, Any]:
    wanted = annotations(row.function)
    operation: dict[str, Any] = {
        "operationId": _name(row),
        "summary": row.summary,
        "tags": [row.path.split("/")[1]],
        "x-role": row.role,
        "parameters": [*_path_parameters(row.path), *_query_parameters(wanted.get("query"), schemas)],
        "responses": {**_answer(wanted["return"], schemas), "default": _problem()},
    }
    if body := _body(row, wanted, schemas):
        operation["requestBody"] = body
    return operation


def _name(row: Endpoint) -> str:
    """Of an operation: method and path in words."""
    return "_".join([row.method.lower(), *re.findall(r"\w+", row.path)])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", path)
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]


def _query_parameters(kind: Any, schemas: Schemas) -> list[dict[str, Any]]:
    if kind is None:
        return []
    return [
        {"name": name, "in": "query", "required": "default" not in schema, "schema": schema}
        for name, schema in schemas.properties(kind).items()
    ]


def _body(row: Endpoint, wanted: dict[str, Any], schemas: Schemas) -> dict[str, Any]:
    if "stream" in wanted:
        return {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
    if "body" not in wanted:
        return {}
    reference = schemas.of(wanted["body"])
    content = {"schema": reference, **({"example": dict(row.example)} if row.example else {})}
    required = "required" in schemas.by_name[wanted["body"].__name__]
    return {"required": required, "content": {"application/json": content}}


def _answer(kind: Any, schemas: Schemas) -> dict[str, Any]:
    if kind is type(None):
        return {"204": {"description": "done"}}
    if kind is Download:
        return {"200": {"description": "the bytes", "content": {"application/octet-stream": {}, "text/plain": {}}}}
    return {"200": {"description": "done", "content": {"application/json": {"schema": schemas.of(kind)}}}}


def _problem() -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"description": "it went wrong", "content": {problem.TYPE: {"schema": reference}}}


def _channel(row: Channel, schemas: Schemas) -> dict[str, Any]:
    kind = annotations(row.function).get("query")
    parameters = schemas.properties(kind) if kind is not None else {}
    return {"path": row.path, "role": row.role, "summary": row.summary, "parameters": parameters}
