"""Stripe Checkout behind the port: Stripe hosts the page, and tells of it by events signed with a secret of ours.

Its library is imported only where a call is made: it takes a tenth of a second, and reading an event needs none of it.
The facts of a payment travel as metadata; amount and currency are Stripe's own word, never the metadata's (T19).
https://docs.stripe.com/api/checkout/sessions, https://docs.stripe.com/api/events/types
"""

import contextlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from portal import aws, budget, clock
from portal.observe import logger
from portal.payments import rules
from portal.payments import stripe_cards as cards
from portal.payments.provider import (
    Card,
    CardEvent,
    CardFacts,
    CardGone,
    Checkout,
    NotAsAgreed,
    PaymentFacts,
    ProviderEvent,
    ProviderSilent,
    Unread,
    check_signature,
)
from portal.payments.rules import DISPUTE_WON, DISPUTED, EXPIRED, FAILED, PENDING, REFUNDED, SUCCEEDED
from portal.settings import setting

if TYPE_CHECKING:
    from stripe import StripeClient

CURRENCY = "gbp"
_CONNECT_SECONDS, _READ_SECONDS, _TRIES = 1, 2, 2
# A list of a day's pages is long, and nobody waits for it.
_LIST_SECONDS = 30
_PAGE = 100
_CHARGE = "payment_intent.latest_charge"
# An inquiry, or a dispute that came to nothing: no money has gone.
_NOTHING_GONE = ("warning", "prevented")
_OF_METADATA = tuple(field.name for field in fields(PaymentFacts) if field.name != "amount_pence")
_MOST_OF_A_FACT = 500


class Stripe:
    """The provider as the payments domain sees it."""

    name = "stripe"

    def start(self, facts: PaymentFacts, created_at: datetime) -> Checkout:
        """Stripe's page for the payment. Asked again under the same idempotency key, Stripe gives the same one."""
        known = _known(facts)
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
        return _page(made)

    def read_event(self, headers: dict[str, str], body: bytes, at: datetime) -> ProviderEvent | CardEvent | None:
        """The event in `body`; a kind that we do not know tells nothing, and so does a card that needs its bank."""
        check_signature(headers.get("stripe-signature", ""), body, _secrets()["webhook_secrets"], at)
        try:
            event = json.loads(body)
            read, thing = _READERS.get(event["type"]), event["data"]["object"]
            if read is None:
                return None
            if event["type"].startswith("checkout.session.") and cards.is_page(thing):
                return _saved_card(_text(thing["id"]))
            return read(_text(event["id"]), _instant(event["created"]), thing)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            raise NotAsAgreed("Stripe's event has another shape") from None

    def look_up(self, checkout_id: str, at: datetime) -> Sequence[ProviderEvent]:
        """What came of the payment on that page, or of that charge, as Stripe has it now. Stripe closes its pages."""
        if cards.is_charge(checkout_id):
            return _charge_standing(checkout_id, at)
        sessions = _client().v1.checkout.sessions
        session = _asked(lambda: sessions.retrieve(checkout_id, {"expand": [_CHARGE]}))
        return _standing(session, at)

    def moved_on(self, day: date, at: datetime) -> Iterator[ProviderEvent | Unread]:
        """Each page opened on that London day and paid on, each saved card charged, then each refund made on it."""
        first, last = (datetime.combine(d, time_of_day(0), clock.LONDON) for d in (day, day + timedelta(days=1)))
        created = {"gte": int(first.timestamp()), "lt": int(last.timestamp())}
        client = _client(for_lists=True).v1
        wanted: dict[str, Any] = {"created": created, "limit": _PAGE}
        for session in _each(client.checkout.sessions.list, wanted | {"expand": [f"data.{_CHARGE}"]}):
            if not cards.is_page(session):
                yield from _taken(session, _standing, at, was_taken=session.get("payment_status") == "paid")
        for intent in _each(client.payment_intents.list, wanted | {"expand": ["data.latest_charge"]}):
            if cards.is_of_ours(intent):
                yield from _taken(intent, _standing_charge, at, was_taken=intent.get("status") == "succeeded")
        for refund in _each(client.refunds.list, wanted | {"expand": ["data.charge"]}):
            yield _given_back(refund)

    # ------------------------------------------------------------------------------------------ saved cards

    def save_card(self, facts: CardFacts, created_at: datetime) -> Checkout:
        """Stripe's page that saves a card. Asked again under the same idempotency key, Stripe gives the same one."""
        params = cards.page_params(facts, created_at)
        sessions = _client().v1.checkout.sessions
        return _page(_asked(lambda: sessions.create(params, {"idempotency_key": facts.schedule_id})))

    def look_up_card(self, checkout_id: str, at: datetime) -> CardEvent | None:  # noqa: ARG002  (Stripe closes it)
        """What came of that page, as Stripe has it now."""
        return _saved_card(checkout_id)

    def prepare_charge(self, facts: PaymentFacts, card: Card, at: datetime) -> str:  # noqa: ARG002
        """A charge that takes nothing yet; under the payment's id it is the same one however often it is asked."""
        import stripe

        params: Any = cards.charge_params(facts.amount_pence, _known(facts), card)
        intents = _client().v1.payment_intents
        try:
            made = _asked(lambda: intents.create(params, {"idempotency_key": facts.payment_id}), refuses=True)
            return _text(made["id"])
        except stripe.InvalidRequestError as error:
            if cards.names_no_card(error):
                raise CardGone from None
            raise ProviderSilent(retry_after=60) from None
        except (KeyError, TypeError):
            raise ProviderSilent(retry_after=60) from None

    def charge(self, charge_id: str, at: datetime) -> Sequence[ProviderEvent]:
        """Take the money while nobody is there, then read what came of it: Stripe may say no, or have done it."""
        import stripe

        intents = _client().v1.payment_intents
        with contextlib.suppress(stripe.CardError, stripe.InvalidRequestError):
            _asked(lambda: intents.confirm(charge_id, {"off_session": True}), refuses=True)
        return _charge_standing(charge_id, at)

    def forget_card(self, card: Card) -> None:
        """Take the card from its payer; one that is not there, or was taken away, is no matter."""
        import stripe

        methods = _client().v1.payment_methods
        with contextlib.suppress(stripe.InvalidRequestError):
            _asked(lambda: methods.detach(card.card_id), refuses=True)


