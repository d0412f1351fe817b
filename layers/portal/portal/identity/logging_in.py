"""Logging in and off, and choosing which tenancy to look at."""

import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from portal import store
from portal.audit import service as audit
from portal.audit.service import Outcome
from portal.failures import BadInput, Failure, FieldError, NotFound
from portal.identity import devices, passwords, rules, secrets, tries
from portal.identity import store as identity
from portal.identity.sessions import (
    NewSession,
    NotLoggedIn,
    Session,
    SignedIn,
    ending,
    key_of_replaced,
    new_session,
    replaced,
)
from portal.identity.store import LoginItem, ResetItem, SessionItem
from portal.tenancies import service as tenancies
from portal.tenancies.service import Tenancy


class LoginFailed(Failure):
    """Unknown address or wrong password: the two answer alike."""

    counted = True


class NoTenancyToShow(Failure):
    """It is them, and every tenancy ended more than a year ago or names them no longer."""


def log_in(
    email: str,
    password: str,
    *,
    shared_computer: bool,
    known_device: str | None,
    session_cookie: str | None,
    address: str,
    device: str,
    at: datetime,
) -> SignedIn:
    """Open a session for whoever holds the password, or the temporary one that waits.

    A browser that signed in with this address before (`known_device`) has tries of its own, so that an attack
    on the account does not keep its owner out. An unknown address costs the same tries and the same hashing.
    The session that the browser had until now (`session_cookie`) ends.

    Raises:
        LoginFailed, NoTenancyToShow, TriesSpent, TooManyCalls
    """
    tries.count_call(address, at)
    keys = [identity.login_key(email), identity.reset_key(email), *key_of_replaced(session_cookie)]
    login, reset, *before = store.fetch(keys, at)
    own_tries = devices.tries_of(known_device, email, login.password_set_at if login else None, at)
    login_tries = f"login#{own_tries or secrets.pseudonym(email)}"
    refused = _refusal(login_tries, at)
    is_temporary = _is_temporary(password, reset, email) and login is not None
    customer_id = login.customer_id if login else None
    if refused and not is_temporary:
        audit.note(Outcome.LOCKED_LOGIN, at, customer_id=customer_id)
        raise refused
    is_password = passwords.is_right(password, login.password_hash if login else None)
    if not is_password and not is_temporary:
        wrong = Outcome.LOGIN_REFUSED_PASSWORD if login else Outcome.LOGIN_REFUSED_UNKNOWN
        audit.note(wrong, at, customer_id=customer_id)
        raise LoginFailed
    match = tries.matched(login_tries, spent=refused is None)
    temporary = is_temporary and not is_password
    opened, held = session_for(
        login.customer_id,
        device,
        at,
        shared_computer=shared_computer,
        temporary_proof=secrets.token_hash(secrets.bare(password)) if temporary else None,
        last_visit_at=devices.signed_in_at(known_device, email),
        era=login.era,
        match=match,
    )
    same_password = LoginItem.password_hash == login.password_hash
    writes: list[store.Write] = [opened.write, match]
    if temporary:
        unused = ResetItem.live(at) & ResetItem.used_at.does_not_exist() & (ResetItem.secret_id == reset.secret_id)
        writes += [store.Update(reset, [ResetItem.used_at.set(at)], unused), store.Check(login, same_password)]
    elif passwords.needs_rehash(login.password_hash):
        rehashed = LoginItem.password_hash.set(passwords.hashed(password))
        writes.append(store.Update(login, [rehashed], same_password))
    else:
        writes.append(store.Check(login, same_password))
    outcome = Outcome.RESET_USED if temporary else Outcome.LOGGED_IN
    writes.append(audit.event(outcome, at, customer_id=customer_id, tenancy_id=held[0].tenancy_id))
    try:
        store.transact(*writes, *replaced(session_cookie, before))
    except store.Refused:
        audit.note(Outcome.LOGIN_REFUSED_CHANGED, at, customer_id=customer_id)
        raise LoginFailed from None
    proof = None if shared_computer or temporary else devices.proof(email, at)
    return SignedIn(opened, held, temporary, proof)


