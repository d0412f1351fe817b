"""When a regular payment is due: every week or month once, whatever is changed and whenever somebody looks."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import clock
from portal.schedules import rules

DAYS = st.dates(date(2024, 1, 1), date(2032, 12, 31))
WEEKLY = st.tuples(st.just("weekly"), st.sampled_from(rules.WEEKDAYS))
MONTHLY = st.tuples(st.just("monthly"), st.sampled_from([*(str(n) for n in range(1, 29)), "last"]))
WHEN = st.one_of(WEEKLY, MONTHLY)


def is_such_a_day(frequency: str, day: str, found: date) -> bool:
    if frequency == "weekly":
        return found.strftime("%A").lower() == day
    return found.day == (monthrange(found.year, found.month)[1] if day == "last" else int(day))


@given(WHEN, DAYS)
def test_the_first_due_date_is_the_first_such_day_after_today(when: tuple[str, str], today: date) -> None:
    expected = next(day for n in range(1, 63) if is_such_a_day(*when, day := today + timedelta(days=n)))
    assert rules.first_due(*when, today) == expected


@given(WHEN, DAYS)
def test_from_one_due_date_to_the_next_each_week_or_month_has_exactly_one(when: tuple[str, str], today: date) -> None:
    due, periods = rules.first_due(*when, today), []
    for _ in range(30):
        periods.append(rules.period_end(when[0], due))
        following = rules.next_due(*when, due, due)
        assert rules.period_end(when[0], periods[-1] + timedelta(days=1)) == rules.period_end(when[0], following)
        due = following
    assert len(set(periods)) == len(periods)


@given(WHEN, WHEN, DAYS, st.integers(0, 60))
def test_changing_the_day_or_coming_late_never_leads_to_two_in_one_week_or_month(
    when: tuple[str, str], other: tuple[str, str], today: date, later: int
) -> None:
    done = rules.first_due(*when, today)
    day = other[1] if other[0] == when[0] else when[1]
    at = done + timedelta(days=later)
    following = rules.next_due(when[0], day, at, done)
    assert following > at
    assert rules.period_end(when[0], following) > rules.period_end(when[0], done)


@pytest.mark.parametrize(
    ("frequency", "day", "after", "due"),
    [
        ("monthly", "last", date(2028, 1, 31), date(2028, 2, 29)),
        ("monthly", "last", date(2027, 2, 27), date(2027, 2, 28)),
        ("monthly", "last", date(2026, 12, 30), date(2026, 12, 31)),
        ("monthly", "last", date(2026, 12, 31), date(2027, 1, 31)),
        ("monthly", "28", date(2028, 2, 28), date(2028, 3, 28)),
        ("monthly", "1", date(2026, 12, 1), date(2027, 1, 1)),
        ("weekly", "sunday", date(2026, 3, 28), date(2026, 3, 29)),
        ("weekly", "sunday", date(2026, 3, 29), date(2026, 4, 5)),
        ("weekly", "monday", date(2026, 12, 31), date(2027, 1, 4)),
    ],
)
def test_month_ends_leap_days_year_ends_and_days_on_which_clocks_change(
    frequency: str, day: str, after: date, due: date
) -> None:
    assert rules.first_due(frequency, day, after) == due


@given(DAYS, st.booleans())
def test_somebody_looks_when_a_london_day_begins_also_where_clocks_change(due_on: date, told: bool) -> None:
    at = rules.look_at(due_on, due_on if told else None)
    day = due_on if told else due_on - rules.NOTICE
    assert clock.london_date(at) == day
    assert clock.london_date(at - timedelta(microseconds=1)) == day - timedelta(days=1)


def test_in_summer_a_london_day_begins_an_hour_earlier() -> None:
    assert rules.look_at(date(2026, 6, 1), date(2026, 6, 1)) == datetime(2026, 5, 31, 23, 0, tzinfo=UTC)


@given(DAYS, st.integers(-10, 10), st.integers(-10, 10))
def test_it_is_taken_on_its_day_or_up_to_three_later_and_only_where_it_was_told_of(
    due_on: date, late: int, other: int
) -> None:
    today = due_on + timedelta(days=late)
    told_of = due_on + timedelta(days=other)
    assert rules.may_take(due_on, told_of, today) == (other == 0 and 0 <= late <= 3)
    assert not rules.may_take(due_on, None, today)


@pytest.mark.parametrize(
    ("frequency", "day", "good"),
    [
        ("weekly", "friday", True), ("weekly", "Friday", False), ("weekly", "1", False), ("weekly", "last", False),
        ("monthly", "1", True), ("monthly", "28", True), ("monthly", "29", False), ("monthly", "0", False),
        ("monthly", "01", False), ("monthly", "last", True), ("monthly", "friday", False), ("monthly", "٣", False),
    ],
)  # fmt: skip
def test_a_day_is_one_that_every_week_or_every_month_has(frequency: str, day: str, good: bool) -> None:
    trouble = rules.day_trouble(frequency, day)
    assert (trouble is None) == good
    assert good or (trouble is not None and trouble.field == "day")


@pytest.mark.parametrize(
    ("frequency", "day", "words"),
    [
        ("weekly", "friday", "every Friday"), ("monthly", "last", "on the last day of every month"),
        ("monthly", "1", "on the 1st of every month"), ("monthly", "2", "on the 2nd of every month"),
        ("monthly", "3", "on the 3rd of every month"), ("monthly", "11", "on the 11th of every month"),
        ("monthly", "13", "on the 13th of every month"), ("monthly", "21", "on the 21st of every month"),
        ("monthly", "23", "on the 23rd of every month"), ("monthly", "28", "on the 28th of every month"),
    ],
)  # fmt: skip
def test_when_it_is_taken_is_said_as_people_say_it(frequency: str, day: str, words: str) -> None:
    assert rules.in_words(frequency, day) == words
