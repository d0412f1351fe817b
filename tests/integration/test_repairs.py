"""Reporting a repair and following it, by the function's handler on moto."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal import aws, clock, ids, store
from portal.exchange.rules import EXPORT_COLUMNS
from portal.exchange.store import EntryItem
from portal.mail import letters
from portal.mail.store import MailItem
from portal.repairs import service as repairs
from portal.repairs.service import ImportedRepair
from tests.integration.conftest import NOON, ROOT, Browser, Reply, add_tenancy, log_in_as


@pytest.fixture
def tenant(browser: Browser, noon: Any, own_tenancy: SimpleNamespace) -> Browser:
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    return browser


@pytest.fixture
def calls(cloud: None) -> Iterator[list[str]]:
    """The DynamoDB calls made since, by name."""
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    aws.client("dynamodb").meta.events.register("before-call.dynamodb", note)
    yield made
    aws.client("dynamodb").meta.events.unregister("before-call.dynamodb", note)


def _report(browser: Browser, item_id: str = "kitchen-tap-drips", **body: Any) -> Reply:
    return browser.call("repairs", "POST", "/api/repairs", {"item_id": item_id} | body)


def _repairs(browser: Browser, **query: str) -> Any:
    return browser.call("repairs", "GET", "/api/repairs", query=query).json


def _repair(browser: Browser, repair_id: str) -> Reply:
    return browser.call("repairs", "GET", f"/api/repairs/{repair_id}")


def _letters() -> list[Any]:
    return list(store.query(MailItem, "MAIL", clock.now()))


def _journal() -> list[dict[str, str]]:
    return [e.row for e in store.query(EntryItem, f"EXPORT#{clock.london_date(clock.now())}", clock.now())]


def test_anybody_may_read_the_catalogue(browser: Browser, calls: list[str]) -> None:
    reply = browser.call("repairs", "GET", "/api/repairs/catalogue")
    assert reply.status == 200
    first = reply.json["items"][0]
    assert first["item_id"] == "kitchen-tap-drips"
    assert first["priority"] == "routine"
    assert first["questions"] == []
    leak = next(i for i in reply.json["items"] if i["item_id"] == "kitchen-sink-leak")
    assert leak["questions"][1]["question_id"] == "contain"
    assert leak["questions"][1]["answers"][0] == {"answer_id": "yes", "text": "Yes"}
    assert leak["questions"][1]["answers"][1]["danger"]["call"] == "landlord"
    gas = next(i for i in reply.json["items"] if i["item_id"] == "gas-smell")
    assert gas["danger"]["phone"] == "0800 111 999"
    assert calls == []


def test_a_report_is_answered_with_its_priority_and_deadline(tenant: Browser) -> None:
    reply = _report(tenant, description="It drips\nall night", access_notes="Ring twice")
    assert reply.status == 201
    told = reply.json
    assert told["reference"].startswith("R-")
    assert told["priority"] == "routine"
    assert told["status"] == "reported"
    assert (told["place"], told["object"], told["problem"]) == ("Kitchen", "Tap", "Drips")
    assert told["description"] == "It drips\nall night"
    assert told["access_notes"] == "Ring twice"
    assert datetime.fromisoformat(told["reported_at"]) == NOON
    assert datetime.fromisoformat(told["due_at"]) == datetime(2027, 1, 6, 23, 59, 59, tzinfo=UTC)
    assert [e["event"] for e in told["events"]] == ["reported"]
    assert told["duties"] == []
    assert told["completed_on"] is told["danger"] is None
    assert _repair(tenant, told["repair_id"]).json == told
    assert _repairs(tenant) == {"repairs": [told], "next_cursor": None}


def test_a_report_writes_its_letter_and_the_landlords_line_beside_it(
    tenant: Browser, own_tenancy: SimpleNamespace
) -> None:
    told = _report(
        tenant, "heating-none", answers={"vulnerable": "yes", "other_heating": "no"}, description="Very cold"
    ).json
    (mail,) = _letters()
    assert (mail.kind, mail.to) == ("repair_reported", f"customer:{own_tenancy.person_id}")
    assert mail.about["reference"] == told["reference"]
    assert mail.about["priority"] == "emergency"
    assert datetime.fromisoformat(mail.about["due_at"]) == NOON + timedelta(hours=24)
    assert mail.about["problem"] == "Heating and hot water, Heating: None at all"
    assert "emergency line" in mail.about["danger"]
    assert mail.about["danger_phone"] is None
    assert "Very cold" not in str(mail.about)
    (row,) = _journal()
    assert row["repair_reference"] == told["reference"]
    assert row["tenancy_reference"] == own_tenancy.reference
    assert row["person_reference"] == own_tenancy.person_reference
    assert row["priority"] == "emergency"
    assert row["status"] == "open"
    assert row["description_of_work"] == "Heating and hot water, Heating: None at all. Very cold"
    assert row["hazard"] == "excess_cold"
    assert all(isinstance(value, str) for value in row.values())
    assert tuple(row) == EXPORT_COLUMNS["repairs"]


def test_a_report_of_gas_mails_the_gas_emergency_number(tenant: Browser) -> None:
    _report(tenant, "gas-smell")
    assert _letters()[0].about["danger_phone"] == "0800 111 999"


@pytest.mark.parametrize("item_id", ["gas-smell", "heating-none", "kitchen-tap-drips", "mould"])
def test_the_letter_can_be_written(tenant: Browser, item_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAND_FILE", str(ROOT / "brand" / "demo.toml"))
    told = _report(tenant, item_id).json
    message = letters.written("repair_reported", _letters()[0].about, secret=None, site="http://localhost:8000")
    assert told["reference"] in message.text
    assert told["problem"] in message.text


def test_a_report_of_mould_carries_the_laws_dates(tenant: Browser) -> None:
    told = _report(tenant, "mould", answers={"mould_size": "large", "mould_health": "no"}).json
    by = {d["duty"]: (d["due_at"], d["state"]) for d in told["duties"]}
    assert by == {
        "investigate": ("2026-12-08T23:59:59Z", "due"),
        "send_summary": (None, "waiting"), "make_safe": (None, "waiting"), "begin_works": (None, "waiting"),
    }  # fmt: skip


def test_a_duty_that_nobody_met_is_missed_once_its_time_is_over(tenant: Browser, noon: Any) -> None:
    repair_id = _report(tenant, "gas-smell").json["repair_id"]
    noon.shift(timedelta(hours=24))
    browser = Browser()
    log_in_as(browser, *_who())
    assert {d["state"] for d in _repair(browser, repair_id).json["duties"]} == {"due", "waiting"}
    noon.shift(1)
    assert {d["state"] for d in _repair(browser, repair_id).json["duties"]} == {"missed", "waiting"}


def _who(reference: str = "LH10001", person: str = "P10001") -> tuple[str, str]:
    from portal.tenancies import service

    return service.person_id(person), service.tenancy_id(reference)


def test_the_same_thing_is_reported_once(tenant: Browser) -> None:
    first = _report(tenant).json
    again = _report(tenant, description="Another word")
    assert again.status == 409
    assert again.json["type"] == "/problems/already-reported"
    assert again.json["repair_id"] == first["repair_id"]
    assert len(_repairs(tenant)["repairs"]) == len(_letters()) == len(_journal()) == 1


def test_the_same_thing_can_be_reported_anyway(tenant: Browser) -> None:
    first = _report(tenant).json
    second = _report(tenant, anyway=True)
    assert second.status == 201
    assert second.json["repair_id"] != first["repair_id"]
    assert _report(tenant, anyway=False).json["repair_id"] == max(first["repair_id"], second.json["repair_id"])


def test_two_homes_may_report_the_same_thing(tenant: Browser) -> None:
    _report(tenant)
    other = add_tenancy("LH10002", "P10002")
    neighbour = Browser()
    log_in_as(neighbour, other.person_id, other.tenancy_id)
    assert _report(neighbour).status == 201


def test_somebody_elses_repair_is_like_one_that_does_not_exist(tenant: Browser) -> None:
    repair_id = _report(tenant).json["repair_id"]
    other = add_tenancy("LH10002", "P10002")
    neighbour = Browser()
    log_in_as(neighbour, other.person_id, other.tenancy_id)
    answers = [_repair(neighbour, its_id) for its_id in (repair_id, ids.new_id(NOON), "nonsense", "9" * 26)]
    assert {(a.status, a.text) for a in answers} == {(404, answers[0].text)}
    assert _repairs(neighbour)["repairs"] == []
    assert _repairs(neighbour, cursor=repair_id)["repairs"] == []


def test_joint_tenants_see_the_same_repairs(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    told = _report(tenant).json
    add_tenancy("LH10001", "P10009")
    partner = Browser()
    log_in_as(partner, *_who(person="P10009"))
    assert _repair(partner, told["repair_id"]).json == told


def test_nothing_is_reported_for_a_tenancy_that_has_ended(browser: Browser, noon: Any) -> None:
    ended = add_tenancy("LH10003", "P10003", end_date=date(2026, 11, 23))
    log_in_as(browser, ended.person_id, ended.tenancy_id)
    reply = _report(browser)
    assert (reply.status, reply.json["type"]) == (409, "/problems/tenancy-ended")
    assert _repairs(browser) == {"repairs": [], "next_cursor": None}
    assert _letters() == _journal() == []


def test_the_last_day_of_a_tenancy_still_counts(browser: Browser, noon: Any) -> None:
    last_day = add_tenancy("LH10003", "P10003", end_date=date(2026, 11, 24))
    log_in_as(browser, last_day.person_id, last_day.tenancy_id)
    assert _report(browser).status == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "item_id"),
        ({"item_id": None}, "item_id"),
        ({"item_id": ""}, "item_id"),
        ({"item_id": 7}, "item_id"),
        ({"item_id": "no-such-thing"}, "item_id"),
        ({"item_id": "x" * 65}, "item_id"),
        ({"item_id": "kitchen-tap-drips", "colour": "blue"}, "colour"),
        ({"item_id": "kitchen-tap-drips", "priority": "emergency"}, "priority"),
        ({"item_id": "kitchen-tap-drips", "description": "x" * 1001}, "description"),
        ({"item_id": "kitchen-tap-drips", "description": 5}, "description"),
        ({"item_id": "kitchen-tap-drips", "description": "a\x00b"}, "description"),
        ({"item_id": "kitchen-tap-drips", "access_notes": "x" * 501}, "access_notes"),
        ({"item_id": "kitchen-tap-drips", "access_notes": ["a"]}, "access_notes"),
        ({"item_id": "kitchen-tap-drips", "anyway": "yes"}, "anyway"),
        ({"item_id": "kitchen-tap-drips", "anyway": None}, "anyway"),
        ({"item_id": "heating-none", "answers": []}, "answers"),
        ({"item_id": "heating-none", "answers": "yes"}, "answers"),
        ({"item_id": "heating-none", "answers": {"vulnerable": 1}}, "answers"),
        ({"item_id": "heating-none", "answers": {"vulnerable": "perhaps"}}, "answers.vulnerable"),
        ({"item_id": "heating-none", "answers": {"weather": "cold"}}, "answers"),
        ({"item_id": "heating-none", "answers": {str(n): "yes" for n in range(21)}}, "answers"),
    ],
)
def test_what_cannot_be_taken_is_named(tenant: Browser, body: dict[str, Any], field: str) -> None:
    reply = tenant.call("repairs", "POST", "/api/repairs", body)
    assert reply.status == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert [e["field"] for e in reply.json["errors"]] == [field]
    assert _repairs(tenant)["repairs"] == []


@pytest.mark.parametrize("cursor", ["", "nonsense", "x" * 600, "a/b", "ü"])
def test_a_cursor_that_is_none_of_ours_is_named(tenant: Browser, cursor: str) -> None:
    reply = tenant.call("repairs", "GET", "/api/repairs", query={"cursor": cursor})
    assert reply.status == 422
    assert [e["field"] for e in reply.json["errors"]] == ["cursor"]


def test_history_comes_in_pages_newest_first(tenant: Browser, noon: Any) -> None:
    sent = []
    for n in range(45):
        noon.shift(1)
        sent.append(_report(tenant, anyway=True, description=f"number {n}").json["repair_id"])
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        answer = _repairs(tenant, **({"cursor": cursor} if cursor else {}))
        seen += [r["repair_id"] for r in answer["repairs"]]
        cursor, pages = answer["next_cursor"], pages + 1
    assert seen == sent[::-1]
    assert pages == 3


def test_nobody_is_let_in_without_a_session(browser: Browser) -> None:
    for method, path in (("POST", "/api/repairs"), ("GET", "/api/repairs"), ("GET", f"/api/repairs/{'0' * 26}")):
        body = {"item_id": "kitchen-tap-drips"} if method == "POST" else None
        assert browser.call("repairs", method, path, body).status == 401


def test_each_route_makes_as_few_calls_as_it_can(tenant: Browser, calls: list[str]) -> None:
    repair_id = _report(tenant).json["repair_id"]
    assert calls == ["BatchGetItem", "TransactWriteItems"]
    calls.clear()
    _repair(tenant, repair_id)
    assert calls == ["BatchGetItem"]
    calls.clear()
    _repairs(tenant)
    assert calls == ["BatchGetItem", "Query"]
    calls.clear()
    assert _report(tenant).status == 409
    assert calls == ["BatchGetItem", "TransactWriteItems"]


def _search(browser: Browser, words: str) -> Any:
    return browser.call("repairs", "GET", "/api/repairs/catalogue", query={"search": words})


def test_anybody_finds_what_can_be_reported_by_words_the_best_match_first(browser: Browser, noon: Any) -> None:
    everything = {i["item_id"]: i for i in browser.call("repairs", "GET", "/api/repairs/catalogue").json["items"]}
    found = _search(browser, "taap driping").json["items"]
    assert found[0] == everything["kitchen-tap-drips"]
    assert len(found) < len(everything) / 10
    assert _search(browser, "xyzzy").json == {"items": []}


@pytest.mark.parametrize("words", ["", "   ", "a" * 101, "tap\x00"])
def test_a_search_without_words_or_with_too_many_says_so(browser: Browser, words: str) -> None:
    reply = _search(browser, words)
    assert (reply.status, reply.json["errors"][0]["field"]) == (422, "search")


def test_without_heating_one_rings_first_only_in_the_cold_months(browser: Browser, noon: Any) -> None:
    def heating() -> Any:
        items = browser.call("repairs", "GET", "/api/repairs/catalogue").json["items"]
        return next(item for item in items if item["item_id"] == "heating-none")

    assert (heating()["priority"], heating()["danger"]["call"]) == ("emergency", "landlord")
    noon.move_to(datetime(2027, 7, 1, 12, tzinfo=UTC))
    assert (heating()["priority"], heating()["danger"]) == ("urgent", None)


def test_a_report_says_what_to_do_next(tenant: Browser) -> None:
    assert "arrange a time" in _report(tenant).json["next_step"]
    assert "ring now" in _report(tenant, "gas-smell").json["next_step"]


def test_a_reference_that_is_taken_is_not_given_twice(tenant: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["R-222222", "R-222222", "R-333333"])
    monkeypatch.setattr("portal.repairs.rules.new_reference", lambda: next(drawn))
    assert _report(tenant).json["reference"] == "R-222222"
    assert _report(tenant, "fence-broken").json["reference"] == "R-333333"


def _row(tenancy_id: str, reference: str, **changes: Any) -> ImportedRepair:
    row = ImportedRepair(reference, tenancy_id, date(2026, 11, 2), "Renew tap washer", "routine", "scheduled", None)
    return row._replace(**changes)


def test_a_repair_that_the_landlord_took_down_stands_in_the_history(
    tenant: Browser, own_tenancy: SimpleNamespace
) -> None:
    told = _report(tenant).json
    tenancy_id = own_tenancy.tenancy_id
    rows = [
        _row(tenancy_id, "W100"),
        _row(tenancy_id, "W099", reported_on=date(2024, 5, 1), status="completed", completed_on=date(2024, 5, 9)),
    ]
    assert repairs.record(rows, clock.now()) == 2
    newest, open_one, done = _repairs(tenant)["repairs"]
    assert newest == told
    assert (open_one["reference"], open_one["description"]) == ("W100", "Renew tap washer")
    assert open_one["reported_at"] == "2026-11-02T00:00:00Z"
    assert open_one["item_id"] is open_one["place"] is open_one["due_at"] is None
    assert [e["event"] for e in open_one["events"]] == ["reported", "scheduled"]
    assert done["completed_on"] == "2024-05-09"
    assert [(e["event"], e["at"]) for e in done["events"]] == [
        ("reported", "2024-04-30T23:00:00Z"), ("completed", "2024-05-08T23:00:00Z"),
    ]  # fmt: skip
    assert _repair(tenant, done["repair_id"]).json == done


def test_an_unchanged_row_costs_no_write(own_tenancy: SimpleNamespace, noon: Any, calls: list[str]) -> None:
    rows = [_row(own_tenancy.tenancy_id, f"W{n}") for n in range(130)]
    assert repairs.record(rows, clock.now()) == 130
    calls.clear()
    assert repairs.record(rows, clock.now()) == 0
    assert set(calls) == {"BatchGetItem"}
    rows[7] = rows[7]._replace(status="completed", completed_on=date(2026, 11, 23))
    assert repairs.record(rows, clock.now()) == 1


def test_the_last_row_of_a_reference_counts(own_tenancy: SimpleNamespace, noon: Any, tenant: Browser) -> None:
    first = _row(own_tenancy.tenancy_id, "W100")
    assert repairs.record([first, first._replace(status="on_hold")], clock.now()) == 1
    assert _repairs(tenant)["repairs"][0]["status"] == "on_hold"


def test_our_own_report_coming_back_is_the_same_repair(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    told = _report(tenant, description="It drips").json
    row = _row(own_tenancy.tenancy_id, told["reference"], reported_on=date(2026, 11, 24), status="open")
    assert repairs.record([row], clock.now()) == 0
    assert repairs.record([row._replace(status="scheduled", priority="urgent")], clock.now()) == 1
    (now,) = _repairs(tenant)["repairs"]
    assert (now["repair_id"], now["status"], now["priority"]) == (told["repair_id"], "scheduled", "urgent")
    assert (now["description"], now["due_at"]) == ("It drips", told["due_at"])
    assert [e["event"] for e in now["events"]] == ["reported", "scheduled"]
    assert _report(tenant).status == 409


@pytest.mark.parametrize("status", ["completed", "closed", "cancelled"])
def test_once_a_report_is_finished_the_same_thing_can_be_reported_again(
    tenant: Browser, own_tenancy: SimpleNamespace, status: str
) -> None:
    told = _report(tenant).json
    done_on = None if status == "cancelled" else date(2026, 11, 24)
    row = _row(own_tenancy.tenancy_id, told["reference"], status=status, completed_on=done_on)
    assert repairs.record([row], clock.now()) == 1
    now = _repair(tenant, told["repair_id"]).json
    assert (now["status"], now["completed_on"]) == (status, str(done_on) if done_on else None)
    assert _report(tenant).status == 201


def test_while_one_of_two_is_open_the_same_thing_is_reported_already(
    tenant: Browser, own_tenancy: SimpleNamespace
) -> None:
    first, second = _report(tenant).json, _report(tenant, anyway=True).json
    done = _row(own_tenancy.tenancy_id, second["reference"], status="completed", completed_on=date(2026, 11, 24))
    repairs.record([done], clock.now())
    assert _report(tenant).json["repair_id"] == first["repair_id"]


def test_a_repair_that_the_landlord_opens_again_counts_as_open(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    told = _report(tenant).json
    row = _row(own_tenancy.tenancy_id, told["reference"], status="completed", completed_on=date(2026, 11, 24))
    repairs.record([row], clock.now())
    repairs.record([row._replace(status="reopened", completed_on=None)], clock.now())
    now = _repair(tenant, told["repair_id"]).json
    assert (now["status"], now["completed_on"]) == ("reopened", None)
    assert _report(tenant).json["repair_id"] == told["repair_id"]


def test_a_repair_does_not_change_homes(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    told = _report(tenant, description="Ours").json
    other = add_tenancy("LH10002", "P10002")
    refused: list[Any] = []
    row = _row(other.tenancy_id, told["reference"])
    assert repairs.record([row], clock.now(), refuse=lambda row, why: refused.append((row, why))) == 0
    assert repairs.record([row], clock.now()) == 0
    assert refused == [(row, "That reference is a repair of another tenancy")]
    neighbour = Browser()
    log_in_as(neighbour, other.person_id, other.tenancy_id)
    assert _repairs(neighbour)["repairs"] == []


def test_an_import_that_died_between_its_writes_is_mended_by_the_next(
    tenant: Browser, own_tenancy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = _row(own_tenancy.tenancy_id, "W100")
    written = store.put_all
    done: list[int] = []

    def once(items: Any) -> None:
        if done:
            raise store.Unavailable
        done.append(1)
        written(items)

    monkeypatch.setattr(store, "put_all", once)
    with pytest.raises(store.Unavailable):
        repairs.record([row], clock.now())
    monkeypatch.undo()
    assert repairs.record([row], clock.now()) == 1
    assert [r["reference"] for r in _repairs(tenant)["repairs"]] == ["W100"]


def test_a_completed_hazard_has_met_what_was_due(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    told = _report(tenant, "mould").json
    row = _row(own_tenancy.tenancy_id, told["reference"], status="completed", completed_on=date(2026, 12, 1))
    repairs.record([row], clock.now())
    states = {d["duty"]: d["state"] for d in _repair(tenant, told["repair_id"]).json["duties"]}
    assert states["investigate"] == states["make_safe"] == states["begin_works"] == "met"
