"""Applies the landlord's files: woken by a drop's `_complete`, by an earlier run that ran out of time, or at night."""

from typing import Any

from portal import observe
from portal.exchange import importing


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Apply every drop that waits.

    An S3 notification, an EventBridge event of S3 and the schedule's all wake it alike: each means "look now".
    """
    try:
        done = importing.run(context.get_remaining_time_in_millis)
    finally:
        observe.write_out()
    return {"drops": done.drops, "stopped": done.stopped}
