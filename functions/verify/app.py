"""Verifying: the emailed code and a password make a customer who is logged in."""

from msgspec import UNSET, UnsetType

from portal import clock
from portal.http.answers import LoggedIn, logged_in
from portal.http.api import Answer, Api
from portal.http.visit import Visit
from portal.identity import registering
from portal.identity.logging_in import NoTenancyToShow
from portal.identity.tries import TooManyCalls, TriesSpent
from portal.validation.fields import Code, Identifier, NewPassword
from portal.validation.reading import Request

app = Api()
handler = app.handler


class VerifyRequest(Request):
    """The code from the mail, and the password that the customer chooses; `shared_computer` as at log in."""

    registration_id: Identifier
    code: Code
    password: NewPassword
    shared_computer: bool | UnsetType = UNSET


@app.post(
    "/api/verify",
    status=201,
    failures=(
        registering.CodeNotAccepted,
        TriesSpent,
        TooManyCalls,
        registering.AlreadyRegistered,
        registering.EmailInUse,
        NoTenancyToShow,
    ),
)
def verify(body: VerifyRequest, visit: Visit) -> Answer[LoggedIn]:
    """Make the customer and log them in."""
    signed_in = registering.verify(
        body.registration_id,
        body.code,
        body.password,
        shared_computer=body.shared_computer is True,
        session_cookie=visit.session_cookie,
        address=visit.address,
        device=visit.device,
        at=clock.now(),
    )
    return logged_in(signed_in, status=201)
