"""Passkeys: a second way in for those who want it. A device's own lock proves who is there; no password is typed."""

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from portal import ids, store
from portal.audit import service as audit
from portal.audit.service import Outcome
from portal.clock import epoch
from portal.failures import Failure, NotFound
from portal.identity import ceremonies, devices, rules, secrets, tries
from portal.identity import store as identity
from portal.identity.ceremonies import Assertion, Made
from portal.identity.logging_in import session_for
from portal.identity.resetting import prove_it_is_them
from portal.identity.sessions import NotLoggedIn, Session, SignedIn, key_of_replaced, replaced, still_open
from portal.identity.store import ChallengeItem, CredentialItem, CustomerItem, PasskeyItem
from portal.mail.outbox import letter

_ADD, _LOG_IN = "add", "log in"


class PasskeyNotAccepted(Failure):
    """No such passkey, or what it signed is not right, not asked for, or came too late: all answer alike."""

    counted = True


class PasskeyNotAdded(Failure):
    """What the device made cannot be taken, was not asked for in this session, came too late, or is taken already."""


class PasskeysFull(Failure):
    """The customer has as many passkeys as we keep."""


class Passkey(NamedTuple):
    """One of a customer's passkeys: which browser and system it was added with, when, and its last use."""

    passkey_id: str
    name: str
    added_at: datetime
    last_used_at: datetime | None


class ToMake(NamedTuple):
    """What a device needs to make a passkey. `known` are credentials that it need not make again."""

    challenge_id: str
    challenge: str
    user_handle: str
    user_name: str
    known: Sequence[str]


class ToSign(NamedTuple):
    """What a device is asked to sign to log somebody in."""

    challenge_id: str
    challenge: str


def beside(session: Session) -> list[store.Key]:
    """What is read in the session's own call: the customer, and the places of their passkeys."""
    return [identity.customer_key(session.customer_id), *identity.passkey_keys(session.customer_id)]


def listed(session: Session) -> list[Passkey]:
    """The customer's passkeys, the oldest first."""
    found = [Passkey(p.passkey_id, p.name, p.added_at, p.last_used_at) for p in _kept(session)]
    return sorted(found, key=lambda p: p.added_at)


def begin_adding(session: Session, current_password: str, *, address: str, at: datetime) -> ToMake:
    """Ask a device to make a passkey, once the password has proved who is there.

    What it makes is taken in this session, within five minutes.

    Raises:
        BadInput: naming `current_password` where it is wrong.
        PasskeysFull, TriesSpent, TooManyCalls, NotLoggedIn
    """
    tries.count_call(address, at)
    customer, kept = _customer(session), _kept(session)
    _, own_tries = prove_it_is_them(session, customer.email, current_password, at)
    if len(kept) == rules.PASSKEYS_MOST:
        store.transact(tries.matched(own_tries), audit.event(Outcome.PASSKEY_NOT_ADDED_FULL, at, **_who(session)))
        raise PasskeysFull
    handle = customer.user_handle or _new_handle(customer, at)
    challenge = _new_challenge(_ADD, _of(session), at)
    store.transact(
        store.Put(challenge, ChallengeItem.new()),
        tries.matched(own_tries),
        audit.event(Outcome.PASSKEY_ASKED, at, **_who(session)),
    )
    return ToMake(_id_of(challenge), challenge.challenge, handle, customer.email, [p.credential_id for p in kept])


def add(
    session: Session, challenge_id: str, client_data: str, attestation: str, *, device: str, address: str, at: datetime
) -> Passkey:
    """Keep the passkey that a device made, and mail a notice.

    Raises:
        PasskeyNotAdded, PasskeysFull, TooManyCalls, NotLoggedIn
    """
    tries.count_call(address, at)
    customer = _customer(session)
    (challenge,) = store.fetch([identity.challenge_key(challenge_id)], at)
    with audit.noted_when(PasskeyNotAdded, Outcome.PASSKEY_NOT_ADDED, at, **_who(session)):
        if challenge is None or (challenge.purpose, challenge.session) != (_ADD, _of(session)):
            raise PasskeyNotAdded
        try:
            made = ceremonies.made(challenge.challenge, client_data, attestation)
        except ceremonies.NotRight:
            raise PasskeyNotAdded from None
    taken = {place for place, item in enumerate(session.beside[1:]) if item}
    for place in range(rules.PASSKEYS_MOST):
        if place not in taken and (kept := _keep(session, customer, challenge, made, place, device, at)):
            return kept
    audit.note(Outcome.PASSKEY_NOT_ADDED_FULL, at, **_who(session))
    raise PasskeysFull


