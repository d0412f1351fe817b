"""Whose session, whose origin, whose things: every route against everybody who should not be let in (T11, T12, R9).

All of it is made from the routes that the functions declare and from what the tables hold: a route that is added, or
an item, is tried without being named here.
"""

import random
import re
from types import SimpleNamespace
from typing import Any

import pytest

from portal import aws, clock, store
from portal.http.api import Route
from portal.identity.store import CustomerItem, LoginItem, customer_key, login_key
from tests.integration import test_threats
from tests.integration.conftest import TABLES, Browser, Reply, add_tenancy, log_in_as
from tests.integration.test_every_route import EXAMPLES, ROUTES, WITH_SESSION, WRITES, call, name_of, problem
from tests.integration.test_rent_and_pay import add_account, post, start

sizes, unlimited = test_threats.sizes, test_threats.unlimited
MISSING = "0" * 26
OF_A = ("Aaliyah-Mark", "Ashdown-Mark", "aaliyah@example.com")
OF_B = ("Benedict-Sign", "Burnside-Sign", "benedict@example.com")


def everything() -> dict[str, list[dict[str, Any]]]:
    """What the tables hold, but for the minute when somebody was last seen and what was tried."""
    held = {table: aws.client("dynamodb").scan(TableName=table)["Items"] for table in TABLES}
    for items in held.values():
        items[:] = [i for i in items if not i["pk"]["S"].startswith("TRIES#")]
        for item in items:
            for noted in ("last_seen_at", "expires_at", "written_by"):
                item.pop(noted, None)
    return held


@pytest.fixture
def ab(cloud: None, noon: Any, unlimited: None) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Two tenants with one of everything: account, line, payments, repair, household member, two sessions."""
    return _tenant("70001", *OF_A), _tenant("70002", *OF_B)


def _tenant(number: str, first: str, last: str, email: str) -> SimpleNamespace:
    made = add_tenancy(f"LH{number}", f"P{number}", first_name=first, last_name=last, email=email)
    born = clock.london_date(clock.now()).replace(year=1990)
    store.put_all(
        [
            CustomerItem(pk=(at := customer_key(made.person_id)).pk, sk=at.sk, email=email, registered_at=clock.now()),
            LoginItem(
                pk=(at := login_key(email)).pk, sk=at.sk, customer_id=made.person_id, password_hash="x",
                date_of_birth=born,
            ),
        ]
    )  # fmt: skip
    made.browser = Browser(f"203.0.113.{number[-1]}")
    made.account = add_account(made.tenancy_id, f"RA{number}", name=f"Rent of {last}")
    post(made.tenancy_id, made.account, f"T{number}", clock.london_date(clock.now()), 100_00)
    log_in_as(made.browser, made.person_id, made.tenancy_id)
    other = Browser()
    log_in_as(other, made.person_id, made.tenancy_id)
    assert start(made.browser, made.account).status == 201
    regularly = {"rent_account_id": made.account, "amount_pence": 50_00, "frequency": "weekly", "day": "friday"}
    key = {"idempotency-key": f"5c1e7a52-{number}"}
    assert made.browser.call("pay", "POST", "/api/pay/schedules", regularly, headers=key).status == 201
    member = {"name": f"{first} {last}", "relationship": "child"}
    assert made.browser.call("contact", "POST", "/api/household/members", member).status == 201
    report = {"item_id": "kitchen-tap-drips", "description": f"Rings of {last}", "answers": {}, "anyway": True}
    assert made.browser.call("repairs", "POST", "/api/repairs", report).status == 201
    made.ids = _ids_of(made)
    made.marks = [first, last, email, f"LH{number}", f"P{number}", f"RA{number}", *made.ids]
    return made


def _ids_of(tenant: SimpleNamespace) -> list[str]:
    """Every id in what lies under the tenant's own keys."""
    own = {tenant.tenancy_id, tenant.person_id, tenant.account}
    found = set(own)
    for items in everything().values():
        for item in items:
            key = item["pk"]["S"] + "#" + item["sk"]["S"]
            if any(part in key for part in own):
                found |= set(re.findall(r"\b[0-9a-hjkmnp-tv-z]{26}\b", str(item)))
    return sorted(found)


# --- R9: who is not logged in


def test_every_route_refuses_each_who_is_not_let_in_and_changes_nothing(
    ab: tuple[SimpleNamespace, SimpleNamespace], noon: Any
) -> None:
    """Nobody, an ended session, an expired one not yet deleted, one whose ids are another's, another origin."""
    a, b = ab
    ended = Browser()
    log_in_as(ended, a.person_id, a.tenancy_id)
    was = dict(ended.cookies)
    ended.call("login", "POST", "/api/logout")
    ended.cookies = was
    mixed = Browser()
    own, theirs = a.browser.cookies["__Host-session"], b.browser.cookies["__Host-session"]
    mixed.cookies["__Host-session"] = ".".join([*theirs.split(".")[:-1], own.split(".")[-1]])
    before = everything()
    for case in WITH_SESSION:
        body = EXAMPLES.get(name_of(case))
        for who in (Browser(), ended, mixed):
            assert problem(call(who, case, body=body))["type"] == "/problems/not-logged-in", name_of(case)
        if case in WRITES:
            reply = call(a.browser, case, body=body, headers={"origin": "https://evil.example"})
            assert problem(reply)["type"] == "/problems/foreign-origin", name_of(case)
    noon.shift(30 * 60 + 1)  # a payment's page is open, which gives it twice the time
    for case in WITH_SESSION:
        reply = call(a.browser, case, body=EXAMPLES.get(name_of(case)))
        assert problem(reply)["type"] == "/problems/not-logged-in", name_of(case)
    assert everything() == before


