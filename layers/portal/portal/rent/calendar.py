"""The rent year: which weeks are charged, what it comes to, and what to pay to be clear by its end.

Pure rules over whole pence. Two roundings, and no other: an amount that somebody is told to pay is rounded up to the
next penny, so that whoever pays it owes nothing at the end (and has paid at most a penny a payment too much); what
Universal Credit pays is rounded to the nearest penny, half a penny up.

Source: law.md §3. Rent-free weeks take a weekly charge away. A charge for two weeks, four weeks or a month has them
spread already (law.md reckons those by 26, 13 and 12 a year without them).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

WEEK = timedelta(days=7)
WEEKLY, FORTNIGHTLY, FOUR_WEEKLY, MONTHLY = "weekly", "fortnightly", "four_weekly", "monthly"
WEEKS_OF = {WEEKLY: 1, FORTNIGHTLY: 2, FOUR_WEEKLY: 4}
FEWEST_CHARGED, MOST_CHARGED = 46, 53
WEEKS_OF_A_YEAR = (52, 53)
# What Universal Credit takes for a year: it knows no 53rd week, no 27th fortnight, no 14th four weeks.
_OF_A_BENEFIT_YEAR = {WEEKLY: 52, FORTNIGHTLY: 26, FOUR_WEEKLY: 13, MONTHLY: 12}
_SAID_BEFORE = timedelta(days=300)
_SEEN_AT_LEAST = 3
_STOPPED = timedelta(weeks=9)


class Charge(NamedTuple):
    """What an account is charged, how often, and when next. `inferred`: from posted charges, since no file says it."""

    frequency: str
    pence: int
    next_on: date
    inferred: bool = False


class RentYear(NamedTuple):
    """A rent year of 52 or 53 weeks. `free_weeks` are the days on which a week without rent begins."""

    starts_on: date
    weeks: int
    free_weeks: tuple[date, ...] = ()
    inferred: bool = False

    @property
    def ends_on(self) -> date:
        """Its last day."""
        return self.starts_on + self.weeks * WEEK - timedelta(days=1)

    @property
    def charged_weeks(self) -> int:
        """How many of its weeks have rent."""
        return self.weeks - len(self.free_weeks)


class Period(NamedTuple):
    """A rent period: `charge_pence` is 0 in a rent-free week."""

    charged_on: date
    ends_on: date
    charge_pence: int


class ToPay(NamedTuple):
    """An amount to pay every week, fortnight, four weeks or month; `payments` says how often, where counted."""

    every: str
    amount_pence: int
    payments: int | None = None


class ExtraCharge(NamedTuple):
    """What Universal Credit does not pay in a long year: the 53rd week, the 27th fortnight or the 14th four weeks."""

    number: int
    begins_on: date
    amount_pence: int


def year_trouble(year_start: date, charged_weeks: int, free_weeks: Sequence[date]) -> str:
    """What is wrong with a row of rent_years.csv, in words for the landlord's officer; "" where nothing is."""
    if not FEWEST_CHARGED <= charged_weeks <= MOST_CHARGED:
        return f"charged_weeks is not a number from {FEWEST_CHARGED} to {MOST_CHARGED}"
    weeks = charged_weeks + len(free_weeks)
    if weeks not in WEEKS_OF_A_YEAR:
        return "charged_weeks and free_weeks together are not the 52 or 53 weeks of a year"
    if any(not year_start <= day <= year_start + (weeks - 1) * WEEK for day in free_weeks):
        return "free_weeks has a week outside of the year"
    if any(after - before < WEEK for before, after in pairwise(sorted(free_weeks))):
        return "free_weeks has two that overlap"
    return ""


def year_of(years: Iterable[RentYear], day: date) -> RentYear | None:
    """The rent year that `day` is in; of two that overlap the later to begin."""
    found = [year for year in years if year.starts_on <= day <= year.ends_on]
    return max(found, key=lambda year: year.starts_on) if found else None


