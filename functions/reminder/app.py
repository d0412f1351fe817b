"""Reminds people the day before somebody comes: each hour of the day, so that a run that failed is made up for."""

from typing import Any

from portal import clock, observe
from portal.appointments import reminding

_SPARE_MILLISECONDS = 15_000


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Ask for every reminder that is due and was not asked for yet."""
    try:
        asked = reminding.remind(clock.now, lambda: context.get_remaining_time_in_millis() > _SPARE_MILLISECONDS)
    finally:
        observe.write_out()
    return {"reminded": asked}
