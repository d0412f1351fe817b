"""A payment arrangement that a tenant offers when money is short: kept, acknowledged, and handed to the landlord.

The landlord answers by phone or letter: the exchange has no file for it. So an offer waits until the day by which that
was promised, is shown as due for a fortnight more, and is then gone.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from portal import clock, store
from portal.brand import landlord
from portal.exchange.journal import entry
from portal.exchange.rules import pounds
from portal.failures import BadInput, Failure, NotFound
from portal.identity.sessions import Session
from portal.mail.outbox import letter
from portal.payments import rules
from portal.payments import store as payments
from portal.payments.service import IdempotencyKeyReused
from portal.payments.store import OfferItem, OfferKeyItem
from portal.rent import service as rent
from portal.rent.service import AccountItem
from portal.tenancies import service as tenancies
from portal.working_days import bank_holidays, working_days_after

Offer = OfferItem | OfferKeyItem


class NothingToArrange(Failure):
    """Nothing is owed on the account, or less than the least that can be offered."""


def keys_to_offer(session: Session, rent_account_id: str, idempotency_key: str) -> list[store.Key]:
    """What `offer` looks at, to be read in the same call as the session."""
    return [
        rent.key_of(session.tenancy_id, rent_account_id),
        payments.client_offer_key(session.tenancy_id, idempotency_key),
        tenancies.key_of(session.tenancy_id),
        tenancies.key_of_person(session.tenancy_id, session.person_id),
    ]


def offer(
    session: Session, rent_account_id: str, amount_pence: int, frequency: str, idempotency_key: str, at: datetime
) -> Offer:
    """Offer to pay `amount_pence` each time towards what is owed, or give the offer that this key has made.

    It takes the place of an earlier one for the account. The landlord's line and the acknowledgement go with it in one
    transaction.

    Raises:
        NotFound: the rent account is not this tenancy's.
        IdempotencyKeyReused: the key has made a different offer.
        NothingToArrange: nothing is owed.
        BadInput: the amount.
    """
    account, made, tenancy, person = session.beside
    if account is None or tenancy is None:
        raise NotFound
    if made is None:
        _check(amount_pence, int(account.balance_pence))
        answer_by = working_days_after(
            clock.london_date(at), landlord()["arrangements"]["answer_within_working_days"], bank_holidays()
        )
        facts = _facts(session, account, amount_pence, frequency, answer_by, at)
        row = _row(facts, account, tenancy, person)
        made = _write(session, facts, row, idempotency_key, at)
    if (made.rent_account_id, made.amount_pence, made.frequency) != (rent_account_id, amount_pence, frequency):
        raise IdempotencyKeyReused
    return made  # type: ignore[no-any-return]


def open_offers(session: Session, at: datetime) -> Sequence[OfferItem]:
    """The tenancy's offers, whoever of its people made them, the newest first."""
    return sorted(payments.offers_of(session.tenancy_id, at), key=lambda made: made.offered_at, reverse=True)


def _check(amount_pence: int, owed_pence: int) -> None:
    least = landlord()["payments"]["minimum_pence"]
    if owed_pence < least:
        raise NothingToArrange
    trouble = rules.offer_trouble(amount_pence, least=least, owed_pence=owed_pence)
    if trouble:
        raise BadInput(errors=[trouble])


def _facts(
    session: Session, account: AccountItem, amount_pence: int, frequency: str, answer_by: date, at: datetime
) -> dict[str, Any]:
    return {
        "customer_id": session.customer_id,
        "rent_account_id": rent.id_of(account),
        "rent_account_name": account.name,
        "amount_pence": amount_pence,
        "frequency": frequency,
        "owed_pence": int(account.balance_pence),
        "offered_at": at,
        "answer_by": answer_by,
        "expires_at": clock.epoch(rules.offer_ends_at(answer_by)),
    }


def _row(facts: dict[str, Any], account: AccountItem, tenancy: Any, person: Any) -> dict[str, str]:
    return {
        "tenancy_reference": tenancy.reference,
        "person_reference": person.person_reference if person else "",
        "rent_account_reference": account.reference,
        "offered_at": facts["offered_at"].isoformat(),
        "amount": pounds(facts["amount_pence"]),
        "frequency": facts["frequency"],
        "owed": pounds(facts["owed_pence"]),
        "answer_by": facts["answer_by"].isoformat(),
    }


def _write(
    session: Session, facts: dict[str, Any], row: dict[str, str], idempotency_key: str, at: datetime
) -> OfferKeyItem:
    """Write the offer under its key; where another call was first, nothing is written and that one's offer given."""
    key = payments.client_offer_key(session.tenancy_id, idempotency_key)
    place = payments.offer_key(session.tenancy_id, facts["rent_account_id"])
    made = OfferKeyItem(pk=key.pk, sk=key.sk, **facts)
    try:
        store.transact(
            store.Put(made, ~OfferKeyItem.live(at)),
            store.Put(OfferItem(pk=place.pk, sk=place.sk, **facts)),
            # One line a day and account: the landlord is told the last word, not each change of mind.
            entry("arrangements", row, at, entry_id=f"arrangement#{facts['rent_account_id']}"),
            letter("arrangement_offered", to=f"customer:{session.customer_id}", at=at, about=_about(facts)),
        )
    except store.Refused:
        (first,) = store.fetch([key], at)
        if first is None:
            raise store.Unavailable from None
        return first  # type: ignore[no-any-return]
    return made


def _about(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "amount_pence": facts["amount_pence"],
        "each": rules.EACH[facts["frequency"]],
        "owed_pence": facts["owed_pence"],
        "rent_account_name": facts["rent_account_name"],
        "answer_by": facts["answer_by"].isoformat(),
    }