def periods(charge: Charge, year: RentYear) -> list[Period]:
    """Every rent period that begins in the year; twelve from its first on, where the charge is monthly."""
    if charge.frequency == MONTHLY:
        first = _monthly_on(charge.next_on.day, year.starts_on, 0)
        offset = 0 if first >= year.starts_on else 1
        days = [_monthly_on(charge.next_on.day, year.starts_on, offset + n) for n in range(13)]
        return [Period(day, after - timedelta(days=1), charge.pence) for day, after in pairwise(days)]
    step = WEEKS_OF[charge.frequency] * WEEK
    day = year.starts_on + timedelta(days=(charge.next_on - year.starts_on).days % step.days)
    found = []
    while day <= year.ends_on:
        free = charge.frequency == WEEKLY and any(week <= day < week + WEEK for week in year.free_weeks)
        found.append(Period(day, day + step - timedelta(days=1), 0 if free else charge.pence))
        day += step
    return found


def total_pence(charge: Charge, year: RentYear) -> int:
    """What the year's periods come to."""
    return sum(period.charge_pence for period in periods(charge, year))


def for_the_year(charge: Charge, year: RentYear) -> list[ToPay]:
    """What pays exactly the year's charges, from its first day to its last, to whoever began it owing nothing.

    Source: law.md §3: weekly × charged weeks / 12 a month; / 26 a fortnight (26.5 in a year of 53 weeks).
    """
    total, weeks = total_pence(charge, year), year.weeks
    return [
        ToPay("week", _up(total, weeks)),
        ToPay("fortnight", _up(2 * total, weeks)),
        ToPay("four_weeks", _up(4 * total, weeks)),
        ToPay("month", _up(total, 12)),
    ]


