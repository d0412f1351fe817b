"""The local site: one origin, what CloudFront would add and take away, and problem documents whatever fails."""

import asyncio
import gzip
import http.client
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import brotli
import pytest
from aiohttp import ClientSession, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

from infra.local.mailbox import Letter
from infra.local.site import BODY_LIMIT_BYTES, Origin, Site
from infra.site import headers as policies
from tests.infra.test_site_template import asked_for

CLOSED = Path("closed")
"""Where no stack has its switch: a test that closes the portal names another."""

Answered = tuple[int, CIMultiDict[str], bytes]
PAGE = b"<!doctype html><title>Balance</title>" + b"<p>You owe nothing.</p>" * 100


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    (tmp_path / "rent").mkdir()
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "rent/index.html").write_bytes(PAGE)
    (tmp_path / "404.html").write_bytes(b"<h1>Page not found</h1>")
    (tmp_path / "closed.html").write_bytes(b"<h1>Closed for now</h1>")
    (tmp_path / "assets/site-1a2b3c4d.css").write_bytes(b"p { color: black }")
    (tmp_path.parent / "secret.txt").write_bytes(b"not for the web")
    return tmp_path


def fetch(
    pages: Path,
    *requests: tuple[str, str, dict[str, Any]],
    api: Callable[[web.Request], Awaitable[web.Response]] | None = None,
    letters: list[Letter] | None = None,
) -> list[Answered]:
    """Send requests to a site in front of `api` (without one: in front of nothing); what was answered."""

    async def all_of_it() -> list[Answered]:
        endpoint = "http://127.0.0.1:9"
        upstream = None
        if api:
            behind = web.Application()
            behind.router.add_route("*", "/{path:.*}", api)
            upstream = web.AppRunner(behind)
            await upstream.setup()
            site = web.TCPSite(upstream, "127.0.0.1", 0)
            await site.start()
            endpoint = f"http://127.0.0.1:{upstream.addresses[0][1]}"
        front = Site(pages, Origin(endpoint, "abcd1234", "the-secret"), lambda to: _to(letters or [], to), CLOSED)
        runner = web.AppRunner(front.application())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        answers = []
        async with ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as client:
            for method, path, options in requests:
                async with client.request(method, base + path, allow_redirects=False, **options) as answer:
                    answers.append((answer.status, CIMultiDict(answer.headers), await answer.read()))
        await runner.cleanup()
        if upstream:
            await upstream.cleanup()
        return answers

    return asyncio.run(all_of_it())


def _to(letters: list[Letter], to: str | None) -> list[Letter]:
    return [letter for letter in letters if to in (None, letter.to)]


async def echo(request: web.Request) -> web.Response:
    """Say what reached the API."""
    told = {
        "method": request.method,
        "path": request.raw_path,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": (await request.read()).decode(),
    }
    answer = web.json_response(told)
    answer.headers.add("Set-Cookie", "__Host-session=a")
    answer.headers.add("Set-Cookie", "__Host-device=b")
    return answer


# --- the API


def test_a_viewers_address_is_the_peers_and_never_what_a_header_claims(pages: Path) -> None:
    claims = {
        "CloudFront-Viewer-Address": "198.51.100.1:1",
        "X-Origin-Secret": "guess",
        "X-Forwarded-For": "198.51.100.2",
        "Forwarded": "for=198.51.100.3",
        "Host": "evil.example",
    }
    ((_, _, body),) = fetch(pages, ("GET", "/api/session", {"headers": claims}), api=echo)
    reached = json.loads(body)["headers"]
    assert reached["cloudfront-viewer-address"].startswith("127.0.0.1:")
    assert reached["x-origin-secret"] == "the-secret"
    assert reached["host"] == "abcd1234.execute-api.localhost"
    assert "198.51.100" not in json.dumps(reached)


def test_only_the_headers_and_cookies_that_the_template_names_reach_the_api(pages: Path) -> None:
    headers = {
        "Cookie": "tracking=1; __Host-session=s; __Host-device=d",
        "Idempotency-Key": "key-12345678",
        "If-Match": '"1"',
        "Origin": "http://localhost:8000",
        "Accept-Language": "cy",
        "X-Anything": "x",
    }
    ((_, _, body),) = fetch(pages, ("POST", "/api/pay", {"headers": headers, "json": {"a": 1}}), api=echo)
    reached = json.loads(body)["headers"]
    assert reached["cookie"] == "__Host-session=s; __Host-device=d"
    assert reached["idempotency-key"] == "key-12345678"
    assert reached["if-match"] == '"1"'
    assert reached["origin"] == "http://localhost:8000"
    assert not {"accept-language", "x-anything"} & reached.keys()


def test_path_query_method_and_body_pass_as_they_are(pages: Path) -> None:
    sent = (
        "PATCH",
        "/api/household/members/a%2Fb?cursor=%2B%20x",
        {"data": "{}", "skip_auto_headers": ["Content-Type"]},
    )
    ((_, _, body),) = fetch(pages, sent, api=echo)
    reached = json.loads(body)
    assert (reached["method"], reached["body"]) == ("PATCH", "{}")
    assert reached["path"] == "/api/household/members/a%2Fb?cursor=%2B%20x"
    assert "content-type" not in reached["headers"]


