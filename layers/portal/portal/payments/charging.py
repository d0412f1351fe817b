"""A payment that the portal takes itself, from a saved card: prepared at the provider, written here, then taken.

In this order nothing can be taken twice, nor taken and not known of: what is prepared takes no money, only what is
written here is ever taken, and the provider takes a prepared charge once, whenever it is asked. What comes of it is
settled like any other payment.
"""

from datetime import date, datetime

from portal import ids, store
from portal.payments import rules
from portal.payments import store as payments
from portal.payments.provider import Card, NotAsAgreed, PaymentFacts
from portal.payments.providers import the_provider
from portal.payments.settling import keep_for_a_person, settle
from portal.payments.store import PaymentItem, PaymentKeyItem
from portal.rent import service as rent
from portal.rent.service import AccountItem


def prepared(
    tenancy_id: str, customer_id: str, account: AccountItem, amount_pence: int, card: Card, at: datetime
) -> PaymentItem:
    """A payment that waits to be taken from the card, prepared at the provider and not written yet.

    Raises:
        ProviderSilent: nothing was done that counts.
        CardGone: the provider has the card no more.
    """
    payment_id = ids.new_id(at)
    facts = PaymentFacts(
        payment_id=payment_id,
        tenancy_id=tenancy_id,
        customer_id=customer_id,
        reference=rules.payment_reference(payment_id),
        rent_account_id=rent.id_of(account),
        rent_account_reference=account.reference,
        rent_account_name=account.name,
        payment_reference=account.payment_reference or account.reference,
        amount_pence=amount_pence,
    )
    charge_id = the_provider().prepare_charge(facts, card, at)
    key = payments.payment_key(tenancy_id, payment_id)
    return PaymentItem(
        pk=key.pk,
        sk=key.sk,
        reference=facts.reference,
        customer_id=customer_id,
        rent_account_id=facts.rent_account_id,
        rent_account_name=facts.rent_account_name,
        amount_pence=amount_pence,
        status=rules.PENDING,
        created_at=at,
        checkout_id=charge_id,
    )


def writes(payment: PaymentItem, schedule_id: str, due_on: date) -> list[store.Write]:
    """The writes that make it a payment; the first is refused where that due date has led to one already (F18)."""
    tenancy_id = payment.pk.removeprefix("TENANCY#")
    payment_id = payment.sk.removeprefix(PaymentItem.range_prefix)
    key = payments.due_key(tenancy_id, schedule_id, due_on)
    once = PaymentKeyItem(
        pk=key.pk,
        sk=key.sk,
        payment_id=payment_id,
        rent_account_id=payment.rent_account_id,
        amount_pence=payment.amount_pence,
    )
    return [
        store.Put(once, PaymentKeyItem.new()),
        store.Put(payment, PaymentItem.new()),
        store.Put(payments.pending(tenancy_id, payment_id)),
    ]


def carry_on(tenancy_id: str, payment_id: str, at: datetime) -> str:
    """Have the provider take a payment that waits, and settle what it says; the payment's state then.

    A day after it was made it is not taken any more, only asked about. Raises ProviderSilent.
    """
    payment = _stored(tenancy_id, payment_id, at)
    if payment.status not in rules.WAITING:
        return payment.status
    its, charge_id = the_provider(), payment.checkout_id or ""
    ask = its.charge if at < payment.created_at + rules.CHARGE_LIFE else its.look_up
    try:
        for event in ask(charge_id, at):
            settle(its.name, event, at)
    except NotAsAgreed as odd:
        keep_for_a_person(its.name, odd, charge_id.encode(), at)
    return _stored(tenancy_id, payment_id, at).status


def is_paid(status: str) -> bool:
    """Whether the payment's money was taken, whatever came after."""
    return status not in rules.WAITING and status not in {rules.FAILED, rules.CANCELLED, rules.EXPIRED}


def is_waiting(status: str) -> bool:
    """Whether nobody knows yet what becomes of the payment."""
    return status in rules.WAITING


def _stored(tenancy_id: str, payment_id: str, at: datetime) -> PaymentItem:
    (payment,) = store.fetch([payments.payment_key(tenancy_id, payment_id)], at)
    if payment is None:
        raise store.Unavailable
    return payment  # type: ignore[no-any-return]
