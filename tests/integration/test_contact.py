"""Contact details, by the function's handler on moto."""

from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from portal import aws, clock, store
from portal.exchange.rules import EXPORT_COLUMNS
from portal.exchange.store import EntryItem
from portal.identity.store import CustomerItem
from portal.mail.store import MailItem
from portal.tenancies.store import PersonItem, save
from tests.integration.conftest import NOON, Browser, Reply, add_tenancy, log_in_as

ADDRESS = {"line_1": "Flat 2", "town": "Harrowby", "postcode": "hb42qx"}
CANONICAL = {"line_1": "Flat 2", "line_2": None, "town": "Harrowby", "postcode": "HB4 2QX"}


def customer(tenancy: SimpleNamespace, email: str = "amara@example.com") -> Browser:
    """A browser in which the tenancy's person is logged in as a customer."""
    save([
        CustomerItem(pk=f"CUSTOMER#{tenancy.person_id}", sk="CUSTOMER", email=email, registered_at=NOON)
    ])  # fmt: skip
    browser = Browser()
    log_in_as(browser, tenancy.person_id, tenancy.tenancy_id)
    return browser


@pytest.fixture
def tenant(noon: Any, own_tenancy: SimpleNamespace) -> Browser:
    return customer(own_tenancy)


@pytest.fixture
def calls(cloud: None) -> Iterator[list[str]]:
    """The DynamoDB calls made since, by name."""
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    aws.client("dynamodb").meta.events.register("before-call.dynamodb", note)
    yield made
    aws.client("dynamodb").meta.events.unregister("before-call.dynamodb", note)


def _get(browser: Browser) -> Reply:
    return browser.call("contact", "GET", "/api/contact")


