"""Writes the OpenAPI 3.1 document from the routes that the functions declare.

python -m infra.openapi            writes functions/reference/openapi.json
python -m infra.openapi --check    exits with 1 where that file is not what would be written
"""

import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[1]
WRITTEN = ROOT / "functions" / "reference" / "openapi.json"
# The sandbox is no part of the API that others may use; the reference function is.
FUNCTIONS = ("register", "verify", "login", "reset", "passkeys", "balance", "pay", "repairs", "contact", "reference")
_REF = "#/components/schemas/{name}"


def apis() -> dict[str, Any]:
    """The `Api` of each function, by the function's name."""
    return {name: _load(name).app for name in FUNCTIONS}


def document() -> dict[str, Any]:
    """The OpenAPI document of every route."""
    from msgspec import Struct

    from portal.http.api import Page

    routes = [(name, route) for name, api in apis().items() for route in api.routes]
    models = {"Problem": None}
    for _, route in routes:
        for kind in (route.takes.get("body"), _body_of(route.answers)):
            if isinstance(kind, type) and issubclass(kind, Struct):
                models[kind.__name__] = kind
    kinds = [kind for kind in models.values() if kind]
    _, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    paths: dict[str, Any] = {}
    for name, route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(name, route, Page)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Customer portal",
            "version": "1",
            "description": "Amounts are whole pence, instants UTC, days those of Europe/London. Errors are RFC 9457.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components | {"Problem": _PROBLEM},
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "__Host-session"}},
        },
    }


_PROBLEM = {
    "title": "Problem",
    "description": "What went wrong, and what to do (RFC 9457). `errors` names fields.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"functions_{name}_app", ROOT / "functions" / name / "app.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(name)
    module = sys.modules.get(spec.name)
    if module is None:
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    return module


def _body_of(answers: Any) -> Any:
    """The body's type in `Answer[Body]`, the first where there are several, or the answer's own."""
    inside = getattr(answers, "__args__", ())
    return _body_of(inside[0]) if inside else answers


def _operation(function: str, route: Any, page: type) -> dict[str, Any]:
    takes = route.takes
    operation: dict[str, Any] = {
        "operationId": f"{function}_{route.handler.__name__}",
        "tags": [function],
        "summary": (route.handler.__doc__ or "").strip().split("\n")[0],
        "parameters": _parameters(route),
        "responses": {str(route.status): _answered(route, page)} | _failures(route),
    }
    if "body" in takes:
        schema = {"$ref": _REF.format(name=takes["body"].__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if "session" in takes:
        operation["security"] = [{"session": []}]
    return operation


def _parameters(route: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    found += [
        {
            "name": name,
            "in": "query",
            "required": parameter.default is parameter.empty,
            "schema": _without_null(msgspec.json.schema(route.takes[parameter.name])),
        }
        for name, parameter in route.query.items()
    ]
    if "idempotency_key" in route.takes:
        pattern = {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"}
        found.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": pattern})
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    some: list[dict[str, Any]] = [s for s in schema.get("anyOf", ()) if s.get("type") != "null"]
    return some[0] if some else schema


def _answered(route: Any, page: type) -> dict[str, Any]:
    kind = _body_of(route.answers)
    if kind is type(None) or kind is None:
        return {"description": "Done; there is no body."}
    content: dict[str, Any] = {media: {"schema": {"type": "string"}} for media in route.media_types}
    if kind is page:
        if "application/json" in content:
            content["application/json"] = {"schema": {"type": "object"}}
        return {"description": "The document.", "content": content}
    content["application/json"] = {"schema": {"$ref": _REF.format(name=kind.__name__)}}
    return {"description": (kind.__doc__ or "").strip().split("\n")[0], "content": content}


def _failures(route: Any) -> dict[str, Any]:
    from portal.http.problems import PROBLEMS

    names = [failure.__name__ for failure in route.failures] + ["Unexpected", "TryAgainSoon"]
    if "body" in route.takes:
        names += ["UnreadableBody", "NotJson", "TooLarge"]
    # A query that a route does not take is refused, and an id without the shape of one is none.
    names.append("BadInput")
    if "{" in route.path:
        names.append("NotFound")
    if route.method != "GET" and not route.open_to_others:
        names.append("ForeignOrigin")
    slugs: dict[int, list[str]] = {}
    for name in dict.fromkeys(names):
        problem = PROBLEMS[name]
        slugs.setdefault(problem.status, []).append(problem.slug)
    content = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {
        str(status): {"description": ", ".join(sorted(named)), "content": content}
        for status, named in sorted(slugs.items())
    }


def main() -> int:
    """Write the document, or with `--check` say whether the written one is right."""
    for name in ("TENANCIES", "IDENTITY", "RENT", "REPAIRS", "OUTBOX", "AUDIT"):
        os.environ.setdefault(f"{name}_TABLE", name.lower())
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-2")
    sys.path.insert(0, str(ROOT / "layers" / "portal"))
    text = json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        if WRITTEN.exists() and WRITTEN.read_text("utf-8") == text:
            return 0
        print("functions/reference/openapi.json is not what the routes say: run `make openapi`", file=sys.stderr)
        return 1
    WRITTEN.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
