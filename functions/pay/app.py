"""Paying: start a payment, see what became of it, hear from the provider; pay regularly; offer an arrangement."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

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
from portal.schedules import service as schedules
from portal.schedules.service import ScheduleItem
from portal.tenancies.service import TenancyEnded
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
    settling.apply_event(provider, headers_of(event), body_of(event), clock.now(), card_told=schedules.card_told)
    return Nothing()


# ------------------------------------------------------------------------------------- regular payments

_DAY = words("Choose a day", "Choose a day of the week, like friday, or a day of the month from 1 to 28, or last")
HowOften = Annotated[
    str, Meta(pattern=r"^(weekly|monthly)\Z", extra=words("Choose how often", "Say weekly or monthly"))
]
DayOf = Annotated[str, Meta(max_length=9, extra=_DAY)]
Going = Annotated[
    str, Meta(pattern=r"^(active|paused)\Z", extra=words("Leave it out to change the rest", "Say active or paused"))
]


class ScheduleRequest(Request):
    """A regular payment. `day` is a weekday's name where it is weekly, 1 to 28 or "last" where it is monthly."""

    rent_account_id: Identifier
    amount_pence: Annotated[int, Meta(extra=_AMOUNT)]
    frequency: HowOften
    day: DayOf


class ScheduleChangeRequest(Request):
    """What is to be changed of a regular payment."""

    amount_pence: Annotated[int, Meta(extra=_AMOUNT)] | UnsetType = UNSET
    day: DayOf | UnsetType = UNSET
    status: Going | UnsetType = UNSET


class Schedule(Struct):
    """A regular payment. `checkout_url` is the provider's page on which its card is saved, while it waits for that.

    `status` is awaiting_card, active, paused, stopped or failed, `stopped_because` asked, failures, no_card, card_gone,
    tenancy_over or account_gone; `failures` counts those in a row.
    """

    schedule_id: str
    rent_account_id: str
    rent_account_name: str
    amount_pence: int
    frequency: str
    day: str
    status: str
    created_at: datetime
    next_due_on: date | None
    failures: int
    stopped_because: str | None
    checkout_url: str | None


class Schedules(Struct):
    """The customer's regular payments: those that go on first, each newest first."""

    schedules: list[Schedule]


def _schedule(item: ScheduleItem) -> Schedule:
    return Schedule(
        item.schedule_id,
        item.rent_account_id,
        item.rent_account_name,
        item.amount_pence,
        item.frequency,
        item.day,
        item.status,
        item.created_at,
        item.due_on,
        int(item.failures),
        item.stopped_because,
        item.checkout_url,
    )


@app.get("/api/pay/schedules", failures=_SESSION)
def regular(session: Session) -> Schedules:
    """The customer's regular payments. Nobody else of the tenancy sees them: the card is theirs."""
    return Schedules([_schedule(item) for item in schedules.listed(session, clock.now())])


@app.post(
    "/api/pay/schedules",
    status=201,
    beside=lambda session, body, idempotency_key: schedules.beside_set_up(
        session, body.rent_account_id, idempotency_key
    ),
    failures=(
        *_SESSION,
        NotFound,
        TenancyEnded,
        IdempotencyKeyMissing,
        payments.IdempotencyKeyReused,
        payments.NoPaymentsHere,
        ProviderSilent,
    ),
)
def set_up(session: Session, body: ScheduleRequest, idempotency_key: str) -> Schedule:
    """Set up a regular payment; it begins once its card is saved. The same Idempotency-Key again gives the same one."""
    wanted = (body.rent_account_id, body.amount_pence, body.frequency, body.day)
    return _schedule(schedules.set_up(session, *wanted, idempotency_key, clock.now()))


@app.patch(
    "/api/pay/schedules/{schedule_id}",
    beside=lambda session, schedule_id: [schedules.key_of(session, schedule_id)],
    failures=(*_SESSION, NotFound, schedules.ScheduleOver),
)
def change(session: Session, schedule_id: str, body: ScheduleChangeRequest) -> Schedule:  # noqa: ARG001
    """Change amount or day, pause it or go on with it. An email tells of it."""
    named = {"amount_pence": body.amount_pence, "day": body.day, "status": body.status}
    wanted = {name: value for name, value in named.items() if value is not UNSET}
    return _schedule(schedules.change(session.beside[0], wanted, clock.now()))


@app.delete(
    "/api/pay/schedules/{schedule_id}",
    status=204,
    beside=lambda session, schedule_id: [schedules.key_of(session, schedule_id)],
    failures=(*_SESSION, NotFound),
)
def stop(session: Session, schedule_id: str) -> None:  # noqa: ARG001  (read beside the session)
    """Stop it for good. The provider forgets the card."""
    schedules.stop(session.beside[0], clock.now())
