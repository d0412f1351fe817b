"""Which places a day has, and until when they can be booked."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import clock
from portal.appointments import rules
from portal.appointments.rules import Place

NAMES = [p.period for p in rules.periods().periods]
DAYS = st.dates(date(2026, 1, 1), date(2030, 12, 31))


def test_there_are_the_four_periods_and_each_ends_after_it_begins() -> None:
    assert set(NAMES) == {"morning", "afternoon", "school_run", "all_day"}
    assert all(p.starts < p.ends for p in rules.periods().periods)


@given(DAYS, st.sampled_from(NAMES))
def test_a_slots_id_names_its_place_and_no_other(day: date, period: str) -> None:
    place = Place(day, period)
    assert rules.place_of(place.slot_id) == place


@pytest.mark.parametrize(
    "text",
    [
        "", "morning", "2026-12-01", "2026-12-01.", "2026-12-01.night", "2026-02-30.morning", "2026-12-01.MORNING",
        "2026-12-01.morning ", "٢٠٢٦-12-01.morning", "2026-12-01.morning.x", "0000-00-00.morning",
    ],
)  # fmt: skip
def test_what_is_no_slots_id_names_nothing(text: str) -> None:
    assert rules.place_of(text) is None


def test_periods_are_london_hours_in_summer_and_winter() -> None:
    assert rules.starts_at(Place(date(2026, 12, 1), "morning")) == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert rules.starts_at(Place(date(2026, 7, 1), "morning")) == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert rules.ends_at(Place(date(2026, 7, 1), "all_day")) == datetime(2026, 7, 1, 16, tzinfo=UTC)


def test_a_days_book_is_closed_when_the_day_before_it_is_over() -> None:
    day = date(2026, 11, 30)
    last = datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC)
    assert rules.is_offered(day, last)
    assert not rules.is_offered(day, last + timedelta(seconds=1))


def test_places_are_offered_six_weeks_ahead() -> None:
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert rules.is_offered(date(2027, 1, 5), at)
    assert not rules.is_offered(date(2027, 1, 6), at)


@given(DAYS, st.sampled_from(NAMES))
def test_whoever_may_still_book_is_told_of_before_the_visit_begins(day: date, period: str) -> None:
    """The night's export, after the book is closed and before anybody sets out, has every booking of the day."""
    closed = rules.closes_at(day)
    assert clock.london_date(closed) == day - timedelta(days=1)
    assert closed < rules.starts_at(Place(day, period)) < rules.ends_at(Place(day, period))
    assert rules.forgotten_at(day) >= rules.ends_at(Place(day, period)).timestamp()


def test_periods_are_told_in_words() -> None:
    def words(period: str, day: date) -> str:
        place = rules.Place(day, period)
        return rules.in_words(rules.starts_at(place), rules.ends_at(place))

    for day in (date(2026, 12, 1), date(2027, 6, 1)):
        assert words("morning", day) == "between 8am and 12pm"
        assert words("school_run", day) == "between 9:30am and 2:30pm"
