"""What holds of every route, generated from the routes that the functions declare: nothing is left out by forgetting.

Bad input names the field, nobody comes in without a session, no write comes from another origin, and nothing that
anybody can send is answered 5xx.
"""

import json
import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pytest

from infra.openapi import FUNCTIONS, apis
from portal import clock, ids, store
from portal.http.api import Route
from portal.identity.store import CustomerItem, LoginItem, customer_key, login_key
from tests.integration.conftest import Browser, Reply, log_in_as

# A body that each route takes; a route with a body that is not here fails the first test.
EXAMPLES: dict[str, dict[str, Any]] = {
    "POST /api/register": {
        "email": "amara@example.com", "mobile": "07700 900123", "tenancy_reference": "LH10001",
        "date_of_birth": "1990-03-27",
    },
    "POST /api/register/waiting": {
        "email": "amara@example.com", "mobile": "07700 900123", "tenancy_reference": "LH10001",
        "date_of_birth": "1990-03-27",
    },
    "POST /api/register/resend": {"registration_id": "0" * 26},
    "POST /api/verify": {"registration_id": "0" * 26, "code": "K7PM-3XQD", "password": "copper lantern meadow",
                         "shared_computer": False},
    "POST /api/login": {"email": "amara@example.com", "password": "copper lantern meadow", "shared_computer": False},
    "PUT /api/session": {"tenancy_id": "0" * 26},
    "POST /api/reset": {"email": "amara@example.com", "date_of_birth": "1990-03-27"},
    "PUT /api/password": {"current_password": "copper lantern meadow", "new_password": "violet harbour sandwich"},
    "POST /api/passkeys/options": {"current_password": "copper lantern meadow"},
    "POST /api/passkeys": {"challenge_id": "0" * 26, "client_data": "e30", "attestation": "oA"},
    "DELETE /api/passkeys/{passkey_id}": {"current_password": "copper lantern meadow"},
    "POST /api/login/passkey": {
        "challenge_id": "0" * 26, "credential_id": "AA", "client_data": "e30", "authenticator_data": "AA",
        "signature": "AA", "user_handle": "AA", "shared_computer": False,
    },
    "POST /api/email": {"email": "amara@mail.example", "current_password": "copper lantern meadow"},
    "POST /api/email/confirm": {"code": "K7PM-3XQD"},
    "POST /api/pay": {"rent_account_id": "0" * 26, "amount_pence": 5000},
    "POST /api/pay/arrangements": {"rent_account_id": "0" * 26, "amount_pence": 2000, "frequency": "weekly"},
    "POST /api/pay/schedules": {
        "rent_account_id": "0" * 26, "amount_pence": 5000, "frequency": "weekly", "day": "friday",
    },
    "PATCH /api/pay/schedules/{schedule_id}": {"amount_pence": 6000, "day": "monday", "status": "paused"},
    "POST /api/repairs": {
        "item_id": "kitchen-sink-leak", "answers": {}, "description": "It drips", "access_notes": "Ring first",
        "anyway": False,
    },
    "POST /api/repairs/{repair_id}/cancel": {"reason": "My neighbour mended it"},
    "POST /api/repairs/{repair_id}/reopen": {"reason": "It drips again"},
    "POST /api/repairs/{repair_id}/rating": {"rating": 4, "comment": "Quick"},
    "POST /api/repairs/{repair_id}/notes": {"text": "It is worse at night"},
    "POST /api/repairs/{repair_id}/photos": {"content_type": "image/jpeg", "size": 2_000_000},
    "PUT /api/repairs/{repair_id}/appointment": {
        "slot_id": "2026-12-01.morning", "access_notes": "Ring first", "vulnerable": True,
        "communication": "I lip-read", "pets": "A dog", "safe_word": "Lantern",
    },
    "PATCH /api/contact": {
        "mobile": "07700 900124", "home_phone": "0300 123 4567",
        "correspondence_address": {"line_1": "1 High Street", "town": "Aldermere", "postcode": "AL9 9XX"},
        "preferences": {"contact_by": "email"},
    },
    "POST /api/household/members": {"name": "Kofi", "date_of_birth": "2015-05-05", "relationship": "child"},
    "PATCH /api/household/members/{member_id}": {
        "name": "Kofi", "date_of_birth": "2015-05-05", "relationship": "child",
    },
}  # fmt: skip
ROUTES: list[tuple[str, Route]] = [(name, route) for name, api in apis().items() for route in api.routes]
WITH_BODY = [(n, r) for n, r in ROUTES if "body" in r.takes]
WITH_SESSION = [(n, r) for n, r in ROUTES if "session" in r.takes]
WRITES = [(n, r) for n, r in ROUTES if r.method != "GET" and not r.open_to_others]

