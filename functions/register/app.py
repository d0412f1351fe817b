"""Registering: the four facts, and the code by email."""

from datetime import datetime

from msgspec import Struct

from portal import clock
from portal.http.answers import Nothing
from portal.http.api import Api
from portal.http.visit import Visit
from portal.identity import registering, waiting
from portal.identity.tries import TooManyCalls, TriesSpent
from portal.validation.fields import DateOfBirth, Email, Identifier, Mobile, TenancyReference
from portal.validation.reading import Request

app = Api()
handler = app.handler


class RegisterRequest(Request):
    """What must match one person on one tenancy."""

    email: Email
    mobile: Mobile
    tenancy_reference: TenancyReference
    date_of_birth: DateOfBirth


class Registered(Struct):
    """The registration that waits for its code."""

    registration_id: str
    code_expires_at: datetime


class WaitingRequest(RegisterRequest):
    """What is to be tried again after each exchange: the same four facts."""


class ResendRequest(Request):
    """Which registration's code is to be mailed again."""

    registration_id: Identifier


@app.post(
    "/api/register",
    status=202,
    failures=(
        registering.DetailsNotMatched,
        registering.AlreadyRegistered,
        registering.EmailInUse,
        TriesSpent,
        TooManyCalls,
    ),
)
def register(body: RegisterRequest, visit: Visit) -> Registered:
    """Check the four facts against the landlord's record and mail a code."""
    registration = registering.register(
        body.email,
        body.mobile,
        body.tenancy_reference,
        body.date_of_birth,
        address=visit.address,
        at=clock.now(),
    )
    return Registered(registration.registration_id, registration.code_expires_at)


@app.post("/api/register/resend", status=202, failures=(TooManyCalls,))
def resend(body: ResendRequest, visit: Visit) -> Nothing:
    """Mail the same code again. Whatever the registration, the answer is the same."""
    registering.resend(body.registration_id, address=visit.address, at=clock.now())
    return Nothing()


@app.post("/api/register/waiting", status=202, failures=(TooManyCalls,))
def keep_trying(body: WaitingRequest, visit: Visit) -> Nothing:
    """Keep the four facts for eight days and try them after each exchange. The answer is the same for all."""
    waiting.keep_trying(
        body.email,
        body.mobile,
        body.tenancy_reference,
        body.date_of_birth,
        address=visit.address,
        at=clock.now(),
    )
    return Nothing()
