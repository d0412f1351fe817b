"""Starting a payment, hearing what came of it, and showing it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from portal import clock, ids, store
from portal.brand import landlord
from portal.exchange.journal import entry
from portal.failures import BadInput, Failure, FieldError, NotFound
from portal.identity.sessions import NotLoggedIn, Session, keep_open_while_paying
from portal.mail.outbox import letter
from portal.observe import count, logger
from portal.payments import rules
from portal.payments import store as payments
from portal.payments.provider import EventNotAccepted, PaymentFacts, Provider, ProviderEvent
from portal.payments.store import EventItem, PaymentItem, PaymentKeyItem
from portal.rent import service as rent
from portal.rent.service import AccountItem
from portal.settings import setting

__all__ = [
    "IdempotencyKeyReused", "NoPaymentsHere", "PaymentItem", "apply_event", "found", "history", "id_of", "key_of",
    "keys_to_start", "on_their_way", "start",
]  # fmt: skip

PAGE = 20
NO_PROVIDER = "none"  # what the template says where the landlord has none


class NoPaymentsHere(Failure):
    """The landlord has no payment provider set up."""


class IdempotencyKeyReused(Failure):
    """The key was used for a payment of another amount or account."""


def _provider() -> Provider:
    """The provider that the template names."""
    name = setting("PAYMENT_PROVIDER")
    if name == "sandbox":
        from portal.payments.sandbox import Sandbox

        return Sandbox()
    raise NoPaymentsHere


def keys_to_start(session: Session, rent_account_id: str, idempotency_key: str) -> list[store.Key]:
    """What `start` looks at, to be read in the same call as the session: the account, and the key's payment."""
    return [rent.key_of(session.tenancy_id, rent_account_id), payments.client_key(session.tenancy_id, idempotency_key)]


def key_of(session: Session, payment_id: str) -> store.Key:
    """Where the tenancy's payment is, to be read in the same call as the session."""
    return payments.payment_key(session.tenancy_id, payment_id)


def start(session: Session, rent_account_id: str, amount_pence: int, idempotency_key: str, at: datetime) -> PaymentItem:
    """Start a payment of `amount_pence` at the provider, or give the one that this key has started.

    The payment is written first and the provider asked then, under the payment's own id: killed in between, the same
    key goes on where it was.

    Raises:
        NotFound: the rent account is not this tenancy's.
        BadInput: the amount.
        IdempotencyKeyReused: the key has started a different payment.
        NoPaymentsHere: there is no provider.
    """
    account, used = session.beside
    if account is None:
        raise NotFound
    _provider()  # where there is none, nothing is written
    limits = landlord()["payments"]
    trouble = rules.amount_trouble(amount_pence, least=limits["minimum_pence"], most=limits["maximum_pence"])
    if trouble:
        raise BadInput(errors=[trouble])
    payment = None
    if used is None:
        payment = _new_payment(session, account, amount_pence, at)
        used = _write(session, payment, idempotency_key, at)
    if used is not None:
        payment = _started_before(session, used, rent_account_id, amount_pence, at)
    if payment is None:
        raise NotFound
    return payment if payment.checkout_url else _at_provider(payment, account, at)


def _new_payment(session: Session, account: AccountItem, amount_pence: int, at: datetime) -> PaymentItem:
    payment_id = ids.new_id(at)
    key = key_of(session, payment_id)
    return PaymentItem(
        pk=key.pk,
        sk=key.sk,
        reference=rules.payment_reference(payment_id),
        customer_id=session.customer_id,
        rent_account_id=rent.id_of(account),
        rent_account_name=account.name,
        amount_pence=amount_pence,
        status=rules.CREATED,
        created_at=at,
    )


def _write(session: Session, payment: PaymentItem, idempotency_key: str, at: datetime) -> PaymentKeyItem | None:
    """Write the payment under its key; where another call was first, nothing is written and its key given."""
    key = payments.client_key(session.tenancy_id, idempotency_key)
    used = PaymentKeyItem(
        pk=key.pk,
        sk=key.sk,
        payment_id=id_of(payment),
        rent_account_id=payment.rent_account_id,
        amount_pence=payment.amount_pence,
    )
    try:
        store.transact(
            store.Put(used, PaymentKeyItem.new()),
            store.Put(payment, PaymentItem.new()),
            keep_open_while_paying(session, at),
        )
    except store.Refused as refused:
        if not refused.by(0):
            raise NotLoggedIn from None
        (first,) = store.fetch([key], at)
        return first  # type: ignore[no-any-return]
    return None


