"""Forgotten passwords: a temporary one by email, and a new one of the customer's own."""

from portal import clock
from portal.http.answers import Nothing
from portal.http.api import Answer, Api
from portal.http.visit import SESSION_COOKIE, Visit, set_cookie
from portal.identity import resetting
from portal.identity.sessions import NotLoggedIn, Session
from portal.identity.tries import TooManyCalls, TriesSpent
from portal.validation.fields import DateOfBirth, Email, NewPassword, Password
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
    opened = resetting.change_password(
        session,
        body.current_password,
        body.new_password,
        at=clock.now(),
        address=visit.address,
        device=visit.device,
    )
    return Answer(None, cookies=[set_cookie(SESSION_COOKIE, opened.cookie)])
