"""What the landlord's own systems tell in minutes: an event of the bus, read strictly and applied once."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from portal.observe import count
from portal.repairs import following, rules
from portal.repairs.following import Told

HAPPENED, SUMMARY = "Repair event", "Hazard summary"
_Text = Annotated[str, Meta(max_length=4_000)]


class NotTaken(Exception):
    """An event of the bus that cannot be taken; `args[0]` says why, without what stands in it."""


class _Happened(Struct, forbid_unknown_fields=True):
    repair_reference: Annotated[str, Meta(min_length=1, max_length=60)]
    at: Annotated[datetime, Meta(tz=True)]
    event: Annotated[str, Meta(max_length=60)]
    note: Annotated[str, Meta(max_length=500)] | None = None


class _Summary(Struct, forbid_unknown_fields=True):
    repair_reference: Annotated[str, Meta(min_length=1, max_length=60)]
    sent_at: Annotated[datetime, Meta(tz=True)]
    hazard: Annotated[str, Meta(min_length=1, max_length=500)]
    action: Annotated[str, Meta(min_length=1, max_length=4_000)]
    start_by: date | None = None
    finish_by: date | None = None
    text: _Text | None = None


def hear(event: Mapping[str, Any], at: datetime) -> bool:
    """Apply an event of the landlord's bus; whether it was news. Told again, late or after its file it is none.

    Raises:
        NotTaken: it cannot be read, or names a repair that is not known yet: the bus brings it again, then parks it.
    """
    told = _told(event)
    (outcome,) = following.record([told], at)
    if outcome.refused:
        count("RepairEventsRefused")
        raise NotTaken(outcome.refused)
    count("RepairEventsHeard")
    return outcome.changed


def _told(event: Mapping[str, Any]) -> Told:
    try:
        if event["detail-type"] == SUMMARY:
            summary = msgspec.convert(event["detail"], _Summary)
            kept = {k: v for k, v in msgspec.to_builtins(summary).items() if k not in {"repair_reference", "sent_at"}}
            return Told(summary.repair_reference, summary.sent_at, "summary_sent", None, str(event["id"]), kept)
        happened = msgspec.convert(event["detail"], _Happened)
        word = rules.event_word(happened.event)
    except (msgspec.ValidationError, KeyError):
        count("RepairEventsRefused")
        raise NotTaken("its detail is not that of docs/exchange.md") from None
    if word is None:
        count("RepairEventsRefused")
        raise NotTaken("event is none that the portal knows")
    return Told(happened.repair_reference, happened.at, word, happened.note, str(event["id"]))