def _started_before(
    session: Session, used: PaymentKeyItem, rent_account_id: str, amount_pence: int, at: datetime
) -> PaymentItem | None:
    if (used.rent_account_id, used.amount_pence) != (rent_account_id, amount_pence):
        raise IdempotencyKeyReused
    (payment,) = store.fetch([key_of(session, used.payment_id)], at)
    return payment  # type: ignore[no-any-return]


def _at_provider(payment: PaymentItem, account: AccountItem, at: datetime) -> PaymentItem:
    """Ask the provider for its page and note it. An event may have come first: then only the page is noted."""
    facts = PaymentFacts(
        payment_id=id_of(payment),
        tenancy_id=payment.pk.removeprefix("TENANCY#"),
        customer_id=payment.customer_id,
        reference=payment.reference,
        rent_account_id=payment.rent_account_id,
        rent_account_reference=account.reference,
        rent_account_name=account.name,
        payment_reference=account.payment_reference or account.reference,
        amount_pence=payment.amount_pence,
    )
    payment.checkout_url = _provider().start(facts, at)
    noted = PaymentItem.checkout_url.set(payment.checkout_url)
    try:
        store.transact(
            store.Update(payment, [noted, PaymentItem.status.set(rules.PENDING)], PaymentItem.status == rules.CREATED)
        )
        payment.status = rules.PENDING
    except store.Refused as refused:
        if stored := refused.stored[0]:
            payment.status = PaymentItem.from_raw_data(stored).status
    return payment


def apply_event(name: str, headers: dict[str, str], body: bytes, at: datetime) -> None:
    """Apply what the provider says: a success posts its transaction, once, whenever and however often it comes.

    Payment, transaction, balance, receipt and the event's own id change in one DynamoDB transaction. An event that
    was applied, or comes after the payment's end, changes nothing and is fine.

    Raises:
        NotFound: there is no such provider here.
        EventNotAccepted: signature, age or content are not right, or the facts are not those of the payment.
    """
    its = _provider() if name == setting("PAYMENT_PROVIDER") != NO_PROVIDER else None
    if its is None:
        raise NotFound
    event = its.read_event(headers, body, at)
    writes = _writes_of(its.name, event, at)
    try:
        store.transact(*writes)
    except store.Refused as refused:
        if not _landlord_was_first(refused, event):
            _check_harmless(refused, event)
            return
        # Its line is in the landlord's own transactions already: only the payment and its receipt are missing.
        store.transact(*writes[:2], _receipt(event, at))
    count("PaymentSucceeded" if event.outcome == rules.SUCCEEDED else "PaymentFailed")


def _writes_of(name: str, event: ProviderEvent, at: datetime) -> list[store.Write]:
    facts = event.facts
    key = payments.payment_key(facts.tenancy_id, facts.payment_id)
    change = store.Update(
        PaymentItem(pk=key.pk, sk=key.sk),
        [PaymentItem.status.set(event.outcome), PaymentItem.settled_at.set(at)],
        _is_payment_of(facts) & PaymentItem.status.is_in(*rules.states_before(event.outcome)),
    )
    event_at = payments.event_key(name, event.event_id)
    applied = EventItem(
        pk=event_at.pk, sk=event_at.sk, payment_id=facts.payment_id, outcome=event.outcome, applied_at=at
    )
    writes: list[store.Write] = [change, store.Put(applied, EventItem.new())]
    return writes + _posting(event, at) if event.outcome == rules.SUCCEEDED else writes


def _is_payment_of(facts: PaymentFacts) -> Any:
    return (
        (PaymentItem.amount_pence == facts.amount_pence)
        & (PaymentItem.rent_account_id == facts.rent_account_id)
        & (PaymentItem.customer_id == facts.customer_id)
        & (PaymentItem.reference == facts.reference)
    )


