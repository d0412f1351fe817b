"""Booking, moving and giving up a visit, what the landlord offers for it, and the reminder, on moto."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import icalendar
import pytest
import time_machine
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from portal import aws, clock, ids, store
from portal.appointments import recording, rules
from portal.appointments import service as appointments
from portal.appointments.rules import Place
from portal.appointments.store import SlotItem, VisitItem, visits
from portal.exchange.rules import EXPORT_COLUMNS
from portal.exchange.store import EntryItem
from portal.failures import Failure
from portal.identity.sessions import Session
from portal.mail import letters
from portal.mail.store import MailItem
from portal.recorded import APPLIED, UNCHANGED
from portal.repairs import service as repairs
from portal.repairs.catalogue import catalogue
from portal.repairs.service import ImportedRepair
from tests.integration.conftest import NOON, Browser, Reply, add_tenancy, function, log_in_as

LEAF = "kitchen-tap-drips"
FIRST, SECOND, LATER = date(2026, 11, 25), date(2026, 11, 26), date(2026, 12, 10)
TOLD = {
    "access_notes": "Ring the top bell", "vulnerable": True, "communication": "I lip-read", "pets": "A dog",
    "safe_word": "Lantern",
}  # fmt: skip


def trade(item_id: str = LEAF) -> str:
    """Whose work it is."""
    leaf = catalogue().leaf(item_id)
    assert leaf
    return leaf.trade


def offer(*rows: tuple[date, str, int], of: str | None = None) -> list[Any]:
    """What the landlord's file says of places."""
    told = [recording.imported(of or trade(), day, period, capacity) for day, period, capacity in rows]
    return recording.record_slots(told, clock.now())


@pytest.fixture
def tenant(browser: Browser, noon: Any, own_tenancy: SimpleNamespace) -> Browser:
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    return browser


@pytest.fixture
def repair_id(tenant: Browser) -> str:
    return reported(tenant)


def reported(browser: Browser, **more: Any) -> str:
    # The same words sent twice within minutes are one report.
    body = {"item_id": LEAF, "anyway": True, "description": ids.new_id(clock.now())} | more
    reply = browser.call("repairs", "POST", "/api/repairs", body)
    assert reply.status == 201, reply
    found: str = reply.json["repair_id"]
    return found


def slots(browser: Browser, repair_id: str) -> list[str]:
    return [slot["slot_id"] for slot in browser.call("repairs", "GET", f"/api/repairs/{repair_id}/slots").json["slots"]]


TIME: list[Any] = []


@pytest.fixture(autouse=True)
def _time_goes_on(noon: Any) -> Iterator[None]:
    """What is done later has a later moment, and so its place after the rest in the outbox."""
    TIME.append(noon)
    yield
    TIME.pop()


def book(browser: Browser, repair_id: str, day: date, period: str = "morning", **told: Any) -> Reply:
    TIME[-1].shift(1)
    body = {"slot_id": Place(day, period).slot_id} | told
    return browser.call("repairs", "PUT", f"/api/repairs/{repair_id}/appointment", body)


def cancel(browser: Browser, repair_id: str) -> Reply:
    TIME[-1].shift(1)
    return browser.call("repairs", "DELETE", f"/api/repairs/{repair_id}/appointment")


def shown(browser: Browser, repair_id: str) -> Any:
    return browser.call("repairs", "GET", f"/api/repairs/{repair_id}").json


