"""Payments, in the rent table beside the accounts that they pay.

| pk | sk | item | read by |
|---|---|---|---|
| TENANCY#tenancy_id | PAYMENT#payment_id | a payment | its page (one read with the session), the history |
| TENANCY#tenancy_id | PAYKEY#client key | which payment an Idempotency-Key made | starting a payment; kept for ever |
| TENANCY#tenancy_id | OFFER#rent_account_id | the payment arrangement that a tenant offers for that account; shown until a fortnight after it should have been answered | the page on money; a new offer takes its place |
| TENANCY#tenancy_id | OFFERKEY#client key | the offer that an Idempotency-Key made, as long as it is shown | making an offer: never twice |
| TENANCY#tenancy_id | PAYKEY#SCHEDULE#schedule_id#due date | which payment that due date led to | taking it; kept for ever |
| EVENT#provider#event_id | EVENT | that a provider's event was taken; kept for ever | every event: never twice |
| PENDING#shard | PENDING#payment_id | a payment of which nobody knows yet what becomes; gone once it is known | the reconciler, every five minutes |
| TAKEN#day | TAKEN#payment_id | a payment whose money was taken, under the London day on which it was posted | the day's report |
| QUARANTINE | EVENT#digest | a signed event that we cannot read, or that is not as our payment is; 60 days | operators, the day's report |
| RECONCILIATION | STATE | up to which day there are reports | the day's report |
| RECONCILIATION#day | DIFFERENCE#reference#what | where provider, portal and housing system differ; 60 days | the day's report: written again, it says the same |

The first two of these change in the transactions of the payment itself. PENDING has eight shards, so that no one
partition takes every payment's writes.
"""

# ruff: noqa: E501  (a table's rows)

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from pynamodb.attributes import UnicodeAttribute

from portal import store
from portal.settings import setting

SHARDS = 8
_KEPT = timedelta(days=60)
_MOST_OF_A_BODY = 50_000


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
    with_bank_at = store.InstantAttribute(null=True)
    # The London day on which the money was taken, as receipt, transaction and export have it.
    paid_on = store.DayAttribute(null=True)
    checkout_url = UnicodeAttribute(null=True)
    checkout_id = UnicodeAttribute(null=True)
    refunded_pence = store.PenceAttribute(null=True)


class PaymentKeyItem(_Item):
    """Which payment an Idempotency-Key made, and of what."""

    range_prefix = "PAYKEY#"

    payment_id = UnicodeAttribute()
    rent_account_id = UnicodeAttribute()
    amount_pence = store.PenceAttribute()


class _Offer(_Item):
    customer_id = UnicodeAttribute()
    rent_account_id = UnicodeAttribute()
    rent_account_name = UnicodeAttribute()
    amount_pence = store.PenceAttribute()
    frequency = UnicodeAttribute()
    owed_pence = store.PenceAttribute()
    offered_at = store.InstantAttribute()
    answer_by = store.DayAttribute()


class OfferItem(_Offer):
    """The newest payment arrangement that was offered for a rent account. `owed_pence` is what was owed then."""

    range_prefix = "OFFER#"


class OfferKeyItem(_Offer):
    """The offer that an Idempotency-Key made, as it was made."""

    range_prefix = "OFFERKEY#"


class EventItem(_Item):
    """That a provider's event was taken."""

    range_prefix = "EVENT"

    payment_id = UnicodeAttribute()
    outcome = UnicodeAttribute()
    applied_at = store.InstantAttribute()


class PendingItem(_Item):
    """A payment that waits for its end."""

    range_prefix = "PENDING#"

    tenancy_id = UnicodeAttribute()


class TakenItem(_Item):
    """A payment whose money was taken that day."""

    range_prefix = "TAKEN#"

    tenancy_id = UnicodeAttribute()


class QuarantinedItem(_Item):
    """A provider's event that was signed and not applied. `body` is the event as it came."""

    range_prefix = "EVENT#"

    provider = UnicodeAttribute()
    why = UnicodeAttribute()
    received_at = store.InstantAttribute()
    body = UnicodeAttribute()


class ReportedItem(_Item):
    """Up to which day there are reports."""

    range_prefix = "STATE"

    through = store.DayAttribute()


class DifferenceItem(_Item):
    """Where provider, portal and housing system differ on a payment. Amounts and states as each has them."""

    range_prefix = "DIFFERENCE#"

    reference = UnicodeAttribute()
    what = UnicodeAttribute()
    provider_has = UnicodeAttribute(null=True)
    portal_has = UnicodeAttribute(null=True)


def payment_key(tenancy_id: str, payment_id: str) -> store.Key:
    """Where a tenancy's payment is: another tenancy's is not there."""
    return PaymentItem.key(f"TENANCY#{tenancy_id}", f"PAYMENT#{payment_id}")