WRONG: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, "", " ", "x" * 2_000, "\u0000", "a\u0007b", "\ud800", [], [1], {}, {"a": {"b": []}},
    "null",
    "💥" * 300, "../../etc/passwd", "{{7*7}}", "<script>alert(1)</script>", "' OR 1=1 --", "=cmd|' /C calc'!A0",
    "\u202e",
    "1990-03-27T00:00:00Z", "٠", "NaN", "Infinity", "true", "0x10",
]  # fmt: skip
RAW: list[bytes] = [
    b"", b"null", b"[]", b"1", b'"x"', b"{", b"}", b"{}{}", b'{"a":1,"a":2}', b"[" * 10_000,
    b'{"a":' * 3_000, b"\xff\xfe\x00",
    b"\x00" * 100, b'{"a":' + b"9" * 5_000 + b"}", b'{"a":NaN}', b'{"a":1e999}',
    b"--x\r\nContent-Disposition: form-data",
    b"a=b&c=d", b"<xml/>", b'{"\\ud800":1}', b'{"__proto__":{"a":1}}', b" " * 20_000, b'{"a":"' + b"x" * 20_000 + b'"}',
]  # fmt: skip


def name_of(case: tuple[str, Route]) -> str:
    return f"{case[1].method} {case[1].path}"


def path_of(route: Route) -> str:
    parts = [("0" * 26 if part != "{provider}" else "sandbox") if part.startswith("{") else part
             for part in route.path.split("/")]  # fmt: skip
    return "/".join(parts)


def call(browser: Browser, case: tuple[str, Route], **how: Any) -> Reply:
    name, route = case
    headers = {"idempotency-key": "3f1e7a52-0001"} | how.pop("headers", {})
    return browser.call(name, route.method, path_of(route), headers=headers, **how)


def problem(reply: Reply) -> Any:
    assert 400 <= reply.status < 500, reply
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"
    document = reply.json
    assert set(document) >= {"type", "title", "status", "detail"}
    assert document["status"] == reply.status
    return document


def fields_of(reply: Reply) -> set[str]:
    return {error["field"] for error in problem(reply)["errors"]}


