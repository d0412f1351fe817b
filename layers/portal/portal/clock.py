"""What time it is, and what day that is for a tenant: instants are UTC, days are Europe/London's."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


def now() -> datetime:
    """The present instant, timezone-aware, in UTC."""
    return datetime.now(UTC)


def london_date(at: datetime) -> date:
    """The calendar day in Europe/London at the instant `at`."""
    return at.astimezone(LONDON).date()


def end_of_day(day: date) -> datetime:
    """23:59:59 in Europe/London on `day`, as an instant in UTC: when a deadline counted in days is over."""
    return datetime.combine(day, time(23, 59, 59), LONDON).astimezone(UTC)


def epoch(at: datetime) -> int:
    """Whole seconds since 1970, rounded up, as DynamoDB's TTL counts them."""
    return int(-(-at.timestamp() // 1))


def in_words(at: datetime) -> str:
    """An instant as a tenant reads it: "4am on Wednesday 25 November", "3:07pm on Friday 1 May"."""
    local = at.astimezone(LONDON)
    minutes = f":{local.minute:02}" if local.minute else ""
    hour = f"{local.hour % 12 or 12}{minutes}{'am' if local.hour < 12 else 'pm'}"
    return f"{hour} on {day_in_words(local.date())}"


def day_in_words(day: date) -> str:
    """A day as a tenant reads it: "Wednesday 25 November"."""
    return f"{day:%A} {day.day} {day:%B}"
