"""Balances and transactions of the tenancy's rent accounts."""

import base64
import binascii
from datetime import date, datetime

from msgspec import Struct

from portal import clock
from portal.failures import NotFound
from portal.http.api import Api
from portal.identity.sessions import NotLoggedIn, PasswordChangeRequired, Session
from portal.rent import service as rent
from portal.validation.fields import Cursor

app = Api()
handler = app.handler

_SESSION = (NotLoggedIn, PasswordChangeRequired)


class RentAccount(Struct):
    """A rent account. A positive `balance_pence` is owed by the tenant, a negative one is in credit."""

    rent_account_id: str
    name: str
    kind: str
    balance_pence: int
    as_at: datetime
    payment_reference: str | None
    charge_pence: int | None
    charge_frequency: str | None
    next_charge_on: date | None


class Balance(Struct):
    """The tenancy's rent accounts."""

    rent_accounts: list[RentAccount]


class Transaction(Struct):
    """A line of a rent account; `balance_pence` is the balance after it."""

    transaction_id: str
    posted_on: date
    kind: str
    description: str
    amount_pence: int
    balance_pence: int


class Transactions(Struct):
    """A page of lines, newest first."""

    transactions: list[Transaction]
    next_cursor: str | None


@app.get("/api/balance", failures=_SESSION)
def balance(session: Session) -> Balance:
    """What is owed or in credit on each of the tenancy's rent accounts."""
    return Balance(
        [
            RentAccount(
                rent.id_of(a),
                a.name,
                a.kind,
                a.balance_pence,
                a.as_at,
                a.payment_reference,
                a.charge_pence,
                a.charge_frequency,
                a.next_charge_on,
            )
            for a in rent.accounts_of(session.tenancy_id, clock.now())
        ]
    )


@app.get(
    "/api/balance/{rent_account_id}/transactions",
    beside=lambda session, rent_account_id: [rent.key_of(session.tenancy_id, rent_account_id)],
    failures=(*_SESSION, NotFound),
)
def transactions(session: Session, rent_account_id: str, *, cursor: Cursor | None = None) -> Transactions:  # noqa: ARG001  (read beside the session)
    """The account's lines, newest first, each with the balance after it."""
    page = rent.page(session.beside[0], _opened(cursor), clock.now())
    return Transactions([Transaction(*line) for line in page.lines], _sealed(page.below))


def _sealed(below: str | None) -> str | None:
    return base64.urlsafe_b64encode(below.encode()).decode().rstrip("=") if below else None


def _opened(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("utf-8", "replace")
    except binascii.Error:
        return ""  # no line's key, and refused as such
