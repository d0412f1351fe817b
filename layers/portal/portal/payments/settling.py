"""What a provider says of a payment becomes its state and its transactions, each once, whenever and however often.

Money taken is a transaction that takes from what is owed; what is paid back (`refund`) or disputed (`adjustment`) is
one of its own that adds to it again, and a dispute that is won takes it off once more.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from portal import clock, store
from portal.exchange.journal import entry
from portal.exchange.rules import pounds
from portal.mail.outbox import letter
from portal.observe import count, logger
from portal.payments import rules
from portal.payments import store as payments
from portal.payments.provider import CardEvent, EventNotAccepted, NotAsAgreed, PaymentFacts, ProviderEvent
from portal.payments.providers import provider_called
from portal.payments.store import EventItem, PaymentItem, QuarantinedItem
from portal.rent import service as rent

_TRIES = 4
# Where these stand among the writes of an event.
_PAYMENT, _EVENT, _POSTED = 0, 1, 2


def apply_event(
    name: str,
    headers: dict[str, str],
    body: bytes,
    at: datetime,
    *,
    card_told: Callable[[CardEvent, datetime], None],
) -> None:
    """Apply what the provider sends. An event that was applied, or comes after the payment's end, changes nothing.

    `card_told` is given what came of a card that was to be saved.

    Raises:
        NotFound: there is no such provider here.
        EventNotAccepted: signature or age are not right; or it is signed, and cannot be read or is not as our payment
            is: then nothing is credited, it is kept for a person to look at, and an alarm goes off.
        ProviderSilent: the provider had to be asked what the event is about.
    """
    its = provider_called(name)
    try:
        event = its.read_event(headers, body, at)
        if isinstance(event, CardEvent):
            card_told(event, at)
        elif event is not None:
            settle(its.name, event, at)
    except NotAsAgreed as odd:
        keep_for_a_person(its.name, odd, body, at)
        raise EventNotAccepted from None


def keep_for_a_person(name: str, odd: NotAsAgreed, body: bytes, at: datetime) -> None:
    """Quarantine what a provider said, once, and count it: an alarm looks at the metric."""
    logger.error("a provider's word does not fit", provider=name, why=odd.why)
    count("PaymentEventMismatch")
    with contextlib.suppress(store.Refused):
        store.transact(store.Put(payments.quarantined(name, odd.why, body, at), QuarantinedItem.new()))


def settle(name: str, event: ProviderEvent, at: datetime) -> None:
    """Bring the payment to what the provider `name` says came of it.

    Payment, transaction, balance, receipt and the event's own id change in one DynamoDB transaction. What must have
    come before, but was not heard of, is applied first: so the order in which events come does not matter.

    Raises:
        NotAsAgreed: no payment of ours is as the event says.
    """
    for before in rules.COMES_AFTER.get(event.outcome, ()):
        happened_at = event.earlier.get(before, event.occurred_at)
        _apply(name, replace(event, event_id=f"{event.event_id}/{before}", outcome=before, occurred_at=happened_at), at)
    _apply(name, event, at)


def _apply(name: str, event: ProviderEvent, at: datetime) -> None:
    taken = _taken_event(name, event, at)
    for _ in range(_TRIES):
        try:
            done = _applied(event, taken, at)
        except store.Refused as refused:
            if refused.by(_EVENT):
                return  # it was applied before
            continue  # another event of this payment was a moment faster
        if not done:
            with contextlib.suppress(store.Refused):
                store.transact(taken)
        return
    raise store.Unavailable


def _applied(event: ProviderEvent, taken: store.Put, at: datetime) -> bool:
    if event.outcome == rules.PENDING:
        return _with_bank(event, taken)
    return _give_back(event, taken, at) if event.outcome in rules.COMES_AFTER else _end(event, taken, at)


def _taken_event(name: str, event: ProviderEvent, at: datetime) -> store.Put:
    key = payments.event_key(name, event.event_id)
    item = EventItem(
        pk=key.pk, sk=key.sk, payment_id=event.facts.payment_id, outcome=event.outcome, applied_at=at
    )  # fmt: skip
    return store.Put(item, EventItem.new())


# --------------------------------------------------------------------------------- money taken, or not


def _with_bank(event: ProviderEvent, taken: store.Put) -> bool:
    """The tenant has paid on the page, and the bank takes days to say what comes of it; False where it has said so."""
    facts = event.facts
    key = payments.payment_key(facts.tenancy_id, facts.payment_id)
    change = store.Update(
        PaymentItem(pk=key.pk, sk=key.sk),
        [PaymentItem.status.set(rules.PENDING), PaymentItem.with_bank_at.set(event.occurred_at)],
        _is_payment_of(facts) & PaymentItem.status.is_in(*sorted(rules.WAITING)),
    )
    try:
        store.transact(change, taken)
    except store.Refused as refused:
        if refused.by(_PAYMENT):
            return _already_ended(refused, event)
        raise
    return True


def _end(event: ProviderEvent, taken: store.Put, at: datetime) -> bool:
    """The payment's end; False where it has one that stands."""
    facts = event.facts
    key = payments.payment_key(facts.tenancy_id, facts.payment_id)
    changes = [PaymentItem.status.set(event.outcome), PaymentItem.settled_at.set(at)]
    if event.outcome == rules.SUCCEEDED:
        changes.append(PaymentItem.paid_on.set(_day_of(event, at)))
    change = store.Update(
        PaymentItem(pk=key.pk, sk=key.sk),
        changes,
        _is_payment_of(facts) & PaymentItem.status.is_in(*rules.states_before(event.outcome)),
    )
    always: list[store.Write] = [change, taken]
    also: list[store.Write] = [store.Delete(payments.pending(facts.tenancy_id, facts.payment_id))]
    posting: list[store.Write] = []
    if event.outcome == rules.SUCCEEDED:
        posting = _posting(event, facts.reference, "payment", "Card payment", -facts.amount_pence, at)
        also += [
            _letter("payment_receipt", event, facts.amount_pence, at),
            store.Put(payments.taken(clock.london_date(at), facts.tenancy_id, facts.payment_id)),
        ]
    try:
        store.transact(*always, *posting, *also)
    except store.Refused as refused:
        if refused.by(_PAYMENT):
            return _already_ended(refused, event)
        if refused.by(_EVENT) or not posting:
            raise
        if not rent.agrees(refused.stored.get(_POSTED), facts.rent_account_id, -facts.amount_pence):
            raise NotAsAgreed("another transaction has its reference, or its rent account is gone") from None
        # Its line is in the landlord's own transactions already: only the payment and its receipt are missing.
        store.transact(*always, *also)
    count("PaymentSucceeded" if event.outcome == rules.SUCCEEDED else "PaymentFailed")
    return True


