"""A simulation of the part of Stripe's API that the portal calls, on loopback: no account, no internet, no money.

Its objects have every field of Stripe's published fixtures (`stripe_shapes.json` has their names and types), its lists
and things hold ids unless they are asked to be expanded, and its idempotency keys have their meaning: the same key and
parameters give the same answer, other parameters an error.
"""

import copy
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

API_KEY = "sk_test_simulated"
WEBHOOK_SECRET = "whsec_simulated"
SHAPES: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("stripe_shapes.json").read_text())["resources"]
_EMPTY: dict[str, Any] = {
    "null": None, "boolean": False, "integer": 0, "string": "", "array": [], "object": {},
}  # fmt: skip
# How long a caller is kept waiting that should give up; tests give up sooner.
WAIT_SECONDS = 0.5


class SimulatedStripe:
    """Stripe, as far as we see it. `fails` is an HTTP status that each call is answered with.

    `strike` does a fault to one call, or to all from it on: what a network and a server far away can do.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.intents: dict[str, dict[str, Any]] = {}
        self.cards: dict[str, str] = {}
        self.charges = "approve"
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.fails: int | None = None
        self.address = ""
        self.fault: str | None = None
        self.at, self.lasting, self.calls = 0, False, 0
        self._by_key: dict[str, tuple[dict[str, str], str]] = {}
        self._told = 0

    def strike(self, fault: str | None, at: int = 0, *, lasting: bool = False) -> None:
        self.fault, self.at, self.lasting, self.calls = fault, at, lasting, 0

    def struck(self) -> str | None:
        """The fault of the call that comes in now."""
        number, self.calls = self.calls, self.calls + 1
        return self.fault if (number >= self.at if self.lasting else number == self.at) else None

    def kept(self) -> Any:
        """All that Stripe knows, for `put_back`."""
        return copy.deepcopy((self.sessions, self.refunds, self.intents, self.cards, self._by_key, self._told))

    def put_back(self, kept: Any) -> None:
        self.sessions, self.refunds, self.intents, self.cards, self._by_key, self._told = copy.deepcopy(kept)

    # ----------------------------------------------------------------------------------- its API

    def answer(self, method: str, path: str, params: dict[str, str], key: str) -> tuple[int, Any]:
        self.asked.append((method, path, params))
        if self.fails:
            return self.fails, {"error": {"type": "api_error", "message": "simulated"}}
        expand = {value.removeprefix("data.") for name, value in params.items() if name.startswith("expand[")}
        match method, path.removeprefix("/v1/").split("/"):
            case "POST", ["checkout", "sessions"]:
                return self._create(params, key)
            case "GET", ["checkout", "sessions"]:
                return 200, self._list(self.sessions.values(), params, lambda s: self._shown(s, expand))
            case "GET", ["checkout", "sessions", which] if which in self.sessions:
                return 200, self._shown(self.sessions[which], expand)
            case "GET", ["refunds"]:
                return 200, self._list(self.refunds, params, lambda r: self._expanded(r, "charge", expand))
            case "POST", ["payment_intents"]:
                return self._create_intent(params, key)
            case "GET", ["payment_intents"]:
                intents = self.intents.values()
                return 200, self._list(intents, params, lambda i: self._expanded(i, "latest_charge", expand))
            case "POST", ["payment_intents", which, "confirm"] if which in self.intents:
                return self._confirm(self.intents[which])
            case "POST", ["payment_intents", which, "cancel"] if which in self.intents:
                return self._cancel(self.intents[which])
            case "GET", ["payment_intents", which] if which in self.intents:
                return 200, self._expanded(self.intents[which], "latest_charge", expand)
            case "POST", ["payment_methods", which, "detach"]:
                if self.cards.pop(which, None) is None:
                    return 400, _refused("not attached to a customer")
                return 200, {"id": which, "object": "payment_method", "customer": None}
            case "GET", ["payment_intents", which]:
                for intent in (s["payment_intent"] for s in self.sessions.values()):
                    if intent["id"] == which:
                        return 200, self._expanded(intent, "latest_charge", expand)
        return 404, {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such thing"}}

    def _create(self, params: dict[str, str], key: str) -> tuple[int, Any]:
        now = self.now()
        if key in self._by_key:
            before, which = self._by_key[key]
            if before != params:
                return 400, {"error": {"type": "idempotency_error", "message": "other parameters under that key"}}
            return 200, self._shown(self.sessions[which], set())
        if not 1_800 <= int(params["expires_at"]) - now <= 86_400:
            return 400, {"error": {"type": "invalid_request_error", "param": "expires_at", "message": "too soon"}}
        if params["mode"] == "setup":
            which = self._open_to_save(params)
            self._by_key[key] = (params, which)
            return 200, self._shown(self.sessions[which], set())
        price = "line_items[0][price_data]"
        which = self._open(
            int(params[f"{price}[unit_amount]"]),
            params[f"{price}[currency]"],
            _nested(params, "metadata"),
            client_reference_id=params["client_reference_id"],
            mode=params["mode"],
            expires_at=int(params["expires_at"]),
        )
        self.sessions[which]["payment_intent"]["metadata"] = _nested(params, "payment_intent_data[metadata]")
        self._by_key[key] = (params, which)
        return 200, self._shown(self.sessions[which], set())

    def _open_to_save(self, params: dict[str, str]) -> str:
        which = self._open(
            0, params["currency"], _nested(params, "metadata"), client_reference_id=params["client_reference_id"],
            mode="setup", expires_at=int(params["expires_at"]),
        )  # fmt: skip
        setup = {
            "id": which.replace("cs", "seti"), "object": "setup_intent", "status": "requires_payment_method",
            "customer": None, "payment_method": None, "usage": "off_session",
            "metadata": _nested(params, "setup_intent_data[metadata]"),
        }  # fmt: skip
        nothing = {"amount_total": None, "payment_status": "no_payment_required", "payment_intent": None}
        self.sessions[which] |= nothing | {"setup_intent": setup}
        return which

    def _create_intent(self, params: dict[str, str], key: str) -> tuple[int, Any]:
        if key in self._by_key:
            before, which = self._by_key[key]
            if before != params:
                return 400, {"error": {"type": "idempotency_error", "message": "other parameters under that key"}}
            return 200, self.intents[which] | {"latest_charge": None}
        if self.cards.get(params["payment_method"]) != params["customer"]:
            return 400, _refused("No such PaymentMethod", code="resource_missing", param="payment_method")
        which = f"pi_off_{len(self.intents) + 1:04}"
        self.intents[which] = made(
            "payment_intent", id=which, amount=int(params["amount"]), currency=params["currency"],
            created=self.now(), status="requires_confirmation", latest_charge=None, customer=params["customer"],
            payment_method=params["payment_method"], metadata=_nested(params, "metadata"),
        )  # fmt: skip
        self._by_key[key] = (params, which)
        return 200, self.intents[which]

    def _confirm(self, intent: dict[str, Any]) -> tuple[int, Any]:
        if intent["status"] != "requires_confirmation":
            return 400, _refused("it is past that", code="payment_intent_unexpected_state")
        if self.charges in {"decline", "authenticate"}:
            intent["status"], intent["payment_method"] = "requires_payment_method", None
            code = "card_declined" if self.charges == "decline" else "authentication_required"
            return 402, {"error": {"type": "card_error", "code": code, "message": "no"}}
        if self.charges == "slow":
            intent["status"] = "processing"
            return 200, intent
        intent["status"], intent["latest_charge"] = "succeeded", self._charge_of(intent)
        if self.charges == "lost":
            return 503, {"error": {"type": "api_error", "message": "simulated"}}
        return 200, self._expanded(intent, "latest_charge", set())

    @staticmethod
    def _cancel(intent: dict[str, Any]) -> tuple[int, Any]:
        if intent["status"] in {"succeeded", "processing", "canceled"}:
            return 400, _refused("it is past that", code="payment_intent_unexpected_state")
        intent["status"] = "canceled"
        return 200, intent

    def sell(self, amount: int) -> str:
        """Somebody buys on a page of another product in the same account; its id."""
        which = self._open(amount, "gbp", {"order": "42"}, mode="payment", expires_at=self.now() + 86_400)
        self.complete(which)
        return which

    def _open(self, amount: int, currency: str, metadata: dict[str, str], **more: Any) -> str:
        now, which = self.now(), f"cs_test_{len(self.sessions) + 1:04}"
        intent = made(
            "payment_intent", id=which.replace("cs", "pi"), amount=amount, currency=currency, created=now,
            status="requires_payment_method", latest_charge=None, metadata=dict(metadata),
        )  # fmt: skip
        self.sessions[which] = made(
            "checkout.session", id=which, amount_total=amount, amount_subtotal=amount, currency=currency, created=now,
            status="open", payment_status="unpaid", metadata=metadata, payment_intent=intent,
            url=f"https://checkout.stripe.example/c/pay/{which}", **more,
        )  # fmt: skip
        return which

    @staticmethod
    def _list(all_: Any, params: dict[str, str], show: Callable[[Any], Any]) -> dict[str, Any]:
        first, last, size = int(params["created[gte]"]), int(params["created[lt]"]), min(int(params["limit"]), 2)
        newest_first = [thing for thing in reversed(list(all_)) if first <= thing["created"] < last]
        after = [s["id"] for s in newest_first].index(params["starting_after"]) + 1 if "starting_after" in params else 0
        page = newest_first[after : after + size]
        more = len(newest_first) > after + size
        return {"object": "list", "url": "/v1", "data": [show(thing) for thing in page], "has_more": more}

    def _shown(self, session: dict[str, Any], expand: set[str]) -> dict[str, Any]:
        if session["status"] == "open" and self.now() >= session["expires_at"]:
            session["status"] = "expired"
        if session["mode"] == "setup":
            setup = session["setup_intent"]
            return session | {"setup_intent": setup if "setup_intent" in expand else setup["id"]}
        if session["status"] in {"open", "expired"}:
            return session | {"payment_intent": None}
        intent = session["payment_intent"]
        if not any(name.startswith("payment_intent") for name in expand):
            return session | {"payment_intent": intent["id"]}
        inner = {name.removeprefix("payment_intent.") for name in expand}
        return session | {"payment_intent": self._expanded(intent, "latest_charge", inner)}

    @staticmethod
    def _expanded(thing: dict[str, Any], name: str, expand: set[str]) -> dict[str, Any]:
        inner = thing[name]
        return thing | {name: inner if name in expand or inner is None else inner["id"]}

    # ------------------------------------------------------------------------- what its page and its owner do

    def complete(self, which: str, *, paid: bool = True) -> dict[str, Any]:
        """Somebody pays on the page, by card or (`paid` False) by their bank, which takes days."""
        session = self.sessions[which]
        session["status"] = "complete"
        intent = session["payment_intent"]
        intent["status"] = "processing"
        if paid:
            self._charge(session)
        return self._event("checkout.session.completed", self._shown(session, set()))

    def save_card(self, which: str) -> dict[str, Any]:
        """Somebody saves a card on the page."""
        session = self.sessions[which]
        payer, card = which.replace("cs", "cus"), which.replace("cs", "pm")
        self.cards[card] = payer
        session["status"] = "complete"
        session["setup_intent"] |= {"status": "succeeded", "customer": payer, "payment_method": card}
        return self._event("checkout.session.completed", self._shown(session, set()))

    def bank_says(self, which: str, *, paid: bool) -> dict[str, Any]:
        session = self.sessions[which]
        if paid:
            self._charge(session)
        else:
            session["payment_intent"]["status"] = "requires_payment_method"
        outcome = "succeeded" if paid else "failed"
        return self._event(f"checkout.session.async_payment_{outcome}", self._shown(session, set()))

    def expire(self, which: str) -> dict[str, Any]:
        self.sessions[which]["status"] = "expired"
        return self._event("checkout.session.expired", self._shown(self.sessions[which], set()))

    def refund(self, which: str, amount: int) -> dict[str, Any]:
        charge = self.sessions[which]["payment_intent"]["latest_charge"]
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.refunds.append(
            made(
                "refund", id=f"re_test_{len(self.refunds) + 1:04}", amount=amount, currency=charge["currency"],
                charge=charge, payment_intent=charge["payment_intent"], created=self.now(), status="succeeded",
            )
        )  # fmt: skip
        return self._event("charge.refunded", dict(charge))

    def dispute(self, which: str, kind: str = "created", status: str = "needs_response") -> dict[str, Any]:
        intent = self.sessions[which]["payment_intent"]
        left = intent["amount"] - intent["latest_charge"]["amount_refunded"]
        dispute = made(
            "dispute", id=which.replace("cs", "du"), amount=left, currency=intent["currency"], created=self.now(),
            charge=intent["latest_charge"]["id"], payment_intent=intent["id"], status=status,
        )  # fmt: skip
        return self._event(f"charge.dispute.{kind}", dispute)

    def _charge(self, session: dict[str, Any]) -> None:
        intent = session["payment_intent"]
        session["payment_status"], intent["status"] = "paid", "succeeded"
        intent["latest_charge"] = self._charge_of(intent)

    def _charge_of(self, intent: dict[str, Any]) -> dict[str, Any]:
        return made(
            "charge", id=intent["id"].replace("pi", "ch"), amount=intent["amount"], currency=intent["currency"],
            metadata=dict(intent["metadata"]), payment_intent=intent["id"], created=self.now(), status="succeeded",
            paid=True,
        )  # fmt: skip

    def _event(self, kind: str, thing: dict[str, Any]) -> dict[str, Any]:
        self._told += 1
        return made("event", id=f"evt_{self._told:04}", type=kind, created=self.now(), data={"object": thing})


def made(resource: str, **values: Any) -> dict[str, Any]:
    """One of Stripe's objects with every field of the published fixture: those named, the others empty."""
    shape = SHAPES[resource]
    assert values.keys() <= shape.keys(), f"{resource} has no {values.keys() - shape.keys()}"
    empty = {name: copy.copy(_EMPTY[kind]) for name, kind in shape.items()}
    return empty | {"object": resource} | values


