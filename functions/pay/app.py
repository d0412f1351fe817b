"""Paying: start a payment, see what became of it, and hear from the provider."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from portal import clock, store
from portal.failures import NotFound
from portal.http.answers import Nothing
from portal.http.api import Api, IdempotencyKeyMissing
from portal.http.visit import body_of, headers_of
from portal.identity.sessions import NotLoggedIn, PasswordChangeRequired, Session
from portal.payments import service as payments
from portal.payments import settling
from portal.payments.provider import EventNotAccepted, ProviderSilent
from portal.payments.service import PaymentItem
from portal.validation.fields import Cursor, Identifier, words
from portal.validation.reading import Request

app = Api()
handler = app.handler

_AMOUNT = words("Enter an amount to pay", "Enter an amount in whole pence, like 12050 for £120.50")
_SESSION = (NotLoggedIn, PasswordChangeRequired)


class PayRequest(Request):
    """How much to pay into which rent account."""

    rent_account_id: Identifier
    amount_pence: Annotated[int, Meta(extra=_AMOUNT)]


class Payment(Struct):
    """A payment and its state. `checkout_url` is the provider's page while it waits to be paid.

    `refunded_pence` is what was paid back of it, in all.
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
    checkout_url: str | None


class Payments(Struct):
    """A page of payments, newest first."""

    payments: list[Payment]
    next_cursor: str | None


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
