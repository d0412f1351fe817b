"""Takes regular payments on the day they are due, tells of them before, and hears what became of them."""

from typing import Any

from portal import clock, observe
from portal.schedules import taking

# A schedule takes a few calls of the database and two of the provider, which may be slow.
_SPARE_MILLISECONDS = 45_000


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Look at every regular payment that is due to be looked at."""
    try:
        looked = taking.run(clock.now, lambda: context.get_remaining_time_in_millis() > _SPARE_MILLISECONDS)
    finally:
        observe.write_out()
    return {"looked": looked}
