"""The sandbox payment provider's hosted page. No money moves. Deployed only where a parameter says so."""

import base64
import hashlib
import html
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from portal import clock
from portal.http.api import Answer, Api, Page
from portal.http.visit import headers_of
from portal.observe import logger
from portal.payments import sandbox
from portal.payments.sandbox import CardItem, CheckoutItem
from portal.settings import setting
from portal.validation.fields import words

app = Api()
handler = app.handler

_STYLE = (
    "body{font:19px/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;color:#0b0c0c}"
    "h1{font-size:1.5rem}strong{font-size:2rem;display:block}p.note{border-left:6px solid #505a5f;padding-left:1rem}"
    "button{font:inherit;min-height:44px;padding:.5rem 1.25rem;margin:.25rem 0;width:100%;border:2px solid #0b0c0c;"
    "background:#fff;cursor:pointer}button.go{background:#0b0c0c;color:#fff}"
    "button:focus-visible{outline:4px solid #ffbf47;outline-offset:2px}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_DELIVERIES = 3
_DELIVERY_SECONDS = 8
_BUTTONS = (("approve", "Approve", "go"), ("decline", "Decline", ""), ("cancel", "Cancel", ""))


# What a script may ask the sandbox to do wrong: tell nothing, tell it only when the page is opened again, tell it
# twice, or tell of a first card that was declined only after the second was approved.
Events = Annotated[
    str,
    Meta(
        pattern=r"^(never|later|twice|reordered)\Z",
        extra=words("Leave it out, and each event is sent at once", "Say never, later, twice or reordered"),
    ),
]
Pence = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,7}\Z",
        extra=words("Leave it out to pay back all that is left", "Say how much in whole pence"),
    ),
]


@app.get("/api/sandbox/checkout/{id}")
def page(id: str) -> Answer[Any]:
    """The page a tenant is sent to. Once there is a verdict, it tells the portal again and leads back."""
    checkout = sandbox.checkout(id, clock.now())
    if checkout.verdict:
        _deliver(sandbox.events_of(checkout))
        return _back(checkout)
    return Answer(Page(_page(checkout, id)), headers={"Content-Security-Policy": _POLICY})


@app.post("/api/sandbox/checkout/{id}/approve", open_to_others=True)
def approve(id: str, event: dict[str, Any], *, events: Events | None = None) -> Answer[Any]:
    """The card is charged, in pretence."""
    return _decide(id, "approve", event, events)


@app.post("/api/sandbox/checkout/{id}/decline", open_to_others=True)
def decline(id: str, event: dict[str, Any], *, events: Events | None = None) -> Answer[Any]:
    """The bank says no, in pretence."""
    return _decide(id, "decline", event, events)


@app.post("/api/sandbox/checkout/{id}/cancel", open_to_others=True)
def cancel(id: str, event: dict[str, Any], *, events: Events | None = None) -> Answer[Any]:
    """The tenant turned back."""
    return _decide(id, "cancel", event, events)


@app.post("/api/sandbox/checkout/{id}/refund", open_to_others=True)
def refund(id: str, *, amount_pence: Pence | None = None, events: Events | None = None) -> Answer[Any]:
    """What the landlord does in the provider's own pages: pay back an amount, or all that is left."""
    return _afterwards(sandbox.refund(id, int(amount_pence) if amount_pence else None, clock.now()), events)


@app.post("/api/sandbox/checkout/{id}/dispute", open_to_others=True)
def dispute(id: str, *, events: Events | None = None) -> Answer[Any]:
    """The card's holder asks the bank for the money back."""
    return _afterwards(sandbox.dispute(id, clock.now()), events)


@app.post("/api/sandbox/checkout/{id}/win", open_to_others=True)
def win(id: str, *, events: Events | None = None) -> Answer[Any]:
    """The bank decides the dispute for the landlord."""
    return _afterwards(sandbox.win(id, clock.now()), events)


# -------------------------------------------------------------------------------------- saving a card

# What a script may tell the sandbox to do with charges of the card: take them, refuse them, not know yet, not answer,
# or take them and not answer.
ComeTo = Annotated[
    str,
    Meta(
        pattern=r"^(approve|decline|slow|silent|lost)\Z",
        extra=words("Say what they come to", "Say approve, decline, slow, silent or lost"),
    ),
]


