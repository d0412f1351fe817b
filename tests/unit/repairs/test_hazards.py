"""The law's duties for hazards, on the test vectors of the law."""

from datetime import UTC, date, datetime, timedelta

import pytest

from portal.clock import LONDON, end_of_day
from portal.repairs import hazards
from portal.repairs.catalogue import catalogue
from portal.repairs.hazards import deadlines, standing
from portal.repairs.working_days import bank_holidays

ENGLAND = hazards.law("england")
IS_HOLIDAY = bank_holidays("england")


def _at(day: date, hour: int = 10) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=LONDON).astimezone(UTC)


@pytest.mark.parametrize("aware", [date(2026, 12, 18), date(2026, 12, 19), date(2026, 12, 20)])
def test_a_significant_hazard_known_before_christmas_is_investigated_by_6_january(aware: date) -> None:
    found = deadlines(ENGLAND, "damp_mould", "significant", _at(aware), IS_HOLIDAY)
    assert found == {
        "investigate": end_of_day(date(2027, 1, 6)),
        "send_summary": None, "make_safe": None, "begin_works": None,
    }  # fmt: skip


def test_what_follows_an_investigation_that_ended_on_6_january() -> None:
    found = deadlines(
        ENGLAND, "damp_mould", "significant", _at(date(2026, 12, 18)), IS_HOLIDAY,
        investigated_at=_at(date(2027, 1, 6), 15),
    )  # fmt: skip
    assert found["send_summary"] == end_of_day(date(2027, 1, 11))
    assert found["make_safe"] == found["begin_works"] == end_of_day(date(2027, 1, 13))


def test_an_emergency_hazard_is_investigated_and_made_safe_within_24_real_hours() -> None:
    aware = datetime(2026, 10, 24, 18, tzinfo=LONDON)
    found = deadlines(ENGLAND, "excess_cold", "emergency", aware.astimezone(UTC), IS_HOLIDAY)
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
    assert bool(deadlines(ENGLAND, kind, severity, _at(aware), IS_HOLIDAY)) is applies


def test_the_day_of_awareness_is_londons() -> None:
    first_minute = datetime(2026, 11, 30, 0, 0, tzinfo=LONDON)
    assert deadlines(ENGLAND, "falls", "significant", first_minute, IS_HOLIDAY)
    assert not deadlines(ENGLAND, "falls", "significant", first_minute - timedelta(seconds=1), IS_HOLIDAY)


DUE = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("due", "events", "at", "state"),
    [
        (None, [], DUE, "waiting"),
        (DUE, [], DUE, "due"),
        (DUE, [], DUE + timedelta(seconds=1), "missed"),
        (DUE, [("visited", DUE)], DUE + timedelta(days=1), "met"),
        (DUE, [("visited", DUE + timedelta(seconds=1))], DUE, "missed"),
        (DUE, [("reported", DUE)], DUE, "due"),
    ],
)
def test_how_a_duty_stands(due: datetime | None, events: list[tuple[str, datetime]], at: datetime, state: str) -> None:
    assert standing(ENGLAND, {"investigate": due}, events, at) == [("investigate", due, state)]


def test_every_row_of_the_data_names_its_source() -> None:
    assert all(k.source for k in ENGLAND.kinds)
    assert all(d.source for d in ENGLAND.duties)
    assert [d.duty for d in ENGLAND.duties] == ["investigate", "send_summary", "make_safe", "begin_works"]


def test_every_hazard_of_the_catalogue_is_known_to_the_law() -> None:
    known = catalogue()
    named = {leaf.hazard for leaf in known.items} | {a.hazard for q in known.questions for a in q.answers}
    assert {name for name in named if name and ENGLAND.kind(name) is None} == set()
