"""Stripe Checkout behind the port: Stripe hosts the page, and tells of it by events signed with a secret of ours.

Its library is imported only where a call is made: it takes a tenth of a second, and reading an event needs none of it.
The facts of a payment travel as metadata; amount and currency are Stripe's own word, never the metadata's (T19).
https://docs.stripe.com/api/checkout/sessions, https://docs.stripe.com/api/events/types
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from portal import aws, clock
from portal.observe import logger
from portal.payments import rules
from portal.payments.provider import (
    Checkout,
    NotAsAgreed,
    PaymentFacts,
    ProviderEvent,
    ProviderSilent,
    check_signature,
)
from portal.payments.rules import DISPUTE_WON, DISPUTED, EXPIRED, FAILED, REFUNDED, SUCCEEDED
from portal.settings import setting

if TYPE_CHECKING:
    from stripe import StripeClient

CURRENCY = "gbp"
_CONNECT_SECONDS, _READ_SECONDS, _RETRIES = 1, 2, 1
_PAGE = 100
_CHARGE = "payment_intent.latest_charge"
_OF_METADATA = tuple(field.name for field in fields(PaymentFacts) if field.name != "amount_pence")
_MOST_OF_A_FACT = 500


class Stripe:
    """The provider as the payments domain sees it."""

    name = "stripe"

    def start(self, facts: PaymentFacts, created_at: datetime) -> Checkout:
        """Stripe's page for the payment. Asked again under the same idempotency key, Stripe gives the same one."""
        known = {name: value[:_MOST_OF_A_FACT] for name, value in asdict(facts).items() if name in _OF_METADATA}
        back = f"{setting('SITE_ORIGIN')}/pay/done/#{facts.payment_id}"
        item = {"name": facts.rent_account_name, "description": facts.reference}
        params: Any = {
            "mode": "payment",
            "client_reference_id": facts.payment_id,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {"currency": CURRENCY, "unit_amount": facts.amount_pence, "product_data": item},
                }
            ],
            "metadata": known,
            "payment_intent_data": {"metadata": known, "description": facts.reference},
            "success_url": back,
            "cancel_url": back,
            # The same at each try: Stripe refuses other parameters under the same key.
            "expires_at": int((created_at + rules.CHECKOUT_LIFE).timestamp()),
        }
        sessions = _client().v1.checkout.sessions
        made = _asked(lambda: sessions.create(params, {"idempotency_key": facts.payment_id}))
        return Checkout(made["id"], made["url"])

    def read_event(self, headers: dict[str, str], body: bytes, at: datetime) -> ProviderEvent | None:
        """The event in `body`; a kind that we do not know tells nothing, and so does a card that needs its bank."""
        check_signature(headers.get("stripe-signature", ""), body, _secrets()["webhook_secrets"], at)
        try:
            event = json.loads(body)
            read = _READERS.get(event["type"])
            if read is None:
                return None
            return read(_text(event["id"]), _instant(event["created"]), event["data"]["object"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            raise NotAsAgreed("Stripe's event has another shape") from None

    def look_up(self, checkout_id: str, at: datetime) -> Sequence[ProviderEvent]:  # noqa: ARG002  (Stripe closes it)
        """What came of the payment on that page, as Stripe has it now."""
        sessions = _client().v1.checkout.sessions
        session = _asked(lambda: sessions.retrieve(checkout_id, {"expand": [_CHARGE]}))
        return _standing(session)

    def taken_on(self, day: date, at: datetime) -> Iterator[ProviderEvent]:  # noqa: ARG002
        """What came of each payment whose page was opened on that London day and has been paid on."""
        first, last = (datetime.combine(d, time(0), clock.LONDON) for d in (day, day + timedelta(days=1)))
        created = {"gte": int(first.timestamp()), "lt": int(last.timestamp())}
        wanted: Any = {"created": created, "limit": _PAGE, "expand": [f"data.{_CHARGE}"]}
        page = _page_of_sessions(wanted)
        while True:
            for session in page["data"]:
                yield from (e for e in _standing(session) if e.outcome in {SUCCEEDED, REFUNDED})
            if not page["has_more"]:
                return
            page = _page_of_sessions({**wanted, "starting_after": page["data"][-1]["id"]})


# ---------------------------------------------------------------------------------------- Stripe's objects


def _paid_session(event_id: str, at: datetime, session: Mapping[str, Any]) -> ProviderEvent | None:
    if session["payment_status"] == "unpaid":
        return None  # the bank takes its time; an event of its own tells what it says
    if session["payment_status"] != "paid":
        raise NotAsAgreed("a page that asked for no money")
    return ProviderEvent(event_id, SUCCEEDED, at, _facts(session, session["amount_total"]))


def _ended(outcome: str) -> Callable[[str, datetime, Mapping[str, Any]], ProviderEvent]:
    def read(event_id: str, at: datetime, session: Mapping[str, Any]) -> ProviderEvent:
        return ProviderEvent(event_id, outcome, at, _facts(session, session["amount_total"]))

    return read


def _refunded_charge(event_id: str, at: datetime, charge: Mapping[str, Any]) -> ProviderEvent:
    facts = _facts(charge, charge["amount"])
    return ProviderEvent(event_id, REFUNDED, at, facts, moved_pence=_pence(charge["amount_refunded"]))


def _dispute_created(event_id: str, at: datetime, dispute: Mapping[str, Any]) -> ProviderEvent | None:
    # An early warning takes no money yet.
    return None if _text(dispute["status"]).startswith("warning") else _dispute(event_id, DISPUTED, at, dispute)


def _dispute_closed(event_id: str, at: datetime, dispute: Mapping[str, Any]) -> ProviderEvent | None:
    # One that is lost leaves things as they are.
    return _dispute(event_id, DISPUTE_WON, at, dispute) if dispute["status"] == "won" else None


def _dispute(event_id: str, outcome: str, at: datetime, dispute: Mapping[str, Any]) -> ProviderEvent:
    """A dispute names no payment of ours: Stripe is asked for the payment that it is about."""
    intent_id = _text(dispute["payment_intent"])
    intent = _asked(lambda: _client().v1.payment_intents.retrieve(intent_id))
    if dispute["currency"] != CURRENCY:
        raise NotAsAgreed("another currency")
    moved, dispute_id = _pence(dispute["amount"]), _text(dispute["id"])
    return ProviderEvent(event_id, outcome, at, _facts(intent, intent["amount"]), moved_pence=moved, dispute=dispute_id)


_READERS: dict[str, Callable[[str, datetime, Mapping[str, Any]], ProviderEvent | None]] = {
    "checkout.session.completed": _paid_session,
    "checkout.session.async_payment_succeeded": _ended(SUCCEEDED),
    "checkout.session.async_payment_failed": _ended(FAILED),
    "checkout.session.expired": _ended(EXPIRED),
    "charge.refunded": _refunded_charge,
    "charge.dispute.created": _dispute_created,
    "charge.dispute.closed": _dispute_closed,
}
"""The events that we read, each with its reader: what docs/operations.md tells to switch on at Stripe."""


def _standing(session: Mapping[str, Any]) -> list[ProviderEvent]:
    """What a page and its charge say came of the payment, in order; nothing while it goes on."""
    try:
        at, facts = _instant(session["created"]), _facts(session, session["amount_total"])
        which, intent = _text(session["id"]), session["payment_intent"] or {}
        if session["status"] == "expired":
            return [ProviderEvent(f"{which}/expired", EXPIRED, at, facts)]
        if session["status"] != "complete":
            return []
        if session["payment_status"] != "paid":
            failed = intent["status"] in {"requires_payment_method", "canceled"}
            return [ProviderEvent(f"{which}/failed", FAILED, at, facts)] if failed else []
        told = [ProviderEvent(f"{which}/paid", SUCCEEDED, at, facts)]
        charge = intent["latest_charge"]
        if refunded := _pence(charge["amount_refunded"]):
            event_id = f"{_text(charge['id'])}/refunded/{refunded}"
            told.append(ProviderEvent(event_id, REFUNDED, at, facts, moved_pence=refunded))
        return told
    except (KeyError, TypeError, ValueError, OverflowError):
        raise NotAsAgreed("Stripe's page has another shape") from None


def _facts(thing: Mapping[str, Any], amount_pence: Any) -> PaymentFacts:
    """The payment that Stripe's object is about: ours by its metadata, its amount and currency by Stripe's word."""
    if thing["currency"] != CURRENCY:
        raise NotAsAgreed("another currency")
    known = {name: _text(thing["metadata"][name]) for name in _OF_METADATA}
    return PaymentFacts(**known, amount_pence=_pence(amount_pence))


def _pence(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _instant(seconds: Any) -> datetime:
    return datetime.fromtimestamp(_pence(seconds), UTC)


# --------------------------------------------------------------------------------------------- Stripe's API


def _asked(call: Callable[[], Any]) -> Any:
    """What Stripe answers, as plain values; raises ProviderSilent for whatever else it does."""
    import stripe

    try:
        return call().to_dict()
    except stripe.StripeError as error:
        logger.error("Stripe did not answer", fault=type(error).__name__, status=error.http_status, code=error.code)
        raise ProviderSilent(retry_after=60) from None


def _page_of_sessions(wanted: Any) -> Any:
    return _asked(lambda: _client().v1.checkout.sessions.list(wanted))


def _secrets() -> dict[str, Any]:
    """`{"api_key": …, "webhook_secrets": […]}`, as docs/operations.md says to put it in; two while one is rotated."""
    text, _ = aws.secret(setting("STRIPE_SECRET_ARN"))
    found: dict[str, Any] = json.loads(text)
    return found


def _client() -> "StripeClient":
    return _client_of(_secrets()["api_key"], os.environ.get("STRIPE_API_BASE", ""))


@cache
def _client_of(api_key: str, api_base: str) -> "StripeClient":
    import stripe

    stripe.enable_telemetry = False
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base} if api_base else None,
        http_client=stripe.RequestsClient(timeout=(_CONNECT_SECONDS, _READ_SECONDS)),
        max_network_retries=_RETRIES,
    )
