"""A tenant who talks to the API as the site's pages do: keeps cookies, and holds every answer to the description."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from infra.local.mailbox import Letter
from tests.e2e.description import Description
from tests.e2e.stack import LocalStack, Reply

SESSION, DEVICE = "__Host-session", "__Host-device"
_LETTER_SECONDS = 30
_CODE = re.compile(r"^[2-9A-HJKMNP-Z]{4}(?:-[2-9A-HJKMNP-Z]{4})+$", re.MULTILINE)


@dataclass
class Facts:
    """What somebody must know to register."""

    email: str
    mobile: str
    tenancy_reference: str
    date_of_birth: str
    name: str = ""

    @property
    def born(self) -> date:
        """The date of birth."""
        return date.fromisoformat(self.date_of_birth)


@dataclass
class Tenant:
    """One person with one browser.

    Attributes:
        source: the address that they call from: each of 127.0.0.0/8 has its own budget of tries.
        used: every code, password and token that passed through their hands, for the search through logs and tables.
    """

    stack: LocalStack
    description: Description
    facts: Facts
    source: str = "127.0.0.1"
    password: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        status: int | tuple[int, ...] = 200,
        headers: dict[str, str | None] | None = None,
        described: bool = True,
    ) -> Reply:
        """Send a request; fails where the answer has another status or is not as the API describes it."""
        sent: dict[str, str | None] = dict(headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        reply = self.stack.call(method, path, body, headers=sent, source=self.source)
        wanted = (status,) if isinstance(status, int) else status
        assert reply.status in wanted, f"{method} {path} answered {reply.status}: {reply.body[:500]!r}"
        if described:
            self.description.check(method, path, reply)
        assert reply.headers["cache-control"] == "no-store", f"{method} {path} may be cached"
        self._keep_cookies(reply)
        return reply

    def _keep_cookies(self, reply: Reply) -> None:
        for name, line in reply.all_headers:
            if name.lower() != "set-cookie":
                continue
            cookie, _, attributes = line.partition(";")
            key, _, value = cookie.partition("=")
            assert key in {SESSION, DEVICE}, f"a cookie that the cookie page does not name: {key}"
            told = {attribute.strip().lower() for attribute in attributes.split(";")}
            assert {"path=/", "secure", "httponly", "samesite=strict"} <= told, line
            assert not any(attribute.startswith("domain") for attribute in told), line
            if "max-age=0" in told:
                self.cookies.pop(key, None)
            else:
                self.cookies[key] = value
                self.used.add(value.rpartition(".")[2])

    def problem(self, reply: Reply) -> str:
        """The slug of the problem that an answer is."""
        return str(reply.json["type"]).removeprefix("/problems/")

    def other_browser(self) -> Tenant:
        """The same person at another browser, not logged in."""
        return Tenant(self.stack, self.description, self.facts, self.source, self.password, used=self.used)

    # --- getting in

    def register(self) -> str:
        """Register; the registration's id."""
        body = {
            "email": self.facts.email,
            "mobile": self.facts.mobile,
            "tenancy_reference": self.facts.tenancy_reference,
            "date_of_birth": self.facts.date_of_birth,
        }
        return str(self.call("POST", "/api/register", body, status=202).json["registration_id"])

    def letter(self, subject: str, *, since: int = 0) -> Letter:
        """The newest email to this person whose subject holds `subject`, once there are more than `since` of them."""
        deadline = time.monotonic() + _LETTER_SECONDS
        while True:
            found = self.letters(subject)
            if len(found) > since:
                return found[0]
            assert time.monotonic() < deadline, f"no such email: {subject}, beyond {since}"
            time.sleep(0.1)

    def letters(self, subject: str) -> list[Letter]:
        """Every email to this person whose subject holds `subject`, the newest first."""
        return [letter for letter in self.stack.letters(self.facts.email) if subject in letter.subject]

    def code(self, *, since: int = 0) -> str:
        """The code out of the newest email, as it stands there on a line of its own."""
        return self._secret("Your code", since=since)

    def temporary_password(self, *, since: int = 0) -> str:
        """The temporary password out of the newest email."""
        return self._secret("Your temporary password", since=since)

    def _secret(self, subject: str, *, since: int = 0) -> str:
        letter = self.letter(subject, since=since)
        found = _CODE.findall(letter.text)
        assert len(found) == 1, f"not one secret on a line of its own in {letter.subject}"
        self.used |= {found[0], found[0].replace("-", "")}
        return str(found[0])

    def verify(self, registration_id: str, code: str, password: str, *, status: int = 201) -> Reply:
        """Finish registering with a code and a password."""
        self.used.add(password)
        body = {"registration_id": registration_id, "code": code, "password": password}
        reply = self.call("POST", "/api/verify", body, status=status)
        if status == 201:
            self.password = password
        return reply

    def come_in(self) -> Tenant:
        """Register and verify, whatever it takes."""
        mails = len(self.letters("Your code"))
        registration_id = self.register()
        self.verify(registration_id, self.code(since=mails), new_password())
        return self

    def log_in(self, password: str | None = None, *, status: int = 200, **more: Any) -> Reply:
        """Log in with the password at hand, or another."""
        typed = self.password if password is None else password
        self.used.add(typed)
        return self.call("POST", "/api/login", {"email": self.facts.email, "password": typed, **more}, status=status)

    # --- rent

    def balances(self) -> dict[str, int]:
        """Pence owed on each rent account, by its id."""
        accounts = self.call("GET", "/api/balance").json["rent_accounts"]
        return {account["rent_account_id"]: account["balance_pence"] for account in accounts}

    def transactions(self, rent_account_id: str) -> list[dict[str, Any]]:
        """Every line of an account, the newest first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.call("GET", f"/api/balance/{rent_account_id}/transactions{cursor}").json
            found += page["transactions"]
            if page["next_cursor"] is None:
                return found
            cursor = f"?cursor={page['next_cursor']}"

    def start_payment(self, rent_account_id: str, amount_pence: int, key: str | None = None) -> dict[str, Any]:
        """Start a payment; what the API answers."""
        headers: dict[str, str | None] = {"Idempotency-Key": key or secrets.token_hex(12)}
        body = {"rent_account_id": rent_account_id, "amount_pence": amount_pence}
        payment: dict[str, Any] = self.call("POST", "/api/pay", body, status=201, headers=headers).json
        return payment

    def at_the_bank(self, checkout_url: str, verdict: str, *, status: int = 200) -> Reply:
        """What the provider's page does when its button is pressed; no cookie of ours goes with it."""
        path = checkout_url.removeprefix(self.stack.base_url)
        assert path.startswith("/api/sandbox/checkout/")
        reply = self.stack.call("POST", f"{path}/{verdict}", headers={"Origin": None}, source=self.source)
        assert reply.status == status, f"{verdict} answered {reply.status}: {reply.body[:300]!r}"
        return reply


def new_password() -> str:
    """A password that nobody has used before and that fits nobody's record."""
    return f"quartz-{secrets.token_hex(8)}-lantern"
