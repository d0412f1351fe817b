"""What a tenant asks of their contact details and their household."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from portal import ids, store
from portal.audit import service as audit
from portal.audit.service import Outcome
from portal.contact import rules
from portal.contact import store as contacts
from portal.contact.rules import Member
from portal.contact.store import ContactItem, HouseholdItem, MemberMap
from portal.exchange import journal
from portal.failures import Failure, NotFound
from portal.identity import service as identity
from portal.identity.sessions import NotLoggedIn, Session
from portal.mail.outbox import letter
from portal.tenancies import service as tenancies

# What the record had on a tenancy that came after the customer told their number: no number is this one.
_NEVER_SEEN = ""
# Enough for a dozen changes of one item at the same moment.
_TRIES = 12
_HOUSEHOLD = {
    "added": Outcome.HOUSEHOLD_ADDED,
    "changed": Outcome.HOUSEHOLD_CHANGED,
    "removed": Outcome.HOUSEHOLD_REMOVED,
}


class StaleVersion(Failure):
    """The details changed after the version that the caller has seen."""


class AlreadyListed(Failure):
    """Somebody of that name, date of birth and relationship is in the household already."""


class HouseholdFull(Failure):
    """The household has as many members as can be told here."""


class Contact(NamedTuple):
    """How to reach a customer. `email` is the log-in's. `version` counts what the customer changed."""

    email: str
    mobile: str | None
    home_phone: str | None
    correspondence_address: Mapping[str, str] | None
    preferences: Mapping[str, Any] | None
    version: int


def beside_contact(session: Session) -> Sequence[store.Key]:
    """What the contact details are made of, all read in the session's call."""
    return (
        identity.key_of_customer(session.customer_id),
        tenancies.key_of_person(session.tenancy_id, session.person_id),
        contacts.contact_key(session.person_id),
        tenancies.key_of(session.tenancy_id),
    )


def contact(session: Session) -> Contact:
    """How to reach the customer; `session` carries what `beside_contact` names. Raises NotLoggedIn."""
    return _contact(session.tenancy_id, *session.beside[:3])


def _contact(tenancy_id: str, customer: Any, person: Any, told: ContactItem | None) -> Contact:
    if customer is None:
        raise NotLoggedIn
    record = person.mobile if person else None
    if told is None:
        return Contact(customer.email, record, None, None, None, 0)
    return Contact(
        customer.email,
        rules.mobile_shown(told.mobile, (told.mobiles_seen or {}).get(tenancy_id, _NEVER_SEEN), record),
        told.home_phone,
        told.correspondence_address,
        told.preferences,
        int(told.version),
    )


def change_contact(session: Session, wanted: Mapping[str, Any], *, if_match: str | None, at: datetime) -> Contact:
    """Change what `wanted` names; the landlord's export and a notice to the customer go with it in one transaction.

    What holds already is no change: nothing is written or sent then. Two changes at once both come through, since
    each is made to what the other left; with `if_match` the later one is refused instead.

    Raises:
        StaleVersion: `if_match` is not the present version.
        NotLoggedIn, NotFound: the customer or the person is no longer in the record.
    """
    customer, person, told, tenancy = session.beside
    for attempt in range(_TRIES):
        now = _contact(session.tenancy_id, customer, person, told)
        if not rules.matches(if_match, now.version):
            raise StaleVersion
        changed = rules.changed(now._asdict(), wanted)
        if not changed:
            return now
        if person is None or tenancy is None:
            raise NotFound
        item = _changed_contact(told, session.person_id, changed, at)
        row = _exported_contact(changed, tenancy.reference, person.person_reference, at)
        try:
            store.transact(
                contacts.put_version(item, after=now.version),
                journal.entry("contact", row, at),
                *identity.notices(
                    "contact_changed",
                    session,
                    customer.email,
                    person,
                    at=at,
                    about={"changed": [rules.IN_WORDS[name] for name in changed], "at": at.isoformat()},
                ),
                _event(Outcome.MOBILE_CHANGED if "mobile" in changed else Outcome.CONTACT_CHANGED, session, at),
            )
        except store.Refused:
            contacts.let_others_finish(attempt)
            customer, person, told, tenancy = store.fetch(beside_contact(session), at)
        else:
            return _contact(session.tenancy_id, customer, person, item)
    raise store.Unavailable


def _event(outcome: Outcome, session: Session, at: datetime) -> store.Put:
    return audit.event(outcome, at, customer_id=session.customer_id, tenancy_id=session.tenancy_id)


def _changed_contact(told: ContactItem | None, person_id: str, changed: Mapping[str, Any], at: datetime) -> ContactItem:
    key = contacts.contact_key(person_id)
    before = told.values() if told else {"pk": key.pk, "sk": key.sk}
    item = ContactItem(**{**before, **changed, "changed_at": at})
    if "mobile" in changed:
        item.mobiles_seen = tenancies.mobiles_of(person_id, at)
    return item


