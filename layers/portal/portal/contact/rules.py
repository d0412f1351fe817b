"""The rules of contact details and households. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal, NamedTuple

ContactBy = Literal["email", "phone", "text", "letter"]
Relationship = Literal[
    "partner", "child", "parent", "sibling", "other_relative", "friend", "lodger", "carer", "other"
]  # fmt: skip

# What a notice calls each fact.
IN_WORDS = {
    "mobile": "mobile number",
    "home_phone": "home phone number",
    "correspondence_address": "address for letters",
    "preferences": "how we reach you",
}
# More people than live in any home that a landlord lets; a limit, since every change writes the whole household.
MOST_MEMBERS = 30


class Member(NamedTuple):
    """Somebody who lives in the home, besides those named on the tenancy."""

    member_id: str
    name: str
    date_of_birth: date | None
    relationship: str


def mobile_shown(told: str | None, record_then: str | None, record_now: str | None) -> str | None:
    """The customer's mobile number: what they told us, until the landlord's record changes after that.

    `record_then` is what the record had when the customer told us `told` (None: they never did), `record_now` what it
    has now. While the two are the same the landlord has not taken over the change yet; once they differ, the record
    is newer, whether it brings the customer's own number back or another one.
    """
    return told if told is not None and record_then == record_now else record_now


def changed(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What of `wanted` differs from what holds now."""
    return {name: value for name, value in wanted.items() if now.get(name) != value}


def is_listed(members: Iterable[Member], name: str, date_of_birth: date | None, relationship: str) -> bool:
    """Whether somebody of that name, date of birth and relationship is listed; capital letters do not matter."""
    wanted = (name.casefold(), date_of_birth, relationship)
    return any((m.name.casefold(), m.date_of_birth, m.relationship) == wanted for m in members)


def matches(if_match: str | None, version: int) -> bool:
    """Whether an If-Match header lets a change of that version through (RFC 9110 §13.1.1); none lets all through.

    A version is taken with or without its quotation marks; a weak one never matches.
    """
    if if_match is None or if_match.strip() == "*":
        return True
    return str(version) in {tag.strip().removeprefix('"').removesuffix('"') for tag in if_match.split(",")}


def etag(version: int) -> str:
    """The entity tag of that version."""
    return f'"{version}"'