def session_for(
    customer_id: str,
    device: str,
    at: datetime,
    *,
    shared_computer: bool,
    last_visit_at: datetime | None,
    era: str | None,
    match: store.Update,
    temporary_proof: str | None = None,
) -> tuple[NewSession, Sequence[Tenancy]]:
    """The session of somebody who has proved who they are, on the first of their tenancies; and all that they hold.

    Where there is nothing to show, `match` gives back the try that proved it.

    Raises:
        NoTenancyToShow
    """
    held = tenancies.tenancies_of(customer_id, at)
    if not held:
        store.transact(match, audit.event(Outcome.LOGIN_REFUSED_NO_TENANCY, at, customer_id=customer_id))
        raise NoTenancyToShow
    opened = new_session(
        customer_id,
        held[0].tenancy_id,
        device,
        at,
        shared_computer=shared_computer,
        temporary_proof=temporary_proof,
        last_visit_at=last_visit_at,
        era=era,
    )
    return opened, held


def _refusal(login_tries: str, at: datetime) -> Failure | None:
    """Spend a try, and say what refuses it.

    Where none is left a temporary password is still looked at: nobody guesses one of 79 bits, and whoever has it from
    their mail is not kept out by a stranger who tries passwords.
    """
    try:
        tries.spend(login_tries, tries.LOGIN, at)
    except tries.TriesSpent as refused:
        return refused
    return None


def _is_temporary(password: str, reset: ResetItem | None, email: str) -> bool:
    if reset is None or reset.used_at is not None:
        return False
    right = secrets.temporary_password(reset.key_version, reset.secret_id, email)
    return secrets.same(secrets.bare(password), right)


def log_off(session_cookie: str | None, at: datetime) -> None:
    """End the session that the cookie proves at once; where there is none, or it is over, there is nothing to do."""
    key = key_of_replaced(session_cookie)
    found = store.fetch(key, at) if key else []
    if ended := replaced(session_cookie, found):
        who = {"customer_id": found[0].pk.removeprefix("CUSTOMER#"), "tenancy_id": found[0].tenancy_id}
        store.transact(*ended, audit.event(Outcome.LOGGED_OFF, at, **who))


def _event(outcome: Outcome, session: Session, at: datetime) -> store.Put:
    return audit.event(outcome, at, customer_id=session.customer_id, tenancy_id=session.tenancy_id)


class OpenSession(NamedTuple):
    """A place where the customer is logged in, as they may recognise it."""

    session_id: str
    device: str
    started_at: datetime
    last_seen_at: datetime
    current: bool


def open_sessions(session: Session, at: datetime) -> list[OpenSession]:
    """Where the customer is logged in: this session first, then the latest seen."""
    found = [
        OpenSession(
            item.sk.removeprefix(SessionItem.range_prefix),
            item.device,
            item.started_at,
            item.last_seen_at,
            item.sk == identity.session_key(session.customer_id, session.session_id).sk,
        )
        for item in identity.sessions_of(session.customer_id, at)
        if item.era == session.era
    ]
    return sorted(found, key=lambda s: (s.current, s.last_seen_at), reverse=True)


def log_off_elsewhere(session: Session, session_id: str, at: datetime) -> None:
    """End another of the customer's sessions; raises NotFound where it is none of theirs or over."""
    key = identity.session_key(session.customer_id, session_id)
    try:
        ended = store.Delete(SessionItem(pk=key.pk, sk=key.sk), SessionItem.live(at))
        store.transact(ended, _event(Outcome.SESSION_ENDED, session, at))
    except store.Refused:
        raise NotFound from None


def log_off_everywhere_else(session: Session, at: datetime) -> None:
    """End all of the customer's sessions but this one."""
    for other in open_sessions(session, at):
        if not other.current:
            with contextlib.suppress(NotFound):
                log_off_elsewhere(session, other.session_id, at)


def choose_tenancy(session: Session, tenancy_id: str, *, device: str, at: datetime) -> SignedIn:
    """Look at another of the customer's tenancies, under a new token; raises BadInput where it is not theirs."""
    held = tenancies.tenancies_of(session.customer_id, at)
    if tenancy_id not in {t.tenancy_id for t in held}:
        audit.note(Outcome.TENANCY_NOT_CHOSEN, at, customer_id=session.customer_id, tenancy_id=session.tenancy_id)
        raise BadInput(errors=[FieldError("tenancy_id", "Choose one of your own tenancies")])
    opened = new_session(
        session.customer_id,
        tenancy_id,
        device,
        at,
        shared_computer=session.idle < rules.IDLE,
        started_at=session.started_at,
        last_visit_at=session.last_visit_at,
        era=session.era,
    )
    try:
        store.transact(opened.write, ending(session, at), _event(Outcome.TENANCY_CHOSEN, opened.session, at))
    except store.Refused:
        raise NotLoggedIn from None
    return SignedIn(opened, held, False, None)
