"""Whom a mail goes to, as the record has it, and the secret that it may carry, derived only to be sent."""

from datetime import datetime
from typing import Any, NamedTuple

from portal import ids, store
from portal.brand import landlord
from portal.identity import rules, secrets, tries
from portal.identity import store as identity
from portal.identity.sessions import Session
from portal.identity.store import RegistrationItem
from portal.mail.outbox import letter
from portal.tenancies import service as tenancies


def may_mail(email: str, at: datetime) -> bool:
    """Whether the address may have another mail of the kind that a stranger can cause: three an hour, ten a day."""
    who = secrets.pseudonym(email)
    return tries.may_spend(f"mails-hour#{who}", tries.MAILS_AN_HOUR, at) and tries.may_spend(
        f"mails-day#{who}", tries.MAILS_A_DAY, at
    )


def found_registration(registration_id: str, at: datetime) -> RegistrationItem | None:
    """The live registration with that id, if there is one; its code may be used."""
    if not ids.is_id(registration_id):
        return None
    (found,) = store.fetch([identity.registration_key(registration_id)], at)
    return found  # type: ignore[no-any-return]


def notices(
    kind: str, session: Session, email: str, person: Any, *, at: datetime, about: dict[str, Any]
) -> list[store.Write]:
    """The letters that tell a customer of a change: to the address they log in with, and to the record's if another.

    `person` is the item of `tenancies.key_of_person` for the session's tenancy and customer.
    """
    whom = [f"customer:{session.customer_id}"]
    if person is not None and person.email and person.email != email:
        whom.append(f"person:{session.tenancy_id}.{session.customer_id}")
    return [letter(kind, to=to, at=at, about=about) for to in whom]


class Recipient(NamedTuple):
    """Whom a mail goes to, as the record has it now, and the secret that the mail may carry."""

    email: str
    secret: str | None


def _new_address(customer_id: str, secret_id: str, at: datetime) -> Recipient | None:
    (change,) = store.fetch([identity.email_change_key(customer_id)], at)
    if change is None or change.secret_id != secret_id:
        return None
    code = secrets.email_code(change.key_version, change.secret_id, change.email)
    return Recipient(change.email, rules.grouped(code))


def recipient(to: str, kind: str, at: datetime) -> Recipient | None:
    """The recipient of a mail, None where the mail has lost its sense (the code was used, the reset is over).

    `to` is as `portal.mail.outbox.letter` takes it. The secret is derived here, and only for the mail that carries it.
    """
    what, _, its_id = to.partition(":")
    if what == "nobody":
        return None
    if what == "landlord":
        contact = landlord()["contact"]
        return Recipient(contact.get("deadlines_email") or contact["reply_email"], None)
    if what == "registration":
        registration = found_registration(its_id, at)
        if registration is None or registration.used_at is not None:
            return None
        code = secrets.code(registration.key_version, registration.secret_id, registration.email)
        return Recipient(registration.email, rules.grouped(code))
    if what == "email-change":
        customer_id, _, secret_id = its_id.partition(".")
        return _new_address(customer_id, secret_id, at)
    if what == "former":
        customer_id, _, change_id = its_id.partition(".")
        (former,) = store.fetch([identity.former_email_key(customer_id, change_id)], at)
        return Recipient(former.email, None) if former else None
    if what == "person":
        tenancy_id, _, person_id = its_id.partition(".")
        (person,) = store.fetch([tenancies.key_of_person(tenancy_id, person_id)], at)
        return Recipient(person.email, None) if person and person.email else None
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
