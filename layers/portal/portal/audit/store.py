"""The audit table. Functions put events into it and do nothing else with them; the exporter alone reads.

| pk | sk | item | read by |
|---|---|---|---|
| DAY#day#shard | EVENT#customer_id#event_id | an outcome for a customer | the exporter by day, an officer by customer |
| DAY#day#shard | EVENT#nobody#event_id | an outcome for nobody who is known | the exporter by day |

Both questions are queries: the days are London's, a day has four shards, and a customer's events of a day lie together.
"""

from collections.abc import Iterator
from datetime import date, datetime

from pynamodb.attributes import UnicodeAttribute

from portal import clock, ids, store
from portal.audit.rules import KEPT, NUMBER_OF_SHARDS, Outcome, shard_of
from portal.settings import setting

_NOBODY = "nobody"


class EventItem(store.Item):
    """One outcome. `source` is the network that the call came from, empty where no call caused it."""

    class Meta:
        table_name = setting("AUDIT_TABLE")

    range_prefix = "EVENT#"

    at = store.InstantAttribute()
    outcome = UnicodeAttribute()
    reason = UnicodeAttribute()
    customer_id = UnicodeAttribute(null=True)
    tenancy_id = UnicodeAttribute(null=True)
    source = UnicodeAttribute(null=True)


def put(outcome: Outcome, at: datetime, customer_id: str | None, tenancy_id: str | None, source: str) -> store.Put:
    """The write that keeps an event for its 400 days. Refused where its key is taken: nothing kept is ever replaced."""
    event_id = ids.new_id(at)
    item = EventItem(
        pk=f"DAY#{clock.london_date(at)}#{shard_of(customer_id or event_id)}",
        sk=f"{EventItem.range_prefix}{customer_id or _NOBODY}#{event_id}",
        at=at,
        outcome=outcome.outcome,
        reason=outcome.reason,
        customer_id=customer_id,
        tenancy_id=tenancy_id,
        source=source or None,
        expires_at=clock.epoch(at + KEPT),
    )
    return store.Put(item, EventItem.new())


def of_shard(day: date, shard: int, at: datetime, *, most: int) -> Iterator[EventItem]:
    """The first `most` events of one shard of a day: customers' before nobody's."""
    return store.query(EventItem, f"DAY#{day}#{shard}", at, limit=most)


def has_events(day: date, at: datetime) -> bool:
    """Whether anything is kept of `day`."""
    return any(next(of_shard(day, shard, at, most=1), None) for shard in range(NUMBER_OF_SHARDS))
