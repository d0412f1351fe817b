"""How long an answer may still take. Whoever waits for something outside asks first how long that may be.

Fault F26: a dependency that has become slow must not hold a tenant, and a process, until API Gateway gives up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

ANSWER_SECONDS = 8
"""From a call's start to its answer, whatever is slow. Lambda itself ends a function of the API after ten."""

_ends: ContextVar[float | None] = ContextVar("ends", default=None)


@contextmanager
def of(seconds: float) -> Iterator[None]:
    """What is done inside has `seconds` for all of it together."""
    token = _ends.set(monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


def remaining() -> float | None:
    """Seconds that are left, below 0 once they are over; None where nobody waits for an answer."""
    ends = _ends.get()
    return None if ends is None else ends - monotonic()
