"""Balances, transactions, statements and the rent year of the tenancy's rent accounts; receipts of payments.

A receipt is a document as a statement is, and set here (decision 0055).
"""

import base64
import binascii
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from portal import clock, store
from portal.brand import landlord
from portal.failures import BadInput, NotFound
from portal.http.api import Answer, Api, Page
from portal.identity.sessions import NotLoggedIn, PasswordChangeRequired, Session
from portal.payments import service as payments
from portal.rent import rules
from portal.rent import service as rent
from portal.rent.service import RentPlan, RentYearPlan
from portal.tenancies import service as tenancies
from portal.validation.fields import Cursor, Day, words

app = Api()
handler = app.handler

_SESSION = (NotLoggedIn, PasswordChangeRequired)

Kind = Annotated[
    Literal["charge", "payment", "benefit", "adjustment", "refund"],
    Meta(extra=words("Choose a kind", "Choose one of charge, payment, benefit, adjustment and refund")),
]
Format = Annotated[
    Literal["json", "csv", "pdf"], Meta(extra=words("Choose a format", "Choose one of json, csv and pdf"))
]


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


class Statement(Struct, rename={"from_": "from"}):
    """All lines from one day to another, the oldest first, with the balance before and after them."""

    rent_account_id: str
    reference: str
    name: str
    tenancy_reference: str
    tenant: list[str]
    landlord: list[str]
    from_: date
    to: date
    opening_pence: int
    transactions: list[Transaction]
    closing_pence: int
    made_at: datetime


class Sentence(Struct):
    """Something that explains the balance, and what it is about."""

    about: str
    text: str


class Month(Struct):
    """What was charged and paid in a calendar month, and the balance at its end (or now, in this one)."""

    ends_on: date
    charged_pence: int
    paid_pence: int
    balance_pence: int


class Explanation(Struct):
    """Why the balance is what it is. `charge_inferred`: what is charged is worked out from past charges."""

    rent_account_id: str
    name: str
    balance_pence: int
    balance: str
    as_at: datetime
    charge_inferred: bool
    sentences: list[Sentence]
    months: list[Month]


class Period(Struct):
    """A rent period: the charge is 0 in a rent-free week."""

    charged_on: date
    ends_on: date
    charge_pence: int


class ToPay(Struct):
    """What to pay every week, fortnight, four weeks or month; `payments` says how often, where counted."""

    every: str
    amount_pence: int
    payments: int | None


class ExtraCharge(Struct):
    """What Universal Credit does not pay in a long year: the 53rd week, the 27th fortnight or the 14th four weeks."""

    number: int
    begins_on: date
    amount_pence: int
    text: str


class RentYear(Struct):
    """A rent year, its periods, and what to pay. `inferred`: worked out from past charges, since no file says it."""

    starts_on: date
    ends_on: date
    weeks: int
    charged_weeks: int
    free_weeks: list[date]
    inferred: bool
    periods: list[Period]
    total_pence: int
    for_the_year: list[ToPay]
    from_today: list[ToPay]
    universal_credit_pence: int
    extra_charge: ExtraCharge | None


class Calendar(Struct):
    """What an account is charged and when; nulls where neither a file nor the posted charges say it."""

    rent_account_id: str
    name: str
    balance_pence: int
    charge_pence: int | None
    charge_frequency: str | None
    next_charge_on: date | None
    inferred: bool
    year: RentYear | None


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
def transactions(
    session: Session,
    rent_account_id: str,  # noqa: ARG001  (read beside the session)
    *,
    cursor: Cursor | None = None,
    kind: Kind | None = None,
    from_: Day | None = None,
    to: Day | None = None,
) -> Transactions:
    """The account's lines, newest first, each with the balance after it; of one kind and some days, if asked.

    A page of one kind may be short or empty and still have another below it: go on while there is a next_cursor.
    """
    page = rent.page(session.beside[0], _opened(cursor), clock.now(), kind=kind, since=from_, until=to)
    return Transactions([Transaction(*line) for line in page.lines], _sealed(page.cursor))


def _beside(session: Session, rent_account_id: str) -> list[store.Key]:
    return [
        rent.key_of(session.tenancy_id, rent_account_id),
        tenancies.key_of(session.tenancy_id),
    ]