def _refused(message: str, **more: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": message} | more}


def signed(event: Any, sent_at: int, secret: str = WEBHOOK_SECRET) -> tuple[dict[str, str], bytes]:
    """An event as Stripe sends it: headers and body."""
    body = json.dumps(event).encode()
    right = hmac.digest(secret.encode(), f"{sent_at}.".encode() + body, "sha256").hex()
    return {"stripe-signature": f"t={sent_at},v1={right},v0={'0' * 64}"}, body


def _nested(params: dict[str, str], name: str) -> dict[str, str]:
    return {key[len(name) + 1 : -1]: value for key, value in params.items() if key.startswith(f"{name}[")}


@contextmanager
def running(now: Callable[[], int]) -> Iterator[SimulatedStripe]:
    """The simulation, listening; `now()` is its clock's epoch second."""
    stripe = SimulatedStripe(now)
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            sent = self.rfile.read(length).decode() if length else urlsplit(self.path).query
            params = {key: values[0] for key, values in parse_qs(sent).items()}
            fault = stripe.struck()
            if fault == "timeout":
                closing.wait(WAIT_SECONDS)
            if fault in {"timeout", "reset before"}:
                return
            if fault in {"429", "500", "503"}:
                self._send(int(fault), json.dumps({"error": {"type": "api_error", "message": "simulated"}}).encode())
                return
            if self.headers.get("authorization") != f"Bearer {API_KEY}":
                status, body = 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}
            else:
                key = self.headers.get("idempotency-key", "")
                status, body = stripe.answer(self.command, urlsplit(self.path).path, params, key)
            content = json.dumps(body).encode()
            match fault:
                case "answer lost":
                    return
                case "slow":
                    closing.wait(WAIT_SECONDS)
                    return
                case "cut off":
                    content = content[: len(content) // 2]
                case "no json":
                    content = b"<html>Bad gateway</html>"
                case "another shape":
                    content = b'{"object": "something"}'
                case "a list":
                    content = b"[]"
            self._send(status, content)

        def _send(self, status: int, content: bytes) -> None:
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
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
