"""Forgotten and changed passwords."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from portal import clock, ids, store
from portal.audit import service as audit
from portal.audit.service import Outcome
from portal.clock import epoch
from portal.failures import BadInput, FieldError
from portal.identity import devices, passwords, rules, secrets, tries
from portal.identity import store as identity
from portal.identity.recipients import may_mail, notices
from portal.identity.sessions import NewSession, NotLoggedIn, Session, ending, in_era, new_session
from portal.identity.store import CustomerItem, EmailChangeItem, LoginItem, PasskeyItem, ResetItem
from portal.mail.outbox import letter
from portal.tenancies import service as tenancies


def ask_for_reset(email: str, date_of_birth: date, *, address: str, at: datetime) -> None:
    """Mail a temporary password where address and date of birth are a customer's.

    Where they are nobody's, a decoy is written and a mail to nobody asked for, so that both take the same calls and
    the same time (threats T4, T8). Asked again within its hour, the same one is mailed with its first end. Each date
    of birth has as many asks as the owner's and spends none of theirs. The old password works until a new one is set.

    Raises:
        TooManyCalls
    """
    tries.count_call(address, at)
    guess = f"decoy {email} {date_of_birth}"
    login_at, reset_at, decoy_at = (
        identity.login_key(email),
        identity.reset_key(email),
        identity.decoy_key(secrets.pseudonym(guess)),
    )
    login, reset, decoy = store.fetch([login_at, reset_at, decoy_at], at)
    known = login is not None and login.date_of_birth == date_of_birth
    customer_id = login.customer_id if login else None
    if not may_mail(email if known else guess, at):
        audit.note(Outcome.RESET_NOT_SENT_OFTEN, at, customer_id=customer_id)
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
        to=f"customer:{customer_id}" if known else f"nobody:{ids.new_id(at)}",
        at=at,
        about={"expires_at": until.isoformat()},
        useful_until=until,
    )
    asked = Outcome.RESET_ASKED if known else _why_not_known(login)
    try:
        store.transact(*writes, mail, audit.event(asked, at, customer_id=customer_id))
    except store.Refused:
        audit.note(Outcome.RESET_NOT_SENT_TWICE, at, customer_id=customer_id)


def _why_not_known(login: LoginItem | None) -> Outcome:
    return Outcome.RESET_ASKED_WRONG_DATE if login else Outcome.RESET_ASKED_UNKNOWN


def _new_reset(key: store.Key, at: datetime) -> ResetItem:
    return ResetItem(
        pk=key.pk,
        sk=key.sk,
        secret_id=secrets.new_secret_id(),
        key_version=secrets.key_version(),
        expires_at=epoch(at + rules.TEMPORARY_PASSWORD_LASTS),
    )


def change_password(
    session: Session,
    current_password: str,
    new_password: str,
    *,
    known_device: str | None,
    at: datetime,
    address: str,
    device: str,
) -> tuple[NewSession, str | None]:
    """Set a new password: every other session ends, this one goes on under a new token, and a notice is mailed.

    Answers the session and what the browser shows from now on to have signed in before, if it did. A new email address
    that was asked for before is asked for no more. In a session that a temporary password opened, the current password
    is that one, checked against this session.

    Raises:
        BadInput: naming `current_password` where it is wrong, `new_password` where that cannot be taken.
        TriesSpent, NotLoggedIn
    """
    tries.count_call(address, at)
    who = {"customer_id": session.customer_id, "tenancy_id": session.tenancy_id}
    with audit.noted_when(BadInput, Outcome.PASSWORD_REFUSED_WEAK, at, **who):
        passwords.refuse_weak(new_password, "new_password")
    person_at = tenancies.key_of_person(session.tenancy_id, session.person_id)
    keys = [identity.customer_key(session.customer_id), person_at, *identity.passkey_keys(session.customer_id)]
    customer, person, *kept = store.fetch(keys, at)
    if customer is None:
        raise NotLoggedIn
    login, own_tries = prove_it_is_them(session, customer.email, current_password, at)
    held = tenancies.tenancies_of(session.customer_id, at)
    try:
        passwords.refuse_personal(new_password, "new_password", customer.email, login.date_of_birth, held)
    except BadInput:
        store.transact(tries.matched(own_tries), audit.event(Outcome.PASSWORD_REFUSED_PERSONAL, at, **who))
        raise
    era, shared = secrets.new_era(), session.idle < rules.IDLE
    opened = new_session(session.customer_id, session.tenancy_id, device, at, shared_computer=shared, era=era)
    reset_at, change_at = identity.reset_key(customer.email), identity.email_change_key(session.customer_id)
    set_password = [
        LoginItem.password_hash.set(passwords.hashed(new_password)),
        LoginItem.password_set_at.set(at),
        LoginItem.era.set(era),
    ]
    was_here = devices.tries_of(known_device, customer.email, login.password_set_at, at) is not None
    proof = devices.proof(customer.email, at) if was_here else None
    writes: list[store.Write] = [
        ending(session, at),
        store.Update(customer, [CustomerItem.era.set(era)], in_era(session)),
        store.Update(login, set_password, LoginItem.password_hash == login.password_hash),
        opened.write,
        store.Delete(ResetItem(pk=reset_at.pk, sk=reset_at.sk)),
        store.Delete(EmailChangeItem(pk=change_at.pk, sk=change_at.sk)),
        tries.matched(own_tries),
        *notices("password_changed", session, customer.email, person, at=at, about=_notice(kept, at)),
        audit.event(Outcome.PASSWORD_CHANGED_AFTER_RESET if session.temporary else Outcome.PASSWORD_CHANGED, at, **who),
    ]
    try:
        store.transact(*writes)
    except store.Refused:
        audit.note(Outcome.PASSWORD_REFUSED_CHANGED, at, **who)
        raise NotLoggedIn from None
    return opened, proof


def _notice(kept: Sequence[PasskeyItem | None], at: datetime) -> dict[str, Any]:
    """What the mail tells: passkeys outlive a new password, so that their owner hears of each."""
    names = [f"{p.name}, added on {clock.day_in_words(clock.london_date(p.added_at))}" for p in kept if p]
    return {"at": at.isoformat(), "passkeys": names}


def prove_it_is_them(session: Session, email: str, password: str, at: datetime) -> tuple[LoginItem, str]:
    """The log-in of the session's customer once they have given their password again, and the tries to give back.

    The try is spent; whoever goes on gives it back by `tries.matched`. A temporary password's session has tries of its
    own, so that guesses elsewhere do not keep its owner from choosing a new one, nor its guesses them from theirs.

    Raises:
        BadInput: naming `current_password`.
        TriesSpent
    """
    whose = f"session#{session.session_id}" if session.temporary else f"customer#{session.customer_id}"
    own_tries = f"login#{whose}"
    who = {"customer_id": session.customer_id, "tenancy_id": session.tenancy_id}
    with audit.noted_when(tries.TriesSpent, Outcome.LOCKED_PASSWORD, at, **who):
        tries.spend(own_tries, tries.LOGIN, at)
    (login,) = store.fetch([identity.login_key(email)], at)
    if login is None or not _is_current(password, session, login):
        audit.note(Outcome.PASSWORD_REFUSED_CURRENT, at, **who)
        raise BadInput(errors=[FieldError("current_password", "That is not your current password")])
    return login, own_tries


def _is_current(password: str, session: Session, login: LoginItem) -> bool:
    if session.temporary:
        return secrets.same(secrets.token_hash(secrets.bare(password)), session.temporary_proof or "")
    return passwords.is_right(password, login.password_hash)
