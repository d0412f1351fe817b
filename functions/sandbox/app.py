"""The sandbox payment provider's hosted page. No money moves. Deployed only where a parameter says so."""

import base64
import hashlib
import html
import time
import urllib.error
import urllib.request
from typing import Any

from portal import clock
from portal.http.api import Answer, Api, Page
from portal.http.visit import headers_of
from portal.observe import logger
from portal.payments import sandbox
from portal.payments.sandbox import CheckoutItem
from portal.settings import setting

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


@app.get("/api/sandbox/checkout/{id}")
def page(id: str) -> Answer[Any]:
    """The page a tenant is sent to. Once there is a verdict, it tells the portal again and leads back."""
    checkout = sandbox.checkout(id, clock.now())
    if checkout.verdict:
        _deliver(checkout)
        return _back(checkout)
    return Answer(Page(_page(checkout, id)), headers={"Content-Security-Policy": _POLICY})


@app.post("/api/sandbox/checkout/{id}/approve", open_to_others=True)
def approve(id: str, event: dict[str, Any]) -> Answer[Any]:
    """The card is charged, in pretence."""
    return _decide(id, "approve", event)


@app.post("/api/sandbox/checkout/{id}/decline", open_to_others=True)
def decline(id: str, event: dict[str, Any]) -> Answer[Any]:
    """The bank says no, in pretence."""
    return _decide(id, "decline", event)


@app.post("/api/sandbox/checkout/{id}/cancel", open_to_others=True)
def cancel(id: str, event: dict[str, Any]) -> Answer[Any]:
    """The tenant turned back."""
    return _decide(id, "cancel", event)


def _decide(checkout_id: str, verdict: str, event: dict[str, Any]) -> Answer[Any]:
    checkout = sandbox.decide(checkout_id, verdict, clock.now())
    _deliver(checkout)
    if "text/html" in headers_of(event).get("accept", ""):
        return _back(checkout)
    return Answer({"verdict": verdict, "status": sandbox.VERDICTS[verdict]})


def _back(checkout: CheckoutItem) -> Answer[None]:
    """Back to a static page of ours, which fetches by itself: an address under `/api` would miss the strict cookie."""
    return Answer(None, 303, headers={"Location": f"{setting('SITE_ORIGIN')}/pay/done/#{checkout.facts['payment_id']}"})


def _deliver(checkout: CheckoutItem) -> None:
    """Send the event; a few times, since the portal takes each once."""
    for attempt in range(_DELIVERIES):
        headers, body = sandbox.signed_event(checkout, clock.now())
        address = f"{setting('SITE_ORIGIN')}/api/pay/events/sandbox"
        request = urllib.request.Request(address, body, headers, method="POST")  # noqa: S310  (our own origin)
        try:
            with urllib.request.urlopen(request, timeout=_DELIVERY_SECONDS):  # noqa: S310
                return
        except (urllib.error.URLError, TimeoutError) as error:
            logger.warning("event not taken", attempt=attempt, fault=type(error).__name__)
            time.sleep(0.2 * attempt)


def _page(checkout: CheckoutItem, checkout_id: str) -> str:
    facts = checkout.facts
    pounds = f"£{facts['amount_pence'] // 100:,}.{facts['amount_pence'] % 100:02}"
    buttons = "".join(
        f'<form method="post" action="/api/sandbox/checkout/{checkout_id}/{verdict}">'
        f'<button class="{style}">{label}</button></form>'
        for verdict, label, style in _BUTTONS
    )
    return (
        '<!doctype html><html lang="en-GB"><meta charset="utf-8"><title>Sandbox payment</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style><main>'
        f"<h1>Pay {html.escape(facts['rent_account_name'])}<strong>{pounds}</strong></h1>"
        f"<p>Reference {html.escape(facts['reference'])}</p>"
        '<p class="note">This is the sandbox provider. No money moves: choose what the bank would say.</p>'
        f"{buttons}</main></html>"
    )
