"""The API's own description, and the answer to every request that no route takes."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from portal.failures import Failure, NotFound
from portal.http.api import Api, Page

_FILE = Path(__file__).parent / "openapi.json"


class MethodNotAllowed(Failure):
    """There is such an address, and this cannot be done there (RFC 9110 §15.5.6)."""


def _no_such_route(event: dict[str, Any]) -> Failure:
    asked = str(event.get("rawPath", "")).split("/")
    for path, methods in _methods().items():
        parts = path.split("/")
        if len(parts) == len(asked) and all(p == a or p.startswith("{") for p, a in zip(parts, asked, strict=True)):
            return MethodNotAllowed(headers={"Allow": ", ".join(methods)})
    return NotFound()


@cache
def _methods() -> dict[str, list[str]]:
    document = json.loads(_FILE.read_text("utf-8"))
    return {path: sorted(method.upper() for method in item) for path, item in document["paths"].items()}


app = Api(otherwise=_no_such_route)
handler = app.handler


@app.get("/api/openapi.json")
def openapi() -> Page:
    """This document."""
    return Page(_FILE.read_text("utf-8"), "application/json")
