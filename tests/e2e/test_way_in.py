"""The way in, on the local stack: the switch that closes it (T12), and that nothing comes round it (T15)."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator

from frontend.pages import PAGES
from infra.local.settings import ROOT
from tests.e2e.conftest import NewTenant
from tests.e2e.description import Description
from tests.e2e.stack import LocalStack, Reply

WITHIN_SECONDS = 60


def turn(stack: LocalStack, command: str) -> str:
    """What `make close` and `make open` do."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.local", "--state", stack.settings.state, command],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def every_call(description: Description) -> list[tuple[str, str]]:
    """Every route of the API, an id of nobody's in its place, and an address that is none."""
    calls = [
        (method.upper(), path.replace("{provider}", "sandbox").replace("{", "").replace("}", ""))
        for path, item in description.document["paths"].items()
        for method in item
    ]
    return [*calls, ("POST", "/api/sandbox/checkout/x/approve"), ("GET", "/api/nowhere"), ("TRACE", "/api/balance")]


def test_t12_one_command_closes_every_page_and_route_within_a_minute_and_sessions_outlive_it(
    stack: LocalStack, description: Description, new_tenant: NewTenant
) -> None:
    tenant = new_tenant().come_in()
    pages = [f"/{page.address}" if not page.address.startswith("/") else page.address for page in PAGES]
    words = [page for page in pages if page.endswith("/")]
    began = time.monotonic()
    assert "is closed" in turn(stack, "close")
    try:
        for method, path in every_call(description):
            reply = stack.call(method, path, headers=_cookies(tenant.cookies), body=None if method == "GET" else {})
            assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (503, "application/problem+json")
            assert reply.json["type"] == "/problems/closed"
            assert int(reply.headers["retry-after"]) > 0
            assert reply.headers["cache-control"] == "no-store"
        for page in words:
            reply = stack.call("GET", page)
            assert (reply.status, b"The portal is closed for now" in reply.body) == (503, True), page
            assert b"tel:" in reply.body, "with the number to ring"
        assert time.monotonic() - began < WITHIN_SECONDS
    finally:
        turn(stack, "open")
    assert tenant.call("GET", "/api/session").json["customer"]
    assert stack.call("GET", "/").status == 200


def test_t15_the_apis_own_address_answers_nobody_who_did_not_come_through_the_site(
    stack: LocalStack, description: Description, new_tenant: NewTenant
) -> None:
    tenant = new_tenant().come_in()
    for method, path in every_call(description):
        for forged in ({}, {"X-Origin-Secret": "guess"}, {"CloudFront-Viewer-Address": "198.51.100.1:1"}):
            reply = _straight(stack, method, path, _cookies(tenant.cookies) | forged)
            assert (reply.status, reply.json["type"]) == (403, "/problems/not-through-the-site"), path


def test_t15_of_100_forged_addresses_none_changes_a_limit(stack: LocalStack, sources: Iterator[str]) -> None:
    body = {
        "email": "nobody@example.com", "mobile": "07700 900999", "tenancy_reference": "XX00000",
        "date_of_birth": "1990-03-27",
    }  # fmt: skip
    source, statuses = next(sources), []
    for number in range(100):
        address = f"198.51.100.{number}"
        forged: dict[str, str | None] = {
            "X-Forwarded-For": address, "CloudFront-Viewer-Address": f"{address}:1", "X-Origin-Secret": "guess",
            "Forwarded": f"for={address}", "X-Real-IP": address,
        }  # fmt: skip
        reply = stack.call("POST", "/api/register/waiting", body, headers=forged, source=source)
        statuses.append(reply.status)
    assert statuses == [202] * 10 + [429] * 90


def _straight(stack: LocalStack, method: str, path: str, headers: dict[str, str | None]) -> Reply:
    """Call the API at its own address, as somebody would who found it out."""
    address = urllib.parse.urlsplit(stack.endpoint)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=40)
    sent = {name: value for name, value in headers.items() if value is not None} | {
        "Host": f"{stack.outputs['ApiId']}.execute-api.localhost", "Origin": stack.base_url,
        "Content-Type": "application/json",
    }  # fmt: skip
    try:
        connection.request(method, path, None if method == "GET" else b"{}", sent)
        answer = connection.getresponse()
        return Reply(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def _cookies(cookies: dict[str, str]) -> dict[str, str | None]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
