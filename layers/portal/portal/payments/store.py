"""Payments, in the rent table beside the accounts that they pay.

| pk | sk | item | read by |
|---|---|---|---|
| TENANCY#tenancy_id | PAYMENT#payment_id | a payment | its page (one read with the session), the history |
| TENANCY#tenancy_id | PAYKEY#client key | which payment an Idempotency-Key made | starting a payment; kept for ever |
| EVENT#provider#event_id | EVENT | that a provider's event was applied | every event: never twice |
"""

from collections.abc import Sequence
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from portal import store
from portal.settings import setting


class _Item(store.Item):
    class Meta:
        table_name = setting("RENT_TABLE")


class PaymentItem(_Item):
    """A tenant's attempt to pay."""

    range_prefix = "PAYMENT#"

    reference = UnicodeAttribute()
    customer_id = UnicodeAttribute()
    rent_account_id = UnicodeAttribute()
    rent_account_name = UnicodeAttribute()
    amount_pence = store.PenceAttribute()
    status = UnicodeAttribute()
    created_at = store.InstantAttribute()
    settled_at = store.InstantAttribute(null=True)
    checkout_url = UnicodeAttribute(null=True)


class PaymentKeyItem(_Item):
    """Which payment an Idempotency-Key made, and of what."""

    range_prefix = "PAYKEY#"

    payment_id = UnicodeAttribute()
    rent_account_id = UnicodeAttribute()
    amount_pence = store.PenceAttribute()


class EventItem(_Item):
    """That a provider's event was applied."""

    range_prefix = "EVENT"

    payment_id = UnicodeAttribute()
    outcome = UnicodeAttribute()
    applied_at = store.InstantAttribute()


def payment_key(tenancy_id: str, payment_id: str) -> store.Key:
    """Where a tenancy's payment is: another tenancy's is not there."""
    return PaymentItem.key(f"TENANCY#{tenancy_id}", f"PAYMENT#{payment_id}")


def client_key(tenancy_id: str, idempotency_key: str) -> store.Key:
    """Where it stands which payment an Idempotency-Key of that tenancy made."""
    return PaymentKeyItem.key(f"TENANCY#{tenancy_id}", f"PAYKEY#{idempotency_key}")


def event_key(provider: str, event_id: str) -> store.Key:
    """Where it stands that an event was applied."""
    return EventItem.key(f"EVENT#{provider}#{event_id}", "EVENT")


def payments_down(tenancy_id: str, at: datetime, *, below: str | None, limit: int) -> Sequence[PaymentItem]:
    """At most `limit` payments, newest first, those older than the payment with the id `below`."""
    before = f"{PaymentItem.range_prefix}{below}" if below else None
    return list(store.query(PaymentItem, f"TENANCY#{tenancy_id}", at, before=before, newest_first=True, limit=limit))