# ---------------------------------------------------------------------------------------- Stripe's objects


def _paid_session(event_id: str, at: datetime, session: Mapping[str, Any]) -> ProviderEvent:
    # Unpaid: the bank takes its time, and an event of its own tells what it says.
    outcome = {"paid": SUCCEEDED, "unpaid": PENDING}.get(session["payment_status"])
    if outcome is None:
        raise NotAsAgreed("a page that asked for no money")
    return ProviderEvent(event_id, outcome, at, _facts(session, session["amount_total"]))


def _ended(outcome: str) -> Callable[[str, datetime, Mapping[str, Any]], ProviderEvent]:
    def read(event_id: str, at: datetime, session: Mapping[str, Any]) -> ProviderEvent:
        return ProviderEvent(event_id, outcome, at, _facts(session, session["amount_total"]))

    return read


def _refunded_charge(event_id: str, at: datetime, charge: Mapping[str, Any]) -> ProviderEvent:
    facts, refunded = _facts(charge, charge["amount"]), _pence(charge["amount_refunded"])
    return ProviderEvent(event_id, REFUNDED, at, facts, moved_pence=refunded, earlier=_paid_at(charge))


def _dispute_created(event_id: str, at: datetime, dispute: Mapping[str, Any]) -> ProviderEvent | None:
    # An inquiry takes no money. Where it becomes a dispute, `funds_withdrawn` tells: there is no second `created`.
    nothing_gone = _text(dispute["status"]).startswith(_NOTHING_GONE)
    return None if nothing_gone else _dispute(event_id, DISPUTED, at, dispute)


def _dispute_closed(event_id: str, at: datetime, dispute: Mapping[str, Any]) -> ProviderEvent | None:
    # One that is lost leaves things as they are.
    return _dispute(event_id, DISPUTE_WON, at, dispute) if dispute["status"] == "won" else None


def _money_of_a_dispute(outcome: str) -> Callable[[str, datetime, Mapping[str, Any]], ProviderEvent]:
    def read(event_id: str, at: datetime, dispute: Mapping[str, Any]) -> ProviderEvent:
        return _dispute(event_id, outcome, at, dispute)

    return read


def _dispute(event_id: str, outcome: str, at: datetime, dispute: Mapping[str, Any]) -> ProviderEvent:
    """A dispute names no payment of ours: Stripe is asked for the payment that it is about."""
    intent_id = _text(dispute["payment_intent"])
    intents = _client().v1.payment_intents
    intent = _asked(lambda: intents.retrieve(intent_id, {"expand": ["latest_charge"]}))
    if dispute["currency"] != CURRENCY:
        raise NotAsAgreed("another currency")
    return ProviderEvent(
        event_id,
        outcome,
        at,
        _facts(intent, intent["amount"]),
        moved_pence=_pence(dispute["amount"]),
        dispute=_text(dispute["id"]),
        earlier={**_paid_at(intent["latest_charge"]), DISPUTED: _instant(dispute["created"])},
    )


