"""Sends what the outbox holds: as it is written, from its stream, and every five minutes what could not be sent."""

from typing import Any

from portal import clock
from portal.mail import mailer
from portal.observe import logger, write_out

_SPARE_MILLISECONDS = 15_000


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take a batch of the outbox's stream, or `{"trigger": "sweep"}`.

    No record of a batch is ever reported as failed: whatever was not sent is still in the outbox, for the sweep.
    """
    try:
        if "Records" in event:
            keys = [record["dynamodb"]["Keys"]["sk"]["S"] for record in event["Records"] if _is_new(record)]
            mailer.send_written(keys, clock.now)
        else:
            mailer.sweep(clock.now, lambda: context.get_remaining_time_in_millis() > _SPARE_MILLISECONDS)
    except Exception as error:
        if "Records" not in event:
            raise
        logger.error("left to the sweep", fault=type(error).__name__)
    finally:
        write_out()
    return {"batchItemFailures": []}


def _is_new(record: dict[str, Any]) -> bool:
    return bool(record["eventName"] == "INSERT" and record["dynamodb"]["Keys"]["pk"]["S"] == "MAIL")
