"""Holds answers to the API's own description, as `GET /api/openapi.json` serves it."""

from __future__ import annotations

import copy
import json
import re
import urllib.parse
from datetime import date, datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.e2e.stack import Reply

_URI = "urn:openapi"
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date", raises=ValueError)
def _is_day(value: object) -> bool:
    return not isinstance(value, str) or (bool(date.fromisoformat(value)) and len(value) == 10)


@_FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


class Description:
    """The OpenAPI document, read strictly: a status or a field that it does not name is a fault."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        strict = copy.deepcopy(document)
        for name, schema in strict["components"]["schemas"].items():
            # RFC 9457 lets a problem carry members of its own.
            if name != "Problem":
                _close(schema)
        self._registry: Any = Registry().with_resource(_URI, Resource(contents=strict, specification=DRAFT202012))

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        """The template that `path` (without a query) fits, and what the document says of `method` there."""
        fitting = [
            template
            for template, item in self.document["paths"].items()
            if method.lower() in item and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path)
        ]
        assert fitting, f"{method} {path} is described nowhere"
        # A path without a variable comes before one that would take its last part for an id.
        template = min(fitting, key=lambda candidate: candidate.count("{"))
        return template, self.document["paths"][template][method.lower()]

    def check(self, method: str, path: str, reply: Reply) -> None:
        """Fail unless the answer is one that the document describes, to the last field."""
        template, operation = self.operation(method, path.partition("?")[0])
        where = f"{method} {template} answered {reply.status}"
        described = operation["responses"].get(str(reply.status))
        assert described is not None, f"{where}, which is described nowhere: {reply.body[:300]!r}"
        content = described.get("content")
        if not content:
            assert reply.body == b"", f"{where} with a body where none is described"
            return
        media_type = reply.headers["content-type"].partition(";")[0]
        assert media_type in content, f"{where} as {media_type}"
        parts = ("paths", template, method.lower(), "responses", str(reply.status), "content", media_type, "schema")
        pointer = "/".join(urllib.parse.quote(part.replace("~", "~0").replace("/", "~1")) for part in parts)
        validator = Draft202012Validator(
            {"$ref": f"{_URI}#/{pointer}"}, registry=self._registry, format_checker=_FORMATS
        )
        faults = [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(json.loads(reply.body))]
        assert not faults, f"{where}, but not as described: {faults}"


def _close(schema: Any) -> None:
    """Refuse fields that are not described."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            _close(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _close(inner)
