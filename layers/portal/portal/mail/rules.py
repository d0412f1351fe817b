"""When a mail is tried again."""

from datetime import datetime, timedelta

# Long enough for one send with its retries; after it another may take the mail.
LEASE = timedelta(seconds=60)
_FIRST, _LONGEST = timedelta(minutes=1), timedelta(minutes=30)


def next_try(tries: int, at: datetime) -> datetime:
    """When a mail that has failed `tries` times is due again: 1, 2, 4 … and at most 30 minutes later."""
    doublings = min(max(0, tries - 1), 8)
    return at + min(_FIRST * (1 << doublings), _LONGEST)
