"""Whom a mail goes to, as the record has it, and the secret that it may carry, derived only to be sent."""

from datetime import datetime
from typing import NamedTuple

from portal import ids, store
from portal.brand import landlord
from portal.identity import rules, secrets, tries
from portal.identity import store as identity
from portal.identity.store import RegistrationItem
from portal.tenancies import service as tenancies


def may_mail(email: str, at: datetime) -> bool:
    """Whether the address may have another mail of the kind that a stranger can cause: three an hour, ten a day."""
    who = secrets.pseudonym(email)
    return tries.may_spend(f"mails-hour#{who}", tries.MAILS_AN_HOUR, at) and tries.may_spend(
        f"mails-day#{who}", tries.MAILS_A_DAY, at
    )


def found_registration(registration_id: str, at: datetime) -> RegistrationItem | None:
    """The live registration with that id, if there is one."""
    if not ids.is_id(registration_id):
        return None
    (found,) = store.fetch([identity.registration_key(registration_id)], at)
    return found  # type: ignore[no-any-return]


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
    if what == "landlord":
        contact = landlord()["contact"]
        return Recipient(contact.get("deadlines_email") or contact["reply_email"], None)
    if what == "registration":
        registration = found_registration(its_id, at)
        if registration is None:
            return None
        code = secrets.code(registration.key_version, registration.secret_id, registration.email)
        return Recipient(registration.email, rules.grouped(code))
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