def _patch(browser: Browser, body: Any, **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return browser.call("contact", "PATCH", "/api/contact", body, headers=sent)


def _letters() -> list[Any]:
    return list(store.query(MailItem, "MAIL", clock.now()))


def _journal() -> list[dict[str, str]]:
    return [e.row for e in store.query(EntryItem, f"EXPORT#{clock.london_date(clock.now())}", clock.now())]


def _import_mobile(tenancy: SimpleNamespace, mobile: str) -> None:
    save([
        PersonItem(
            pk=f"TENANCY#{tenancy.tenancy_id}", sk=f"PERSON#{tenancy.person_id}",
            person_reference=tenancy.person_reference, first_name="Amara", last_name="Okafor",
            date_of_birth=date(1990, 3, 27), email="amara@example.com", mobile=mobile,
        )
    ])  # fmt: skip


def test_at_first_it_shows_what_the_record_has(tenant: Browser) -> None:
    reply = _get(tenant)
    assert reply.status == 200
    assert reply.json == {
        "email": "amara@example.com", "mobile": "+447700900123", "home_phone": None, "correspondence_address": None,
        "preferences": None, "version": 0,
    }  # fmt: skip
    assert reply.headers["etag"] == '"0"'
    assert reply.headers["cache-control"] == "no-store"


def test_the_email_is_the_one_to_log_in_with_whatever_an_import_brings(own_tenancy: SimpleNamespace, noon: Any) -> None:
    tenant = customer(own_tenancy, "other@example.com")
    assert _get(tenant).json["email"] == "other@example.com"


def test_everything_can_be_changed_at_once(tenant: Browser) -> None:
    reply = _patch(
        tenant,
        {
            "mobile": "07700 900456",
            "home_phone": "0161 496 0000",
            "correspondence_address": ADDRESS,
            "preferences": {"contact_by": "text", "language": "Polish", "large_print": True},
        },
    )
    assert reply.status == 200
    assert reply.json == {
        "email": "amara@example.com", "mobile": "+447700900456", "home_phone": "+441614960000",
        "correspondence_address": CANONICAL,
        "preferences": {"contact_by": "text", "language": "Polish", "large_print": True}, "version": 1,
    }  # fmt: skip
    assert reply.headers["etag"] == '"1"'
    assert _get(tenant).json == reply.json


def test_a_change_writes_the_notice_and_the_landlords_line(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    _patch(tenant, {"mobile": "07700 900456", "correspondence_address": ADDRESS})
    (mail,) = _letters()
    assert (mail.kind, mail.to) == ("contact_changed", f"customer:{own_tenancy.person_id}")
    assert mail.about["changed"] == ["mobile number", "address for letters"]
    assert "900456" not in str(mail.about)
    (row,) = _journal()
    assert tuple(row) == EXPORT_COLUMNS["contact"]
    assert row == {
        "tenancy_reference": "LH10001", "person_reference": "P10001", "changed_at": "2026-11-24T12:00:00+00:00",
        "changed": "mobile;correspondence_address", "mobile": "+447700900456", "home_phone": "",
        "address_line_1": "Flat 2", "address_line_2": "", "town": "Harrowby", "postcode": "HB4 2QX", "contact_by": "",
        "language": "", "large_print": "", "email": "",
    }  # fmt: skip


def test_what_is_not_named_stays(tenant: Browser) -> None:
    _patch(tenant, {"home_phone": "0161 496 0000", "correspondence_address": ADDRESS})
    now = _patch(tenant, {"preferences": {"contact_by": "phone"}}).json
    assert now["home_phone"] == "+441614960000"
    assert now["correspondence_address"] == CANONICAL
    assert now["preferences"] == {"contact_by": "phone", "language": None, "large_print": False}
    assert now["mobile"] == "+447700900123"


def test_null_takes_a_home_phone_and_an_address_away(tenant: Browser) -> None:
    _patch(tenant, {"home_phone": "0161 496 0000", "correspondence_address": ADDRESS})
    now = _patch(tenant, {"home_phone": None, "correspondence_address": None}).json
    assert now["home_phone"] is now["correspondence_address"] is None
    assert _journal()[-1]["changed"] == "home_phone;correspondence_address"
    assert _get(tenant).json == now


@pytest.mark.parametrize(
    "body", [{}, {"mobile": "+44 7700 900123"}, {"home_phone": None}, {"correspondence_address": None}]
)
def test_a_change_that_changes_nothing_writes_and_sends_nothing(
    tenant: Browser, calls: list[str], body: dict[str, Any]
) -> None:
    reply = _patch(tenant, body)
    assert (reply.status, reply.json["version"]) == (200, 0)
    assert calls == ["BatchGetItem"]
    assert _letters() == _journal() == []


def test_the_same_change_twice_is_one(tenant: Browser) -> None:
    body = {"correspondence_address": ADDRESS, "preferences": {"contact_by": "letter"}}
    assert _patch(tenant, body).json == _patch(tenant, body).json
    assert len(_letters()) == len(_journal()) == 1


def test_whoever_has_an_older_version_is_refused(tenant: Browser) -> None:
    etag = _get(tenant).headers["etag"]
    assert _patch(tenant, {"home_phone": "0161 496 0000"}, if_match=etag).status == 200
    stale = _patch(tenant, {"home_phone": "0161 496 0001"}, if_match=etag)
    assert (stale.status, stale.json["type"]) == (412, "/problems/stale-version")
    assert _get(tenant).json["home_phone"] == "+441614960000"
    newest = _get(tenant).headers["etag"]
    assert _patch(tenant, {"home_phone": "0161 496 0001"}, if_match=newest).status == 200
    assert _patch(tenant, {"home_phone": "0161 496 0002"}, if_match="*").status == 200
    assert _patch(tenant, {}, if_match="nonsense").status == 412


def test_a_change_that_comes_between_loses_nothing(tenant: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    transact, between = store.transact, [{"home_phone": "0161 496 0000"}]

    def slow(*writes: Any) -> None:
        if between:
            body = between.pop()
            assert _patch(tenant, body).status == 200
        transact(*writes)

    monkeypatch.setattr(store, "transact", slow)
    reply = _patch(tenant, {"mobile": "07700 900456"})
    assert reply.status == 200
    assert (reply.json["mobile"], reply.json["home_phone"]) == ("+447700900456", "+441614960000")
    assert reply.json["version"] == 2


def test_a_change_that_comes_between_refuses_whoever_gave_a_version(
    tenant: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact, between = store.transact, [{"home_phone": "0161 496 0000"}]

    def slow(*writes: Any) -> None:
        if between:
            body = between.pop()
            assert _patch(tenant, body).status == 200
        transact(*writes)

    monkeypatch.setattr(store, "transact", slow)
    assert _patch(tenant, {"home_phone": "0161 496 0009"}, if_match='"0"').status == 412
    assert _get(tenant).json["home_phone"] == "+441614960000"


def test_the_tenants_number_stands_until_the_landlords_record_changes(
    tenant: Browser, own_tenancy: SimpleNamespace
) -> None:
    _patch(tenant, {"mobile": "07700 900456"})
    _import_mobile(own_tenancy, "+447700900123")
    assert _get(tenant).json["mobile"] == "+447700900456"
    _import_mobile(own_tenancy, "+447700900789")
    assert _get(tenant).json["mobile"] == "+447700900789"
    assert _patch(tenant, {"mobile": "07700 900456"}).json["mobile"] == "+447700900456"


def test_a_number_told_at_one_home_stands_at_the_other_until_that_homes_record_changes(
    tenant: Browser, own_tenancy: SimpleNamespace
) -> None:
    """Each tenancy's record has a number of its own, and the landlord takes the change over in each by itself."""
    second = add_tenancy("LH10003", "P10001", mobile="+447700900777")
    there = Browser()
    log_in_as(there, second.person_id, second.tenancy_id)
    assert _get(there).json["mobile"] == "+447700900777"
    assert _patch(tenant, {"mobile": "07700 900456"}).status == 200
    assert [_get(browser).json["mobile"] for browser in (tenant, there)] == ["+447700900456"] * 2
    _import_mobile(second, "+447700900888")
    assert [_get(browser).json["mobile"] for browser in (tenant, there)] == ["+447700900456", "+447700900888"]
    third = add_tenancy("LH10004", "P10001", mobile="+447700900999")
    log_in_as(there, third.person_id, third.tenancy_id)
    assert _get(there).json["mobile"] == "+447700900999", "a home that came later brings its own"


def test_a_customer_sees_only_their_own_details(tenant: Browser) -> None:
    _patch(tenant, {"home_phone": "0161 496 0000", "correspondence_address": ADDRESS})
    neighbour = customer(add_tenancy("LH10002", "P10002", mobile="+447700900555"), "other@example.com")
    assert _get(neighbour).json["home_phone"] is None
    partner = customer(add_tenancy("LH10001", "P10009", mobile="+447700900556"), "partner@example.com")
    assert _get(partner).json["correspondence_address"] is None


def test_details_can_be_kept_right_after_the_tenancy_ended(noon: Any, cloud: None) -> None:
    gone = customer(add_tenancy("LH10003", "P10003", end_date=date(2026, 10, 31)), "gone@example.com")
    assert _patch(gone, {"correspondence_address": ADDRESS}).status == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"mobile": None}, ["mobile"]),
        ({"mobile": ""}, ["mobile"]),
        ({"mobile": "0161 496 0000"}, ["mobile"]),
        ({"mobile": 7700900123}, ["mobile"]),
        ({"mobile": "0" * 41}, ["mobile"]),
        ({"home_phone": "1"}, ["home_phone"]),
        ({"home_phone": "call me"}, ["home_phone"]),
        ({"email": "new@example.com"}, ["email"]),
        ({"version": 1}, ["version"]),
        ({"correspondence_address": "12 High Street"}, ["correspondence_address"]),
        (
            {"correspondence_address": {}},
            ["correspondence_address.line_1", "correspondence_address.town", "correspondence_address.postcode"],
        ),
        ({"correspondence_address": ADDRESS | {"postcode": "nowhere"}}, ["correspondence_address.postcode"]),
        ({"correspondence_address": ADDRESS | {"line_1": "x" * 101}}, ["correspondence_address.line_1"]),
        ({"correspondence_address": ADDRESS | {"town": "..."}}, ["correspondence_address.town"]),
        ({"correspondence_address": ADDRESS | {"county": "Kent"}}, ["correspondence_address.county"]),
        ({"preferences": None}, ["preferences"]),
        ({"preferences": {}}, ["preferences.contact_by"]),
        ({"preferences": {"contact_by": "pigeon"}}, ["preferences.contact_by"]),
        ({"preferences": {"contact_by": "text", "large_print": "yes"}}, ["preferences.large_print"]),
        ({"preferences": {"contact_by": "text", "language": "x" * 61}}, ["preferences.language"]),
        ({"mobile": "x", "home_phone": "y"}, ["mobile", "home_phone"]),
    ],
)
def test_what_cannot_be_taken_is_named(tenant: Browser, body: dict[str, Any], fields: list[str]) -> None:
    reply = _patch(tenant, body)
    assert reply.status == 422
    assert sorted(e["field"] for e in reply.json["errors"]) == sorted(fields)
    assert _get(tenant).json["version"] == 0


def test_each_route_makes_as_few_calls_as_it_can(tenant: Browser, calls: list[str]) -> None:
    _get(tenant)
    assert calls == ["BatchGetItem"]
    calls.clear()
    _patch(tenant, {"home_phone": "0161 496 0000"})
    assert calls == ["BatchGetItem", "TransactWriteItems"]


def test_nobody_is_let_in_without_a_session(browser: Browser) -> None:
    assert _get(browser).status == 401
    assert _patch(browser, {"home_phone": None}).status == 401
