"""By when a repair must be done."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import LONDON, london_date
from portal.repairs.catalogue import Target, catalogue
from portal.repairs.rules import due_at
from portal.working_days import bank_holidays, is_working_day, working_days_after

IS_HOLIDAY = bank_holidays("england")
# https://www.gov.uk/bank-holidays, England and Wales.
PUBLISHED = [
    "2026-01-01", "2026-04-03", "2026-04-06", "2026-05-04", "2026-05-25", "2026-08-31", "2026-12-25", "2026-12-28",
    "2027-01-01", "2027-03-26", "2027-03-29", "2027-05-03", "2027-05-31", "2027-08-30", "2027-12-27", "2027-12-28",
    "2028-01-03", "2028-04-14", "2028-04-17", "2028-05-01", "2028-05-29", "2028-08-28", "2028-12-25", "2028-12-26",
]  # fmt: skip


def test_weekday_bank_holidays_are_those_published() -> None:
    days = (date(2026, 1, 1) + timedelta(days=n) for n in range(365 * 3 + 1))
    assert [str(d) for d in days if d.weekday() < 5 and IS_HOLIDAY(d)] == PUBLISHED


@pytest.mark.parametrize("aware", ["2026-12-18", "2026-12-19", "2026-12-20"])
def test_ten_working_days_over_christmas_are_those_of_the_law(aware: str) -> None:
    assert working_days_after(date.fromisoformat(aware), 10, IS_HOLIDAY) == date(2027, 1, 6)


def test_the_first_working_day_is_never_the_day_itself() -> None:
    assert working_days_after(date(2026, 11, 24), 1, IS_HOLIDAY) == date(2026, 11, 25)
    assert working_days_after(date(2026, 11, 28), 1, IS_HOLIDAY) == date(2026, 11, 30)


@pytest.mark.parametrize(
    ("target", "reported", "due"),
    [
        (Target(24, "hours"), "2026-11-24T12:00+00:00", "2026-11-25T12:00+00:00"),
        # 24 real hours also where the clocks change in between.
        (Target(24, "hours"), "2026-10-24T18:00+01:00", "2026-10-25T17:00+00:00"),
        (Target(24, "hours"), "2027-03-27T18:00+00:00", "2027-03-28T19:00+01:00"),
        (Target(5, "working_days"), "2026-11-24T12:00+00:00", "2026-12-01T23:59:59+00:00"),
        (Target(28, "working_days"), "2026-11-24T12:00+00:00", "2027-01-06T23:59:59+00:00"),
        (Target(28, "calendar_days"), "2026-11-24T12:00+00:00", "2026-12-22T23:59:59+00:00"),
        # Counted in London's days: 23:30 UTC in summer is tomorrow there, and the day ends at 22:59:59 UTC.
        (Target(1, "calendar_days"), "2026-07-01T23:30+00:00", "2026-07-03T22:59:59+00:00"),
        (Target(1, "working_days"), "2026-12-24T17:00+00:00", "2026-12-29T23:59:59+00:00"),
    ],
)  # fmt: skip
def test_a_target_ends_at_this_moment(target: Target, reported: str, due: str) -> None:
    assert due_at(target, datetime.fromisoformat(reported), IS_HOLIDAY) == datetime.fromisoformat(due)


def test_the_landlords_targets_are_the_defaults() -> None:
    assert catalogue().targets == {
        "emergency": Target(24, "hours"), "urgent": Target(5, "working_days"), "routine": Target(28, "working_days"),
    }  # fmt: skip


def _independent(day: date, count: int) -> date:
    """The same reckoned the other way round: list working days, take the nth."""
    days = [day + timedelta(days=n) for n in range(1, count * 2 + 15)]
    return [d for d in days if d.isoweekday() not in (6, 7) and str(d) not in PUBLISHED][count - 1]


@given(
    st.integers(0, 1_000 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.integers(1, 28),
)
def test_days_end_a_second_before_midnight_in_london_on_the_day_an_independent_reckoning_gives(
    at: datetime, count: int
) -> None:
    due = due_at(Target(count, "working_days"), at, IS_HOLIDAY).astimezone(LONDON)
    assert due.date() == _independent(london_date(at), count)
    assert due.strftime("%H:%M:%S") == "23:59:59"
    assert is_working_day(due.date(), IS_HOLIDAY)