def slug(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["type"].removeprefix("/problems/")


def taken() -> dict[str, tuple[int, int]]:
    """How many of each place are booked, and how many there are."""
    found = store.query(SlotItem, f"SLOTS#{trade()}", clock.now())
    return {s.place.slot_id: (int(s.booked), int(s.capacity)) for s in found}


def mails(kind: str = "appointment") -> list[MailItem]:
    return [m for m in store.query(MailItem, "MAIL", clock.now()) if m.kind.startswith(kind)]


def lines() -> list[dict[str, str]]:
    entries = store.query(EntryItem, f"EXPORT#{clock.london_date(clock.now())}", clock.now())
    return [e.row for e in entries if e.file == "appointments"]


def run_reminder(time_left: Callable[[], int] = lambda: 300_000) -> int:
    context = SimpleNamespace(get_remaining_time_in_millis=time_left)
    asked: int = function("reminder").handler({"trigger": "day-before"}, context)["reminded"]
    return asked


def neighbour(number: int = 2) -> Browser:
    other = add_tenancy(f"LH1000{number}", f"P1000{number}")
    browser = Browser()
    log_in_as(browser, other.person_id, other.tenancy_id)
    return browser


# --- what is offered


def test_what_the_landlord_has_for_the_repairs_trade_is_offered_soonest_first(tenant: Browser, repair_id: str) -> None:
    offer((LATER, "afternoon", 1), (FIRST, "all_day", 2), (FIRST, "morning", 1), (FIRST, "school_run", 0))
    other = next(t for t in recording.trades() if t != trade())
    offer((FIRST, "afternoon", 5), of=other)
    reply = tenant.call("repairs", "GET", f"/api/repairs/{repair_id}/slots")
    assert reply.status == 200
    assert reply.json["slots"] == [
        {
            "slot_id": "2026-11-25.morning", "date": "2026-11-25", "period": "morning",
            "starts_at": "2026-11-25T08:00:00Z", "ends_at": "2026-11-25T12:00:00Z",
        },
        {
            "slot_id": "2026-11-25.all_day", "date": "2026-11-25", "period": "all_day",
            "starts_at": "2026-11-25T08:00:00Z", "ends_at": "2026-11-25T17:00:00Z",
        },
        {
            "slot_id": "2026-12-10.afternoon", "date": "2026-12-10", "period": "afternoon",
            "starts_at": "2026-12-10T12:00:00Z", "ends_at": "2026-12-10T17:00:00Z",
        },
    ]  # fmt: skip


def test_a_place_of_today_is_offered_to_nobody_since_the_landlord_hears_of_it_tonight(
    tenant: Browser, repair_id: str, noon: Any
) -> None:
    offer((FIRST, "morning", 1))
    noon.move_to(datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC))
    log_in_as(tenant, *who())
    assert slots(tenant, repair_id) == ["2026-11-25.morning"]
    noon.shift(1)
    assert slots(tenant, repair_id) == []
    assert slug(book(tenant, repair_id, FIRST)) == (409, "slot-taken")


def who() -> tuple[str, str]:
    from portal.tenancies import service

    return service.person_id("P10001"), service.tenancy_id("LH10001")


def test_places_after_the_repairs_deadline_are_offered_too(tenant: Browser, repair_id: str) -> None:
    due = datetime.fromisoformat(shown(tenant, repair_id)["due_at"])
    after = clock.london_date(NOON) + timedelta(days=rules.HORIZON_DAYS)
    assert rules.starts_at(Place(after, "morning")) < due or due < rules.starts_at(Place(after, "morning"))
    offer((after, "morning", 1))
    assert slots(tenant, repair_id) == [Place(after, "morning").slot_id]


def test_a_repair_that_the_landlord_took_down_has_nothing_to_choose_from(
    tenant: Browser, own_tenancy: SimpleNamespace
) -> None:
    row = ImportedRepair(
        "W1", own_tenancy.tenancy_id, date(2026, 11, 20), "Boiler gives no hot water", "urgent", "open", None
    )
    repairs.record([row], clock.now())
    offer((FIRST, "morning", 1))
    (found,) = tenant.call("repairs", "GET", "/api/repairs").json["repairs"]
    assert found["appointment"] is None
    assert slots(tenant, found["repair_id"]) == []
    assert slug(book(tenant, found["repair_id"], FIRST)) == (409, "slot-taken")


# --- booking, moving, giving up


