"""Registering: four facts, an emailed code and a password make a customer."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from portal import ids, store
from portal.audit import service as audit
from portal.audit.service import Outcome
from portal.failures import BadInput, Failure
from portal.identity import devices, passwords, rules, secrets, tries
from portal.identity import store as identity
from portal.identity.logging_in import NoTenancyToShow
from portal.identity.recipients import found_registration, may_mail
from portal.identity.sessions import SignedIn, key_of_replaced, new_session, replaced
from portal.identity.store import CustomerItem, LoginItem, RegistrationItem
from portal.mail.outbox import letter
from portal.observe import count
from portal.tenancies import service as tenancies


class DetailsNotMatched(Failure):
    """The four facts do not match one person on one tenancy. Which one was wrong is never said."""

    counted = True


class AlreadyRegistered(Failure):
    """All four facts match somebody who has an account."""


class EmailInUse(Failure):
    """All four facts match, and another customer has that address."""


class CodeNotAccepted(Failure):
    """No such registration, another code, or its time is over."""

    counted = True


class Registration(NamedTuple):
    """A sign-up that waits for its code."""

    registration_id: str
    code_expires_at: datetime


def register(
    email: str, mobile: str, tenancy_reference: str, date_of_birth: date, *, address: str, at: datetime
) -> Registration:
    """Find the one person whom all four facts match, and mail them a code.

    A try is reserved for the tenancy reference and for the network address, and given back by a match.

    Raises:
        DetailsNotMatched, AlreadyRegistered, EmailInUse, TriesSpent, TooManyCalls
    """
    tries.count_call(address, at)
    reference_tries = f"reference#{tenancies.tenancy_id(tenancy_reference)}"
    address_tries = tries.reserve_mismatch(address, at)
    with _given_back_when_refused(audit.event(Outcome.LOCKED_REFERENCE, at), address_tries):
        tries.spend(reference_tries, tries.REFERENCE, at)
    people = tenancies.people_to_match(tenancy_reference, at)
    typed = (email, mobile, date_of_birth)
    matching = [p for p in people if rules.matches(typed, (p.email, p.mobile, p.date_of_birth))]
    if len(matching) != 1:
        audit.note(_why_not_matched(people, matching), at, tenancy_id=people[0].tenancy_id if people else None)
        raise DetailsNotMatched
    (person,) = matching
    spent: list[store.Write] = [tries.given_back(reference_tries), tries.given_back(address_tries)]
    _not_registered(person, email, spent, at)
    locked = audit.event(Outcome.LOCKED_CODES, at, customer_id=person.person_id, tenancy_id=person.tenancy_id)
    with _given_back_when_refused(locked, reference_tries, address_tries):
        tries.spend(f"codes#{person.person_id}", tries.CODES_OF_PERSON, at)
        if not may_mail(email, at):
            # Whoever matches may know: a page that waits for a mail that is not coming helps nobody.
            raise tries.TriesSpent(retry_after=int(tries.MAILS_AN_HOUR.lasts.total_seconds()))
    registration = new_registration(person, at, rules.code_expires_at(at))
    store.transact(
        store.Put(registration, RegistrationItem.new()),
        _code_mail(registration, at),
        *spent,
        _event(Outcome.CODE_SENT, registration, at),
    )
    return Registration(registration.pk.removeprefix("REGISTRATION#"), registration.code_expires_at)


@contextlib.contextmanager
def _given_back_when_refused(event: store.Put, *whats: str) -> Iterator[None]:
    """Give the tries at `whats` back where something else refuses: nothing was judged, or what was judged matched.

    `event` tells of the refusal.
    """
    try:
        yield
    except (tries.TriesSpent, tries.TooManyCalls):
        store.transact(*(tries.given_back(what) for what in whats), event)
        raise


def _why_not_matched(people: Sequence[tenancies.Person], matching: Sequence[tenancies.Person]) -> Outcome:
    if not people:
        return Outcome.NOT_MATCHED_NO_TENANCY
    return Outcome.NOT_MATCHED_SEVERAL if matching else Outcome.NOT_MATCHED_FACTS


def _not_registered(person: tenancies.Person, email: str, spent: Sequence[store.Write], at: datetime) -> None:
    customer, login = store.fetch([identity.customer_key(person.person_id), identity.login_key(email)], at)
    if customer or login:
        outcome = Outcome.ALREADY_REGISTERED if customer else Outcome.EMAIL_IN_USE
        known = audit.event(outcome, at, customer_id=person.person_id, tenancy_id=person.tenancy_id)
        store.transact(*spent, known)
        raise AlreadyRegistered if customer else EmailInUse


def new_registration(person: tenancies.Person, at: datetime, expires: datetime) -> RegistrationItem:
    """A sign-up of whoever was matched, with a code that works until `expires`; nothing is written yet."""
    key = identity.registration_key(ids.new_id(at))
    return RegistrationItem(
        pk=key.pk,
        sk=key.sk,
        person_id=person.person_id,
        tenancy_id=person.tenancy_id,
        email=person.email,
        date_of_birth=person.date_of_birth,
        secret_id=secrets.new_secret_id(),
        key_version=secrets.key_version(),
        code_expires_at=expires,
        expires_at=int(expires.timestamp()),
    )


def _event(outcome: Outcome, registration: RegistrationItem, at: datetime) -> store.Put:
    return audit.event(outcome, at, customer_id=registration.person_id, tenancy_id=registration.tenancy_id)


def _code_mail(registration: RegistrationItem, at: datetime) -> store.Put:
    registration_id = registration.pk.removeprefix("REGISTRATION#")
    return _letter_with_code(f"registration:{registration_id}", registration_id, registration.code_expires_at, at)


def _letter_with_code(to: str, registration_id: str, expires: datetime, at: datetime) -> store.Put:
    about = {"expires_at": expires.isoformat(), "registration_id": registration_id}
    return letter("code", to=to, at=at, about=about, useful_until=expires)


def resend(registration_id: str, *, address: str, at: datetime) -> None:
    """Mail the same code with the same end again, where there is such a registration.

    Where there is none, or its code is used, a mail to nobody is asked for: both take the same calls and the same
    time (threat T4). Raises TooManyCalls.
    """
    tries.count_call(address, at)
    found = found_registration(registration_id, at)
    waiting = found if found is not None and found.used_at is None else None
    if may_mail(waiting.email if waiting else f"decoy {registration_id}", at):
        nobody = ids.new_id(at)
        decoy = _letter_with_code(f"nobody:{nobody}", nobody, rules.code_expires_at(at), at)
        if waiting:
            store.transact(_code_mail(waiting, at), _event(Outcome.CODE_SENT_AGAIN, waiting, at))
        else:
            store.transact(decoy, audit.event(Outcome.CODE_NOT_SENT_AGAIN_UNKNOWN, at))
    elif waiting:
        who = {"customer_id": waiting.person_id, "tenancy_id": waiting.tenancy_id}
        audit.note(Outcome.CODE_NOT_SENT_AGAIN_OFTEN, at, **who)
    else:
        audit.note(Outcome.CODE_NOT_SENT_AGAIN_OFTEN, at)


def verify(
    registration_id: str,
    code: str,
    password: str,
    *,
    shared_computer: bool,
    session_cookie: str | None,
    address: str,
    device: str,
    at: datetime,
) -> SignedIn:
    """Take the emailed code and the password chosen, make the customer and log them in, all at once.

    What can be said of the password without knowing whose it is comes before a try is spent; what needs the record
    comes after a right code, gives the try back and leaves the code usable. The session that the browser had until now
    (`session_cookie`) ends. Whoever lost the answer and sends the same again hears that they are registered.

    Raises:
        BadInput: the password.
        NoTenancyToShow: since the code was asked for the record has come to name them on no tenancy.
        CodeNotAccepted, TriesSpent, TooManyCalls, AlreadyRegistered, EmailInUse
    """
    tries.count_call(address, at)
    with audit.noted_when(BadInput, Outcome.PASSWORD_REFUSED_WEAK, at):
        passwords.refuse_weak(password, "password")
    code_tries = f"code#{registration_id[:64]}"
    with audit.noted_when(tries.TriesSpent, Outcome.LOCKED_CODE, at):
        tries.spend(code_tries, tries.CODE, at)
    registration = found_registration(registration_id, at)
    if registration is None:
        audit.note(Outcome.CODE_REFUSED_UNKNOWN, at)
        raise CodeNotAccepted
    person_id, tenancy_id, email = registration.person_id, registration.tenancy_id, registration.email
    if not _is_code(code, registration):
        audit.note(Outcome.CODE_REFUSED_WRONG, at, customer_id=person_id, tenancy_id=tenancy_id)
        raise CodeNotAccepted
    held = tenancies.tenancies_of(person_id, at)
    if registration.used_at is not None:
        raise _used_before(registration, password, code_tries, at)
    if not held:
        store.transact(tries.given_back(code_tries), _event(Outcome.CODE_REFUSED_NO_TENANCY, registration, at))
        raise NoTenancyToShow
    try:
        passwords.refuse_personal(password, "password", email, registration.date_of_birth, held)
    except BadInput:
        store.transact(tries.given_back(code_tries), _event(Outcome.PASSWORD_REFUSED_PERSONAL, registration, at))
        raise
    customer_at, login_at = identity.customer_key(person_id), identity.login_key(email)
    customer = CustomerItem(pk=customer_at.pk, sk=customer_at.sk, email=email, registered_at=at)
    login = LoginItem(
        pk=login_at.pk,
        sk=login_at.sk,
        customer_id=person_id,
        password_hash=passwords.hashed(password),
        password_set_at=at,
        date_of_birth=registration.date_of_birth,
    )
    # The record may have changed since the code was asked for.
    shown = tenancy_id if tenancy_id in {t.tenancy_id for t in held} else held[0].tenancy_id
    opened = new_session(person_id, shown, device, at, shared_computer=shared_computer)
    key = key_of_replaced(session_cookie)
    before = store.fetch(key, at) if key else []
    unused = RegistrationItem.live(at) & RegistrationItem.used_at.does_not_exist()
    writes: list[store.Write] = [
        store.Update(registration, [RegistrationItem.used_at.set(at)], unused),
        store.Put(customer, CustomerItem.new()),
        store.Put(login, LoginItem.new()),
        opened.write,
        letter("registered", to=f"customer:{person_id}", at=at),
        *replaced(session_cookie, before),
        _event(Outcome.REGISTERED, registration, at),
    ]
    try:
        store.transact(*writes)
    except store.Refused as refused:
        if refused.by(0):
            raise _used_before(registration, password, code_tries, at) from None
        outcome = Outcome.ALREADY_REGISTERED if refused.by(1) else Outcome.EMAIL_IN_USE
        audit.note(outcome, at, customer_id=person_id, tenancy_id=tenancy_id)
        raise (AlreadyRegistered() if refused.by(1) else EmailInUse()) from None
    count("Registered")
    return SignedIn(opened, held, False, None if shared_computer else devices.proof(email, at))


def _used_before(registration: RegistrationItem, password: str, code_tries: str, at: datetime) -> Failure:
    """What to tell whoever types a code that is used: with the password that it set, that they are registered.

    They lost the answer, or sent it twice at once. Anybody else hears that the code is not accepted.
    """
    (login,) = store.fetch([identity.login_key(registration.email)], at)
    own = login is not None and login.customer_id == registration.person_id
    if not passwords.is_right(password, login.password_hash if own else None):
        who = {"customer_id": registration.person_id, "tenancy_id": registration.tenancy_id}
        audit.note(Outcome.CODE_REFUSED_USED, at, **who)
        return CodeNotAccepted()
    store.transact(tries.given_back(code_tries), _event(Outcome.ALREADY_REGISTERED, registration, at))
    return AlreadyRegistered()


def _is_code(code: str, registration: RegistrationItem) -> bool:
    right = secrets.code(registration.key_version, registration.secret_id, registration.email)
    return secrets.same(code, right)