_READERS: dict[str, Callable[[str, datetime, Mapping[str, Any]], ProviderEvent | None]] = {
    "checkout.session.completed": _paid_session,
    "checkout.session.async_payment_succeeded": _ended(SUCCEEDED),
    "checkout.session.async_payment_failed": _ended(FAILED),
    "checkout.session.expired": _ended(EXPIRED),
    "charge.refunded": _refunded_charge,
    "charge.dispute.created": _dispute_created,
    "charge.dispute.funds_withdrawn": _money_of_a_dispute(DISPUTED),
    "charge.dispute.funds_reinstated": _money_of_a_dispute(DISPUTE_WON),
    "charge.dispute.closed": _dispute_closed,
}
"""The events that we read, each with its reader: what docs/operations.md tells to switch on at Stripe."""


def _standing(session: Mapping[str, Any], at: datetime) -> list[ProviderEvent]:
    """What a page and its charge say came of the payment, in order; nothing while it goes on.

    When something was paid back the page does not say: then it is `at`, when we hear of it.
    """
    try:
        opened_at, facts = _instant(session["created"]), _facts(session, session["amount_total"])
        which, intent = _text(session["id"]), session["payment_intent"] or {}
        if session["status"] == "expired":
            return [ProviderEvent(f"{which}/expired", EXPIRED, opened_at, facts)]
        if session["status"] != "complete":
            return []
        if session["payment_status"] != "paid":
            failed = intent["status"] in {"requires_payment_method", "canceled"}
            end, outcome = ("failed", FAILED) if failed else ("bank", PENDING)
            return [ProviderEvent(f"{which}/{end}", outcome, opened_at, facts)]
        charge = intent["latest_charge"]
        told = [ProviderEvent(f"{which}/paid", SUCCEEDED, _paid_at(charge)[SUCCEEDED], facts)]
        return [*told, _refund_of(charge, at)] if _pence(charge["amount_refunded"]) else told
    except (KeyError, TypeError, ValueError, OverflowError):
        raise NotAsAgreed("Stripe's page has another shape") from None


def _charge_standing(charge_id: str, at: datetime) -> list[ProviderEvent]:
    """What came of a charge of a saved card. One that nobody goes on with any more is closed first."""
    import stripe

    intents = _client().v1.payment_intents
    wanted: Any = {"expand": ["latest_charge"]}
    intent = _asked(lambda: intents.retrieve(charge_id, wanted))
    if cards.can_be_closed(intent, at):
        with contextlib.suppress(stripe.InvalidRequestError):
            _asked(lambda: intents.cancel(charge_id), refuses=True)
        intent = _asked(lambda: intents.retrieve(charge_id, wanted))
    return _standing_charge(intent, at)


def _standing_charge(intent: Mapping[str, Any], at: datetime) -> list[ProviderEvent]:
    """What came of a charge of a saved card, in order; nothing while it was not gone on with."""
    ends = {"canceled": ("expired", EXPIRED), "requires_payment_method": ("failed", FAILED),
            "processing": ("bank", PENDING), "succeeded": ("paid", SUCCEEDED)}  # fmt: skip
    try:
        which, made_at, facts = _text(intent["id"]), _instant(intent["created"]), _facts(intent, intent["amount"])
        end, outcome = ends.get(intent["status"], ("", ""))
        if outcome != SUCCEEDED:
            return [ProviderEvent(f"{which}/{end}", outcome, made_at, facts)] if outcome else []
        charge = intent["latest_charge"]
        told = [ProviderEvent(f"{which}/{end}", outcome, _paid_at(charge)[SUCCEEDED], facts)]
        return [*told, _refund_of(charge, at)] if _pence(charge["amount_refunded"]) else told
    except (KeyError, TypeError, ValueError, OverflowError):
        raise NotAsAgreed("Stripe's charge has another shape") from None


def _saved_card(checkout_id: str) -> CardEvent | None:
    sessions = _client().v1.checkout.sessions
    return cards.what_came_of(_asked(lambda: sessions.retrieve(checkout_id, {"expand": [cards.SETUP]})))


def _page(made: Mapping[str, Any]) -> Checkout:
    try:
        return Checkout(_text(made["id"]), _text(made["url"]))
    except (KeyError, TypeError):
        raise ProviderSilent(retry_after=60) from None


