"""What a tenancy's dates mean."""

from datetime import date

# Help for people who moved out: they may still see what was charged and paid (design §3).
MONTHS_VISIBLE_AFTER_END = 12


def has_ended(end_date: date | None, today: date) -> bool:
    """Whether the tenancy is over on `today`; its last day still counts."""
    return end_date is not None and end_date < today


def is_visible(end_date: date | None, today: date) -> bool:
    """Whether its people may still see it: until twelve months after its end."""
    if end_date is None:
        return True
    last_year = (
        today.replace(year=today.year - 1) if (today.month, today.day) != (2, 29) else date(today.year - 1, 2, 28)
    )
    return end_date >= last_year
