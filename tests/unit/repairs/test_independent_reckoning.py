"""The law's dates against a reckoning of their own: other calendar code, bank holidays typed in, no library."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import pytest

from portal.repairs import hazards
from portal.repairs.hazards import reckon
from portal.working_days import bank_holidays
from tests.unit.repairs.test_due_at import PUBLISHED

# The days off that are not Saturdays or Sundays, as the government lists them for England and Wales.
OFF = {tuple(map(int, day.split("-"))) for day in PUBLISHED}
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
Day = tuple[int, int, int]


def _next(day: Day) -> Day:
    year, month, date_ = day
    long = MONTHS[month - 1] + (month == 2 and year % 4 == 0)
    if date_ < long:
        return year, month, date_ + 1
    return (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)


def _weekday(day: Day) -> int:
    """0 is Saturday (Zeller)."""
    year, month, date_ = day
    if month < 3:
        year, month = year - 1, month + 12
    return (date_ + 13 * (month + 1) // 5 + year + year // 4 - year // 100 + year // 400) % 7


def _works(day: Day) -> bool:
    return _weekday(day) > 1 and day not in OFF


def _working_days_on(day: Day, count: int) -> Day:
    while count:
        day = _next(day)
        count -= _works(day)
    return day


def _days_on(day: Day, count: int) -> Day:
    for _ in range(count):
        day = _next(day)
    return day


def _is_summer(at: datetime) -> bool:
    """British Summer Time: from the last Sunday of March to that of October, 01:00 UTC."""
    first, last = (max(d for d in range(25, 32) if _weekday((at.year, m, d)) == 1) for m in (3, 10))
    return datetime(at.year, 3, first, 1, tzinfo=UTC) <= at < datetime(at.year, 10, last, 1, tzinfo=UTC)


def _london(at: datetime) -> Day:
    there = at + timedelta(hours=_is_summer(at))
    return there.year, there.month, there.day


def _last_second(day: Day) -> datetime:
    end = datetime(*day, 23, 59, 59, tzinfo=UTC)
    return end - timedelta(hours=_is_summer(end))


def _expected(
    severity: Literal["emergency", "significant"], aware: datetime, ended: datetime | None
) -> dict[str, datetime | None]:
    if severity == "emergency":
        investigate = safe = aware + timedelta(hours=24)
    else:
        investigate = _last_second(_working_days_on(_london(aware), 10))
        safe = _last_second(_working_days_on(_london(ended), 5)) if ended else None
    return {
        "investigate": investigate,
        "send_summary": _last_second(_working_days_on(_london(ended), 3)) if ended else None,
        "make_safe": safe,
        "begin_works": _last_second(_working_days_on(_london(ended), 5)) if ended else None,
        "at_the_latest": _last_second(_days_on(_london(ended), 84)) if ended else None,
    }


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_the_dates_shown_are_the_regulations_for_that_many_random_report_times(count: int) -> None:
    chance = random.Random(20270106)
    law, is_holiday = hazards.law("england"), bank_holidays("england")
    first, last = datetime(2026, 12, 1, tzinfo=UTC), datetime(2028, 8, 1, tzinfo=UTC)
    for _ in range(count):
        aware = first + (last - first) * chance.random()
        severity: hazards.Severity = chance.choice(["emergency", "significant"])
        ended = aware + timedelta(hours=chance.uniform(0, 400)) if chance.random() < 0.7 else None
        kind = chance.choice(["damp_mould", "excess_cold", "falls", "fire", "electrical", "hygiene"])
        happened = [("investigated", ended)] if ended else []
        found = reckon(law, kind, severity, aware, happened, is_holiday)
        shown = {d.duty: d.due_at for d in found} | {"at_the_latest": found[-1].at_the_latest}
        assert shown == _expected(severity, aware, ended), (kind, severity, aware, ended)


@pytest.mark.parametrize("hours", range(-3, 4))
@pytest.mark.parametrize("change", ["2027-03-28T01:00", "2027-10-31T01:00", "2028-03-26T01:00"])
def test_the_dates_are_right_around_a_change_of_the_clocks(change: str, hours: int) -> None:
    aware = datetime.fromisoformat(f"{change}+00:00") + timedelta(hours=hours)
    for severity in ("emergency", "significant"):
        found = reckon(hazards.law(), "damp_mould", severity, aware, [("visited", aware)], bank_holidays())
        shown = {d.duty: d.due_at for d in found} | {"at_the_latest": found[-1].at_the_latest}
        assert shown == _expected(severity, aware, aware)  # type: ignore[arg-type]


def test_the_reckoning_here_knows_its_calendar() -> None:
    day: Day = (2026, 1, 1)
    while day < (2029, 1, 1):
        real = date(*day)
        assert (_weekday(day) - 2) % 7 == real.weekday()
        day = _next(day)
        assert date(*day) - real == timedelta(days=1)