def test_both_cookies_of_an_answer_come_back(pages: Path) -> None:
    answers: list[list[str]] = []

    async def keep(request: web.Request) -> web.Response:
        answer = await echo(request)
        answers.append(answer.headers.getall("Set-Cookie"))
        return answer

    with _serving(pages, keep) as base:
        connection = http.client.HTTPConnection("127.0.0.1", int(base.rpartition(":")[2]))
        connection.request("POST", "/api/login", b"{}")
        got = connection.getresponse().headers.get_all("Set-Cookie")
        connection.close()
    assert got == answers[0] == ["__Host-session=a", "__Host-device=b"]


def test_an_answer_carries_the_headers_of_the_api_policy_and_keeps_a_policy_of_its_own(pages: Path) -> None:
    async def own_policy(_: web.Request) -> web.Response:
        return web.Response(
            text="x", headers={"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": "LAX"}
        )

    ((_, headers, _),) = fetch(pages, ("GET", "/api/sandbox/checkout/x", {}), api=own_policy)
    assert headers["Content-Security-Policy"] == "default-src 'self'"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/session"])
def test_an_api_that_is_away_is_a_problem_document(pages: Path, path: str) -> None:
    ((status, headers, body),) = fetch(pages, ("GET", path, {}))
    assert status == 502
    assert headers["Content-Type"].startswith("application/problem+json")
    assert headers["Cache-Control"] == "no-store"
    assert json.loads(body)["status"] == 502


@pytest.mark.parametrize("status", [403, 413, 429, 500, 503])
def test_what_the_gateway_says_in_its_own_words_becomes_a_problem_document(pages: Path, status: int) -> None:
    async def gateway(_: web.Request) -> web.Response:
        return web.json_response({"message": "Internal Server Error"}, status=status)

    ((got, headers, body),) = fetch(pages, ("GET", "/api/session", {}), api=gateway)
    assert got == status
    assert headers["Content-Type"].startswith("application/problem+json")
    assert json.loads(body)["status"] == status
    assert b"Internal" not in body


def test_the_apis_own_problem_documents_pass_untouched(pages: Path) -> None:
    own = {"type": "/problems/login-failed", "title": "t", "status": 401, "detail": "d"}

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response(own, status=401, content_type="application/problem+json")

    ((status, _, body),) = fetch(pages, ("POST", "/api/login", {"json": {}}), api=refuse)
    assert (status, json.loads(body)) == (401, own)


def test_a_body_larger_than_lambda_takes_is_refused_before_the_api(pages: Path) -> None:
    ((status, headers, _),) = fetch(
        pages, ("POST", "/api/login", {"data": io.BytesIO(b"x" * (BODY_LIMIT_BYTES + 1))}), api=echo
    )
    assert status == 413
    assert headers["Content-Type"].startswith("application/problem+json")


# --- the pages


def test_a_page_carries_the_headers_of_the_sites_own_template(pages: Path) -> None:
    ((status, headers, body),) = fetch(pages, ("GET", "/", {}))
    assert (status, body) == (200, PAGE)
    for header in policies.page_headers():
        assert headers[header.name] == header.value
    assert headers["Cache-Control"] == "no-cache"


def test_addresses_are_words_with_a_slash(pages: Path) -> None:
    found = fetch(pages, ("GET", "/rent/", {}), ("GET", "/rent", {}), ("GET", "//evil.example", {}))
    assert found[0][0] == 200
    assert (found[1][0], found[1][1]["Location"]) == (308, "/rent/")
    assert not found[2][1].get("Location", "/").startswith("//")


def test_a_page_that_is_not_there_says_so(pages: Path) -> None:
    ((status, headers, body),) = fetch(pages, ("GET", "/nothing/", {}))
    assert (status, body) == (404, b"<h1>Page not found</h1>")
    assert "Content-Security-Policy" in headers


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/rent/..%2f..%2fsecret.txt", "/.//../secret.txt"]
)
def test_nothing_outside_the_site_is_served(pages: Path, path: str) -> None:
    with _serving(pages, echo) as base:
        connection = http.client.HTTPConnection("127.0.0.1", URL(base).port)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, b"not for the web" in answer.read()) == (404, False)
        connection.close()


def test_a_file_named_by_its_content_is_kept_for_ever(pages: Path) -> None:
    ((_, headers, _),) = fetch(pages, ("GET", "/assets/site-1a2b3c4d.css", {}))
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Content-Type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize(("accepted", "unpack"), [("br", brotli.decompress), ("gzip", gzip.decompress)])
def test_pages_travel_compressed(pages: Path, accepted: str, unpack: Callable[[bytes], bytes]) -> None:
    ((_, headers, body),) = fetch(pages, ("GET", "/", {"headers": {"Accept-Encoding": accepted}}))
    assert headers["Content-Encoding"] == accepted
    assert unpack(body) == PAGE
    assert len(body) < len(PAGE)


