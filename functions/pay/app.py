"""Paying: start a payment, see what became of it, hear from the provider; and offer an arrangement instead."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from portal import clock, store
from portal.failures import NotFound
from portal.http.answers import Nothing
from portal.http.api import Api, IdempotencyKeyMissing
from portal.http.visit import body_of, headers_of
from portal.identity.sessions import NotLoggedIn, PasswordChangeRequired, Session
from portal.payments import arranging, rules, settling
from portal.payments import service as payments
from portal.payments.provider import EventNotAccepted, ProviderSilent
from portal.payments.service import PaymentItem
from portal.validation.fields import Cursor, Identifier, words
from portal.validation.reading import Request

app = Api()
handler = app.handler

_AMOUNT = words("Enter an amount to pay", "Enter an amount in whole pence, like 12050 for £120.50")
_OFFER = words("Enter an amount that you can pay", "Enter an amount in whole pence, like 2000 for £20.00")
_SESSION = (NotLoggedIn, PasswordChangeRequired)

Frequency = Annotated[
    Literal["weekly", "fortnightly", "four_weekly", "monthly"],
    Meta(extra=words("Choose how often you can pay", "Choose one of weekly, fortnightly, four_weekly and monthly")),
]


class PayRequest(Request):
    """How much to pay into which rent account."""

    rent_account_id: Identifier
    amount_pence: Annotated[int, Meta(extra=_AMOUNT)]


class Payment(Struct):
    """A payment and its state. `checkout_url` is the provider's page while it waits to be paid.

    `refunded_pence` is what was paid back of it, in all; `paid_on` the day on which the money was taken.
    """

    payment_id: str
    reference: str
    rent_account_id: str
    rent_account_name: str
    amount_pence: int
    refunded_pence: int
    status: str
    created_at: datetime
    settled_at: datetime | None
    paid_on: date | None
    checkout_url: str | None


class Payments(Struct):
    """A page of payments, newest first."""

    payments: list[Payment]
    next_cursor: str | None


class ArrangementRequest(Request):
    """How much of what is owed on which rent account can be paid each time."""

    rent_account_id: Identifier
    amount_pence: Annotated[int, Meta(extra=_OFFER)]
    frequency: Frequency


class Arrangement(Struct):
    """An arrangement that was offered. `owed_pence` is what was owed then.

    `status` is `waiting` up to the end of the day `answer_by`, then `answer_due`: the landlord answers by phone or
    letter. `offered_by_you` is false where somebody else of the tenancy offered it.
    """

    rent_account_id: str
    rent_account_name: str
    amount_pence: int
    frequency: str
    owed_pence: int
    offered_at: datetime
    offered_by_you: bool
    answer_by: date
    status: str


class Arrangements(Struct):
    """What the tenancy's people offered, the newest first: one a rent account at most."""

    arrangements: list[Arrangement]


def _shown(payment: PaymentItem) -> Payment:
    waits = payment.status in ("created", "pending")
    return Payment(
        payments.id_of(payment),
        payment.reference,
        payment.rent_account_id,
        payment.rent_account_name,
        payment.amount_pence,
        payment.refunded_pence or 0,
        payment.status,
        payment.created_at,
        payment.settled_at,
        payment.paid_on,
        payment.checkout_url if waits else None,
    )


def _beside_start(session: Session, body: PayRequest, idempotency_key: str) -> list[store.Key]:
    return payments.keys_to_start(session, body.rent_account_id, idempotency_key)


@app.post(
    "/api/pay",
    status=201,
    beside=_beside_start,
    failures=(
        *_SESSION,
        NotFound,
        IdempotencyKeyMissing,
        payments.IdempotencyKeyReused,
        payments.NoPaymentsHere,
        ProviderSilent,
    ),
)
def start(session: Session, body: PayRequest, idempotency_key: str) -> Payment:
    """Start a payment. The same Idempotency-Key again gives the same payment."""
    return _shown(payments.start(session, body.rent_account_id, body.amount_pence, idempotency_key, clock.now()))


@app.get("/api/pay", failures=_SESSION)
def history(session: Session, *, cursor: Cursor | None = None) -> Payments:
    """The tenancy's payments, newest first."""
    page, below = payments.history(session, cursor, clock.now())
    return Payments([_shown(payment) for payment in page], below)


def _arrangement(session: Session, offer: arranging.Offer) -> Arrangement:
    return Arrangement(
        offer.rent_account_id,
        offer.rent_account_name,
        offer.amount_pence,
        offer.frequency,
        offer.owed_pence,
        offer.offered_at,
        offer.customer_id == session.customer_id,
        offer.answer_by,
        rules.offer_status(offer.answer_by, clock.now()),
    )


@app.post(
    "/api/pay/arrangements",
    status=201,
    beside=lambda session, body, idempotency_key: arranging.keys_to_offer(
        session, body.rent_account_id, idempotency_key
    ),
    failures=(
        *_SESSION,
        NotFound,
        IdempotencyKeyMissing,
        payments.IdempotencyKeyReused,
        arranging.NothingToArrange,
    ),
)
def offer(session: Session, body: ArrangementRequest, idempotency_key: str) -> Arrangement:
    """Offer to pay what is owed bit by bit; it takes the place of an earlier offer for the account.

    The same Idempotency-Key again gives the same offer.
    """
    made = arranging.offer(
        session, body.rent_account_id, body.amount_pence, body.frequency, idempotency_key, clock.now()
    )
    return _arrangement(session, made)


@app.get("/api/pay/arrangements", failures=_SESSION)
def arrangements(session: Session) -> Arrangements:
    """The offers that wait for the landlord's answer, or are a fortnight past the day on which it was due."""
    return Arrangements([_arrangement(session, made) for made in arranging.open_offers(session, clock.now())])


@app.get(
    "/api/pay/{payment_id}",
    beside=lambda session, payment_id: [payments.key_of(session, payment_id)],
    failures=(*_SESSION, NotFound),
)
def payment(session: Session, payment_id: str) -> Payment:  # noqa: ARG001  (read beside the session)
    """One payment and its state."""
    return _shown(payments.found(session.beside[0]))


@app.post("/api/pay/events/{provider}", open_to_others=True, failures=(EventNotAccepted, NotFound, ProviderSilent))
def event(provider: str, event: dict[str, Any]) -> Nothing:
    """An event from the payment provider: signed, young, and applied once."""
    settling.apply_event(provider, headers_of(event), body_of(event), clock.now())
    return Nothing()