def _exported_contact(
    changed: Mapping[str, Any], tenancy_reference: str, person_reference: str, at: datetime
) -> dict[str, str]:
    """The row that the landlord gets. A fact that `changed` names and whose columns are empty was removed."""
    address, preferences = changed.get("correspondence_address") or {}, changed.get("preferences") or {}
    return {
        "tenancy_reference": tenancy_reference,
        "person_reference": person_reference,
        "changed_at": at.isoformat(),
        "changed": ";".join(changed),
        "mobile": changed.get("mobile") or "",
        "home_phone": changed.get("home_phone") or "",
        "address_line_1": address.get("line_1") or "",
        "address_line_2": address.get("line_2") or "",
        "town": address.get("town") or "",
        "postcode": address.get("postcode") or "",
        "contact_by": preferences.get("contact_by") or "",
        "language": preferences.get("language") or "",
        "large_print": ("yes" if preferences["large_print"] else "no") if preferences else "",
        "email": "",
    }


def beside_household(session: Session) -> Sequence[store.Key]:
    """What the household and a change of it need, all read in the session's call."""
    return (
        contacts.household_key(session.tenancy_id),
        tenancies.key_of(session.tenancy_id),
        tenancies.key_of_person(session.tenancy_id, session.person_id),
    )


def household(session: Session) -> Sequence[Member]:
    """Who lives in the home besides those named on the tenancy; `session` carries what `beside_household` names."""
    return _members(session.beside[0])


def add_member(session: Session, name: str, date_of_birth: date | None, relationship: str, *, at: datetime) -> Member:
    """Add somebody to the household. A second click adds nobody twice.

    Raises:
        TenancyEnded, AlreadyListed
        HouseholdFull: there are 30 already.
    """
    added = Member(ids.new_id(at), name, date_of_birth, relationship)

    def add(members: list[Member]) -> Member:
        if rules.is_listed(members, name, date_of_birth, relationship):
            raise AlreadyListed
        if len(members) >= rules.MOST_MEMBERS:
            raise HouseholdFull
        members.append(added)
        return added

    return _change_household(session, "added", add, at)


def change_member(session: Session, member_id: str, wanted: Mapping[str, Any], *, at: datetime) -> Member:
    """Change what `wanted` names of a member; what holds already is no change. Raises TenancyEnded, NotFound."""

    def change(members: list[Member]) -> Member:
        place = _place(members, member_id)
        members[place] = members[place]._replace(**wanted)
        return members[place]

    return _change_household(session, "changed", change, at)


def remove_member(session: Session, member_id: str, *, at: datetime) -> None:
    """Take a member off the household. Raises TenancyEnded, NotFound."""
    _change_household(session, "removed", lambda members: members.pop(_place(members, member_id)), at)


def _place(members: Sequence[Member], member_id: str) -> int:
    place = next((i for i, m in enumerate(members) if m.member_id == member_id), None)
    if place is None:
        raise NotFound
    return place


def _change_household(session: Session, what: str, change: Callable[[list[Member]], Member], at: datetime) -> Member:
    """Do `change` to the members as they are; one transaction with the landlord's line and the notice."""
    stored, tenancy, person = session.beside
    for attempt in range(_TRIES):
        tenancies.refuse_ended(tenancy, at)
        members = _members(stored)
        member = change(members)
        if members == _members(stored):
            return member
        row = _exported_member(what, member, tenancy.reference, person.person_reference if person else "", at)
        try:
            store.transact(
                contacts.put_version(_household(session.tenancy_id, members, at), after=_version(stored)),
                journal.entry("household", row, at),
                letter(
                    "household_changed",
                    to=f"customer:{session.customer_id}",
                    at=at,
                    about={"change": what, "at": at.isoformat()},
                ),
                _event(_HOUSEHOLD[what], session, at),
            )
        except store.Refused:
            contacts.let_others_finish(attempt)
            stored, tenancy, person = store.fetch(beside_household(session), at)
        else:
            return member
    raise store.Unavailable


def _version(stored: HouseholdItem | None) -> int:
    return int(stored.version) if stored else 0


def _members(stored: HouseholdItem | None) -> list[Member]:
    found = stored.members if stored else ()
    return [Member(m.member_id, m.name, m.date_of_birth, m.relationship) for m in found]


def _household(tenancy_id: str, members: Sequence[Member], at: datetime) -> HouseholdItem:
    key = contacts.household_key(tenancy_id)
    make: Callable[..., MemberMap] = MemberMap
    return HouseholdItem(pk=key.pk, sk=key.sk, members=[make(**m._asdict()) for m in members], changed_at=at)


def _exported_member(
    what: str, member: Member, tenancy_reference: str, person_reference: str, at: datetime
) -> dict[str, str]:
    """The row that the landlord gets: who, as they are after the change (or were, when removed)."""
    return {
        "tenancy_reference": tenancy_reference,
        "person_reference": person_reference,
        "changed_at": at.isoformat(),
        "change": what,
        "member_id": member.member_id,
        "name": member.name,
        "date_of_birth": member.date_of_birth.isoformat() if member.date_of_birth else "",
        "relationship": member.relationship,
    }