def _keep(
    session: Session,
    customer: CustomerItem,
    challenge: ChallengeItem,
    made: Made,
    place: int,
    device: str,
    at: datetime,
) -> Passkey | None:
    """Keep it in that place; None where another took the place in this moment."""
    passkey_id = ids.new_id(at)
    passkey_at = identity.passkey_key(session.customer_id, place)
    credential_at = identity.credential_key(secrets.token_hash(made.credential_id))
    passkey = PasskeyItem(
        pk=passkey_at.pk,
        sk=passkey_at.sk,
        passkey_id=passkey_id,
        name=device,
        credential_id=made.credential_id,
        added_at=at,
    )
    credential = CredentialItem(
        pk=credential_at.pk,
        sk=credential_at.sk,
        customer_id=session.customer_id,
        passkey_id=passkey_id,
        place=place,
        user_handle=customer.user_handle,
        public_key=made.public_key,
        sign_count=made.sign_count,
    )
    about = {"at": at.isoformat(), "name": device}
    try:
        store.transact(
            # A new password ends the sessions, and with them what was begun in one.
            *still_open(session, at),
            store.Delete(challenge, ChallengeItem.live(at)),
            store.Put(credential, CredentialItem.new()),
            store.Put(passkey, PasskeyItem.new()),
            letter("passkey_added", to=f"customer:{session.customer_id}", at=at, about=about),
            audit.event(Outcome.PASSKEY_ADDED, at, **_who(session)),
        )
    except store.Refused as refused:
        if refused.by(0) or refused.by(1):
            raise NotLoggedIn from None
        if refused.by(2) or refused.by(3):
            audit.note(Outcome.PASSKEY_NOT_ADDED, at, **_who(session))
            raise PasskeyNotAdded from None
        return None
    return Passkey(passkey_id, device, at, None)


def remove(session: Session, passkey_id: str, current_password: str, *, address: str, at: datetime) -> None:
    """Forget a passkey, once the password has proved who is there, and mail a notice.

    Raises:
        NotFound: it is none of the customer's.
        BadInput: naming `current_password` where it is wrong.
        TriesSpent, TooManyCalls, NotLoggedIn
    """
    tries.count_call(address, at)
    customer = _customer(session)
    passkey = next((p for p in _kept(session) if p.passkey_id == passkey_id), None)
    if passkey is None:
        raise NotFound
    _, own_tries = prove_it_is_them(session, customer.email, current_password, at)
    credential_at = identity.credential_key(secrets.token_hash(passkey.credential_id))
    about = {"at": at.isoformat(), "name": passkey.name}
    try:
        store.transact(
            store.Delete(passkey, PasskeyItem.passkey_id == passkey_id),
            store.Delete(
                CredentialItem(pk=credential_at.pk, sk=credential_at.sk), CredentialItem.passkey_id == passkey_id
            ),
            tries.matched(own_tries),
            letter("passkey_removed", to=f"customer:{session.customer_id}", at=at, about=about),
            audit.event(Outcome.PASSKEY_REMOVED, at, **_who(session)),
        )
    except store.Refused:
        raise NotFound from None


def begin_login(*, address: str, at: datetime) -> ToSign:
    """Ask a device to sign with whichever of our passkeys it holds: nobody says who they are.

    Raises:
        TooManyCalls
    """
    tries.count_call(address, at)
    challenge = _new_challenge(_LOG_IN, None, at)
    store.transact(store.Put(challenge, ChallengeItem.new()))
    return ToSign(_id_of(challenge), challenge.challenge)