def test_a_booking_is_shown_counted_mailed_and_told_to_the_landlord(
    tenant: Browser, repair_id: str, own_tenancy: SimpleNamespace
) -> None:
    offer((FIRST, "morning", 2))
    reply = book(tenant, repair_id, FIRST, **TOLD)
    assert reply.status == 200, reply
    assert reply.json == {
        "slot_id": "2026-11-25.morning", "date": "2026-11-25", "period": "morning",
        "starts_at": "2026-11-25T08:00:00Z", "ends_at": "2026-11-25T12:00:00Z", **TOLD,
    }  # fmt: skip
    now = shown(tenant, repair_id)
    assert now["appointment"] == reply.json
    assert now["next_step"].startswith("Be at home when we come.")
    assert [e["event"] for e in now["events"]] == ["reported", "appointment_booked"]
    assert taken() == {"2026-11-25.morning": (1, 2)}
    (mail,) = mails()
    assert (mail.kind, mail.to) == ("appointment_booked", f"customer:{own_tenancy.person_id}")
    assert mail.about["reference"] == now["reference"]
    assert (mail.about["day"], mail.about["period"]) == ("2026-11-25", "between 8am and 12pm")
    (row,) = lines()
    assert tuple(row) == EXPORT_COLUMNS["appointments"]
    assert all(isinstance(value, str) for value in row.values())
    assert (row["change"], row["trade"], row["date"], row["period"]) == ("booked", trade(), "2026-11-25", "morning")
    assert row["tenancy_reference"] == own_tenancy.reference
    assert row["person_reference"] == own_tenancy.person_reference
    assert (row["safe_word"], row["vulnerable"], row["pets"]) == ("Lantern", "yes", "A dog")


