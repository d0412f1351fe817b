"""Starting a payment and showing it. What comes of it is in `portal.payments.settling`."""

from collections.abc import Sequence
from datetime import datetime

from portal import ids, store
from portal.brand import landlord
from portal.failures import BadInput, Failure, FieldError, NotFound
from portal.identity.sessions import NotLoggedIn, Session, keep_open_while_paying
from portal.payments import rules
from portal.payments import store as payments
from portal.payments.provider import PaymentFacts
from portal.payments.providers import NoPaymentsHere, the_provider
from portal.payments.store import PaymentItem, PaymentKeyItem
from portal.rent import service as rent
from portal.rent.service import AccountItem

__all__ = [
    "IdempotencyKeyReused", "NoPaymentsHere", "NoReceipt", "PaymentItem", "found", "history", "id_of", "key_of",
    "keys_to_start", "on_their_way", "paid", "start",
]  # fmt: skip

PAGE = 20


class IdempotencyKeyReused(Failure):
    """The key was used for a payment of another amount or account."""


class NoReceipt(Failure):
    """No money was taken for the payment, or nobody knows it yet."""


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
        ProviderSilent: it does not answer; the same key asks it again.
    """
    account, used = session.beside
    if account is None:
        raise NotFound
    the_provider()  # where there is none, nothing is written
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
    return _at_provider(payment, account) if _may_still_begin(payment, at) else payment


def _may_still_begin(payment: PaymentItem, at: datetime) -> bool:
    """Whether the provider may be asked for a page. Where that was never done in time, the payment has expired."""
    return payment.status == rules.CREATED and at < payment.created_at + rules.ASKED_ABOUT_AFTER


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
            store.Put(payments.pending(session.tenancy_id, id_of(payment))),
            keep_open_while_paying(session, at),
        )
    except store.Refused as refused:
        if not refused.by(0):
            raise NotLoggedIn from None
        (first,) = store.fetch([key], at)
        if first is None:
            raise store.Unavailable from None
        return first  # type: ignore[no-any-return]
    return None


def _started_before(
    session: Session, used: PaymentKeyItem, rent_account_id: str, amount_pence: int, at: datetime
) -> PaymentItem | None:
    if (used.rent_account_id, used.amount_pence) != (rent_account_id, amount_pence):
        raise IdempotencyKeyReused
    (payment,) = store.fetch([key_of(session, used.payment_id)], at)
    return payment  # type: ignore[no-any-return]


def _at_provider(payment: PaymentItem, account: AccountItem) -> PaymentItem:
    """Ask the provider for its page and note it. An event may have come first: then its state stays."""
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
    page = the_provider().start(facts, payment.created_at)
    payment.checkout_id, payment.checkout_url = page
    noted = [PaymentItem.checkout_id.set(page.checkout_id), PaymentItem.checkout_url.set(page.url)]
    try:
        store.transact(
            store.Update(payment, [*noted, PaymentItem.status.set(rules.PENDING)], PaymentItem.status == rules.CREATED)
        )
        payment.status = rules.PENDING
    except store.Refused as refused:
        if stored := refused.stored[0]:
            payment.status = PaymentItem.from_raw_data(stored).status
            store.transact(store.Update(payment, noted, PaymentItem.pk.exists()))
    return payment


def found(payment: PaymentItem | None) -> PaymentItem:
    """The payment that was read; raises NotFound."""
    if payment is None:
        raise NotFound
    return payment


def paid(payment: PaymentItem | None, at: datetime) -> tuple[PaymentItem, AccountItem | None]:
    """The payment that was read, whose money was taken, and the account that it was paid into.

    Raises NotFound, and NoReceipt where no money was taken.
    """
    taken = found(payment)
    if taken.status not in rules.TAKEN:
        raise NoReceipt
    (account,) = store.fetch([rent.key_of(taken.pk.removeprefix("TENANCY#"), taken.rent_account_id)], at)
    return taken, account


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
        rent.OnItsWay(payment.amount_pence, payment.created_at, payment.with_bank_at is not None)
        for payment in newest
        if payment.status == rules.PENDING and payment.rent_account_id == rent_account_id
    ]


def id_of(payment: PaymentItem) -> str:
    """The payment's id."""
    return payment.sk.removeprefix(PaymentItem.range_prefix)