def test_a_page_that_did_not_change_is_not_sent_again(pages: Path) -> None:
    ((_, first, _),) = fetch(pages, ("GET", "/", {}))
    ((status, _, body),) = fetch(pages, ("GET", "/", {"headers": {"If-None-Match": first["ETag"]}}))
    assert (status, body) == (304, b"")


def test_pages_can_only_be_read(pages: Path) -> None:
    ((status, headers, _),) = fetch(pages, ("POST", "/rent/", {}))
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_t14_of_a_thousand_simultaneous_pairs_of_two_people_none_is_given_the_others_answer(pages: Path) -> None:
    """What CloudFront must not do (one answer for two who ask at once), the site in its place does not do either."""

    async def whose(request: web.Request) -> web.Response:
        await asyncio.sleep(0)  # let another in between
        return web.json_response({"cookie": request.headers.get("Cookie")}, headers={"Cache-Control": "no-store"})

    async def ask(client: ClientSession, address: str, who: str) -> bool:
        async with client.get(f"{address}/api/session", headers={"Cookie": f"__Host-session={who}"}) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            return json.loads(await answer.read()) == {"cookie": f"__Host-session={who}"}

    async def pairs(address: str) -> list[bool]:
        async with ClientSession(connector=TCPConnector(limit=50)) as client:
            asked = (ask(client, address, f"{who}{n}") for n in range(1_000) for who in ("a", "b"))
            return await asyncio.gather(*asked)

    with _serving(pages, whose) as address:
        assert asyncio.run(pairs(address)) == [True] * 2_000


# --- closed


def test_a_closed_portal_says_so_on_every_page_and_answers_503_under_api_and_opens_again(
    pages: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch = tmp_path_factory.mktemp("stack") / "closed"
    monkeypatch.setattr("tests.local.test_site.CLOSED", switch)
    asked = [("GET", path, {}) for path in ("/", "/rent/", "/rent", "/nowhere/", "/closed.html")]
    calls = [("GET", "/api/session", {}), ("POST", "/api/login", {"json": {}}), ("DELETE", "/api/nowhere", {})]
    switch.touch()
    for status, headers, body in fetch(pages, *asked, api=echo):
        assert (status, body) == (503, b"<h1>Closed for now</h1>")
        assert (headers["Cache-Control"], headers["Retry-After"]) == ("no-store", "900")
    for status, headers, body in fetch(pages, *calls, api=echo):
        assert (status, headers["Content-Type"].partition(";")[0]) == (503, "application/problem+json")
        assert (headers["Cache-Control"], headers["Retry-After"]) == ("no-store", "900")
        # Word for word what CloudFront answers.
        assert json.loads(body) == json.loads(
            asked_for("/api/session", {"closed": "2026-11-25"}, "ApiFunction")["body"]["data"]
        )
    ((status, _, _),) = fetch(pages, ("GET", "/assets/site-1a2b3c4d.css", {}))
    assert status == 200, "the page that says so needs its styles"
    switch.unlink()
    assert [status for status, _, _ in fetch(pages, *asked, api=echo)] == [200, 200, 308, 404, 503]
    assert [status for status, _, _ in fetch(pages, *calls, api=echo)] == [200, 200, 200]


# --- the mailbox

LETTERS = [
    Letter("b@example.com", "Later", "two", "", "2026-11-24T12:01:00Z"),
    Letter("a@example.com", "Your code <1>", "K7PM-3XQD", "<script>alert(1)</script>", "2026-11-24T12:00:00Z"),
]


def test_the_mailbox_lists_letters_to_one_address(pages: Path) -> None:
    ((status, _, body),) = fetch(pages, ("GET", "/_local/mailbox.json?to=a@example.com", {}), letters=LETTERS)
    assert status == 200
    assert [letter["subject"] for letter in json.loads(body)] == ["Your code <1>"]
    assert set(json.loads(body)[0]) == {"to", "subject", "text", "html", "sent_at"}


def test_the_mailbox_page_runs_nothing_that_a_letter_brings(pages: Path) -> None:
    ((_, headers, body),) = fetch(pages, ("GET", "/_local/mailbox", {}), letters=LETTERS)
    assert b"Your code &lt;1&gt;" in body
    assert b"<script" not in body
    assert "script" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@contextmanager
def _serving(pages: Path, api: Callable[[web.Request], Awaitable[web.Response]]) -> Iterator[str]:
    """A site in a thread of its own, for clients that aiohttp's would tidy up after."""
    loop = asyncio.new_event_loop()

    async def start() -> tuple[str, list[web.AppRunner]]:
        behind = web.Application()
        behind.router.add_route("*", "/{path:.*}", api)
        runners = []
        address = ""
        for application in (behind, None):
            if application is None:
                application = Site(pages, Origin(address, "abcd1234", "s"), lambda _: [], CLOSED).application()
            runner = web.AppRunner(application)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            runners.append(runner)
        return address, runners

    address, runners = loop.run_until_complete(start())
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield address
    finally:
        for runner in reversed(runners):
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