def _posting(event: ProviderEvent, at: datetime) -> list[store.Write]:
    facts, posted_on = event.facts, _paid_on(event, at)
    row = {
        "transaction_reference": facts.reference,
        "rent_account_reference": facts.rent_account_reference,
        "posted_on": posted_on.isoformat(),
        "kind": "payment",
        "description": "Card payment",
        "amount": f"-{facts.amount_pence // 100}.{facts.amount_pence % 100:02}",
        "payment_reference": facts.payment_reference,
    }
    return [
        *rent.posting(
            facts.tenancy_id,
            facts.rent_account_id,
            rent.transaction_id(facts.reference),
            posted_on=posted_on,
            kind="payment",
            description="Card payment",
            amount_pence=-facts.amount_pence,
            at=at,
        ),
        _receipt(event, at),
        entry("payments", row, at),
    ]


def _paid_on(event: ProviderEvent, at: datetime) -> date:
    return clock.london_date(min(event.occurred_at, at))


def _receipt(event: ProviderEvent, at: datetime) -> store.Put:
    facts = event.facts
    about = {
        "amount_pence": facts.amount_pence,
        "rent_account_name": facts.rent_account_name,
        "reference": facts.reference,
        "paid_on": _paid_on(event, at).isoformat(),
    }
    return letter("payment_receipt", to=f"customer:{facts.customer_id}", at=at, about=about)


_POSTED = 2  # where the write of the POSTED item stands among an event's


def _landlord_was_first(refused: store.Refused, event: ProviderEvent) -> bool:
    """Whether nothing but the landlord's own line of this very payment is in the way."""
    facts = event.facts
    return (
        event.outcome == rules.SUCCEEDED
        and not refused.by(0)
        and not refused.by(1)
        and rent.agrees(refused.stored.get(_POSTED), facts.rent_account_id, -facts.amount_pence)
    )


def _check_harmless(refused: store.Refused, event: ProviderEvent) -> None:
    """A refusal is fine where the event was applied before or comes after the payment's end, else it is an alarm."""
    if refused.by(1):
        return
    stored = refused.stored.get(0)
    payment = PaymentItem.from_raw_data(stored) if stored else None
    facts = event.facts
    ours = payment is not None and (
        payment.amount_pence,
        payment.rent_account_id,
        payment.customer_id,
        payment.reference,
    ) == (facts.amount_pence, facts.rent_account_id, facts.customer_id, facts.reference)
    if payment is None or not ours or payment.status in rules.states_before(event.outcome):
        logger.error("a provider's event does not fit", payment_id=facts.payment_id, outcome=event.outcome)
        count("PaymentEventMismatch")
        raise EventNotAccepted


def found(payment: PaymentItem | None) -> PaymentItem:
    """The payment that was read; raises NotFound."""
    if payment is None:
        raise NotFound
    return payment


def history(session: Session, below: str | None, at: datetime) -> tuple[Sequence[PaymentItem], str | None]:
    """A page of the tenancy's payments, newest first, and the id to go on below; raises BadInput for no such id."""
    if below is not None and not ids.is_id(below):
        raise BadInput(errors=[FieldError("cursor", "Use the next_cursor of the page before, as it is")])
    page = payments.payments_down(session.tenancy_id, at, below=below, limit=PAGE + 1)
    return page[:PAGE], id_of(page[PAGE - 1]) if len(page) > PAGE else None


def on_their_way(session: Session, rent_account_id: str, at: datetime) -> list[rent.OnItsWay]:
    """Payments into the account of which nobody knows yet what became, among the tenancy's newest; newest first."""
    newest = payments.payments_down(session.tenancy_id, at, below=None, limit=PAGE)
    return [
        rent.OnItsWay(payment.amount_pence, payment.created_at)
        for payment in newest
        if payment.status == rules.PENDING and payment.rent_account_id == rent_account_id
    ]


def id_of(payment: PaymentItem) -> str:
    """The payment's id."""
    return payment.sk.removeprefix(PaymentItem.range_prefix)
