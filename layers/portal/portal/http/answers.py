"""What several functions answer: the customer who is logged in, and the cookies that go with it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from msgspec import Struct

from portal.http.api import Answer
from portal.http.visit import DEVICE_COOKIE, SESSION_COOKIE, set_cookie
from portal.identity.rules import DEVICE_LASTS, LONGEST_SESSION
from portal.identity.sessions import NewSession, SignedIn
from portal.tenancies.service import Tenancy

_DEVICE_SECONDS = int(DEVICE_LASTS.total_seconds())


class Nothing(Struct):
    """An empty object: the answer that tells nothing."""


class CustomerTenancy(Struct):
    """A tenancy that the customer may look at."""

    tenancy_id: str
    tenancy_reference: str
    address: str
    start_date: date
    end_date: date | None


class Customer(Struct):
    """Who is logged in."""

    customer_id: str
    first_name: str
    last_name: str
    tenancies: list[CustomerTenancy]


class LoggedIn(Struct):
    """The customer, the tenancy looked at, and when the session ends if nothing more is done."""

    customer: Customer
    tenancy_id: str
    password_change_required: bool
    idle_ends_at: datetime
    ends_at: datetime


def customer(customer_id: str, held: Sequence[Tenancy]) -> Customer:
    """The customer as the site shows them."""
    first = held[0] if held else None
    return Customer(
        customer_id,
        first.first_name if first else "",
        first.last_name if first else "",
        [CustomerTenancy(t.tenancy_id, t.reference, t.address, t.start_date, t.end_date) for t in held],
    )


def kept_in(session: NewSession, device: str | None) -> list[str]:
    """The cookies that keep a browser logged in, and known as one that signed in before where `device` proves it."""
    cookies = [set_cookie(SESSION_COOKIE, session.cookie)]
    if device:
        cookies.append(set_cookie(DEVICE_COOKIE, device, seconds=_DEVICE_SECONDS))
    return cookies


def logged_in(signed_in: SignedIn, *, status: int) -> Answer[LoggedIn]:
    """The answer to whoever has just logged in, with the cookies that keep them so."""
    session = signed_in.session.session
    cookies = kept_in(signed_in.session, signed_in.device)
    body = LoggedIn(
        customer(session.customer_id, signed_in.tenancies),
        session.tenancy_id,
        signed_in.password_change_required,
        session.ends_at.astimezone(UTC),
        session.started_at + LONGEST_SESSION,
    )
    return Answer(body, status, cookies=cookies)
