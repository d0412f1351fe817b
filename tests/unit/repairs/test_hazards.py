"""The law's duties for hazards, on the test vectors of the law."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import LONDON, end_of_day
from portal.repairs import hazards
from portal.repairs.catalogue import catalogue
from portal.repairs.hazards import Deadline, reckon, standing
from portal.working_days import bank_holidays

ENGLAND = hazards.law("england")
IS_HOLIDAY = bank_holidays("england")


def _at(day: date, hour: int = 10) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=LONDON).astimezone(UTC)


def _dates(
    kind: str, severity: hazards.Severity, aware: datetime, *happened: tuple[str, datetime]
) -> dict[str, datetime | None]:
    return {d.duty: d.due_at for d in reckon(ENGLAND, kind, severity, aware, happened, IS_HOLIDAY)}


@pytest.mark.parametrize("aware", [date(2026, 12, 18), date(2026, 12, 19), date(2026, 12, 20)])
def test_a_significant_hazard_known_before_christmas_is_investigated_by_6_january(aware: date) -> None:
    assert _dates("damp_mould", "significant", _at(aware)) == {
        "investigate": end_of_day(date(2027, 1, 6)),
        "send_summary": None, "make_safe": None, "begin_works": None,
    }  # fmt: skip


def test_what_follows_an_investigation_that_ended_on_6_january() -> None:
    ended = ("investigated", _at(date(2027, 1, 6), 15))
    found = reckon(ENGLAND, "damp_mould", "significant", _at(date(2026, 12, 18)), [ended], IS_HOLIDAY)
    due = {d.duty: d.due_at for d in found}
    assert due["send_summary"] == end_of_day(date(2027, 1, 11))
    assert due["make_safe"] == due["begin_works"] == end_of_day(date(2027, 1, 13))
    assert {d.duty: d.at_the_latest for d in found if d.at_the_latest} == {
        "begin_works": end_of_day(date(2027, 3, 31))
    }  # fmt: skip


def test_an_emergency_hazard_is_investigated_and_made_safe_within_24_real_hours() -> None:
    aware = datetime(2026, 10, 24, 18, tzinfo=LONDON)
    found = _dates("excess_cold", "emergency", aware.astimezone(UTC))
    assert found["investigate"] == found["make_safe"] == datetime(2026, 10, 25, 17, tzinfo=UTC)
    assert found["send_summary"] is found["begin_works"] is None


@pytest.mark.parametrize(
    ("kind", "severity", "aware", "applies"),
    [
        ("damp_mould", "significant", date(2025, 10, 26), False),
        ("damp_mould", "significant", date(2025, 10, 27), True),
        ("excess_cold", "significant", date(2026, 11, 29), False),
        ("excess_cold", "significant", date(2026, 11, 30), True),
        ("excess_cold", "emergency", date(2025, 10, 27), True),
        ("carbon_monoxide", "emergency", date(2026, 11, 24), True),
        ("carbon_monoxide", "significant", date(2035, 1, 1), False),
        ("no_such_kind", "emergency", date(2026, 11, 24), False),
    ],
)
def test_a_report_belongs_to_the_law_of_the_day_of_awareness(
    kind: str, severity: hazards.Severity, aware: date, applies: bool
) -> None:
    assert bool(_dates(kind, severity, _at(aware))) is applies


def test_the_day_of_awareness_is_londons() -> None:
    first_minute = datetime(2026, 11, 30, 0, 0, tzinfo=LONDON)
    assert _dates("falls", "significant", first_minute)
    assert not _dates("falls", "significant", first_minute - timedelta(seconds=1))


MONDAY = _at(date(2027, 2, 1))


def test_an_emergency_found_while_investigating_starts_its_24_hours_then_and_takes_no_date_away() -> None:
    found_at = MONDAY + timedelta(days=3)
    before = _dates("damp_mould", "significant", MONDAY)
    found = _dates("damp_mould", "significant", MONDAY, ("emergency_found", found_at))
    assert found["make_safe"] == found["investigate"] == found_at + timedelta(hours=24)
    # Found on the last day: the date that stood already stays.
    late = before["investigate"]
    assert late
    assert _dates("damp_mould", "significant", MONDAY, ("emergency_found", late))["investigate"] == late


def test_an_emergency_of_a_kind_that_is_in_force_only_as_one_brings_the_duties() -> None:
    aware = _at(date(2026, 11, 2))
    assert _dates("falls", "significant", aware) == {}
    found_at = aware + timedelta(days=1)
    assert _dates("falls", "significant", aware, ("emergency_found", found_at))["make_safe"] == found_at + timedelta(1)


def test_a_renewed_investigation_has_ten_working_days_from_the_request_and_a_summary_of_its_own() -> None:
    ended, sent, asked = MONDAY + timedelta(1), MONDAY + timedelta(2), MONDAY + timedelta(3)
    happened = [("investigated", ended), ("summary_sent", sent), ("renewed_investigation", asked)]
    first = _dates("damp_mould", "significant", MONDAY, *happened[:2])
    found = _dates("damp_mould", "significant", MONDAY, *happened)
    assert found["investigate"] == end_of_day(date(2027, 2, 18))
    assert found["send_summary"] is None
    assert (found["make_safe"], found["begin_works"]) == (first["make_safe"], first["begin_works"])
    again = ("investigated", _at(date(2027, 2, 10)))
    assert _dates("damp_mould", "significant", MONDAY, *happened, again)["send_summary"] == end_of_day(
        date(2027, 2, 15)
    )  # fmt: skip


def test_a_summary_that_is_still_due_stays_due_where_a_renewed_investigation_is_asked_for() -> None:
    happened = [("investigated", MONDAY), ("renewed_investigation", MONDAY + timedelta(1))]
    assert _dates("damp_mould", "significant", MONDAY, *happened)["send_summary"] == end_of_day(date(2027, 2, 4))


def test_what_is_reopened_is_a_report_made_then() -> None:
    again = MONDAY + timedelta(days=7)
    happened = [("investigated", MONDAY), ("completed", MONDAY + timedelta(1)), ("reopened", again)]
    assert _dates("damp_mould", "significant", MONDAY, *happened) == _dates("damp_mould", "significant", again)


def test_a_date_that_was_missed_stays_told_where_a_renewed_investigation_is_asked_for() -> None:
    late = MONDAY + timedelta(days=30)
    happened = [
        ("investigated", late),
        ("summary_sent", late + timedelta(20)),
        ("renewed_investigation", late + timedelta(21)),
    ]
    found = reckon(ENGLAND, "damp_mould", "significant", MONDAY, happened, IS_HOLIDAY)
    states = [(d.duty, d.state, bool(d.entitled)) for d in standing(ENGLAND, found, happened, late + timedelta(22))]
    assert states[:4] == [
        ("investigate", "missed", True), ("investigate", "due", False),
        ("send_summary", "missed", True), ("send_summary", "waiting", False),
    ]  # fmt: skip


def test_a_first_investigation_that_never_came_stays_due_where_a_renewed_one_is_asked_for() -> None:
    happened = [("renewed_investigation", MONDAY + timedelta(1))]
    found = reckon(ENGLAND, "damp_mould", "significant", MONDAY, happened, IS_HOLIDAY)
    first, again = [d.due_at for d in found if d.duty == "investigate"]
    assert (first, again) == (
        reckon(ENGLAND, "damp_mould", "significant", MONDAY, [], IS_HOLIDAY)[0].due_at,
        hazards.due_at(ENGLAND.investigation.renewed, MONDAY + timedelta(1), IS_HOLIDAY),
    )


NAMES = ["investigated", "visited", "emergency_found", "renewed_investigation", "summary_sent", "completed", "reopened"]


@given(
    st.permutations([(name, MONDAY + timedelta(hours=30 * place)) for place, name in enumerate(NAMES)]),
    st.integers(0, len(NAMES)),
)
def test_the_dates_are_the_same_in_whatever_order_the_events_come(events: Any, many: int) -> None:
    some = events[:many]
    in_order = sorted(some, key=lambda event: event[1])
    assert _dates("damp_mould", "significant", MONDAY, *some) == _dates("damp_mould", "significant", MONDAY, *in_order)


DUE = datetime(2026, 11, 25, 12, tzinfo=UTC)
LONG_AGO = DUE - timedelta(days=30)
LATEST = DUE + timedelta(days=77)


@pytest.mark.parametrize(
    ("duty", "due", "events", "at", "state"),
    [
        ("investigate", None, [], DUE, "waiting"),
        ("investigate", DUE, [], DUE, "due"),
        ("investigate", DUE, [], DUE + timedelta(seconds=1), "missed"),
        ("investigate", DUE, [("visited", DUE)], DUE + timedelta(days=1), "met"),
        ("investigate", DUE, [("visited", DUE + timedelta(seconds=1))], DUE, "missed"),
        ("investigate", DUE, [("reported", DUE)], DUE, "due"),
        # What happened before the report, or before the renewed investigation was asked for, meets nothing.
        ("investigate", DUE, [("visited", LONG_AGO - timedelta(seconds=1))], DUE, "due"),
        # Steps were taken in time, and 84 days on nothing was begun.
        ("begin_works", DUE, [("steps_taken", DUE)], LATEST, "met"),
        ("begin_works", DUE, [("steps_taken", DUE)], LATEST + timedelta(seconds=1), "missed"),
        ("begin_works", DUE, [("steps_taken", DUE), ("works_begun", LATEST)], LATEST + timedelta(days=9), "met"),
        ("begin_works", DUE, [("works_begun", DUE)], LATEST + timedelta(days=9), "met"),
        # All work was done within the three days: no summary is due.
        ("send_summary", DUE, [("completed", DUE)], DUE + timedelta(days=9), None),
        ("send_summary", DUE, [("completed", DUE + timedelta(seconds=1))], DUE + timedelta(days=9), "missed"),
        ("send_summary", DUE, [("completed", DUE), ("summary_sent", DUE)], DUE, "met"),
    ],
)
def test_how_a_duty_stands(
    duty: str, due: datetime | None, events: list[tuple[str, datetime]], at: datetime, state: str | None
) -> None:
    latest = LATEST if duty == "begin_works" else None
    found = standing(ENGLAND, [Deadline(duty, LONG_AGO, due, latest, LONG_AGO)], events, at)
    assert [d.state for d in found] == ([state] if state else [])
    assert [bool(d.entitled) for d in found] == ([state == "missed"] if state else [])


def test_a_deadline_knows_from_when_it_runs() -> None:
    ended = MONDAY + timedelta(days=2)
    found = reckon(ENGLAND, "damp_mould", "significant", MONDAY, [("visited", ended)], IS_HOLIDAY)
    assert {d.duty: d.starts_at for d in found} == {
        "investigate": MONDAY, "send_summary": ended, "make_safe": ended, "begin_works": ended,
    }  # fmt: skip


def test_a_missed_date_says_what_the_tenant_is_entitled_to_and_whom_to_ring() -> None:
    words = {d.duty: d.entitled for d in ENGLAND.duties}
    assert all("0300 111 3000" in text for text in words.values())
    assert "another place to stay, at our cost" in words["make_safe"]


def test_every_row_of_the_data_names_its_source() -> None:
    assert all(k.source for k in ENGLAND.kinds)
    assert all(d.source for d in ENGLAND.duties)
    assert [d.duty for d in ENGLAND.duties] == ["investigate", "send_summary", "make_safe", "begin_works"]


def test_every_hazard_of_the_catalogue_is_known_to_the_law() -> None:
    known = catalogue()
    named = {leaf.hazard for leaf in known.items} | {a.hazard for q in known.questions for a in q.answers}
    assert {name for name in named if name and ENGLAND.kind(name) is None} == set()