def test_what_is_told_for_the_visit_stands_in_no_mail_and_no_log(
    tenant: Browser, repair_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    offer((FIRST, "morning", 1), (SECOND, "morning", 1))
    marked = {name: f"Canary{name}" for name in ("access_notes", "communication", "pets", "safe_word")}
    book(tenant, repair_id, FIRST, **marked)
    book(tenant, repair_id, SECOND)
    cancel(tenant, repair_id)
    written = [letters.written(m.kind, m.about, secret=None, site="http://localhost:8000") for m in mails()]
    assert len(written) == 3
    logged = capsys.readouterr()
    for text in (*map(str, written), logged.out, logged.err, *(str(m.about) for m in mails())):
        assert "Canary" not in text


def test_the_same_place_again_is_the_same_answer_and_changes_nothing(
    tenant: Browser, repair_id: str, noon: Any
) -> None:
    offer((FIRST, "morning", 1))
    first = book(tenant, repair_id, FIRST, **TOLD)
    noon.shift(60)
    again = book(tenant, repair_id, FIRST, **TOLD)
    assert (again.status, again.text) == (first.status, first.text)
    assert book(tenant, repair_id, FIRST).text == first.text, "what is left out stays as it was told"
    assert taken() == {"2026-11-25.morning": (1, 1)}
    assert (len(mails()), len(lines())) == (1, 1)


def test_moving_gives_the_old_place_back_and_keeps_what_was_told(tenant: Browser, repair_id: str) -> None:
    offer((FIRST, "morning", 1), (FIRST, "afternoon", 1))
    book(tenant, repair_id, FIRST, **TOLD)
    moved = book(tenant, repair_id, FIRST, "afternoon", pets=None)
    assert moved.status == 200
    assert moved.json["slot_id"] == "2026-11-25.afternoon"
    assert (moved.json["safe_word"], moved.json["pets"]) == ("Lantern", None)
    assert taken() == {"2026-11-25.afternoon": (1, 1), "2026-11-25.morning": (0, 1)}
    assert [m.kind for m in mails()] == ["appointment_booked", "appointment_moved"]
    row = lines()[-1]
    assert (row["change"], row["period"], row["instead_of"]) == ("moved", "afternoon", "2026-11-25 morning")
    assert [v.place.period for v in store.query(VisitItem, f"VISITS#{FIRST}", clock.now())] == ["afternoon"]


def test_only_what_is_told_can_be_changed_and_the_landlord_hears_of_it(tenant: Browser, repair_id: str) -> None:
    offer((FIRST, "morning", 1))
    book(tenant, repair_id, FIRST)
    assert book(tenant, repair_id, FIRST, safe_word="Lantern").json["safe_word"] == "Lantern"
    assert [row["change"] for row in lines()] == ["booked", "details"]
    assert len(mails()) == 1
    assert taken() == {"2026-11-25.morning": (1, 1)}


def test_a_place_that_another_has_is_taken_and_the_own_one_is_kept(tenant: Browser, repair_id: str) -> None:
    offer((FIRST, "morning", 1), (SECOND, "morning", 1))
    other = neighbour()
    others = reported(other)
    assert book(other, others, FIRST).status == 200
    assert slots(tenant, repair_id) == ["2026-11-26.morning"]
    assert slug(book(tenant, repair_id, FIRST)) == (409, "slot-taken")
    assert book(tenant, repair_id, SECOND).status == 200
    assert slug(book(tenant, repair_id, FIRST)) == (409, "slot-taken")
    assert shown(tenant, repair_id)["appointment"]["slot_id"] == "2026-11-26.morning"
    assert taken() == {"2026-11-25.morning": (1, 1), "2026-11-26.morning": (1, 1)}
    cancel(other, others)
    assert book(tenant, repair_id, FIRST).status == 200


@pytest.mark.parametrize("slot_id", ["2026-11-29.morning", "2026-02-30.morning", "nothing", "2020-01-01.morning"])
def test_a_place_that_nobody_offers_is_taken(tenant: Browser, repair_id: str, slot_id: str) -> None:
    body = {"slot_id": slot_id}
    assert slug(tenant.call("repairs", "PUT", f"/api/repairs/{repair_id}/appointment", body)) == (409, "slot-taken")


def test_cancelling_gives_the_place_back_and_again_does_nothing(tenant: Browser, repair_id: str) -> None:
    offer((FIRST, "morning", 1))
    book(tenant, repair_id, FIRST, **TOLD)
    assert cancel(tenant, repair_id).status == 204
    assert cancel(tenant, repair_id).status == 204
    now = shown(tenant, repair_id)
    assert now["appointment"] is None
    assert [e["event"] for e in now["events"]] == ["reported", "appointment_booked", "appointment_cancelled"]
    assert taken() == {"2026-11-25.morning": (0, 1)}
    assert [m.kind for m in mails()] == ["appointment_booked", "appointment_cancelled"]
    assert [row["change"] for row in lines()] == ["booked", "cancelled"]
    assert lines()[1]["safe_word"] == "Lantern", "the row names the visit as it was"
    assert book(tenant, repair_id, FIRST).status == 200


def test_once_the_book_is_closed_only_a_call_changes_the_visit(tenant: Browser, repair_id: str, noon: Any) -> None:
    offer((FIRST, "morning", 1), (LATER, "morning", 1))
    book(tenant, repair_id, FIRST)
    noon.move_to(datetime(2026, 11, 25, 0, 0, 0, tzinfo=UTC))
    log_in_as(tenant, *who())
    assert slug(book(tenant, repair_id, LATER)) == (409, "too-late-to-change")
    assert slug(cancel(tenant, repair_id)) == (409, "too-late-to-change")
    assert shown(tenant, repair_id)["appointment"]["slot_id"] == "2026-11-25.morning"


def test_after_a_visit_another_can_be_booked_and_the_old_place_is_not_counted_again(
    tenant: Browser, repair_id: str, noon: Any
) -> None:
    offer((FIRST, "morning", 1), (LATER, "morning", 1))
    book(tenant, repair_id, FIRST)
    noon.move_to(datetime(2026, 11, 25, 12, 0, 1, tzinfo=UTC))
    log_in_as(tenant, *who())
    assert cancel(tenant, repair_id).status == 204
    assert shown(tenant, repair_id)["appointment"] is None, "a visit that is over is none to come"
    assert shown(tenant, repair_id)["next_step"].startswith("Choose when we come")
    assert book(tenant, repair_id, LATER).status == 200
    assert taken()["2026-12-10.morning"] == (1, 1)
    assert taken()["2026-11-25.morning"] == (1, 1)


def test_a_repair_that_is_called_off_gives_its_visits_place_back(tenant: Browser, repair_id: str) -> None:
    offer((FIRST, "morning", 1))
    book(tenant, repair_id, FIRST)
    for _ in range(2):
        reply = tenant.call("repairs", "POST", f"/api/repairs/{repair_id}/cancel", {})
        assert (reply.status, reply.json["status"], reply.json["appointment"]) == (200, "cancelled", None)
    assert taken() == {"2026-11-25.morning": (0, 1)}
    assert list(store.query(VisitItem, f"VISITS#{FIRST}", clock.now())) == []
    assert cancel(tenant, repair_id).status == 204
    assert taken() == {"2026-11-25.morning": (0, 1)}


@pytest.mark.parametrize("status", ["completed", "closed", "cancelled"])
def test_a_finished_repair_is_visited_by_nobody(
    tenant: Browser, repair_id: str, own_tenancy: SimpleNamespace, status: str
) -> None:
    offer((FIRST, "morning", 1))
    finish(tenant, repair_id, own_tenancy.tenancy_id, status)
    assert slug(tenant.call("repairs", "GET", f"/api/repairs/{repair_id}/slots")) == (409, "repair-finished")
    assert slug(book(tenant, repair_id, FIRST)) == (409, "repair-finished")
    assert taken() == {"2026-11-25.morning": (0, 1)}


def finish(browser: Browser, repair_id: str, tenancy_id: str, status: str = "completed") -> None:
    reference = shown(browser, repair_id)["reference"]
    row = ImportedRepair(reference, tenancy_id, date(2026, 11, 24), "Done", "routine", status, None)
    assert repairs.record([row], clock.now()) == 1


def test_a_repair_that_is_finished_while_it_is_booked_takes_no_place(
    tenant: Browser, repair_id: str, own_tenancy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer((FIRST, "morning", 1))
    transact = store.transact

    def finished_first(*writes: Any) -> None:
        monkeypatch.setattr(store, "transact", transact)
        finish(tenant, repair_id, own_tenancy.tenancy_id)
        transact(*writes)

    monkeypatch.setattr(store, "transact", finished_first)
    assert slug(book(tenant, repair_id, FIRST)) == (409, "repair-finished")
    assert taken() == {"2026-11-25.morning": (0, 1)}


def test_another_tenancys_repair_is_none(tenant: Browser, repair_id: str) -> None:
    offer((FIRST, "morning", 3))
    book(tenant, repair_id, FIRST, **TOLD)
    other = neighbour()
    for reply in (
        other.call("repairs", "GET", f"/api/repairs/{repair_id}/slots"),
        book(other, repair_id, FIRST),
        cancel(other, repair_id),
        other.call("repairs", "GET", f"/api/repairs/{repair_id}/appointment.ics"),
    ):
        assert slug(reply) == (404, "not-found")
    assert taken() == {"2026-11-25.morning": (1, 3)}


def test_whoever_has_left_the_home_books_nothing(browser: Browser, noon: Any) -> None:
    left = add_tenancy("LH10009", "P10009", end_date=date(2026, 11, 25))
    log_in_as(browser, left.person_id, left.tenancy_id)
    repair = reported(browser)
    noon.move_to(datetime(2026, 11, 27, 9, tzinfo=UTC))
    log_in_as(browser, left.person_id, left.tenancy_id)
    offer((LATER, "morning", 1))
    assert slug(browser.call("repairs", "GET", f"/api/repairs/{repair}/slots")) == (409, "tenancy-ended")
    assert slug(book(browser, repair, LATER)) == (409, "tenancy-ended")
    assert slug(cancel(browser, repair)) == (409, "tenancy-ended")


# --- the landlord's file


def test_a_row_is_applied_once_and_then_costs_no_write(noon: Any, cloud: None) -> None:
    rows = [(FIRST, "morning", 3), (SECOND, "morning", 1)]
    assert offer(*rows) == [APPLIED, APPLIED]
    assert offer(*rows) == [UNCHANGED, UNCHANGED]
    assert offer((FIRST, "morning", 5), *rows) == [UNCHANGED, UNCHANGED, UNCHANGED], "the last row of a place counts"
    assert offer((FIRST, "morning", 5)) == [APPLIED]
    assert taken()["2026-11-25.morning"] == (0, 5)


def test_two_imports_of_one_place_at_once_lose_no_booking(
    tenant: Browser, repair_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run has looked before there was any, and writes after somebody has booked."""
    offer((FIRST, "morning", 3))
    assert book(tenant, repair_id, FIRST).status == 200
    monkeypatch.setattr(recording.store, "fetch", lambda keys, _at: [None] * len(keys))
    offer((FIRST, "morning", 3))
    assert taken() == {"2026-11-25.morning": (1, 3)}


def test_a_day_that_is_over_is_left_as_it_was(noon: Any, cloud: None) -> None:
    assert offer((date(2026, 11, 23), "morning", 3)) == [UNCHANGED]
    assert taken() == {}


def test_fewer_places_than_are_booked_keep_the_bookings_and_offer_none(tenant: Browser, repair_id: str) -> None:
    offer((FIRST, "morning", 3))
    second, third = reported(tenant), reported(tenant)
    book(tenant, repair_id, FIRST)
    book(tenant, second, FIRST)
    assert offer((FIRST, "morning", 1)) == [APPLIED]
    assert taken() == {"2026-11-25.morning": (2, 1)}
    assert slots(tenant, third) == []
    assert slug(book(tenant, third, FIRST)) == (409, "slot-taken")
    assert shown(tenant, second)["appointment"]["slot_id"] == "2026-11-25.morning"
    cancel(tenant, second)
    assert slug(book(tenant, third, FIRST)) == (409, "slot-taken"), "one is booked and one is all there is"
    cancel(tenant, repair_id)
    assert book(tenant, third, FIRST).status == 200


# --- the calendar's file


def test_a_calendar_gets_one_event_that_moves_with_the_visit(tenant: Browser, repair_id: str) -> None:
    offer((FIRST, "morning", 1), (SECOND, "all_day", 1))
    book(tenant, repair_id, FIRST, **TOLD)

    def event() -> Any:
        reply = tenant.call("repairs", "GET", f"/api/repairs/{repair_id}/appointment.ics")
        assert reply.status == 200, reply
        assert reply.headers["content-type"] == "text/calendar; charset=utf-8"
        assert reply.headers["content-disposition"] == 'attachment; filename="repair-visit.ics"'
        assert "Lantern" not in reply.text
        (found,) = icalendar.Calendar.from_ical(reply.text).events
        return found

    first = event()
    assert (first.start, first.end) == (
        datetime(2026, 11, 25, 8, tzinfo=UTC), datetime(2026, 11, 25, 12, tzinfo=UTC),
    )  # fmt: skip
    assert "Tap" in first["SUMMARY"]
    book(tenant, repair_id, SECOND, "all_day")
    second = event()
    assert second["UID"] == first["UID"]
    assert second["SEQUENCE"] > first["SEQUENCE"]
    assert second.start == datetime(2026, 11, 26, 8, tzinfo=UTC)
    cancel(tenant, repair_id)
    assert tenant.call("repairs", "GET", f"/api/repairs/{repair_id}/appointment.ics").status == 404


# --- the reminder


def test_the_day_before_whoever_booked_is_reminded_once_however_often_the_job_runs(
    tenant: Browser, repair_id: str, own_tenancy: SimpleNamespace, noon: Any
) -> None:
    offer((LATER, "afternoon", 1))
    book(tenant, repair_id, LATER, "afternoon", **TOLD)
    noon.move_to(datetime(2026, 12, 8, 19, tzinfo=UTC))
    assert run_reminder() == 0
    noon.move_to(datetime(2026, 12, 9, 9, tzinfo=UTC))
    assert [run_reminder() for _ in range(64)] == [1] + [0] * 63
    (mail,) = mails("appointment_reminder")
    assert mail.to == f"customer:{own_tenancy.person_id}"
    assert mail.expires_at == rules.starts_at(Place(LATER, "afternoon")).timestamp()
    text = letters.written(mail.kind, mail.about, secret=None, site="http://localhost:8000").text
    assert "on Thursday 10 December, between 12pm and 5pm" in text
    noon.move_to(datetime(2026, 12, 10, 9, tzinfo=UTC))
    assert run_reminder() == 0


def test_a_visit_of_a_period_that_the_landlord_has_no_more_is_reminded_of_and_can_be_cancelled(
    tenant: Browser, repair_id: str, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the times that it was booked for; what an earlier version booked without them keeps no other from its turn."""
    offer((LATER, "afternoon", 3), (LATER, "morning", 1))
    other, third = reported(tenant), reported(tenant)
    for each, period in ((repair_id, "afternoon"), (other, "morning"), (third, "afternoon")):
        assert book(tenant, each, LATER, period).status == 200
    old = next(v for v in visits(LATER, clock.now()) if v.repair_id == repair_id)
    store.transact(store.Update(old, [VisitItem.starts_at.remove(), VisitItem.ends_at.remove()]))
    offers = rules.periods()
    fewer = rules.Periods(
        offers.source, offers.notice_days, tuple(p for p in offers.periods if p.period != "afternoon")
    )
    monkeypatch.setattr(rules, "periods", lambda: fewer)
    noon.move_to(datetime(2026, 12, 8, 9, tzinfo=UTC))
    log_in_as(tenant, *who())
    assert cancel(tenant, third).status == 204
    assert mails("appointment_cancelled")[0].about["period"] == "between 12pm and 5pm"
    noon.move_to(datetime(2026, 12, 9, 9, tzinfo=UTC))
    assert run_reminder() == 1
    assert [m.about["period"] for m in mails("appointment_reminder")] == ["between 8am and 12pm"]


def test_whoever_booked_today_for_tomorrow_has_the_confirmation_and_no_reminder(
    tenant: Browser, repair_id: str
) -> None:
    offer((FIRST, "morning", 1))
    book(tenant, repair_id, FIRST)
    assert run_reminder() == 0


def test_a_visit_that_was_given_up_or_whose_repair_is_finished_is_not_reminded_of(
    tenant: Browser, repair_id: str, own_tenancy: SimpleNamespace, noon: Any
) -> None:
    offer((LATER, "morning", 3), (LATER, "afternoon", 3))
    given_up, moved = reported(tenant), reported(tenant)
    for repair in (repair_id, given_up, moved):
        book(tenant, repair, LATER)
    cancel(tenant, given_up)
    book(tenant, moved, LATER, "afternoon")
    finish(tenant, repair_id, own_tenancy.tenancy_id, "cancelled")
    noon.move_to(datetime(2026, 12, 9, 9, tzinfo=UTC))
    assert run_reminder() == 1
    (mail,) = mails("appointment_reminder")
    assert mail.about["period"] == "between 12pm and 5pm"


def test_a_run_that_dies_halfway_is_made_up_for_by_the_next_and_nobody_is_reminded_twice(
    tenant: Browser, repair_id: str, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer((LATER, "morning", 6))
    for repair in (repair_id, *(reported(tenant) for _ in range(4))):
        book(tenant, repair, LATER)
    noon.move_to(datetime(2026, 12, 9, 9, tzinfo=UTC))
    transact, left = store.transact, [1]

    def dies(*writes: Any) -> None:
        if not left:
            raise store.Unavailable
        left.pop()
        transact(*writes)

    for _ in range(5):
        monkeypatch.setattr(store, "transact", dies)
        with pytest.raises(store.Unavailable):
            run_reminder()
        monkeypatch.undo()
        monkeypatch.setattr(store, "transact", transact)
        left.append(1)
        if len(mails("appointment_reminder")) == 4:
            break
    assert run_reminder() == 1
    about = Counter(m.about["reference"] for m in mails("appointment_reminder"))
    assert set(about.values()) == {1}
    assert len(about) == 5


def test_a_run_that_has_no_time_left_leaves_the_rest_to_the_next(tenant: Browser, repair_id: str, noon: Any) -> None:
    offer((LATER, "morning", 6))
    book(tenant, repair_id, LATER)
    noon.move_to(datetime(2026, 12, 9, 9, tzinfo=UTC))
    assert run_reminder(lambda: 10_000) == 0
    assert run_reminder() == 1


# --- whatever is done in whatever order


HOMES, REPAIRS, CHOICES = 3, 2, [(FIRST, "morning"), (FIRST, "all_day"), (SECOND, "morning"), (LATER, "afternoon")]


class Book(RuleBasedStateMachine):
    """Tenants book, move and cancel, the landlord changes capacities: what is counted is what is booked."""

    @initialize()
    def begin(self) -> None:
        self.time = time_machine.travel(NOON, tick=False)
        self.time.start()
        for table in ("repairs", "outbox"):
            for item in aws.client("dynamodb").scan(TableName=table)["Items"]:
                aws.client("dynamodb").delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
        self.homes = [add_tenancy(f"LH2000{n}", f"P2000{n}") for n in range(HOMES)]
        self.open: list[tuple[int, str]] = []
        for n in range(HOMES):
            for which in range(REPAIRS):
                session = self.session(n, repairs.beside_report)
                item = repairs.report(
                    session, LEAF, answers={}, description=str(which), access_notes=None, anyway=True, at=clock.now()
                )
                self.open.append((n, repairs.id_of(item)))
        self.capacity = dict.fromkeys(CHOICES, 0)
        self.holds: dict[str, tuple[date, str]] = {}

    def teardown(self) -> None:
        self.time.stop()

    def session(self, home: int, beside: Callable[[Session], Sequence[store.Key]]) -> Session:
        tenancy, at = self.homes[home], clock.now()

        def session(items: Sequence[Any]) -> Session:
            ids = ("0" * 26, tenancy.person_id, tenancy.tenancy_id)
            return Session(*ids, at, at, timedelta(0), False, None, items)

        return session(store.fetch(beside(session(())), at))

    @rule(choice=st.sampled_from(CHOICES), capacity=st.integers(0, 3))
    def landlord_says(self, choice: tuple[date, str], capacity: int) -> None:
        offer((*choice, capacity))
        self.capacity[choice] = capacity

    @rule(which=st.integers(0, HOMES * REPAIRS - 1), choice=st.sampled_from(CHOICES))
    def books(self, which: int, choice: tuple[date, str]) -> None:
        home, repair_id = self.open[which]
        session = self.session(home, lambda s: appointments.beside(s, repair_id))
        before = list(self.holds.values()).count(choice)
        may = self.holds.get(repair_id) == choice or before < self.capacity[choice]
        try:
            appointments.book(session, repair_id, Place(*choice).slot_id, {}, clock.now())
        except appointments.SlotTaken:
            assert not may
        else:
            assert may
            self.holds[repair_id] = choice

    @rule(which=st.integers(0, HOMES * REPAIRS - 1))
    def cancels(self, which: int) -> None:
        home, repair_id = self.open[which]
        appointments.give_up(self.session(home, lambda s: appointments.beside(s, repair_id)), repair_id, clock.now())
        self.holds.pop(repair_id, None)

    @invariant()
    def what_is_counted_is_what_is_booked(self) -> None:
        counted = Counter({slot_id: booked for slot_id, (booked, _) in taken().items() if booked})
        assert counted == Counter(Place(*choice).slot_id for choice in self.holds.values())
        listed = {
            v.repair_id: (v.place.day, v.place.period)
            for day in {day for day, _ in CHOICES}
            for v in store.query(VisitItem, f"VISITS#{day}", clock.now())
        }
        assert listed == self.holds


def _walk(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Book,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],
        ),
    )  # fmt: skip


def test_whatever_is_booked_moved_and_cancelled_no_place_is_lost_or_given_twice(cloud: None) -> None:
    _walk(3, 20)


@pytest.mark.long
def test_whatever_is_done_a_hundred_times_no_place_is_lost_or_given_twice(cloud: None) -> None:
    _walk(100, 50)


def test_a_failure_is_told_in_words() -> None:
    from portal.http.problems import PROBLEMS

    for failure in (appointments.SlotTaken, appointments.TooLateToChange, repairs.RepairFinished):
        assert issubclass(failure, Failure)
        assert PROBLEMS[failure.__name__].status == 409
