"""Saved cards at Stripe: Checkout in setup mode saves one, a PaymentIntent takes money from it while nobody is there.

A charge is created first, which takes nothing, and confirmed once it is written here. A confirmed one cannot be
confirmed again, so that it is taken once at any time, not only while Stripe remembers an idempotency key (a day).
https://docs.stripe.com/payments/save-and-reuse, https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from portal.payments import rules
from portal.payments.provider import Card, CardEvent, CardFacts, NotAsAgreed
from portal.settings import setting

CURRENCY = "gbp"
# In the metadata of a charge that we made ourselves.
_OURS = "regular"
_METADATA = tuple(field.name for field in fields(CardFacts))
SETUP = "setup_intent"


def page_params(facts: CardFacts, created_at: datetime) -> Any:
    """What Stripe is asked for a page that saves a card: nothing about a person."""
    back = f"{setting('SITE_ORIGIN')}/pay/regular/#{facts.schedule_id}"
    return {
        "mode": "setup",
        "currency": CURRENCY,
        "payment_method_types": ["card"],
        "customer_creation": "always",
        "client_reference_id": facts.schedule_id,
        "metadata": asdict(facts),
        "setup_intent_data": {"metadata": asdict(facts)},
        "success_url": back,
        "cancel_url": back,
        # The same at each try: Stripe refuses other parameters under the same key.
        "expires_at": int((created_at + rules.CHECKOUT_LIFE).timestamp()),
    }


def is_page(session: Mapping[str, Any]) -> bool:
    """Whether Stripe's page was to save a card."""
    return session.get("mode") == "setup"


def what_came_of(session: Mapping[str, Any]) -> CardEvent | None:
    """What came of the page, its SetupIntent read with it; None while it is open. Raises NotAsAgreed."""
    try:
        facts = CardFacts(**{name: _text(session["metadata"][name]) for name in _METADATA})
        if session["status"] == "expired":
            return CardEvent(facts, None)
        if session["status"] != "complete":
            return None
        setup = session[SETUP]
        if setup["status"] != "succeeded":
            return None
        return CardEvent(facts, Card(_text(setup["customer"]), _text(setup["payment_method"])))
    except (KeyError, TypeError, ValueError):
        raise NotAsAgreed("Stripe's page has another shape") from None


def charge_params(amount_pence: int, known: dict[str, str], card: Card) -> Any:
    """What Stripe is asked for a charge that takes nothing yet."""
    return {
        "amount": amount_pence,
        "currency": CURRENCY,
        "customer": card.payer_id,
        "payment_method": card.card_id,
        "payment_method_types": ["card"],
        "description": known["reference"],
        "metadata": known | {_OURS: "yes"},
    }


def is_charge(checkout_id: str) -> bool:
    """Whether Stripe's id is a charge's, and not a page's."""
    return checkout_id.startswith("pi_")


def is_of_ours(intent: Mapping[str, Any]) -> bool:
    """Whether a PaymentIntent is such a charge, and not what a page made."""
    return _OURS in (intent.get("metadata") or {})


def can_be_closed(intent: Mapping[str, Any], at: datetime) -> bool:
    """Whether nobody goes on with the charge any more, and it could still take money."""
    try:
        old = datetime.fromtimestamp(intent["created"], UTC) + rules.CHARGE_LIFE <= at
        return old and intent["status"] in {"requires_confirmation", "requires_action"}
    except (KeyError, TypeError, ValueError, OverflowError):
        raise NotAsAgreed("Stripe's charge has another shape") from None


def names_no_card(error: Any) -> bool:
    """Whether Stripe refuses a charge since it has that card or payer no more."""
    import stripe

    if not isinstance(error, stripe.InvalidRequestError):
        return False
    return error.code == "resource_missing" or error.param in {"customer", "payment_method"}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
