"""Forgotten and changed passwords, and another email address to log in with."""

from datetime import datetime

from msgspec import Struct

from portal import clock
from portal.http.answers import Nothing, kept_in
from portal.http.api import Answer, Api
from portal.http.visit import Visit
from portal.identity import changing_email, resetting
from portal.identity.registering import CodeNotAccepted, EmailInUse
from portal.identity.sessions import NotLoggedIn, PasswordChangeRequired, Session
from portal.identity.tries import TooManyCalls, TriesSpent
from portal.validation.fields import Code, DateOfBirth, Email, NewPassword, Password
from portal.validation.reading import Request

app = Api()
handler = app.handler


class ResetRequest(Request):
    """The address that the customer registered with, and their date of birth."""

    email: Email
    date_of_birth: DateOfBirth


class PasswordRequest(Request):
    """The password until now (or the temporary one), and the one from now on."""

    current_password: Password
    new_password: NewPassword


@app.post("/api/reset", status=202, failures=(TooManyCalls,))
def ask_for_reset(body: ResetRequest, visit: Visit) -> Nothing:
    """Mail a temporary password where the two facts are a customer's. The answer is the same whatever is known."""
    resetting.ask_for_reset(body.email, body.date_of_birth, address=visit.address, at=clock.now())
    return Nothing()


@app.put("/api/password", status=204, before_password_change=True, failures=(NotLoggedIn, TriesSpent, TooManyCalls))
def change_password(session: Session, body: PasswordRequest, visit: Visit) -> Answer[None]:
    """Set a new password. Every other session ends; this one goes on under a new token."""
    opened, proof = resetting.change_password(
        session,
        body.current_password,
        body.new_password,
        known_device=visit.device_cookie,
        at=clock.now(),
        address=visit.address,
        device=visit.device,
    )
    return Answer(None, cookies=kept_in(opened, proof))


class EmailRequest(Request):
    """The address to log in with from now on, and the password."""

    email: Email
    current_password: Password


class CodeSent(Struct):
    """Until when the code works that is on its way to the new address."""

    code_expires_at: datetime


class EmailCodeRequest(Request):
    """The code from the mail to the new address."""

    code: Code


@app.post("/api/email", status=202, failures=(NotLoggedIn, PasswordChangeRequired, TriesSpent, TooManyCalls))
def ask_for_email(session: Session, body: EmailRequest, visit: Visit) -> CodeSent:
    """Mail a code to the new address. The answer is the same whether or not somebody has that address."""
    until = changing_email.ask_for_email(
        session, body.email, body.current_password, address=visit.address, at=clock.now()
    )
    return CodeSent(until)


@app.post(
    "/api/email/confirm",
    status=204,
    failures=(NotLoggedIn, PasswordChangeRequired, CodeNotAccepted, EmailInUse, TriesSpent, TooManyCalls),
)
def confirm_email(session: Session, body: EmailCodeRequest, visit: Visit) -> Answer[None]:
    """Log in with the new address from now on. Every other session ends; this one goes on under a new token."""
    opened, proof = changing_email.confirm_email(
        session,
        body.code,
        known_device=visit.device_cookie,
        address=visit.address,
        device=visit.device,
        at=clock.now(),
    )
    return Answer(None, cookies=kept_in(opened, proof))