def client_key(tenancy_id: str, idempotency_key: str) -> store.Key:
    """Where it stands which payment an Idempotency-Key of that tenancy made."""
    return PaymentKeyItem.key(f"TENANCY#{tenancy_id}", f"PAYKEY#{idempotency_key}")


def offer_key(tenancy_id: str, rent_account_id: str) -> store.Key:
    """Where the offer for a tenancy's rent account is."""
    return OfferItem.key(f"TENANCY#{tenancy_id}", f"OFFER#{rent_account_id}")


def client_offer_key(tenancy_id: str, idempotency_key: str) -> store.Key:
    """Where it stands which offer an Idempotency-Key of that tenancy made."""
    return OfferKeyItem.key(f"TENANCY#{tenancy_id}", f"OFFERKEY#{idempotency_key}")


def offers_of(tenancy_id: str, at: datetime) -> list[OfferItem]:
    """The tenancy's offers, one a rent account."""
    return list(store.query(OfferItem, f"TENANCY#{tenancy_id}", at))


def due_key(tenancy_id: str, schedule_id: str, due_on: date) -> store.Key:
    """Where it stands which payment a due date led to. No Idempotency-Key of a client is such a text."""
    return client_key(tenancy_id, f"SCHEDULE#{schedule_id}#{due_on}")


def event_key(provider: str, event_id: str) -> store.Key:
    """Where it stands that an event was applied."""
    return EventItem.key(f"EVENT#{provider}#{event_id}", "EVENT")


def payments_down(tenancy_id: str, at: datetime, *, below: str | None, limit: int) -> Sequence[PaymentItem]:
    """At most `limit` payments, newest first, those older than the payment with the id `below`."""
    before = f"{PaymentItem.range_prefix}{below}" if below else None
    return list(store.query(PaymentItem, f"TENANCY#{tenancy_id}", at, before=before, newest_first=True, limit=limit))


def pending(tenancy_id: str, payment_id: str) -> PendingItem:
    """The item that says that the payment waits for its end."""
    shard = int.from_bytes(hashlib.blake2b(payment_id.encode(), digest_size=1).digest()) % SHARDS
    return PendingItem(pk=f"PENDING#{shard}", sk=f"{PendingItem.range_prefix}{payment_id}", tenancy_id=tenancy_id)


def taken(day: date, tenancy_id: str, payment_id: str) -> TakenItem:
    """The item that says that the payment's money was taken on that London day."""
    return TakenItem(pk=f"TAKEN#{day}", sk=f"{TakenItem.range_prefix}{payment_id}", tenancy_id=tenancy_id)


def all_pending(born_before: str, at: datetime) -> Iterator[PendingItem]:
    """Every payment that waits and whose id is below `born_before`."""
    for shard in range(SHARDS):
        yield from store.query(PendingItem, f"PENDING#{shard}", at, before=f"{PendingItem.range_prefix}{born_before}")


def taken_on(day: date, at: datetime) -> list[store.Key]:
    """Where the payments are whose money was taken on that London day."""
    found = store.query(TakenItem, f"TAKEN#{day}", at)
    return [payment_key(item.tenancy_id, item.sk.removeprefix(TakenItem.range_prefix)) for item in found]


def quarantined(provider: str, why: str, body: bytes, at: datetime) -> QuarantinedItem:
    """An event to be looked at by a person. Sent again it has the same key."""
    digest = hashlib.sha256(body).hexdigest()[:32]
    return QuarantinedItem(
        pk="QUARANTINE",
        sk=f"{QuarantinedItem.range_prefix}{digest}",
        provider=provider,
        why=why,
        received_at=at,
        body=body[:_MOST_OF_A_BODY].decode(errors="replace"),
        expires_at=int((at + _KEPT).timestamp()),
    )


def reported_key() -> store.Key:
    """Where it stands up to which day there are reports."""
    return ReportedItem.key("RECONCILIATION", "STATE")


def difference(
    day: date, reference: str, what: str, at: datetime, *, provider_has: str | None, portal_has: str | None
) -> DifferenceItem:
    """A line of the day's report."""
    return DifferenceItem(
        pk=f"RECONCILIATION#{day}",
        sk=f"{DifferenceItem.range_prefix}{reference}#{what}",
        reference=reference,
        what=what,
        provider_has=provider_has,
        portal_has=portal_has,
        expires_at=int((at + _KEPT).timestamp()),
    )


def differences(day: date, at: datetime) -> list[DifferenceItem]:
    """The lines of the day's report."""
    return list(store.query(DifferenceItem, f"RECONCILIATION#{day}", at))


def quarantine(at: datetime) -> Iterator[QuarantinedItem]:
    """Every event that waits for a person."""
    return store.query(QuarantinedItem, "QUARANTINE", at)