def from_today(balance_pence: int, charge: Charge, year: RentYear, today: date) -> list[ToPay]:
    """What to pay, beginning today, to owe nothing once the year's last charge is made."""
    periods_left = [p for p in periods(charge, year) if p.charged_on >= _charged_from(charge, today)]
    owed = max(0, balance_pence + sum(period.charge_pence for period in periods_left))
    last = max([year.ends_on, *(period.charged_on for period in periods_left)])
    counts = {every: (last - today).days // days + 1 for every, days in (("week", 7), ("fortnight", 14))}
    counts["four_weeks"] = (last - today).days // 28 + 1
    counts["month"] = sum(_monthly_on(today.day, today, n) <= last for n in range(15))
    return [ToPay(every, _up(owed, count), count) for every, count in counts.items()]


def universal_credit_pence(charge: Charge, free_weeks: int) -> int:
    """What Universal Credit takes for a month's rent.

    Source: law.md §3: weekly × (52 − free weeks) / 12, two-weekly × 26 / 12, four-weekly × 13 / 12.
    """
    return _nearest(_benefit_year(charge, free_weeks), 12)


def next_charge(charge: Charge, years: Iterable[RentYear], today: date) -> Period | None:
    """The next period with rent; None where no year tells of one."""
    since = _charged_from(charge, today)
    to_come = [period for year in sorted(years) for period in periods(charge, year) if period.charged_on >= since]
    return next((period for period in to_come if period.charge_pence), None)


def free_weeks_ahead(charge: Charge, years: Iterable[RentYear], today: date) -> list[date]:
    """The days on which rent-free weeks begin that are still to come."""
    if charge.frequency != WEEKLY:
        return []
    weeks = [period for year in sorted(years) for period in periods(charge, year)]
    return [week.charged_on for week in weeks if not week.charge_pence and week.charged_on > today]


def extra_charge(charge: Charge, years: Iterable[RentYear], today: date) -> ExtraCharge | None:
    """The next charge that Universal Credit does not pay, said up to ten months before it comes; None where none is."""
    for year in sorted(years):
        extra = total_pence(charge, year) - _benefit_year(charge, len(year.free_weeks))
        if charge.frequency == MONTHLY or extra <= 0:
            continue
        number = _OF_A_BENEFIT_YEAR[charge.frequency] + 1
        begins_on = periods(charge, year)[number - 1].charged_on
        if today < begins_on <= today + _SAID_BEFORE:
            return ExtraCharge(number, begins_on, extra)
    return None


def inferred_charge(charges: Iterable[tuple[date, int]], today: date) -> Charge | None:
    """What the posted charges show of amount and rhythm, as (day, pence); None where they show none.

    The gap that comes most often among the last charges tells the rhythm: rent-free weeks lengthen some of them. A
    day's charges (rent, heating, water) are one.
    """
    sums: Counter[date] = Counter()
    for day, pence in charges:
        sums[day] += pence
    days = sorted(day for day, pence in sums.items() if pence > 0 and day <= today)[-13:]
    if len(days) < _SEEN_AT_LEAST:
        return None
    gaps = Counter((after - before).days for before, after in pairwise(days))
    gap, times = gaps.most_common(1)[0]
    last = days[-1]
    if today - last > _STOPPED:
        return None
    if len({day.day for day in days}) == 1 and all(28 <= each <= 31 for each in gaps):
        following = next(n for n in range(1, 1200) if _monthly_on(last.day, last, n) > today)
        return Charge(MONTHLY, sums[last], _monthly_on(last.day, last, following), inferred=True)
    rhythm = {7 * weeks: frequency for frequency, weeks in WEEKS_OF.items()}.get(gap)
    if rhythm is None or 2 * times < sum(gaps.values()):
        return None
    behind = (today - last).days // gap + 1
    return Charge(rhythm, sums[last], last + timedelta(days=gap * behind), inferred=True)


def inferred_year(charge: Charge, charge_days: Iterable[date], day: date) -> RentYear:
    """The rent year that `day` is in, where no file says it: from the first of April that is a day of charges.

    A week without a charge between charged ones is taken to be free, and so is the week a year after one.
    """
    starts_on = _april(day.year, charge)
    if starts_on > day:
        starts_on = _april(day.year - 1, charge)
    weeks = (_april(starts_on.year + 1, charge) - starts_on).days // 7
    charged = set(charge_days)
    free: tuple[date, ...] = ()
    if charge.frequency == WEEKLY and charged:
        begin = [starts_on + n * WEEK for n in range(weeks)]
        to_come = [week for week in begin if week > max(charged) and _was_free(week - 52 * WEEK, charged)]
        free = (*(week for week in begin if _was_free(week, charged)), *to_come)
    return RentYear(starts_on, weeks, free, inferred=True)


def _was_free(week: date, charged: set[date]) -> bool:
    return min(charged) < week < max(charged) and not any(week <= day < week + WEEK for day in charged)


def months_before(day: date, months: int) -> date:
    """That day of the month so many months earlier, or that month's last."""
    return _monthly_on(day.day, day, -months)


def a_month_after(day: date) -> date:
    """That day of the next month, or that month's last."""
    return _monthly_on(day.day, day, 1)


def _april(year: int, charge: Charge) -> date:
    first = date(year, 4, 1)
    if charge.frequency == MONTHLY:
        return first
    return first + timedelta(days=(charge.next_on.weekday() - first.weekday()) % 7)


def _charged_from(charge: Charge, today: date) -> date:
    """From which day on charges are still to come: a next charge that is past was posted, or its file is old."""
    return charge.next_on if charge.next_on >= today else today + timedelta(days=1)


def _benefit_year(charge: Charge, free_weeks: int) -> int:
    weeks = free_weeks if charge.frequency == WEEKLY else 0
    return charge.pence * (_OF_A_BENEFIT_YEAR[charge.frequency] - weeks)


def _monthly_on(day: int, since: date, months: int) -> date:
    """That day of the month that comes so many months after that of `since`; the month's last where it has none."""
    index = since.year * 12 + since.month - 1 + months
    year, month = index // 12, index % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(day, (following - timedelta(days=1)).day))


def _up(pence: int, parts: int) -> int:
    return -(-pence // parts)


def _nearest(pence: int, parts: int) -> int:
    return (2 * pence + parts) // (2 * parts)
