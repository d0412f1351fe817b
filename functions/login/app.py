"""Logging in and off, and who is logged in."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from portal import clock
from portal.failures import NotFound
from portal.http.answers import LoggedIn, customer, logged_in
from portal.http.api import Answer, Api
from portal.http.visit import SESSION_COOKIE, Visit, set_cookie
from portal.identity import logging_in
from portal.identity.rules import LONGEST_SESSION
from portal.identity.sessions import NotLoggedIn, PasswordChangeRequired, Session
from portal.identity.tries import TooManyCalls, TriesSpent
from portal.tenancies import service as tenancies
from portal.validation.fields import Email, Identifier, Password
from portal.validation.reading import Request

app = Api()
handler = app.handler

_SESSION = (NotLoggedIn, PasswordChangeRequired)


class LoginRequest(Request):
    """Email address and password; on a shared computer less is remembered, and for a shorter time."""

    email: Email
    password: Password
    shared_computer: bool | UnsetType = UNSET


class ChooseTenancyRequest(Request):
    """Which of the customer's tenancies to look at."""

    tenancy_id: Identifier


@app.post("/api/login", failures=(logging_in.LoginFailed, logging_in.NoTenancyToShow, TriesSpent, TooManyCalls))
def log_in(body: LoginRequest, visit: Visit) -> Answer[LoggedIn]:
    """Open a session. A temporary password opens one that can only choose a new password."""
    signed_in = logging_in.log_in(
        body.email,
        body.password,
        shared_computer=body.shared_computer is True,
        known_device=visit.device_cookie,
        session_cookie=visit.session_cookie,
        address=visit.address,
        device=visit.device,
        at=clock.now(),
    )
    return logged_in(signed_in, status=200)


@app.get("/api/session", failures=_SESSION)
def session(session: Session) -> LoggedIn:
    """Who is logged in, and until when."""
    held = tenancies.tenancies_of(session.person_id, clock.now())
    return LoggedIn(
        customer(session.customer_id, held),
        session.tenancy_id,
        False,
        session.ends_at,
        session.started_at + LONGEST_SESSION,
    )


@app.put("/api/session", failures=_SESSION)
def choose_tenancy(session: Session, body: ChooseTenancyRequest, visit: Visit) -> Answer[LoggedIn]:
    """Look at another of the customer's own tenancies."""
    chosen = logging_in.choose_tenancy(session, body.tenancy_id, device=visit.device, at=clock.now())
    return logged_in(chosen, status=200)


class OpenSession(Struct):
    """A place where the customer is logged in; `current` is this one."""

    session_id: str
    device: str
    started_at: datetime
    last_seen_at: datetime
    current: bool


class OpenSessions(Struct):
    """Where the customer is logged in: this session first."""

    sessions: list[OpenSession]


@app.get("/api/sessions", failures=_SESSION)
def open_sessions(session: Session) -> OpenSessions:
    """Where the customer is logged in."""
    found = logging_in.open_sessions(session, clock.now())
    return OpenSessions([OpenSession(**one._asdict()) for one in found])


@app.delete("/api/sessions/{session_id}", status=204, failures=(*_SESSION, NotFound))
def log_off_elsewhere(session: Session, session_id: str) -> None:
    """Log off one of the places where the customer is logged in."""
    logging_in.log_off_elsewhere(session, session_id, clock.now())


@app.delete("/api/sessions", status=204, failures=_SESSION)
def log_off_everywhere_else(session: Session) -> None:
    """Log off everywhere but here."""
    logging_in.log_off_everywhere_else(session, clock.now())


@app.post("/api/logout", status=204)
def log_out(visit: Visit) -> Answer[None]:
    """End the session, if there is one still, and have the browser forget what it kept of us."""
    logging_in.log_off(visit.session_cookie, clock.now())
    return Answer(
        None,
        headers={"Clear-Site-Data": '"cache", "storage"'},
        cookies=[set_cookie(SESSION_COOKIE, "", seconds=0)],
    )
