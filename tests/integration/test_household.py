"""The household, by the function's handler on moto."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from portal import clock, ids, store
from portal.exchange.rules import EXPORT_COLUMNS
from portal.exchange.store import EntryItem
from portal.mail.store import MailItem
from tests.integration.conftest import NOON, Browser, Reply, add_tenancy, log_in_as
from tests.integration.test_contact import calls

__all__ = ["calls"]

ADA = {"name": "Ada Okafor", "date_of_birth": "2015-03-27", "relationship": "child"}


@pytest.fixture
def tenant(browser: Browser, noon: Any, own_tenancy: SimpleNamespace) -> Browser:
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    return browser


def _add(browser: Browser, **member: Any) -> Reply:
    return browser.call("contact", "POST", "/api/household/members", ADA | member)


def _change(browser: Browser, member_id: str, body: Any) -> Reply:
    return browser.call("contact", "PATCH", f"/api/household/members/{member_id}", body)


def _remove(browser: Browser, member_id: str) -> Reply:
    return browser.call("contact", "DELETE", f"/api/household/members/{member_id}")


def _members(browser: Browser) -> Any:
    reply = browser.call("contact", "GET", "/api/household")
    assert reply.status == 200
    return reply.json["members"]


def _letters() -> list[Any]:
    return list(store.query(MailItem, "MAIL", clock.now()))


def _journal() -> list[dict[str, str]]:
    return [e.row for e in store.query(EntryItem, f"EXPORT#{clock.london_date(clock.now())}", clock.now())]


def test_at_first_nobody_is_listed(tenant: Browser) -> None:
    assert _members(tenant) == []


def test_a_member_is_added_changed_and_taken_off(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    reply = _add(tenant)
    assert reply.status == 201
    added = reply.json
    assert added == {"member_id": added["member_id"]} | ADA
    assert _members(tenant) == [added]
    changed = _change(tenant, added["member_id"], {"name": "Ada  Lovelace", "date_of_birth": None})
    assert changed.status == 200
    assert changed.json == added | {"name": "Ada Lovelace", "date_of_birth": None}
    assert _members(tenant) == [changed.json]
    gone = _remove(tenant, added["member_id"])
    assert (gone.status, gone.text) == (204, "")
    assert _members(tenant) == []
    assert {(m.kind, m.to) for m in _letters()} == {("household_changed", f"customer:{own_tenancy.person_id}")}
    assert sorted(m.about["change"] for m in _letters()) == ["added", "changed", "removed"]
    assert all("Ada" not in str(m.about) for m in _letters())
    by_change = {row["change"]: row for row in _journal()}
    assert {tuple(row) for row in _journal()} == {EXPORT_COLUMNS["household"]}
    assert by_change["added"] == {
        "tenancy_reference": "LH10001", "person_reference": "P10001", "changed_at": "2026-11-24T12:00:00+00:00",
        "change": "added", "member_id": added["member_id"], "name": "Ada Okafor", "date_of_birth": "2015-03-27",
        "relationship": "child",
    }  # fmt: skip
    assert (by_change["changed"]["name"], by_change["changed"]["date_of_birth"]) == ("Ada Lovelace", "")
    assert by_change["removed"]["name"] == "Ada Lovelace"


def test_a_date_of_birth_may_be_left_out_and_be_today(tenant: Browser) -> None:
    body = {"name": "Sam", "relationship": "lodger"}
    assert tenant.call("contact", "POST", "/api/household/members", body).json["date_of_birth"] is None
    assert _add(tenant, name="Baby", date_of_birth=str(NOON.date())).status == 201


def test_a_second_click_adds_nobody_twice(tenant: Browser) -> None:
    assert _add(tenant).status == 201
    again = _add(tenant, name=" ada OKAFOR ")
    assert (again.status, again.json["type"]) == (409, "/problems/already-listed")
    assert len(_members(tenant)) == len(_letters()) == 1
    assert _add(tenant, date_of_birth="2016-03-27").status == 201


def test_an_addition_that_comes_between_is_not_lost_and_not_doubled(
    tenant: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact, between = store.transact, [{"name": "Sam"}, {}]

    def slow(*writes: Any) -> None:
        if between:
            assert _add(tenant, **between.pop(0)).status == 201
        transact(*writes)

    monkeypatch.setattr(store, "transact", slow)
    assert _add(tenant).status == 409
    assert sorted(m["name"] for m in _members(tenant)) == ["Ada Okafor", "Sam"]


def test_thirty_members_can_be_listed_and_no_more(tenant: Browser) -> None:
    for n in range(30):
        assert _add(tenant, name=f"Child {n}").status == 201
    full = _add(tenant, name="One more")
    assert (full.status, full.json["type"]) == (409, "/problems/household-full")
    assert len(_members(tenant)) == 30
    assert _remove(tenant, _members(tenant)[0]["member_id"]).status == 204
    assert _add(tenant, name="One more").status == 201


def test_a_change_that_changes_nothing_writes_nothing(tenant: Browser, calls: list[str]) -> None:
    member_id = _add(tenant).json["member_id"]
    calls.clear()
    assert _change(tenant, member_id, {}).json == {"member_id": member_id} | ADA
    assert _change(tenant, member_id, ADA).status == 200
    assert calls == ["BatchGetItem", "BatchGetItem"]
    assert len(_letters()) == 1


def test_somebody_elses_member_is_like_one_that_does_not_exist(tenant: Browser) -> None:
    member_id = _add(tenant).json["member_id"]
    other = add_tenancy("LH10002", "P10002")
    neighbour = Browser()
    log_in_as(neighbour, other.person_id, other.tenancy_id)
    tried = (member_id, ids.new_id(NOON), "nonsense")
    answers = [_change(neighbour, its_id, {"name": "Mine"}) for its_id in tried]
    answers += [_remove(neighbour, its_id) for its_id in tried]
    assert {(a.status, a.text) for a in answers} == {(404, answers[0].text)}
    assert _members(neighbour) == []
    assert [m["name"] for m in _members(tenant)] == ["Ada Okafor"]


def test_whoever_was_taken_off_is_gone(tenant: Browser) -> None:
    member_id = _add(tenant).json["member_id"]
    assert _remove(tenant, member_id).status == 204
    assert _remove(tenant, member_id).status == 404
    assert _change(tenant, member_id, {"name": "Ada"}).status == 404


def test_joint_tenants_share_one_household(tenant: Browser) -> None:
    _add(tenant)
    partner_in = add_tenancy("LH10001", "P10009")
    partner = Browser()
    log_in_as(partner, partner_in.person_id, partner_in.tenancy_id)
    assert _members(partner) == _members(tenant)


def test_after_the_tenancys_end_the_household_is_seen_and_not_changed(cloud: None, noon: Any) -> None:
    tenancy = add_tenancy("LH10003", "P10003")
    browser = Browser()
    log_in_as(browser, tenancy.person_id, tenancy.tenancy_id)
    member_id = _add(browser).json["member_id"]
    add_tenancy("LH10003", "P10003", end_date=date(2026, 11, 23))
    assert len(_members(browser)) == 1
    for reply in (_add(browser, name="Sam"), _change(browser, member_id, {"name": "Sam"}), _remove(browser, member_id)):
        assert (reply.status, reply.json["type"]) == (409, "/problems/tenancy-ended")
    assert len(_members(browser)) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "1234"}, "name"),
        ({"name": "Ada\nOkafor"}, "name"),
        ({"name": ["Ada"]}, "name"),
        ({"date_of_birth": "27/3/2015"}, "date_of_birth"),
        ({"date_of_birth": "2015-02-30"}, "date_of_birth"),
        ({"date_of_birth": "2026-11-25"}, "date_of_birth"),
        ({"date_of_birth": "1800-01-01"}, "date_of_birth"),
        ({"date_of_birth": 0}, "date_of_birth"),
        ({"date_of_birth": ""}, "date_of_birth"),
        ({"relationship": "cat"}, "relationship"),
        ({"relationship": None}, "relationship"),
        ({"relationship": ""}, "relationship"),
        ({"member_id": "0" * 26}, "member_id"),
    ],
)
def test_what_cannot_be_taken_is_named(tenant: Browser, change: dict[str, Any], field: str) -> None:
    member_id = _add(tenant).json["member_id"]
    for reply in (_add(tenant, **change), _change(tenant, member_id, change)):
        assert reply.status == 422
        assert [e["field"] for e in reply.json["errors"]] == [field]
    assert len(_members(tenant)) == 1


def test_each_route_makes_as_few_calls_as_it_can(tenant: Browser, calls: list[str]) -> None:
    _members(tenant)
    assert calls == ["BatchGetItem"]
    calls.clear()
    member_id = _add(tenant).json["member_id"]
    assert calls == ["BatchGetItem", "TransactWriteItems"]
    calls.clear()
    _remove(tenant, member_id)
    assert calls == ["BatchGetItem", "TransactWriteItems"]


def test_nobody_is_let_in_without_a_session(browser: Browser) -> None:
    assert browser.call("contact", "GET", "/api/household").status == 401
    assert _add(browser).status == 401
    assert _change(browser, "0" * 26, {}).status == 401
    assert _remove(browser, "0" * 26).status == 401