def _already_ended(refused: store.Refused, event: ProviderEvent) -> bool:
    """False: the payment has its end. Raises Refused where the very event was applied, NotAsAgreed for another's."""
    if refused.by(_EVENT):
        raise refused
    stored = refused.stored.get(_PAYMENT)
    payment = PaymentItem.from_raw_data(stored) if stored else None
    _check_ours(payment, event.facts)
    return False


# ------------------------------------------------------------------------------------ money given back


def _give_back(event: ProviderEvent, taken: store.Put, at: datetime) -> bool:
    """A refund, a dispute, or one that is won; False where its transaction is posted."""
    facts = event.facts
    (payment,) = store.fetch([payments.payment_key(facts.tenancy_id, facts.payment_id)], at)
    _check_ours(payment, facts)
    if not 0 < event.moved_pence <= facts.amount_pence:
        raise NotAsAgreed("more is given back than was paid, or nothing")
    changes = [PaymentItem.status.set(rules.status_after(payment.status, event.outcome))]
    as_read = PaymentItem.status == payment.status
    also: list[store.Write] = []
    match event.outcome:
        case rules.REFUNDED:
            before = payment.refunded_pence or 0
            amount = event.moved_pence - before
            if amount <= 0:
                return False  # a refund that came later has been heard of already, and counts this one
            changes.append(PaymentItem.refunded_pence.set(event.moved_pence))
            refunded = PaymentItem.refunded_pence
            as_read &= refunded == before if before else refunded.does_not_exist()
            reference, kind = rules.refund_reference(facts.reference, event.moved_pence), "refund"
            description = "Card payment paid back"
            also = [_letter("payment_refunded", event, amount, at)]
        case rules.DISPUTED:
            reference, kind = rules.dispute_reference(facts.reference, event.dispute), "adjustment"
            description, amount = "Card payment disputed with the bank", event.moved_pence
        case _:
            reference, kind = rules.dispute_reference(facts.reference, event.dispute, won=True), "adjustment"
            description, amount = "Card payment upheld by the bank", -event.moved_pence
    change = store.Update(payment, changes, as_read)
    try:
        store.transact(change, taken, *_posting(event, reference, kind, description, amount, at), *also)
    except store.Refused as refused:
        if refused.by(_PAYMENT) or refused.by(_EVENT):
            raise
        if not rent.agrees(refused.stored.get(_POSTED), facts.rent_account_id, amount):
            raise NotAsAgreed("another transaction has its reference, or its rent account is gone") from None
        return False
    return True


# --------------------------------------------------------------------------------------- what both write


def _check_ours(payment: PaymentItem | None, facts: PaymentFacts) -> None:
    """Raise NotAsAgreed unless amount, account, customer and reference are those of our payment (threat T19)."""
    if payment is None or (
        payment.amount_pence,
        payment.rent_account_id,
        payment.customer_id,
        payment.reference,
    ) != (facts.amount_pence, facts.rent_account_id, facts.customer_id, facts.reference):
        raise NotAsAgreed("no payment of ours is as it says")


def _is_payment_of(facts: PaymentFacts) -> Any:
    return (
        (PaymentItem.amount_pence == facts.amount_pence)
        & (PaymentItem.rent_account_id == facts.rent_account_id)
        & (PaymentItem.customer_id == facts.customer_id)
        & (PaymentItem.reference == facts.reference)
    )


def _posting(
    event: ProviderEvent, reference: str, kind: str, description: str, amount_pence: int, at: datetime
) -> list[store.Write]:
    """The transaction, its POSTED item first, and its line for the landlord."""
    facts, posted_on = event.facts, _day_of(event, at)
    row = {
        "transaction_reference": reference,
        "rent_account_reference": facts.rent_account_reference,
        "posted_on": posted_on.isoformat(),
        "kind": kind,
        "description": description,
        "amount": pounds(amount_pence),
        "payment_reference": facts.payment_reference,
    }
    return [
        *rent.posting(
            facts.tenancy_id,
            facts.rent_account_id,
            rent.transaction_id(reference),
            posted_on=posted_on,
            kind=kind,
            description=description,
            amount_pence=amount_pence,
            at=at,
        ),
        entry("payments", row, at),
    ]


def _day_of(event: ProviderEvent, at: datetime) -> date:
    return clock.london_date(min(event.occurred_at, at))


def _letter(kind: str, event: ProviderEvent, amount_pence: int, at: datetime) -> store.Put:
    facts = event.facts
    about = {
        "amount_pence": amount_pence,
        "rent_account_name": facts.rent_account_name,
        "reference": facts.reference,
        "paid_on": _day_of(event, at).isoformat(),
    }
    return letter(kind, to=f"customer:{facts.customer_id}", at=at, about=about)
