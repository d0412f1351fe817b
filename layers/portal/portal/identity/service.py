"""Registering, logging in, forgotten passwords: what an officer would be told, sentence by sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from portal import ids, store
from portal.clock import epoch
from portal.failures import BadInput, Failure, FieldError
from portal.identity import passwords, rules, secrets, tries
from portal.identity import store as identity
from portal.identity.sessions import NewSession, NotLoggedIn, Session, new_session
from portal.identity.store import CustomerItem, LoginItem, RegistrationItem, ResetItem, SessionItem
from portal.mail.outbox import letter
from portal.tenancies import service as tenancies
from portal.tenancies.service import Tenancy


class DetailsNotMatched(Failure):
    """The four facts do not match one person on one tenancy. Which one was wrong is never said."""


class AlreadyRegistered(Failure):
    """All four facts match somebody who has an account."""


class EmailInUse(Failure):
    """All four facts match, and another customer has that address."""


class CodeNotAccepted(Failure):
    """No such registration, another code, or its time is over."""


class LoginFailed(Failure):
    """Unknown address or wrong password: the two answer alike."""


class Registration(NamedTuple):
    """A sign-up that waits for its code."""

    registration_id: str
    code_expires_at: datetime


@dataclass(frozen=True)
class SignedIn:
    """A customer with a session just opened. `device` proves to later log-ins that this browser was here."""

    session: NewSession
    tenancies: Sequence[Tenancy]
    password_change_required: bool
    device: str | None


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
    tries.spend(reference_tries, tries.REFERENCE, at)
    address_tries = tries.reserve_mismatch(address, at)
    people = tenancies.people_to_match(tenancy_reference, at)
    typed = (email, mobile, date_of_birth)
    matching = [p for p in people if rules.matches(typed, (p.email, p.mobile, p.date_of_birth))]
    if len(matching) != 1:
        raise DetailsNotMatched
    (person,) = matching
    spent: list[store.Write] = [tries.given_back(reference_tries), tries.given_back(address_tries)]
    _not_registered(person.person_id, email, spent, at)
    tries.spend(f"codes#{person.person_id}", tries.CODES_OF_PERSON, at)
    registration = _new_registration(person, email, date_of_birth, at)
    mail = _code_mail(registration, email, at)
    store.transact(store.Put(registration, RegistrationItem.new()), *mail, *spent)
    return Registration(registration.pk.removeprefix("REGISTRATION#"), registration.code_expires_at)


def _not_registered(person_id: str, email: str, spent: Sequence[store.Write], at: datetime) -> None:
    customer, login = store.fetch([identity.customer_key(person_id), identity.login_key(email)], at)
    if customer or login:
        store.transact(*spent)
        raise AlreadyRegistered if customer else EmailInUse


def _new_registration(person: tenancies.Person, email: str, date_of_birth: date, at: datetime) -> RegistrationItem:
    expires = rules.code_expires_at(at)
    key = identity.registration_key(ids.new_id(at))
    return RegistrationItem(
        pk=key.pk,
        sk=key.sk,
        person_id=person.person_id,
        tenancy_id=person.tenancy_id,
        email=email,
        date_of_birth=date_of_birth,
        secret_id=secrets.new_secret_id(),
        key_version=secrets.key_version(),
        code_expires_at=expires,
        expires_at=int(expires.timestamp()),
    )


def _code_mail(registration: RegistrationItem, email: str, at: datetime) -> list[store.Write]:
    """The mail with the code, where the address has had no more than three of its kind this hour and ten today."""
    if not _may_mail(email, at):
        return []
    return [
        letter(
            "code",
            to=f"registration:{registration.pk.removeprefix('REGISTRATION#')}",
            at=at,
            about={"expires_at": registration.code_expires_at.isoformat()},
            useful_until=registration.code_expires_at,
        )
    ]


def _may_mail(email: str, at: datetime) -> bool:
    who = secrets.pseudonym(email)
    return tries.may_spend(f"mails-hour#{who}", tries.MAILS_AN_HOUR, at) and tries.may_spend(
        f"mails-day#{who}", tries.MAILS_A_DAY, at
    )


def resend(registration_id: str, *, address: str, at: datetime) -> None:
    """Mail the same code with the same end again, where there is such a registration. Raises TooManyCalls."""
    tries.count_call(address, at)
    registration = _registration(registration_id, at)
    if registration is not None and (mail := _code_mail(registration, registration.email, at)):
        store.transact(*mail)


def _registration(registration_id: str, at: datetime) -> RegistrationItem | None:
    if not ids.is_id(registration_id):
        return None
    (found,) = store.fetch([identity.registration_key(registration_id)], at)
    return found  # type: ignore[no-any-return]


def verify(registration_id: str, code: str, password: str, *, address: str, device: str, at: datetime) -> SignedIn:
    """Take the emailed code and the password chosen, make the customer and log them in, all at once.

    What can be said of the password without knowing whose it is comes before a try is spent; what needs the record
    comes after a right code, gives the try back and leaves the code usable.

    Raises:
        BadInput: the password.
        CodeNotAccepted, TriesSpent, TooManyCalls, AlreadyRegistered, EmailInUse
    """
    tries.count_call(address, at)
    _acceptable(password, "password")
    code_tries = f"code#{registration_id[:64]}"
    tries.spend(code_tries, tries.CODE, at)
    registration = _registration(registration_id, at)
    if registration is None or not _is_code(code, registration):
        raise CodeNotAccepted
    person_id, email = registration.person_id, registration.email
    held = tenancies.tenancies_of(person_id, at)
    try:
        _acceptable_to(password, "password", email, held)
    except BadInput:
        store.transact(tries.given_back(code_tries))
        raise
    customer_at, login_at = identity.customer_key(person_id), identity.login_key(email)
    customer = CustomerItem(pk=customer_at.pk, sk=customer_at.sk, email=email, registered_at=at)
    login = LoginItem(
        pk=login_at.pk,
        sk=login_at.sk,
        customer_id=person_id,
        password_hash=passwords.hashed(password),
        date_of_birth=registration.date_of_birth,
    )
    opened = new_session(person_id, registration.tenancy_id, device, at)
    writes: list[store.Write] = [
        store.Delete(registration, RegistrationItem.live(at)),
        store.Put(customer, CustomerItem.new()),
        store.Put(login, LoginItem.new()),
        opened.write,
        letter("registered", to=f"customer:{person_id}", at=at),
    ]
    try:
        store.transact(*writes)
    except store.Refused as refused:
        raise _why_not_verified(refused) from None
    return SignedIn(opened, held, False, _device_proof(email, at))


def _is_code(code: str, registration: RegistrationItem) -> bool:
    right = secrets.code(registration.key_version, registration.secret_id, registration.email)
    return secrets.same(code, right)


def _why_not_verified(refused: store.Refused) -> Failure:
    if refused.by(1):
        return AlreadyRegistered()
    return EmailInUse() if refused.by(2) else CodeNotAccepted()


def _acceptable(password: str, field: str) -> None:
    if trouble := rules.password_trouble(password):
        raise BadInput(errors=[FieldError(field, trouble)])


def _acceptable_to(password: str, field: str, email: str, held: Sequence[Tenancy]) -> None:
    words = [text for t in held for text in (t.first_name, t.last_name, t.address)]
    known = rules.KnownOfCustomer(email=email, references=[t.reference for t in held], words=words)
    if trouble := rules.personal_trouble(password, known):
        raise BadInput(errors=[FieldError(field, trouble)])


def log_in(
    email: str,
    password: str,
    *,
    shared_computer: bool,
    known_device: str | None,
    address: str,
    device: str,
    at: datetime,
) -> SignedIn:
    """Open a session for whoever holds the password, or the temporary one that waits.

    A browser that signed in with this address before (`known_device`) has tries of its own, so that an attack
    on the account does not keep its owner out. An unknown address costs the same tries and the same hashing.

    Raises:
        LoginFailed, TriesSpent, TooManyCalls
    """
    tries.count_call(address, at)
    login_tries = f"login#{_tries_of(known_device, email) or secrets.pseudonym(email)}"
    tries.spend(login_tries, tries.LOGIN, at)
    login, reset = store.fetch([identity.login_key(email), identity.reset_key(email)], at)
    is_password = passwords.is_right(password, login.password_hash if login else None)
    is_temporary = _is_temporary(password, reset, email) and login is not None
    if not is_password and not is_temporary:
        raise LoginFailed
    held = tenancies.tenancies_of(login.customer_id, at)
    if not held:
        raise LoginFailed
    temporary = is_temporary and not is_password
    opened = new_session(
        login.customer_id,
        held[0].tenancy_id,
        device,
        at,
        shared_computer=shared_computer,
        temporary_proof=secrets.token_hash(_plain(password)) if temporary else None,
    )
    same_password = LoginItem.password_hash == login.password_hash
    writes: list[store.Write] = [opened.write, tries.given_back(login_tries)]
    if temporary:
        unused = ResetItem.live(at) & ResetItem.used_at.does_not_exist() & (ResetItem.secret_id == reset.secret_id)
        writes += [store.Update(reset, [ResetItem.used_at.set(at)], unused), store.Check(login, same_password)]
    elif passwords.needs_rehash(login.password_hash):
        rehashed = LoginItem.password_hash.set(passwords.hashed(password))
        writes.append(store.Update(login, [rehashed], same_password))
    else:
        writes.append(store.Check(login, same_password))
    try:
        store.transact(*writes)
    except store.Refused:
        raise LoginFailed from None
    proof = None if shared_computer or temporary else _device_proof(email, at)
    return SignedIn(opened, held, temporary, proof)


def _plain(password: str) -> str:
    return "".join(c for c in password.upper() if c.isalnum())


def _is_temporary(password: str, reset: ResetItem | None, email: str) -> bool:
    if reset is None or reset.used_at is not None:
        return False
    right = secrets.temporary_password(reset.key_version, reset.secret_id, email)
    return secrets.same(_plain(password), right)


def _device_proof(email: str, at: datetime) -> str:
    device_id, version = ids.new_id(at), secrets.key_version()
    return f"{device_id}.{version}.{secrets.device_proof(version, device_id, email)}"


def _tries_of(known_device: str | None, email: str) -> str | None:
    """The budget of a browser that proves to have signed in with this address, else None."""
    device_id, _, rest = (known_device or "").partition(".")
    version, _, proof = rest.rpartition(".")
    if not ids.is_id(device_id) or version != secrets.key_version():
        return None
    return f"device#{device_id}" if secrets.same(proof, secrets.device_proof(version, device_id, email)) else None


def ask_for_reset(email: str, date_of_birth: date, *, address: str, at: datetime) -> None:
    """Mail a temporary password where address and date of birth are a customer's.

    Where they are nobody's, a decoy is written and a mail to nobody asked for, so that both take the same calls and
    the same time (threats T4, T8). Asked again within its hour, the same one is mailed with its first end. A wrong
    date of birth spends none of the owner's asks. The old password works until a new one is set.

    Raises:
        TooManyCalls
    """
    tries.count_call(address, at)
    login_at, reset_at, decoy_at = identity.login_key(email), identity.reset_key(email), identity.decoy_key(email)
    login, reset, decoy = store.fetch([login_at, reset_at, decoy_at], at)
    known = login is not None and login.date_of_birth == date_of_birth
    if not _may_mail(email if known else f"decoy {email}", at):
        return
    waiting = reset if known else decoy
    writes: list[store.Write] = []
    if waiting is None or waiting.used_at is not None:
        waiting = _new_reset(reset_at if known else decoy_at, at)
        # Asked twice at once, the first one stands and the second mails nothing.
        free = ResetItem.new() | (ResetItem.expires_at <= at.timestamp()) | ResetItem.used_at.exists()
        writes.append(store.Put(waiting, free))
    until = datetime.fromtimestamp(int(waiting.expires_at), at.tzinfo)
    mail = letter(
        "temporary_password",
        to=f"customer:{login.customer_id}" if known else f"nobody:{ids.new_id(at)}",
        at=at,
        about={"expires_at": until.isoformat()},
        useful_until=until,
    )
    try:
        store.transact(*writes, mail)
    except store.Refused:
        return


def _new_reset(key: store.Key, at: datetime) -> ResetItem:
    return ResetItem(
        pk=key.pk,
        sk=key.sk,
        secret_id=secrets.new_secret_id(),
        key_version=secrets.key_version(),
        expires_at=epoch(at + rules.TEMPORARY_PASSWORD_LASTS),
    )


def change_password(
    session: Session, current_password: str, new_password: str, *, at: datetime, address: str, device: str
) -> NewSession:
    """Set a new password: every other session ends, this one goes on under a new token, and a notice is mailed.

    In a session that a temporary password opened, the current password is that one, checked against this session.

    Raises:
        BadInput: naming `current_password` where it is wrong, `new_password` where that cannot be taken.
        TriesSpent, NotLoggedIn
    """
    tries.count_call(address, at)
    _acceptable(new_password, "new_password")
    (customer,) = store.fetch([identity.customer_key(session.customer_id)], at)
    if customer is None:
        raise NotLoggedIn
    own_tries = f"login#customer#{session.customer_id}"
    tries.spend(own_tries, tries.LOGIN, at)
    (login,) = store.fetch([identity.login_key(customer.email)], at)
    if login is None or not _is_current(current_password, session, login):
        raise BadInput(errors=[FieldError("current_password", "That is not your current password")])
    held = tenancies.tenancies_of(session.customer_id, at)
    try:
        _acceptable_to(new_password, "new_password", customer.email, held)
    except BadInput:
        store.transact(tries.given_back(own_tries))
        raise
    opened = new_session(session.customer_id, session.tenancy_id, device, at, shared_computer=session.idle < rules.IDLE)
    open_now = identity.sessions_of(session.customer_id, at)
    reset_at = identity.reset_key(customer.email)
    set_password = LoginItem.password_hash.set(passwords.hashed(new_password))
    writes: list[store.Write] = [
        store.Update(login, [set_password], LoginItem.password_hash == login.password_hash),
        opened.write,
        store.Delete(ResetItem(pk=reset_at.pk, sk=reset_at.sk)),
        tries.given_back(own_tries),
        letter("password_changed", to=f"customer:{session.customer_id}", at=at, about={"at": at.isoformat()}),
        *(store.Delete(item) for item in open_now[:_MOST_ENDED_AT_ONCE]),
    ]
    try:
        store.transact(*writes)
    except store.Refused:
        raise NotLoggedIn from None
    for item in open_now[_MOST_ENDED_AT_ONCE:]:
        store.transact(store.Delete(item))
    return opened


# A DynamoDB transaction takes 100 writes.
_MOST_ENDED_AT_ONCE = 90


def _is_current(password: str, session: Session, login: LoginItem) -> bool:
    if session.temporary:
        return secrets.same(secrets.token_hash(_plain(password)), session.temporary_proof or "")
    return passwords.is_right(password, login.password_hash)


def log_off(session: Session) -> None:
    """End the session at once."""
    key = identity.session_key(session.customer_id, session.session_id)
    store.transact(store.Delete(SessionItem(pk=key.pk, sk=key.sk)))


def choose_tenancy(session: Session, tenancy_id: str, *, device: str, at: datetime) -> SignedIn:
    """Look at another of the customer's tenancies, under a new token; raises BadInput where it is not theirs."""
    held = tenancies.tenancies_of(session.customer_id, at)
    if tenancy_id not in {t.tenancy_id for t in held}:
        raise BadInput(errors=[FieldError("tenancy_id", "Choose one of your own tenancies")])
    opened = new_session(
        session.customer_id,
        tenancy_id,
        device,
        at,
        shared_computer=session.idle < rules.IDLE,
        started_at=session.started_at,
    )
    key = identity.session_key(session.customer_id, session.session_id)
    ended = store.Delete(SessionItem(pk=key.pk, sk=key.sk), SessionItem.live(at))
    try:
        store.transact(opened.write, ended)
    except store.Refused:
        raise NotLoggedIn from None
    return SignedIn(opened, held, False, None)