def log_in(
    challenge_id: str,
    assertion: Assertion,
    *,
    shared_computer: bool,
    known_device: str | None,
    session_cookie: str | None,
    address: str,
    device: str,
    at: datetime,
) -> SignedIn:
    """Open a session for whoever's passkey signed the challenge; it does all that logging in with a password does.

    A mismatch of the network address is reserved first, and given back by a match.

    Raises:
        PasskeyNotAccepted, NoTenancyToShow, TooManyCalls
    """
    tries.count_call(address, at)
    address_tries = tries.reserve_mismatch(address, at)
    keys = [
        identity.challenge_key(challenge_id),
        identity.credential_key(secrets.token_hash(assertion.credential_id)),
        *key_of_replaced(session_cookie),
    ]
    challenge, credential, *before = store.fetch(keys, at)
    count = _judged(challenge, credential, assertion, at)
    (customer,) = store.fetch([identity.customer_key(credential.customer_id)], at)
    if customer is None:
        audit.note(Outcome.LOGIN_REFUSED_PASSKEY_UNKNOWN, at, customer_id=credential.customer_id)
        raise PasskeyNotAccepted
    match = tries.given_back(address_tries)
    opened, held = session_for(
        credential.customer_id,
        device,
        at,
        shared_computer=shared_computer,
        last_visit_at=devices.signed_in_at(known_device, customer.email),
        era=customer.era,
        match=match,
    )
    passkey_at = identity.passkey_key(credential.customer_id, int(credential.place))
    unchanged = (CredentialItem.passkey_id == credential.passkey_id) & (
        CredentialItem.sign_count == credential.sign_count
    )
    writes: list[store.Write] = [
        store.Delete(challenge, ChallengeItem.live(at)),
        store.Update(credential, [CredentialItem.sign_count.set(count)], unchanged),
        store.Update(
            PasskeyItem(pk=passkey_at.pk, sk=passkey_at.sk),
            [PasskeyItem.last_used_at.set(at)],
            PasskeyItem.passkey_id == credential.passkey_id,
        ),
        opened.write,
        match,
        *replaced(session_cookie, before),
        audit.event(Outcome.LOGGED_IN_PASSKEY, at, customer_id=credential.customer_id, tenancy_id=held[0].tenancy_id),
    ]
    try:
        store.transact(*writes)
    except store.Refused:
        audit.note(Outcome.LOGIN_REFUSED_CHANGED, at, customer_id=credential.customer_id)
        raise PasskeyNotAccepted from None
    return SignedIn(opened, held, False, None if shared_computer else devices.proof(customer.email, at))


def _judged(
    challenge: ChallengeItem | None, credential: CredentialItem | None, assertion: Assertion, at: datetime
) -> int:
    """How often the passkey has signed by now; raises PasskeyNotAccepted, and keeps why."""
    if credential is None:
        why = Outcome.LOGIN_REFUSED_PASSKEY_UNKNOWN
    elif challenge is None or challenge.purpose != _LOG_IN:
        why = Outcome.LOGIN_REFUSED_CHALLENGE
    else:
        why = Outcome.LOGIN_REFUSED_PASSKEY_WRONG
        known = credential.public_key, int(credential.sign_count)
        with contextlib.suppress(ceremonies.NotRight):
            if secrets.same(assertion.user_handle, credential.user_handle):
                return ceremonies.sign_count(assertion, challenge.challenge, *known)
    audit.note(why, at, customer_id=credential.customer_id if credential else None)
    raise PasskeyNotAccepted


def _who(session: Session) -> dict[str, str]:
    return {"customer_id": session.customer_id, "tenancy_id": session.tenancy_id}


def _customer(session: Session) -> CustomerItem:
    customer = session.beside[0]
    if customer is None:
        raise NotLoggedIn
    return customer  # type: ignore[no-any-return]


def _kept(session: Session) -> list[Any]:
    return [item for item in session.beside[1:] if item]


def _of(session: Session) -> str:
    return f"{session.customer_id}.{session.session_id}"


def _new_challenge(purpose: str, session: str | None, at: datetime) -> ChallengeItem:
    key = identity.challenge_key(ids.new_id(at))
    return ChallengeItem(
        pk=key.pk,
        sk=key.sk,
        purpose=purpose,
        challenge=ceremonies.new_challenge(),
        session=session,
        expires_at=epoch(at + rules.CHALLENGE_LASTS),
    )


def _id_of(challenge: ChallengeItem) -> str:
    return str(challenge.pk).removeprefix("CHALLENGE#")


def _new_handle(customer: CustomerItem, at: datetime) -> str:
    """The customer's handle, made at their first passkey: of several made at once one stands."""
    handle = ceremonies.new_user_handle()
    try:
        store.transact(
            store.Update(customer, [CustomerItem.user_handle.set(handle)], CustomerItem.user_handle.does_not_exist())
        )
    except store.Refused:
        (again,) = store.fetch([identity.customer_key(customer.pk.removeprefix("CUSTOMER#"))], at)
        handle = again.user_handle
    return handle
