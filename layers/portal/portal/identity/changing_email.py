"""Changing the address that a customer logs in with: the password again, and a code mailed to the new one."""

from datetime import datetime
from typing import Any

from portal import ids, store
from portal.audit import service as audit
from portal.audit.service import Outcome
from portal.clock import epoch
from portal.exchange import journal
from portal.failures import BadInput, FieldError
from portal.identity import devices, rules, secrets, tries
from portal.identity import store as identity
from portal.identity.recipients import may_mail, notices
from portal.identity.registering import CodeNotAccepted, EmailInUse
from portal.identity.resetting import prove_it_is_them
from portal.identity.sessions import NewSession, NotLoggedIn, Session, ending, in_era, new_session, still_open
from portal.identity.store import CustomerItem, EmailChangeItem, FormerEmailItem, LoginItem, ResetItem
from portal.mail.outbox import letter, notice_useful_until
from portal.tenancies import service as tenancies


def ask_for_email(session: Session, email: str, current_password: str, *, address: str, at: datetime) -> datetime:
    """Mail a code to the new address, and say until when it works. Nothing is changed yet.

    Asked again for the same address, the same code is mailed with its first end. Where another customer has the address
    they are told that somebody tried; the answer is the same, and the same calls are made (threat T4).

    Raises:
        BadInput: naming `email` where it is the present one, `current_password` where that is wrong.
        TriesSpent: of the password, or of the codes that one customer may ask for.
        TooManyCalls, NotLoggedIn
    """
    tries.count_call(address, at)
    customer_at, change_at = identity.customer_key(session.customer_id), identity.email_change_key(session.customer_id)
    customer, change, taken = store.fetch([customer_at, change_at, identity.login_key(email)], at)
    if customer is None:
        raise NotLoggedIn
    _, own_tries = prove_it_is_them(session, customer.email, current_password, at)
    who = {"customer_id": session.customer_id, "tenancy_id": session.tenancy_id}
    if email == customer.email:
        store.transact(tries.matched(own_tries), audit.event(Outcome.EMAIL_NOT_SENT_PRESENT, at, **who))
        raise BadInput(errors=[FieldError("email", "That is the email address you log in with now")])
    store.transact(tries.matched(own_tries))
    with audit.noted_when(tries.TriesSpent, Outcome.LOCKED_NEW_ADDRESSES, at, **who):
        tries.spend(f"email-changes#{session.customer_id}", tries.MAILS_AN_HOUR, at)
        tries.spend(f"email-changes-day#{session.customer_id}", tries.MAILS_A_DAY, at)
    if change is None or change.email != email:
        change = _new_change(change_at, email, at)
    until = datetime.fromtimestamp(int(change.expires_at), at.tzinfo)
    # Its owner's own mails, of a reset say, are not spent by whoever names the address.
    if may_mail(f"new address {email}", at):
        mail = letter(
            "email_taken" if taken else "email_code",
            to=f"customer:{taken.customer_id}" if taken else f"email-change:{session.customer_id}.{change.secret_id}",
            at=at,
            about={"expires_at": until.isoformat()},
            useful_until=until,
        )
        outcome = Outcome.EMAIL_ASKED_TAKEN if taken else Outcome.EMAIL_ASKED
        try:
            store.transact(*still_open(session, at), store.Put(change), mail, audit.event(outcome, at, **who))
        except store.Refused:
            audit.note(Outcome.EMAIL_NOT_SENT_CHANGED, at, **who)
            raise NotLoggedIn from None
    else:
        audit.note(Outcome.EMAIL_NOT_SENT_OFTEN, at, **who)
    return until


def _new_change(key: store.Key, email: str, at: datetime) -> EmailChangeItem:
    return EmailChangeItem(
        pk=key.pk,
        sk=key.sk,
        email=email,
        secret_id=secrets.new_secret_id(),
        key_version=secrets.key_version(),
        expires_at=epoch(rules.code_expires_at(at)),
    )