# --- T12: somebody else's


def places(case: tuple[str, Route]) -> list[str]:
    """Where somebody else's id can be put into a call of the route."""
    body = EXAMPLES.get(name_of(case), {})
    found = ["query", "header", "extra field"] if body else ["query", "header"]
    found += ["path"] if "{" in case[1].path else []
    return found + [f"body {field}" for field in body if field.endswith("_id")]


def put(tenant: SimpleNamespace, case: tuple[str, Route], place: str, theirs: str) -> Reply:
    """Call the route as `tenant`, with `theirs` in that place."""
    name, route = case
    body: Any = EXAMPLES.get(name_of(case))
    own_id = theirs if place == "path" else MISSING
    path = "/".join(own_id if part.startswith("{") else part for part in route.path.split("/"))
    headers, query = {"idempotency-key": "3f1e7a52-0001"}, {}
    if place == "query":
        query = {"tenancy_id": theirs, "customer_id": theirs}
    elif place == "header":
        headers |= {"x-tenancy-id": theirs, "x-customer-id": theirs, "x-user-id": theirs, "authorization": theirs}
    elif place == "extra field":
        body = body | {"tenancy_id_": theirs, "customer_id": theirs}
    elif place.startswith("body "):
        body = body | {place.removeprefix("body "): theirs}
    return tenant.browser.call(name, route.method, path, body, query=query, headers=headers)


def answered(reply: Reply) -> tuple[Any, ...]:
    return reply.status, reply.text, sorted(reply.headers.items()), reply.cookies


# Ending one's own session, or all others, is nobody else's business, and would end the trial.
TRIED = [(c, p) for c in WITH_SESSION for p in places(c) if c[1].path != "/api/logout"]


@sizes(1_000, 10_000)
def test_t12_somebody_elses_id_is_answered_like_one_that_does_not_exist_wherever_it_stands(
    ab: tuple[SimpleNamespace, SimpleNamespace], size: int
) -> None:
    """Each route, place and id of theirs once, then at random; nothing of theirs is shown, and nothing is changed."""
    a, b = ab
    seeded = random.Random(12)
    theirs = sorted(set(b.ids) - set(a.ids))
    assert len(theirs) >= 6
    pairs = [(c, p, i) for c, p in TRIED if p not in {"query", "header", "extra field"} for i in theirs]
    pairs += [(c, p, seeded.choice(theirs)) for c, p in TRIED]
    pairs += [(*seeded.choice(TRIED), seeded.choice(theirs)) for _ in range(size - len(pairs))]
    before = _of(b)
    for case, place, id in pairs:
        reply = put(a, case, place, id)
        text = (reply.text + str(reply.headers) + str(reply.cookies)).replace(id, "")
        assert not [mark for mark in b.marks if mark in text], (name_of(case), place)
        if place == "path" or place.startswith("body "):
            assert answered(reply) == answered(put(a, case, place, MISSING)), (name_of(case), place)
            assert reply.status in {403, 404, 409, 422}, (name_of(case), place, reply)
    assert _of(b) == before


def _of(tenant: SimpleNamespace) -> list[dict[str, Any]]:
    """Everything that lies under the tenant's keys."""
    return [
        item
        for items in everything().values()
        for item in items
        if any(id in item["pk"]["S"] + item["sk"]["S"] for id in tenant.ids)
    ]


# --- T11: what another site can make a browser send

FORMS = [
    "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "application/json-patch+json",
    "text/plain; application/json", "application/csp-report",
]  # fmt: skip
ORIGINS = [None, "", "null", "https://evil.example", "http://localhost:8000.evil.example", "http://localhost:80001"]
OVERRIDES = ["x-http-method-override", "x-http-method", "x-method-override"]


def test_t11_of_what_another_site_can_send_no_route_accepts_anything(
    ab: tuple[SimpleNamespace, SimpleNamespace],
) -> None:
    """Each write by each trick, from a browser that is logged in: 0 accepted, and nothing is changed."""
    a, _ = ab
    before = everything()
    for case in WRITES:
        name, route = case
        body = EXAMPLES.get(name_of(case), {})
        path = re.sub(r"{\w+}", a.ids[0], route.path)
        tricks: list[dict[str, Any]] = [{"headers": {"origin": origin}, "body": body} for origin in ORIGINS]
        tricks += [{"headers": {"content-type": kind}, "raw": b'{"a":"b"}'} for kind in FORMS]
        tricks += [{"headers": {"content-type": kind, "origin": None}, "raw": b"a=b"} for kind in FORMS]
        for trick in tricks:
            reply = a.browser.call(name, route.method, path, **trick)
            assert 400 <= reply.status < 500, (name_of(case), trick, reply)
        readable = {c[1].path for c in ROUTES if c[1].method == "GET"}
        for header in OVERRIDES:
            # What no route takes comes to `reference` as any other address does.
            asked = "reference" if route.path not in readable else name
            reply = a.browser.call(asked, "GET", path, headers={header: route.method, "origin": None})
            assert 400 <= reply.status < 500 or route.path in readable, (name_of(case), reply)
            if route.method != "POST":
                reply = a.browser.call("reference", "POST", path, {}, headers={header: route.method, "origin": None})
                assert 400 <= reply.status < 500, (name_of(case), reply)
    assert everything() == before