def _known(facts: PaymentFacts) -> dict[str, str]:
    return {name: value[:_MOST_OF_A_FACT] for name, value in asdict(facts).items() if name in _OF_METADATA}


def _taken(
    thing: Mapping[str, Any],
    standing: Callable[[Mapping[str, Any], datetime], list[ProviderEvent]],
    at: datetime,
    *,
    was_taken: bool,
) -> Iterator[ProviderEvent | Unread]:
    """The payment of a page or a charge, where it was taken; money taken by one that is not ours is told as such."""
    try:
        yield from (event for event in standing(thing, at) if event.outcome == SUCCEEDED)
    except NotAsAgreed as odd:
        if was_taken:
            yield Unread(str(thing.get("id")), odd.why)


def _given_back(refund: Mapping[str, Any]) -> ProviderEvent | Unread:
    """What was paid back of the refund's payment so far."""
    try:
        return _refund_of(refund["charge"], _instant(refund["created"]))
    except NotAsAgreed as odd:
        return Unread(str(refund.get("id")), odd.why)
    except (KeyError, TypeError, ValueError, OverflowError):
        return Unread(str(refund.get("id")), "Stripe's refund has another shape")


def _refund_of(charge: Mapping[str, Any], at: datetime) -> ProviderEvent:
    """All that was paid back of the charge: told under one id, however often it is looked at."""
    return _refunded_charge(f"{_text(charge['id'])}/refunded/{_pence(charge['amount_refunded'])}", at, charge)


def _paid_at(charge: Mapping[str, Any]) -> dict[str, datetime]:
    return {SUCCEEDED: _instant(charge["created"])}


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


def _asked(call: Callable[[], Any], *, refuses: bool = False) -> Any:
    """What Stripe answers, as plain values; raises NotAsAgreed where it has no such thing, else ProviderSilent.

    Where the call `refuses`, what Stripe says of a card (CardError) or of a thing's state (InvalidRequestError) is
    raised as it is. A try that would not end while somebody still waits for the answer is not begun (fault F26).
    """
    import stripe

    for left in reversed(range(_TRIES)):
        waits = budget.remaining()
        if waits is not None and waits < _CONNECT_SECONDS + _READ_SECONDS:
            break
        try:
            answer = call()
        except stripe.StripeError as error:
            logger.error("Stripe did not answer", fault=type(error).__name__, status=error.http_status, code=error.code)
            if refuses and isinstance(error, stripe.CardError | stripe.InvalidRequestError):
                raise
            if error.http_status == HTTPStatus.NOT_FOUND:
                raise NotAsAgreed("Stripe has no such thing") from None
            if not left or not _may_pass(error.http_status):
                break
            pause = timedelta(milliseconds=random.randint(100, 500))  # noqa: S311  (no secret depends on it)
            time.sleep(pause.total_seconds())
        else:
            if isinstance(answer, stripe.StripeObject):
                return answer.to_dict()
            break
    raise ProviderSilent(retry_after=60)


def _may_pass(status: int | None) -> bool:
    """Whether another try may be answered better: there was no answer, another call was in the way, Stripe is ill."""
    return status is None or status == HTTPStatus.CONFLICT or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _each(of: Callable[[Any], Any], wanted: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All that a list of Stripe's has, page by page."""
    below: dict[str, Any] = {}
    while True:
        page = _asked(lambda: of({**wanted, **below}))  # noqa: B023  (called at once)
        try:
            found, more = page["data"], page["has_more"]
            below = {"starting_after": found[-1]["id"]} if more else {}
        except (KeyError, TypeError, IndexError):
            raise ProviderSilent(retry_after=60) from None
        yield from found
        if not more:
            return


def _secrets() -> dict[str, Any]:
    """`{"api_key": …, "webhook_secrets": […]}`, as docs/operations.md says to put it in; two while one is rotated."""
    text, _ = aws.secret(setting("STRIPE_SECRET_ARN"))
    found: dict[str, Any] = json.loads(text)
    return found


def _client(*, for_lists: bool = False) -> "StripeClient":
    seconds = _LIST_SECONDS if for_lists else _READ_SECONDS
    return _client_of(_secrets()["api_key"], os.environ.get("STRIPE_API_BASE", ""), seconds)


@cache
def _client_of(api_key: str, api_base: str, read_seconds: int) -> "StripeClient":
    import stripe

    stripe.enable_telemetry = False
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base} if api_base else None,
        http_client=stripe.RequestsClient(timeout=(_CONNECT_SECONDS, read_seconds)),
        max_network_retries=0,  # we try again ourselves, while there is time
    )
