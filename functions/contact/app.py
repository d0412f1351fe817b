"""Contact details and the household: what tenants themselves keep right."""

from datetime import date
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from portal import clock
from portal.contact import rules
from portal.contact import service as contacts
from portal.contact.fields import AddressRequest, MemberDateOfBirth, Name, PreferencesRequest, RelationshipField
from portal.http.api import Answer, Api
from portal.identity.sessions import NotLoggedIn, PasswordChangeRequired, Session
from portal.tenancies.service import TenancyEnded
from portal.validation.fields import Mobile, Phone
from portal.validation.reading import Request

app = Api()
handler = app.handler


class ContactRequest(Request):
    """What is to be changed; null takes a home phone or a correspondence address away."""

    mobile: Mobile | UnsetType = UNSET
    home_phone: Phone | UnsetType | None = UNSET
    correspondence_address: AddressRequest | UnsetType | None = UNSET
    preferences: PreferencesRequest | UnsetType = UNSET


class Address(Struct):
    """Where letters go when not to the home."""

    line_1: str
    line_2: str | None
    town: str
    postcode: str


class Preferences(Struct):
    """How the customer likes to hear from the landlord."""

    contact_by: rules.ContactBy
    language: str | None
    large_print: bool


class Contact(Struct):
    """How to reach the customer. `version` goes into If-Match; it counts the customer's own changes."""

    email: str
    mobile: str | None
    home_phone: str | None
    correspondence_address: Address | None
    preferences: Preferences | None
    version: int


class MemberRequest(Request, kw_only=True):
    """Somebody who lives in the home."""

    name: Name
    date_of_birth: MemberDateOfBirth | UnsetType | None = UNSET
    relationship: RelationshipField


class MemberChangeRequest(Request):
    """What is to be changed of a member; null takes the date of birth away."""

    name: Name | UnsetType = UNSET
    date_of_birth: MemberDateOfBirth | UnsetType | None = UNSET
    relationship: RelationshipField | UnsetType = UNSET


class Member(Struct):
    """Somebody who lives in the home, besides those named on the tenancy."""

    member_id: str
    name: str
    date_of_birth: date | None
    relationship: rules.Relationship


class Household(Struct):
    """Everybody who lives in the home, besides those named on the tenancy."""

    members: list[Member]


@app.get("/api/contact", beside=contacts.beside_contact, failures=(NotLoggedIn, PasswordChangeRequired))
def show_contact(session: Session) -> Answer[Contact]:
    """How to reach the customer."""
    return _answer(contacts.contact(session))


@app.patch(
    "/api/contact",
    beside=contacts.beside_contact,
    failures=(NotLoggedIn, PasswordChangeRequired, contacts.StaleVersion),
)
def change_contact(session: Session, body: ContactRequest, event: dict[str, Any]) -> Answer[Contact]:
    """Change what the body names and leave the rest; If-Match with the ETag refuses it where somebody was faster."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    wanted = _told(body)
    if isinstance(body.correspondence_address, AddressRequest):
        wanted["correspondence_address"] = {"line_2": None} | _told(body.correspondence_address)
    if isinstance(body.preferences, PreferencesRequest):
        wanted["preferences"] = {"language": None, "large_print": False} | _told(body.preferences)
    return _answer(contacts.change_contact(session, wanted, if_match=headers.get("if-match"), at=clock.now()))


@app.get("/api/household", beside=contacts.beside_household, failures=(NotLoggedIn, PasswordChangeRequired))
def show_household(session: Session) -> Household:
    """Who lives in the home besides those named on the tenancy."""
    return Household([Member(**member._asdict()) for member in contacts.household(session)])


@app.post(
    "/api/household/members",
    status=201,
    beside=contacts.beside_household,
    failures=(NotLoggedIn, PasswordChangeRequired, TenancyEnded, contacts.AlreadyListed, contacts.HouseholdFull),
)
def add_member(session: Session, body: MemberRequest) -> Member:
    """Add somebody to the household."""
    added = contacts.add_member(session, body.name, body.date_of_birth or None, body.relationship, at=clock.now())
    return Member(**added._asdict())


def _beside_member(session: Session, member_id: str) -> Any:  # noqa: ARG001  (the household is read whole)
    return contacts.beside_household(session)


@app.patch(
    "/api/household/members/{member_id}",
    beside=_beside_member,
    failures=(NotLoggedIn, PasswordChangeRequired, TenancyEnded),
)
def change_member(session: Session, member_id: str, body: MemberChangeRequest) -> Member:
    """Change what the body names of a member of the household."""
    changed = contacts.change_member(session, member_id, _told(body), at=clock.now())
    return Member(**changed._asdict())


@app.delete(
    "/api/household/members/{member_id}",
    status=204,
    beside=_beside_member,
    failures=(NotLoggedIn, PasswordChangeRequired, TenancyEnded),
)
def remove_member(session: Session, member_id: str) -> None:
    """Take somebody off the household."""
    contacts.remove_member(session, member_id, at=clock.now())


def _told(body: Request) -> dict[str, Any]:
    """The fields that were sent."""
    fields = ((name, getattr(body, name)) for name in body.__struct_fields__)
    return {name: value for name, value in fields if value is not UNSET}


def _answer(contact: contacts.Contact) -> Answer[Contact]:
    address, preferences = contact.correspondence_address, contact.preferences
    body = Contact(
        contact.email,
        contact.mobile,
        contact.home_phone,
        Address(**address) if address else None,
        Preferences(**preferences) if preferences else None,
        contact.version,
    )
    return Answer(body, headers={"ETag": rules.etag(contact.version)})
