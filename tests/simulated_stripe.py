"""A simulation of the part of Stripe's API that the portal calls, on loopback: no account, no internet, no money.

Its objects have the fields of Stripe's published fixtures (github.com/stripe/openapi) that matter here, and its
idempotency keys their meaning: the same key and parameters give the same answer, other parameters an error.
"""

import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

API_KEY = "sk_test_simulated"
WEBHOOK_SECRET = "whsec_simulated"


class SimulatedStripe:
    """Stripe, as far as we see it. `fails` is an HTTP status that each call is answered with."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.fails: int | None = None
        self.address = ""
        self._by_key: dict[str, tuple[dict[str, str], str]] = {}
        self._told = 0

    # ----------------------------------------------------------------------------------- its API

    def answer(self, method: str, path: str, params: dict[str, str], key: str, now: int) -> tuple[int, Any]:
        self.asked.append((method, path, params))
        if self.fails:
            return self.fails, {"error": {"type": "api_error", "message": "simulated"}}
        match method, path.removeprefix("/v1/").split("/"):
            case "POST", ["checkout", "sessions"]:
                return self._create(params, key, now)
            case "GET", ["checkout", "sessions"]:
                return 200, self._list(params)
            case "GET", ["checkout", "sessions", which] if which in self.sessions:
                return 200, self._expanded(self.sessions[which])
            case "GET", ["payment_intents", which]:
                found = [s["payment_intent"] for s in self.sessions.values() if s["payment_intent"]["id"] == which]
                if found:
                    return 200, found[0]
        return 404, {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such thing"}}

    def _create(self, params: dict[str, str], key: str, now: int) -> tuple[int, Any]:
        if key in self._by_key:
            before, which = self._by_key[key]
            if before != params:
                return 400, {"error": {"type": "idempotency_error", "message": "other parameters under that key"}}
            return 200, self._expanded(self.sessions[which])
        if not 1_800 <= int(params["expires_at"]) - now <= 86_400:
            return 400, {"error": {"type": "invalid_request_error", "param": "expires_at", "message": "too soon"}}
        which = f"cs_test_{len(self.sessions) + 1:04}"
        price = "line_items[0][price_data]"
        amount, currency = int(params[f"{price}[unit_amount]"]), params[f"{price}[currency]"]
        intent = {
            "id": which.replace("cs", "pi"), "object": "payment_intent", "amount": amount, "currency": currency,
            "status": "requires_payment_method", "latest_charge": None,
            "metadata": _nested(params, "payment_intent_data[metadata]"),
        }  # fmt: skip
        self.sessions[which] = {
            "id": which, "object": "checkout.session", "amount_total": amount, "currency": currency, "created": now,
            "client_reference_id": params["client_reference_id"], "status": "open", "payment_status": "unpaid",
            "metadata": _nested(params, "metadata"), "mode": params["mode"], "payment_intent": intent,
            "url": f"https://checkout.stripe.example/c/pay/{which}", "expires_at": int(params["expires_at"]),
        }  # fmt: skip
        self._by_key[key] = (params, which)
        return 200, self._expanded(self.sessions[which])

    def _list(self, params: dict[str, str]) -> dict[str, Any]:
        first, last, size = int(params["created[gte]"]), int(params["created[lt]"]), min(int(params["limit"]), 2)
        newest_first = [s for s in reversed(self.sessions.values()) if first <= s["created"] < last]
        after = [s["id"] for s in newest_first].index(params["starting_after"]) + 1 if "starting_after" in params else 0
        page = newest_first[after : after + size]
        more = len(newest_first) > after + size
        return {"object": "list", "data": [self._expanded(s) for s in page], "has_more": more}

    @staticmethod
    def _expanded(session: dict[str, Any]) -> dict[str, Any]:
        untouched = session["status"] == "open" or session["status"] == "expired"
        return session | {"payment_intent": None if untouched else session["payment_intent"]}

    # ------------------------------------------------------------------------- what its page and its owner do

    def complete(self, which: str, *, paid: bool = True) -> dict[str, Any]:
        """Somebody pays on the page, by card or (`paid` False) by their bank, which takes days."""
        session = self.sessions[which]
        session["status"] = "complete"
        intent = session["payment_intent"]
        intent["status"] = "processing"
        if paid:
            self._charge(session)
        return self._event("checkout.session.completed", self._collapsed(session))

    def bank_says(self, which: str, *, paid: bool) -> dict[str, Any]:
        session = self.sessions[which]
        if paid:
            self._charge(session)
        else:
            session["payment_intent"]["status"] = "requires_payment_method"
        outcome = "succeeded" if paid else "failed"
        return self._event(f"checkout.session.async_payment_{outcome}", self._collapsed(session))

    def expire(self, which: str) -> dict[str, Any]:
        self.sessions[which]["status"] = "expired"
        return self._event("checkout.session.expired", self._collapsed(self.sessions[which]))

    def refund(self, which: str, amount: int) -> dict[str, Any]:
        charge = self.sessions[which]["payment_intent"]["latest_charge"]
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        return self._event("charge.refunded", dict(charge))

    def dispute(self, which: str, kind: str = "created", status: str = "needs_response") -> dict[str, Any]:
        intent = self.sessions[which]["payment_intent"]
        left = intent["amount"] - intent["latest_charge"]["amount_refunded"]
        dispute = {
            "id": which.replace("cs", "du"), "object": "dispute", "amount": left, "currency": intent["currency"],
            "charge": intent["latest_charge"]["id"], "payment_intent": intent["id"], "status": status, "metadata": {},
        }  # fmt: skip
        return self._event(f"charge.dispute.{kind}", dispute)

    def _charge(self, session: dict[str, Any]) -> None:
        intent = session["payment_intent"]
        session["payment_status"], intent["status"] = "paid", "succeeded"
        intent["latest_charge"] = {
            "id": intent["id"].replace("pi", "ch"), "object": "charge", "amount": intent["amount"],
            "amount_refunded": 0, "currency": intent["currency"], "metadata": dict(intent["metadata"]),
            "payment_intent": intent["id"], "refunded": False, "disputed": False,
        }  # fmt: skip

    @staticmethod
    def _collapsed(session: dict[str, Any]) -> dict[str, Any]:
        return session | {"payment_intent": session["payment_intent"]["id"]}

    def _event(self, kind: str, thing: dict[str, Any]) -> dict[str, Any]:
        self._told += 1
        return {
            "id": f"evt_{self._told:04}", "object": "event", "type": kind, "livemode": False,
            "created": self.sessions[next(iter(self.sessions))]["created"], "data": {"object": thing},
        }  # fmt: skip


def signed(event: Any, sent_at: int, secret: str = WEBHOOK_SECRET) -> tuple[dict[str, str], bytes]:
    """An event as Stripe sends it: headers and body."""
    body = json.dumps(event).encode()
    right = hmac.digest(secret.encode(), f"{sent_at}.".encode() + body, "sha256").hex()
    return {"stripe-signature": f"t={sent_at},v1={right},v0={'0' * 64}"}, body


def _nested(params: dict[str, str], name: str) -> dict[str, str]:
    return {key[len(name) + 1 : -1]: value for key, value in params.items() if key.startswith(f"{name}[")}


@contextmanager
def running(now: Any) -> Iterator[SimulatedStripe]:
    """The simulation, listening; `now()` is its clock's epoch second."""
    stripe = SimulatedStripe()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            sent = self.rfile.read(length).decode() if length else urlsplit(self.path).query
            params = {key: values[0] for key, values in parse_qs(sent).items()}
            if self.headers.get("authorization") != f"Bearer {API_KEY}":
                status, body = 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}
            else:
                key = self.headers.get("idempotency-key", "")
                status, body = stripe.answer(self.command, urlsplit(self.path).path, params, key, now())
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815  (http.server's names)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        stripe.address = f"http://127.0.0.1:{server.server_port}"
        yield stripe
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
