"""Asks the payment provider what came of payments that wait, and each day compares all three sides."""

from typing import Any

from portal import clock, observe
from portal.payments import reconciling

_SPARE_MILLISECONDS = 20_000


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`{"trigger": "pending"}` settles what waits, `{"trigger": "daily"}` writes the reports that are due."""
    try:
        if event.get("trigger") == "daily":
            return {"days": [day.isoformat() for day in reconciling.report(clock.now())]}
        left = reconciling.ask_about_pending(
            clock.now(), lambda: context.get_remaining_time_in_millis() > _SPARE_MILLISECONDS
        )
        return {"left": left}
    finally:
        observe.write_out()
