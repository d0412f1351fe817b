"""The rent year: periods, what to pay, the long year."""

import ast
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.rent import calendar
from portal.rent.calendar import Charge, RentYear

WEEK = timedelta(days=7)


def first_monday_of_april(year: int) -> date:
    first = date(year, 4, 1)
    return first + timedelta(days=-first.weekday() % 7)


def april_year(year: int, free: int = 0) -> RentYear:
    start, end = first_monday_of_april(year), first_monday_of_april(year + 1)
    weeks = (end - start).days // 7
    return RentYear(start, weeks, tuple(end - n * WEEK for n in range(1, free + 1)))


@st.composite
def years(draw: st.DrawFn) -> RentYear:
    weeks = draw(st.sampled_from([52, 53]))
    start = draw(st.dates(date(2015, 1, 1), date(2040, 1, 1)))
    free = draw(st.lists(st.integers(0, weeks - 1), unique=True, max_size=weeks - 46))
    return RentYear(start, weeks, tuple(sorted(start + n * WEEK for n in free)))


@st.composite
def charges_in(draw: st.DrawFn, year: RentYear) -> Charge:
    return Charge(
        draw(st.sampled_from(["weekly", "fortnightly", "four_weekly", "monthly"])),
        draw(st.integers(1, 1_000_00)),
        year.starts_on + timedelta(days=draw(st.integers(-400, 800))),
    )


@given(st.data())
def test_the_periods_follow_each_other_and_sum_to_the_years_charges(data: st.DataObject) -> None:
    year = data.draw(years())
    charge = data.draw(charges_in(year))
    found = calendar.periods(charge, year)
    assert all(after.charged_on == before.ends_on + timedelta(days=1) for before, after in pairwise(found))
    assert all(year.starts_on <= period.charged_on for period in found)
    charged = sum(1 for period in found if period.charge_pence)
    assert calendar.total_pence(charge, year) == charged * charge.pence
    expected = {
        "weekly": {year.charged_weeks},
        "fortnightly": {26, 27},
        "four_weekly": {13, 14},
        "monthly": {12},
    }[charge.frequency]
    assert charged in expected


@given(st.data())
def test_who_pays_what_the_year_asks_is_clear_at_its_end_within_a_penny_a_payment(data: st.DataObject) -> None:
    year = data.draw(years())
    charge = data.draw(charges_in(year))
    total = calendar.total_pence(charge, year)
    # In halves, since a year of 53 weeks has 26.5 fortnights.
    payments_times_4 = {"week": 4 * year.weeks, "fortnight": 2 * year.weeks, "four_weeks": year.weeks, "month": 48}
    for way in calendar.for_the_year(charge, year):
        over_times_4 = way.amount_pence * payments_times_4[way.every] - 4 * total
        assert 0 <= over_times_4 < payments_times_4[way.every]


@given(st.data())
def test_who_begins_today_and_pays_what_is_said_owes_nothing_at_the_years_end(data: st.DataObject) -> None:
    year = data.draw(years())
    today = year.starts_on + timedelta(days=data.draw(st.integers(0, 7 * year.weeks - 1)))
    charge = data.draw(charges_in(year))
    balance = data.draw(st.integers(-500_00, 5_000_00))
    since = charge.next_on if charge.next_on >= today else today + timedelta(days=1)
    to_come = [p.charge_pence for p in calendar.periods(charge, year) if p.charged_on >= since]
    for way in calendar.from_today(balance, charge, year, today):
        assert way.payments is not None
        assert way.payments >= 1
        end = balance + sum(to_come) - way.amount_pence * way.payments
        assert -way.payments < end <= 0 or (way.amount_pence == 0 and end <= 0)


@pytest.mark.parametrize("year", range(2020, 2041))
def test_with_the_first_monday_of_april_2024_2030_and_2035_have_53_weeks(year: int) -> None:
    """Source: law.md §3."""
    charge = Charge("weekly", 100_00, first_monday_of_april(year))
    inferred = calendar.inferred_year(charge, [], date(year, 9, 1))
    assert inferred.starts_on == first_monday_of_april(year)
    assert inferred.weeks == (53 if year in {2024, 2030, 2035} else 52)


@pytest.mark.parametrize(
    ("frequency", "pence", "free", "month"),
    [
        ("weekly", 112_40, 0, 487_07),
        ("weekly", 112_40, 4, 449_60),
        ("weekly", 112_40, 2, 468_33),
        ("fortnightly", 224_80, 0, 487_07),
        ("four_weekly", 449_60, 0, 487_07),
        ("monthly", 498_00, 4, 498_00),
    ],
)
def test_universal_credits_month_is_the_laws(frequency: str, pence: int, free: int, month: int) -> None:
    assert calendar.universal_credit_pence(Charge(frequency, pence, date(2026, 4, 6)), free) == month


