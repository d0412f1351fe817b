"""Working days: not Saturday, Sunday or a bank holiday of the nation.

Bank holidays come from the `holidays` package; years ahead are its predictions and one-off days reach it only with
an update, so `bank_holidays.json` is asked first.
"""

import json
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

IsHoliday = Callable[[date], bool]

_OVERRIDES = Path(__file__).with_name("bank_holidays.json")
_SATURDAY = 5


def is_working_day(day: date, is_holiday: IsHoliday) -> bool:
    """Whether `day` counts (source: SI 2025/1042, "working day")."""
    return day.weekday() < _SATURDAY and not is_holiday(day)


def working_days_after(day: date, count: int, is_holiday: IsHoliday) -> date:
    """The `count`th working day after `day`, which itself is day 0 whatever day it is."""
    while count:
        day += timedelta(days=1)
        count -= is_working_day(day, is_holiday)
    return day


@cache
def bank_holidays(nation: str = "england") -> IsHoliday:
    """Whether a day is a bank holiday in the nation; raises KeyError for a nation that has no data."""
    told = json.loads(_OVERRIDES.read_text())[nation]
    extra = {date.fromisoformat(h["day"]) for h in told["holidays"]}
    cancelled = {date.fromisoformat(h["day"]) for h in told["working_days"]}

    import holidays  # 113 ms of a cold start, and only a report reckons in working days

    known = holidays.country_holidays("GB", subdiv=told["subdivision"])

    def is_holiday(day: date) -> bool:
        return day in extra or (day not in cancelled and day in known)

    return is_holiday