@app.get(
    "/api/balance/{rent_account_id}/statement",
    beside=lambda session, rent_account_id: [rent.key_of(session.tenancy_id, rent_account_id)],
    failures=(*_SESSION, NotFound, BadInput),
    media_types=("application/json", "text/csv", "application/pdf"),
)
def statement(
    session: Session, rent_account_id: str, *, from_: Day | None = None, to: Day | None = None, format: Format = "json"
) -> Answer[Statement] | Answer[Page]:
    """The account's statement for any days, ten years at most: the last three months where none are named."""
    made = rent.statement(session.beside[0], from_, to, clock.now())
    holders = tenancies.holders(session.tenancy_id, clock.now())
    if format == "json":
        return Answer(
            Statement(
                rent_account_id,
                made.reference,
                made.name,
                holders.reference,
                list(holders.lines),
                landlord()["contact"]["address"],
                made.since,
                made.until,
                made.opening_pence,
                [Transaction(*line) for line in made.lines],
                made.closing_pence,
                made.made_at,
            )
        )
    from portal.rent import statements

    if format == "csv":
        return _file(statements.as_csv(made), "text/csv; charset=utf-8", statements.file_name(made, "csv"))
    document = statements.as_pdf(made, holders.lines, holders.reference, landlord())
    return _file(document, "application/pdf", statements.file_name(made, "pdf"))


@app.get(
    "/api/pay/{payment_id}/receipt",
    beside=lambda session, payment_id: [payments.key_of(session, payment_id)],
    failures=(*_SESSION, NotFound, payments.NoReceipt),
    media_types=("application/pdf",),
)
def receipt(session: Session, payment_id: str) -> Answer[Page]:  # noqa: ARG001  (read beside the session)
    """The receipt of a payment whose money was taken, with what became of it since."""
    at = clock.now()
    paid, account = payments.paid(session.beside[0], at)

    from portal.payments import receipts

    document = receipts.as_pdf(paid, account, tenancies.holders(session.tenancy_id, at), landlord(), at)
    return _file(document, "application/pdf", receipts.file_name(paid))


@app.get("/api/balance/{rent_account_id}/explanation", beside=_beside, failures=(*_SESSION, NotFound))
def explanation(session: Session, rent_account_id: str) -> Explanation:
    """Why the balance is what it is, in sentences: what changed, what is expected, what comes next."""
    at = clock.now()
    account, tenancy = session.beside
    waiting = payments.on_their_way(session, rent_account_id, at) if account else []
    found = rent.explanation(account, session.last_visit_at, waiting, tenancies.is_over(tenancy, at), at)
    return Explanation(
        rent_account_id,
        found.account.name,
        found.account.balance_pence,
        rules.balance_words(found.account.balance_pence),
        found.account.as_at,
        found.charge is not None and found.charge.inferred,
        [Sentence(*said) for said in found.said],
        [Month(*month) for month in found.months],
    )


@app.get("/api/balance/{rent_account_id}/calendar", beside=_beside, failures=(*_SESSION, NotFound))
def calendar(session: Session, rent_account_id: str) -> Calendar:
    """The rent year: when what is charged, which weeks are free, and what to pay to be clear by its end."""
    plan = _plan(session)
    charge = plan.charge
    return Calendar(
        rent_account_id,
        plan.name,
        plan.balance_pence,
        charge.pence if charge else None,
        charge.frequency if charge else None,
        plan.next_charge_on,
        charge is not None and charge.inferred,
        _year(plan.year) if plan.year else None,
    )


@app.get(
    "/api/balance/{rent_account_id}/calendar.ics",
    beside=_beside,
    failures=(*_SESSION, NotFound),
    media_types=("text/calendar",),
)
def calendar_file(session: Session, rent_account_id: str) -> Answer[Page]:
    """The charges and rent-free weeks that are known, for a calendar (RFC 5545)."""
    plan = _plan(session)

    from portal.rent import calendar_file

    text = calendar_file.as_ics(plan, rent_account_id, landlord()["landlord"]["name"], clock.now())
    return _file(text, "text/calendar; charset=utf-8", "rent-calendar.ics")


def _plan(session: Session) -> RentPlan:
    at = clock.now()
    account, tenancy = session.beside
    return rent.rent_plan(account, tenancies.is_over(tenancy, at), at)


def _year(plan: RentYearPlan) -> RentYear:
    year = plan.year
    return RentYear(
        year.starts_on,
        year.ends_on,
        year.weeks,
        year.charged_weeks,
        list(year.free_weeks),
        year.inferred,
        [Period(*period) for period in plan.periods],
        plan.total_pence,
        [ToPay(*way) for way in plan.for_the_year],
        [ToPay(*way) for way in plan.from_today],
        plan.universal_credit_pence,
        ExtraCharge(*plan.extra_charge, plan.extra_words) if plan.extra_charge else None,
    )


def _file(body: str | bytes, media_type: str, name: str) -> Answer[Page]:
    return Answer(Page(body, media_type), headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _sealed(place: str | None) -> str | None:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=") if place else None


def _opened(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("utf-8", "replace")
    except binascii.Error:
        return ""  # no place in any list, and refused as such