def test_the_53rd_week_is_said_months_before_with_its_sum_and_not_earlier_or_later() -> None:
    year = april_year(2030)
    charge = Charge("weekly", 112_40, date(2030, 4, 8))
    assert year.weeks == 53
    its_week = first_monday_of_april(2031) - WEEK
    extra = calendar.extra_charge(charge, [year], date(2030, 9, 2))
    assert extra == calendar.ExtraCharge(53, its_week, 112_40)
    assert calendar.extra_charge(charge, [year], its_week - timedelta(days=301)) is None
    assert calendar.extra_charge(charge, [year], its_week - timedelta(days=300)) is not None
    assert calendar.extra_charge(charge, [year], its_week) is None
    assert calendar.extra_charge(charge, [april_year(2026)], date(2026, 11, 24)) is None


def test_rent_free_weeks_do_not_hide_that_the_long_year_costs_a_week_more() -> None:
    extra = calendar.extra_charge(Charge("weekly", 100_00, date(2030, 4, 8)), [april_year(2030, 4)], date(2030, 11, 1))
    assert extra is not None
    assert extra.amount_pence == 100_00


def test_a_year_with_27_fortnights_or_14_four_weeks_is_long_too() -> None:
    year = RentYear(date(2026, 4, 6), 53)
    for frequency, number in (("fortnightly", 27), ("four_weekly", 14)):
        extra = calendar.extra_charge(Charge(frequency, 200_00, date(2026, 4, 6)), [year], date(2026, 11, 24))
        assert extra is not None
        assert (extra.number, extra.amount_pence) == (number, 200_00)


def test_a_48_week_year_by_the_month_is_a_twelfth_of_48_weeks() -> None:
    ways = {
        way.every: way.amount_pence
        for way in calendar.for_the_year(Charge("weekly", 112_40, date(2026, 4, 6)), april_year(2026, 4))
    }
    assert ways["month"] == 449_60
    assert ways["fortnight"] == -(-112_40 * 48 // 26)
    long = {
        way.every: way.amount_pence
        for way in calendar.for_the_year(Charge("weekly", 112_40, date(2030, 4, 1)), april_year(2030))
    }
    assert long["fortnight"] == 224_80, "26.5 fortnights"


@pytest.mark.parametrize(
    ("frequency", "days"),
    [
        ("weekly", [date(2026, 8, 3) + n * WEEK for n in range(16)]),
        ("fortnightly", [date(2026, 6, 1) + 2 * n * WEEK for n in range(12)]),
        ("four_weekly", [date(2026, 3, 2) + 4 * n * WEEK for n in range(9)]),
        ("monthly", [date(2026, n, 1) for n in range(3, 12)]),
    ],
)
def test_the_rhythm_of_posted_charges_is_seen_and_said_to_be_inferred(frequency: str, days: list[date]) -> None:
    today = days[-1] + timedelta(days=2)
    found = calendar.inferred_charge([(day, 50_00) for day in days] + [(day, 10_00) for day in days], today)
    assert found is not None
    assert (found.frequency, found.pence, found.inferred) == (frequency, 60_00, True)
    assert found.next_on > today
    assert calendar.inferred_charge([(day, 50_00) for day in days[:2]], today) is None
    assert calendar.inferred_charge([(day, 50_00) for day in days], days[-1] + timedelta(days=90)) is None


def test_weeks_without_a_charge_are_taken_to_be_free_this_year_and_next() -> None:
    free = [date(2025, 12, 22), date(2025, 12, 29)]
    days = [d for n in range(75) if (d := date(2025, 6, 2) + n * WEEK) not in free]
    charge = calendar.inferred_charge([(day, 100_00) for day in days], date(2026, 11, 24))
    assert charge is not None
    year = calendar.inferred_year(charge, days, date(2026, 11, 24))
    assert year.starts_on == date(2026, 4, 6)
    assert year.inferred
    assert year.free_weeks == (date(2026, 12, 21), date(2026, 12, 28))
    assert calendar.year_of([year, april_year(2025)], date(2026, 4, 5)) == april_year(2025)
    assert calendar.year_of([year], date(2027, 4, 5)) is None


def test_no_float_and_no_division_that_makes_one_is_in_the_rent_domain() -> None:
    for file in sorted((Path(calendar.__file__).parent).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            where = f"{file.name}:{getattr(node, 'lineno', 0)}"
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), where
            assert not (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)), where
            assert not (isinstance(node, ast.Name) and node.id in {"float", "round"}), where