def key_of_customer(customer_id: str) -> store.Key:
    """Where the customer is, to be read in the same call as something else; its `email` is the log-in's."""
    return identity.customer_key(customer_id)


class Recipient(NamedTuple):
    """Whom a mail goes to, as the record has it now, and the secret that the mail may carry."""

    email: str
    secret: str | None


def recipient(to: str, kind: str, at: datetime) -> Recipient | None:
    """The recipient of a mail, None where the mail has lost its sense (the code was used, the reset is over).

    `to` is as `portal.mail.outbox.letter` takes it. The secret is derived here, and only for the mail that carries it.
    """
    what, _, its_id = to.partition(":")
    if what == "nobody":
        return None
    if what == "registration":
        registration = _registration(its_id, at)
        if registration is None:
            return None
        code = secrets.code(registration.key_version, registration.secret_id, registration.email)
        return Recipient(registration.email, rules.grouped(code))
    (customer,) = store.fetch([identity.customer_key(its_id)], at)
    if customer is None:
        return None
    if kind != "temporary_password":
        return Recipient(customer.email, None)
    (reset,) = store.fetch([identity.reset_key(customer.email)], at)
    if reset is None or reset.used_at is not None:
        return None
    password = secrets.temporary_password(reset.key_version, reset.secret_id, customer.email)
    return Recipient(customer.email, rules.grouped(password))