@pytest.fixture
def inside(browser: Browser, own_tenancy: Any, noon: Any, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A browser that is logged in, on a stack where addresses are not limited."""
    monkeypatch.setenv("LIMITS_FACTOR", "100000")
    customer_at, login_at = customer_key(own_tenancy.person_id), login_key("amara@example.com")
    email, born = "amara@example.com", date(1990, 3, 27)
    store.put_all(
        [
            CustomerItem(pk=customer_at.pk, sk=customer_at.sk, email=email, registered_at=clock.now()),
            LoginItem(
                pk=login_at.pk, sk=login_at.sk, customer_id=own_tenancy.person_id, password_hash="x", date_of_birth=born
            ),
        ]
    )  # fmt: skip
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    return browser


def test_every_function_that_answers_is_looked_at_and_every_body_has_an_example() -> None:
    assert {name for name, _ in ROUTES} == set(FUNCTIONS)
    assert {name_of(case) for case in WITH_BODY} == set(EXAMPLES)
    for case in WITH_BODY:
        assert set(EXAMPLES[name_of(case)]) == set(msgspec.structs.asdict(_empty(case[1].takes["body"])))


def _empty(model: type[Any]) -> Any:
    return model(**dict.fromkeys(model.__struct_fields__))


@pytest.mark.parametrize("case", WITH_SESSION, ids=name_of)
@pytest.mark.parametrize(
    "cookie", [None, "", "x", "a.b.c.d", f"{'0' * 26}.{'0' * 26}.{'0' * 26}.token", "é.é.é.é", "." * 300]
)
def test_without_a_session_nobody_comes_in(
    case: tuple[str, Route], cookie: str | None, browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    if cookie is not None:
        browser.cookies["__Host-session"] = cookie
    reply = call(browser, case, body=EXAMPLES.get(name_of(case)))
    assert (reply.status, problem(reply)["type"]) == (401, "/problems/not-logged-in")
    wrong = call(browser, case, raw=b"{")
    assert wrong.status == 401, "whoever is not logged in hears that first"


@pytest.mark.parametrize("case", WITH_SESSION, ids=name_of)
def test_two_session_cookies_are_none_and_an_ended_or_expired_session_is_none(
    case: tuple[str, Route], inside: Browser, noon: Any
) -> None:
    good = inside.cookies.pop("__Host-session")
    inside.cookies[" __Host-session"] = good
    inside.cookies["__Host-session"] = good
    assert call(inside, case, body=EXAMPLES.get(name_of(case))).status == 401
    del inside.cookies[" __Host-session"]
    noon.shift(15 * 60 + 1)
    assert call(inside, case, body=EXAMPLES.get(name_of(case))).status == 401, "expired, and still in the table"


@pytest.mark.parametrize("case", WITH_SESSION, ids=name_of)
def test_whoever_took_more_than_a_minute_is_noted_as_seen_and_served(
    case: tuple[str, Route], inside: Browser, noon: Any
) -> None:
    """What notes it is a call of its own, which the role of every function with a session must allow."""
    noon.shift(61)
    assert call(inside, case, body=EXAMPLES.get(name_of(case))).status not in {401, 403, 500, 503}
    if name_of(case) != "POST /api/logout":
        noon.shift(14 * 60)
        assert call(inside, case, body=EXAMPLES.get(name_of(case))).status != 401


@pytest.mark.parametrize("case", WRITES, ids=name_of)
@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://localhost:8001", "HTTP://LOCALHOST:8000/"]
)
def test_no_write_comes_from_another_origin(case: tuple[str, Route], origin: str | None, inside: Browser) -> None:
    reply = call(inside, case, body=EXAMPLES.get(name_of(case)), headers={"origin": origin})
    assert (reply.status, problem(reply)["type"]) == (403, "/problems/foreign-origin")


@pytest.mark.parametrize("case", WITH_BODY, ids=name_of)
@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
)
def test_what_is_not_json_is_refused(case: tuple[str, Route], kind: str | None, inside: Browser) -> None:
    reply = call(inside, case, body=EXAMPLES[name_of(case)], headers={"content-type": kind})
    assert (reply.status, problem(reply)["type"]) == (415, "/problems/not-json")


@pytest.mark.parametrize("case", WITH_BODY, ids=name_of)
def test_a_field_that_is_missing_or_null_is_named(case: tuple[str, Route], inside: Browser) -> None:
    example = EXAMPLES[name_of(case)]
    required = {f.name for f in msgspec.structs.fields(case[1].takes["body"]) if f.required}
    for field in required:
        without = {k: v for k, v in example.items() if k != field}
        assert field in fields_of(call(inside, case, body=without))
        assert field in fields_of(call(inside, case, body=example | {field: None}))
    if required:
        assert fields_of(call(inside, case, body={})) >= required


@pytest.mark.parametrize("case", WITH_BODY, ids=name_of)
def test_an_unknown_field_is_named(case: tuple[str, Route], inside: Browser) -> None:
    for extra in ("role", "customer_id", "tenancy_id_", "__proto__", "é", "x" * 500):
        (field,) = fields_of(call(inside, case, body=EXAMPLES[name_of(case)] | {extra: "admin"}))
        assert field[:1] in (extra[:1], "?")


@pytest.mark.parametrize("case", WITH_BODY, ids=name_of)
def test_whatever_a_field_holds_it_is_taken_or_named(case: tuple[str, Route], inside: Browser) -> None:
    example = EXAMPLES[name_of(case)]
    for field in example:
        for wrong in WRONG:
            reply = call(inside, case, body=example | {field: wrong})
            assert reply.status < 500, (field, wrong, reply)
            if reply.status == 422 and reply.json["type"] == "/problems/bad-input":
                assert any(name.partition(".")[0] == field for name in fields_of(reply)), (field, wrong, reply)


@pytest.mark.parametrize("case", ROUTES, ids=name_of)
def test_whatever_bytes_are_sent_nothing_is_answered_5xx(case: tuple[str, Route], inside: Browser) -> None:
    for raw in RAW:
        for kind in ("application/json", "application/json; charset=utf-16", "multipart/form-data"):
            reply = call(inside, case, raw=raw, headers={"content-type": kind})
            assert reply.status < 500, (raw[:40], reply)


@pytest.mark.parametrize("size", [300, pytest.param(5_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("case", ROUTES, ids=name_of)
def test_t23_random_requests_are_never_answered_5xx(case: tuple[str, Route], size: int, inside: Browser) -> None:
    name, route = case
    seeded = random.Random(f"{route.method} {route.path}")
    for _ in range(size):
        inside_now = Browser()
        inside_now.cookies = dict(inside.cookies)
        path = "/".join(_odd(seeded) if part.startswith("{") else part for part in route.path.split("/"))
        reply = inside_now.call(
            name, route.method, path, raw=_odd_body(seeded, EXAMPLES.get(name_of(case), {})),
            query={_odd(seeded): _odd(seeded)} if seeded.random() < 0.2 else {},
            headers={"idempotency-key": _odd(seeded)} if seeded.random() < 0.5 else {},
        )  # fmt: skip
        assert reply.status < 500, reply
        if reply.status >= 400:
            problem(reply)


def _odd(seeded: random.Random) -> str:
    choices = [
        "0" * 26,
        ids.new_id(clock.now()),
        "x",
        "%00",
        "é",
        "a" * 3_000,
        "..",
        "cursor",
        "MjAyNi0xMS0xNiN4",
        "💥",
    ]
    return seeded.choice(choices).replace("/", "")


def _odd_body(seeded: random.Random, example: dict[str, Any]) -> bytes:
    body = {k: seeded.choice([v, seeded.choice(WRONG)]) for k, v in example.items() if seeded.random() < 0.9}
    if seeded.random() < 0.1:
        body[seeded.choice(["role", "", "\u0000"])] = seeded.choice(WRONG)
    raw = json.dumps(body).encode()
    return raw if seeded.random() < 0.8 else bytes(_mangled(seeded, raw))


def _mangled(seeded: random.Random, raw: bytes) -> Iterator[int]:
    for byte in raw:
        if seeded.random() > 0.02:
            yield byte if seeded.random() > 0.02 else seeded.randrange(256)


@pytest.mark.parametrize("case", [c for c in ROUTES if "{" in c[1].path and "session" in c[1].takes], ids=name_of)
def test_an_id_that_is_none_is_answered_like_one_that_does_not_exist(case: tuple[str, Route], inside: Browser) -> None:
    name, route = case
    body = EXAMPLES.get(name_of(case))
    missing = call(inside, case, body=body)
    assert missing.status == 404
    for odd in ("x", "0" * 25, "0" * 27, "U" * 26, "%2e%2e", "é" * 26, "0" * 2_000):
        path = "/".join(odd if part.startswith("{") else part for part in route.path.split("/"))
        reply = inside.call(name, route.method, path, body)
        assert (reply.status, reply.text, reply.headers) == (404, missing.text, missing.headers)


def test_an_address_or_method_that_no_route_has_is_a_problem_document(cloud: None) -> None:
    browser = Browser()
    assert problem(browser.call("reference", "GET", "/api/nowhere"))["type"] == "/problems/not-found"
    assert problem(browser.call("reference", "GET", "/"))["type"] == "/problems/not-found"
    wrong = browser.call("reference", "DELETE", "/api/balance")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET")
    assert problem(wrong)["type"] == "/problems/method-not-allowed"
    assert browser.call("reference", "POST", f"/api/pay/{'0' * 26}").headers["allow"] == "GET"


def test_the_served_document_describes_every_route(cloud: None) -> None:
    document = Browser().call("reference", "GET", "/api/openapi.json").json
    described = {f"{m.upper()} {path}" for path, item in document["paths"].items() for m in item}
    assert described == {name_of(case) for case in ROUTES}
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"], path
