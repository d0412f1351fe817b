"""Passkeys: a way in without a password, for those who want it."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from portal import clock
from portal.brand import landlord
from portal.failures import NotFound
from portal.http.answers import LoggedIn, logged_in
from portal.http.api import Answer, Api
from portal.http.visit import Visit
from portal.identity import ceremonies, passkeys
from portal.identity.logging_in import NoTenancyToShow
from portal.identity.rules import CHALLENGE_LASTS, PASSKEY_ALGORITHMS
from portal.identity.sessions import NotLoggedIn, PasswordChangeRequired, Session
from portal.identity.tries import TooManyCalls, TriesSpent
from portal.validation.fields import DeviceBytes, Identifier, Password
from portal.validation.reading import Request

app = Api()
handler = app.handler

_SESSION = (NotLoggedIn, PasswordChangeRequired)
_MILLISECONDS = int(CHALLENGE_LASTS.total_seconds() * 1000)


class PasskeyProof(Request):
    """The password that the customer has now: what matters is changed by nobody else."""

    current_password: Password


class PasskeyMade(Request):
    """What the device made: WebAuthn's client data and attestation object, in base64url."""

    challenge_id: Identifier
    client_data: DeviceBytes
    attestation: DeviceBytes


class PasskeySigned(Request):
    """What the device signed, in base64url; on a shared computer less is remembered, and for a shorter time."""

    challenge_id: Identifier
    credential_id: DeviceBytes
    client_data: DeviceBytes
    authenticator_data: DeviceBytes
    signature: DeviceBytes
    user_handle: DeviceBytes
    shared_computer: bool | UnsetType = UNSET


class PasskeyToMake(Struct):
    """What `navigator.credentials.create()` is to be told: bytes in base64url, algorithms by their COSE numbers."""

    challenge_id: str
    challenge: str
    relying_party_id: str
    relying_party_name: str
    user_handle: str
    user_name: str
    algorithms: Sequence[int]
    known_credential_ids: Sequence[str]
    timeout_milliseconds: int


class PasskeyToSign(Struct):
    """What `navigator.credentials.get()` is to be told, bytes in base64url. It names nobody."""

    challenge_id: str
    challenge: str
    relying_party_id: str
    timeout_milliseconds: int


class Passkey(Struct):
    """A passkey: the browser and system it was added with, when, and its last use."""

    passkey_id: str
    name: str
    added_at: datetime
    last_used_at: datetime | None


class Passkeys(Struct):
    """The customer's passkeys, the oldest first."""

    passkeys: list[Passkey]


@app.get("/api/passkeys", beside=passkeys.beside, failures=_SESSION)
def listed(session: Session) -> Passkeys:
    """The customer's passkeys."""
    return Passkeys([Passkey(*one) for one in passkeys.listed(session)])


@app.post(
    "/api/passkeys/options",
    beside=passkeys.beside,
    failures=(*_SESSION, passkeys.PasskeysFull, TriesSpent, TooManyCalls),
)
def begin_adding(session: Session, body: PasskeyProof, visit: Visit) -> PasskeyToMake:
    """Begin to add a passkey, by the password: what a device needs to make one, within five minutes."""
    wanted = passkeys.begin_adding(session, body.current_password, address=visit.address, at=clock.now())
    return PasskeyToMake(
        wanted.challenge_id,
        wanted.challenge,
        ceremonies.relying_party(),
        landlord()["landlord"]["name"],
        wanted.user_handle,
        wanted.user_name,
        PASSKEY_ALGORITHMS,
        wanted.known,
        _MILLISECONDS,
    )


@app.post(
    "/api/passkeys",
    status=201,
    beside=passkeys.beside,
    failures=(*_SESSION, passkeys.PasskeyNotAdded, passkeys.PasskeysFull, TooManyCalls),
)
def add(session: Session, body: PasskeyMade, visit: Visit) -> Passkey:
    """Add the passkey that the device made."""
    added = passkeys.add(
        session,
        body.challenge_id,
        body.client_data,
        body.attestation,
        device=visit.device,
        address=visit.address,
        at=clock.now(),
    )
    return Passkey(*added)


@app.delete(
    "/api/passkeys/{passkey_id}",
    status=204,
    beside=passkeys.beside,
    failures=(*_SESSION, NotFound, TriesSpent, TooManyCalls),
)
def remove(session: Session, passkey_id: str, body: PasskeyProof, visit: Visit) -> None:
    """Remove a passkey, by the password. It logs nobody in from then on."""
    passkeys.remove(session, passkey_id, body.current_password, address=visit.address, at=clock.now())


@app.post("/api/login/passkey/options", failures=(TooManyCalls,))
def begin_login(visit: Visit) -> PasskeyToSign:
    """Begin to log in with a passkey: what the device is to sign, within five minutes."""
    asked = passkeys.begin_login(address=visit.address, at=clock.now())
    return PasskeyToSign(asked.challenge_id, asked.challenge, ceremonies.relying_party(), _MILLISECONDS)


@app.post("/api/login/passkey", failures=(passkeys.PasskeyNotAccepted, NoTenancyToShow, TooManyCalls))
def log_in(body: PasskeySigned, visit: Visit) -> Answer[LoggedIn]:
    """Open a session for whoever's passkey signed what was asked."""
    signed_in = passkeys.log_in(
        body.challenge_id,
        ceremonies.Assertion(
            body.credential_id, body.client_data, body.authenticator_data, body.signature, body.user_handle
        ),
        shared_computer=body.shared_computer is True,
        known_device=visit.device_cookie,
        session_cookie=visit.session_cookie,
        address=visit.address,
        device=visit.device,
        at=clock.now(),
    )
    return logged_in(signed_in, status=200)