def confirm_email(
    session: Session, code: str, *, known_device: str | None, address: str, device: str, at: datetime
) -> tuple[NewSession, str | None]:
    """Take the code from the new address: from now on the customer logs in with that, and the old one is free.

    Every other session ends, this one goes on under a new token to its own end; the landlord is told, and so are the
    old address and the new one. Answers the session and what the browser shows from now on to have signed in before,
    if it did.

    Raises:
        CodeNotAccepted: nobody asked, another code, or its time is over.
        EmailInUse: another customer has the address: whoever has the code may know.
        TriesSpent, TooManyCalls, NotLoggedIn
    """
    tries.count_call(address, at)
    customer, change, person, tenancy = store.fetch(
        [
            identity.customer_key(session.customer_id),
            identity.email_change_key(session.customer_id),
            tenancies.key_of_person(session.tenancy_id, session.person_id),
            tenancies.key_of(session.tenancy_id),
        ],
        at,
    )
    if customer is None:
        raise NotLoggedIn
    who = {"customer_id": session.customer_id, "tenancy_id": session.tenancy_id}
    if change is None:
        audit.note(Outcome.EMAIL_CODE_REFUSED_UNKNOWN, at, **who)
        raise CodeNotAccepted
    with audit.noted_when(tries.TriesSpent, Outcome.LOCKED_EMAIL_CODE, at, **who):
        tries.spend(f"email-code#{change.secret_id}", tries.CODE, at)
    if not secrets.same(code, secrets.email_code(change.key_version, change.secret_id, change.email)):
        audit.note(Outcome.EMAIL_CODE_REFUSED_WRONG, at, **who)
        raise CodeNotAccepted
    (login,) = store.fetch([identity.login_key(customer.email)], at)
    if login is None:
        raise NotLoggedIn
    era = secrets.new_era()
    opened = new_session(
        session.customer_id,
        session.tenancy_id,
        device,
        at,
        shared_computer=session.idle < rules.IDLE,
        started_at=session.started_at,
        last_visit_at=session.last_visit_at,
        era=era,
    )
    moved = _moved(login, change.email, era)
    was_here = devices.tries_of(known_device, customer.email, login.password_set_at, at) is not None
    proof = devices.proof(change.email, at) if was_here else None
    unchanged = (EmailChangeItem.secret_id == change.secret_id) & EmailChangeItem.live(at)
    same_password = LoginItem.password_hash == login.password_hash
    reset_at = identity.reset_key(customer.email)
    writes: list[store.Write] = [
        ending(session, at),
        store.Update(
            customer,
            [CustomerItem.email.set(change.email), CustomerItem.era.set(era)],
            (CustomerItem.email == customer.email) & in_era(session),
        ),
        store.Put(moved, LoginItem.new()),
        store.Delete(change, unchanged),
        store.Delete(login, same_password),
        store.Delete(ResetItem(pk=reset_at.pk, sk=reset_at.sk)),
        opened.write,
        *_told(session, customer.email, change.email, person, at),
        *_for_the_landlord(change.email, person, tenancy, at),
        audit.event(Outcome.EMAIL_CHANGED, at, **who),
    ]
    try:
        store.transact(*writes)
    except store.Refused as refused:
        if refused.by(0) or refused.by(1):
            audit.note(Outcome.EMAIL_CODE_REFUSED_CHANGED, at, **who)
            raise NotLoggedIn from None
        taken = refused.by(2)
        outcome = Outcome.EMAIL_CODE_REFUSED_TAKEN if taken else Outcome.EMAIL_CODE_REFUSED_CHANGED
        audit.note(outcome, at, **who)
        raise (EmailInUse() if taken else CodeNotAccepted()) from None
    return opened, proof


def _moved(login: LoginItem, email: str, era: str) -> LoginItem:
    key = identity.login_key(email)
    return LoginItem(
        pk=key.pk,
        sk=key.sk,
        customer_id=login.customer_id,
        password_hash=login.password_hash,
        password_set_at=login.password_set_at,
        date_of_birth=login.date_of_birth,
        era=era,
    )


def _told(session: Session, old: str, new: str, person: Any, at: datetime) -> list[store.Write]:
    """The notices: to the new address, the old one, and the record's where it is neither."""
    about = {"at": at.isoformat()}
    change_id = ids.new_id(at)
    key = identity.former_email_key(session.customer_id, change_id)
    former = FormerEmailItem(pk=key.pk, sk=key.sk, email=old, expires_at=epoch(notice_useful_until(at)))
    # To the record's own address once, also where it is the old one.
    record = None if person is not None and person.email == old else person
    return [
        store.Put(former),
        letter("email_changed", to=f"former:{session.customer_id}.{change_id}", at=at, about=about),
        *notices("email_changed", session, new, record, at=at, about=about),
    ]


def _for_the_landlord(email: str, person: Any, tenancy: Any, at: datetime) -> list[store.Write]:
    """The line of the landlord's export; none where the record no longer names the customer."""
    if person is None or tenancy is None:
        return []
    row = {
        "tenancy_reference": tenancy.reference,
        "person_reference": person.person_reference,
        "changed_at": at.isoformat(),
        "changed": "email",
        "email": email,
    }
    return [journal.entry("contact", row, at)]
