"""When a regular payment is due, told of and taken: pure rules over London days."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta

from portal import clock
from portal.failures import FieldError

AWAITING_CARD, ACTIVE, PAUSED, STOPPED, FAILED = "awaiting_card", "active", "paused", "stopped", "failed"
GOING_ON = frozenset({ACTIVE, PAUSED})
"""What can be changed, paused and gone on with. A schedule that is stopped or has failed stays so."""

WEEKLY, MONTHLY = "weekly", "monthly"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LAST_DAY = "last"
_LATEST_DAY = 28

ASKED, FAILURES, NO_CARD, CARD_GONE, TENANCY_OVER, ACCOUNT_GONE = (
    "asked", "failures", "no_card", "card_gone", "tenancy_over", "account_gone",
)  # fmt: skip
"""Why a schedule has stopped."""

NOTICE = timedelta(days=3)
"""How long before a due date its email is sent."""

LATE_BY = timedelta(days=3)
"""How late a payment is still taken. Later its due date is left out: nobody expects it any more."""

MOST_FAILURES = 3
"""After so many failures, one after the other, it stops (issue 6, item 8)."""

LEASE = timedelta(minutes=10)
"""How long a run has a schedule to itself: well above what the provider may take to answer."""

ASKED_AGAIN_AFTER = timedelta(hours=1)
"""When somebody looks again whether a page was used, or what became of a payment."""

KEPT_UNUSED, KEPT = timedelta(days=7), timedelta(days=400)
"""How long a schedule is shown that never got a card, and one that has stopped."""


def day_trouble(frequency: str, day: str) -> FieldError | None:
    """What is wrong with `day` for that frequency, or None.

    A weekday's name in English where it is weekly; 1 to 28 or "last" where it is monthly: every month has those days.
    """
    if frequency == WEEKLY:
        return None if day in WEEKDAYS else FieldError("day", "Choose a day of the week, like friday")
    known = day == LAST_DAY or day in {str(number) for number in range(1, _LATEST_DAY + 1)}
    return None if known else FieldError("day", "Choose a day of the month from 1 to 28, or last")


def first_due(frequency: str, day: str, after: date) -> date:
    """The first day after `after` on which such a payment is due."""
    if frequency == WEEKLY:
        return after + timedelta(days=(WEEKDAYS.index(day) - after.weekday() - 1) % 7 + 1)
    this_month = _in_month(day, after)
    return this_month if this_month > after else _in_month(day, period_end(MONTHLY, after) + timedelta(days=1))


def _in_month(day: str, of: date) -> date:
    return of.replace(day=monthrange(of.year, of.month)[1] if day == LAST_DAY else int(day))


def period_end(frequency: str, day: date) -> date:
    """The last day of the week (Monday to Sunday) or month that `day` lies in."""
    if frequency == WEEKLY:
        return day + timedelta(days=6 - day.weekday())
    return day.replace(day=monthrange(day.year, day.month)[1])


def next_due(frequency: str, day: str, today: date, done: date | None) -> date:
    """The next due date: after `today`, and in no week or month of which the due date `done` was.

    So changing the day, pausing and going on never lead to two in one week or month, nor does a run that comes late.
    """
    return first_due(frequency, day, max(today, period_end(frequency, done)) if done else today)


def is_near(due_on: date, today: date) -> bool:
    """Whether an email of today that names the due date is notice enough: it is in its last days."""
    return due_on - today <= NOTICE


def may_take(due_on: date, told_of: date | None, today: date) -> bool:
    """Whether the payment is taken today: it is due, not long ago, and was told of."""
    return told_of == due_on and due_on <= today <= due_on + LATE_BY


def look_at(due_on: date, told_of: date | None) -> datetime:
    """When somebody has to look at an active schedule next: on the due date, or before it to tell of it."""
    return _begins(due_on if told_of == due_on else due_on - NOTICE)


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(0), clock.LONDON).astimezone(UTC)


def in_words(frequency: str, day: str) -> str:
    """When it is taken, as a tenant reads it: "every Friday", "on the 1st of every month"."""
    if frequency == WEEKLY:
        return f"every {day.capitalize()}"
    if day == LAST_DAY:
        return "on the last day of every month"
    ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(int(day), "th")
    return f"on the {day}{ending} of every month"