@app.get("/api/sandbox/card/{id}")
def card_page(id: str) -> Answer[Any]:
    """The page that saves a card. Once there is a verdict, it tells the portal again and leads back."""
    card = sandbox.card(id, clock.now())
    if card.verdict:
        _deliver([sandbox.card_event_of(card)])
        return _back_to_regular(card)
    words = "<h1>Save your card for a regular payment</h1>"
    return Answer(Page(_page_of(words, f"card/{id}")), headers={"Content-Security-Policy": _POLICY})


@app.post("/api/sandbox/card/{id}/charges", open_to_others=True)
def charges(id: str, *, come_to: ComeTo = "approve") -> Answer[Any]:
    """What charges of the card come to from now on."""
    sandbox.tell_card(id, come_to, clock.now())
    return Answer({"charges": come_to})


@app.post("/api/sandbox/card/{id}/{verdict}", open_to_others=True)
def decide_card(id: str, verdict: str, event: dict[str, Any], *, events: Events | None = None) -> Answer[Any]:
    """Approve saves the card; decline and cancel do not."""
    card = sandbox.decide_card(id, verdict, clock.now())
    _deliver([sandbox.card_event_of(card)], events)
    if "text/html" in headers_of(event).get("accept", ""):
        return _back_to_regular(card)
    return Answer({"verdict": verdict})


def _back_to_regular(card: CardItem) -> Answer[None]:
    where = f"{setting('SITE_ORIGIN')}/pay/regular/#{card.facts['schedule_id']}"
    return Answer(None, 303, headers={"Location": where})


# ---------------------------------------------------------------------------------------- what both do


def _decide(checkout_id: str, verdict: str, event: dict[str, Any], events: Events | None) -> Answer[Any]:
    checkout = sandbox.decide(checkout_id, verdict, clock.now())
    also = [sandbox.earlier_decline(checkout)] if events == "reordered" else []
    _deliver([*sandbox.events_of(checkout), *also], events)
    if "text/html" in headers_of(event).get("accept", ""):
        return _back(checkout)
    return Answer({"verdict": verdict, "status": sandbox.VERDICTS[verdict]})


def _afterwards(checkout: CheckoutItem, events: Events | None) -> Answer[Any]:
    told = sandbox.events_of(checkout)
    _deliver(told[::-1] if events == "reordered" else told[-1:], events)
    return Answer({"verdict": told[-1]["verdict"]})


def _back(checkout: CheckoutItem) -> Answer[None]:
    """Back to a static page of ours, which fetches by itself: an address under `/api` would miss the strict cookie."""
    return Answer(None, 303, headers={"Location": f"{setting('SITE_ORIGIN')}/pay/done/#{checkout.facts['payment_id']}"})


def _deliver(told: Sequence[dict[str, Any]], events: Events | None = None) -> None:
    """Send the events, as real ones or as `events` wants them; the portal takes each once."""
    if events in ("never", "later"):
        return
    for event in told:
        for _ in range(2 if events == "twice" else 1):
            _send(event)


def _send(event: dict[str, Any]) -> None:
    for attempt in range(_DELIVERIES):
        headers, body = sandbox.signed(event, clock.now())
        address = f"{setting('SITE_ORIGIN')}/api/pay/events/sandbox"
        request = urllib.request.Request(address, body, headers, method="POST")  # noqa: S310  (our own origin)
        try:
            with urllib.request.urlopen(request, timeout=_DELIVERY_SECONDS):  # noqa: S310
                return
        except (urllib.error.URLError, TimeoutError) as error:
            logger.warning("event not taken", attempt=attempt, fault=type(error).__name__)
            time.sleep(attempt)


def _page(checkout: CheckoutItem, checkout_id: str) -> str:
    facts = checkout.facts
    pounds = f"£{facts['amount_pence'] // 100:,}.{facts['amount_pence'] % 100:02}"
    words = (
        f"<h1>Pay {html.escape(facts['rent_account_name'])}<strong>{pounds}</strong></h1>"
        f"<p>Reference {html.escape(facts['reference'])}</p>"
    )
    return _page_of(words, f"checkout/{checkout_id}")


def _page_of(words: str, which: str) -> str:
    buttons = "".join(
        f'<form method="post" action="/api/sandbox/{which}/{verdict}"><button class="{style}">{label}</button></form>'
        for verdict, label, style in _BUTTONS
    )
    return (
        '<!doctype html><html lang="en-GB"><meta charset="utf-8"><title>Sandbox payment</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style><main>'
        f"{words}"
        '<p class="note">This is the sandbox provider. No money moves: choose what the bank would say.</p>'
        f"{buttons}</main></html>"
    )
