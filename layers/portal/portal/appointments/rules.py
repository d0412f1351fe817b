"""The rules of appointments: which periods a day has, and until when a visit may be booked. Pure."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from portal import clock

HORIZON_DAYS = 42
"""How far ahead places are offered."""

MOST_OFFERED = 60
"""How many places are offered at once: enough to choose from, and an answer of a few kilobytes."""

_SLOT_ID = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.([a-z_]{1,40})")


class Period(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the day in which somebody comes, in Europe/London."""

    period: str
    name: str
    starts: time
    ends: time


class Periods(Struct, frozen=True, forbid_unknown_fields=True):
    """The landlord's periods, and how many days before a visit its book is closed."""

    source: str
    notice_days: int
    periods: tuple[Period, ...]


class Place(NamedTuple):
    """A period of a day: the same for every trade."""

    day: date
    period: str

    @property
    def slot_id(self) -> str:
        """How the API names it, beside a repair whose trade is known: `2026-12-01.morning`."""
        return f"{self.day}.{self.period}"


@cache
def periods() -> Periods:
    """The landlord's periods, read once a process."""
    return msgspec.json.decode(Path(__file__).with_name("periods.json").read_bytes(), type=Periods)


def period_named(name: str) -> Period | None:
    """The period with that name."""
    return next((p for p in periods().periods if p.period == name), None)


def place_of(slot_id: str) -> Place | None:
    """What a slot's id names; None where it is the id of none."""
    found = _SLOT_ID.fullmatch(slot_id)
    if not found or not period_named(found[2]):
        return None
    try:
        return Place(date.fromisoformat(found[1]), found[2])
    except ValueError:
        return None


def starts_at(place: Place) -> datetime:
    """When the period begins, in UTC. Raises KeyError for a period that the landlord does not have any more."""
    return _instant(place, _period(place).starts)


def ends_at(place: Place) -> datetime:
    """When the period is over, in UTC. Raises KeyError for a period that the landlord does not have any more."""
    return _instant(place, _period(place).ends)


def _period(place: Place) -> Period:
    found = period_named(place.period)
    if found is None:
        raise KeyError(place.period)
    return found


def _instant(place: Place, of_day: time) -> datetime:
    return datetime.combine(place.day, of_day, clock.LONDON).astimezone(UTC)


def closes_at(day: date) -> datetime:
    """Until when a visit on `day` may be booked, moved or given up: the end of a day before it.

    The landlord is told of it in that night's export, and plans the day with it.
    """
    return clock.end_of_day(day - timedelta(days=periods().notice_days))


def is_offered(day: date, at: datetime) -> bool:
    """Whether places of `day` may be booked at `at`."""
    return at <= closes_at(day) and day <= clock.london_date(at) + timedelta(days=HORIZON_DAYS)


def forgotten_at(day: date) -> int:
    """When a day's places and visits count no more, as DynamoDB's TTL counts: they have served once it is over."""
    return clock.epoch(clock.end_of_day(day))


def in_words(starts: datetime, ends: datetime) -> str:
    """A visit's time of day as a tenant reads it: "between 8am and 12pm"."""
    return f"between {_hour(starts.astimezone(clock.LONDON).time())} and {_hour(ends.astimezone(clock.LONDON).time())}"


def _hour(of_day: time) -> str:
    minutes = f":{of_day.minute:02}" if of_day.minute else ""
    return f"{of_day.hour % 12 or 12}{minutes}{'am' if of_day.hour < 12 else 'pm'}"
