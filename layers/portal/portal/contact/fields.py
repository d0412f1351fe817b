"""The field types of contact details and of household members."""

import re
from datetime import date
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from portal import clock
from portal.contact.rules import ContactBy, Relationship
from portal.validation.fields import words
from portal.validation.reading import Request, Wrong

_POSTCODE = re.compile(r"(?:GIR0AA|[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2})")
_POSTCODE_WRONG = "Enter a full UK postcode, like AL9 9XX"
_OLDEST_YEARS = 130


def canonical_postcode(text: str) -> str:
    """A UK postcode in capitals with one space before its last three characters; raises Wrong."""
    bare = re.sub(r"[\s.()-]", "", text).upper()
    if not _POSTCODE.fullmatch(bare):
        raise Wrong(_POSTCODE_WRONG)
    return f"{bare[:-3]} {bare[-3:]}"


def on_one_line(text: str) -> str:
    """The text with single spaces; raises Wrong where it has neither letter nor digit."""
    if not any(c.isalnum() for c in text):
        raise Wrong("Use letters and numbers")
    return " ".join(text.split())


def canonical_name(text: str) -> str:
    """A name with single spaces; raises Wrong where it has no letter."""
    if not any(c.isalpha() for c in text):
        raise Wrong("Enter their name in letters")
    return " ".join(text.split())


def members_birth_date(born: date) -> date:
    """`born` itself; raises Wrong unless it is today (a baby of a few hours) or in the past 130 years."""
    today = clock.london_date(clock.now())
    if born > today:
        raise Wrong("Date of birth must be today or in the past")
    if born.year < today.year - _OLDEST_YEARS:
        raise Wrong("Date of birth must be within the last 130 years: check the year")
    return born


def _line(missing: str, name: str) -> Meta:
    wrong, too_long = (
        f"Use letters, numbers and ordinary punctuation in {name}",
        f"Use 100 characters or fewer in {name}",
    )
    return Meta(max_length=100, extra=words(missing, wrong, too_long, reads=on_one_line))


FirstLine = Annotated[str, _line("Enter the first line of the address", "the first line of the address")]
SecondLine = Annotated[str, _line("Leave the second line out", "the second line of the address")]
Town = Annotated[str, _line("Enter the town or city", "the town or city")]
Postcode = Annotated[
    str, Meta(max_length=20, extra=words("Enter the postcode", _POSTCODE_WRONG, reads=canonical_postcode))
]
ContactByField = Annotated[
    ContactBy,
    Meta(extra=words("Choose the best way to reach you", "Choose email, phone, text or letter")),
]
Language = Annotated[
    str,
    Meta(
        max_length=60,
        extra=words(
            "Leave the language out if English is fine",
            "Use letters to name the language",
            "Name the language in 60 characters or fewer",
            reads=on_one_line,
        ),
    ),
]
LargePrint = Annotated[bool, Meta(extra=words("Send true or false", "Send true or false"))]

Name = Annotated[
    str,
    Meta(
        max_length=100,
        extra=words(
            "Enter their full name",
            "Enter their name in letters",
            "Name must be 100 characters or fewer",
            reads=canonical_name,
        ),
    ),
]
RelationshipField = Annotated[
    Relationship,
    Meta(extra=words("Choose who they are to you", "Choose who they are to you from the list")),
]
MemberDateOfBirth = Annotated[
    date,
    Meta(
        extra=words(
            "Enter their date of birth, or leave it out",
            "Date of birth must be a real date, like 2015-03-27",
            reads=members_birth_date,
        ),
    ),
]


class AddressRequest(Request, kw_only=True):
    """Where letters go when not to the home."""

    line_1: FirstLine
    line_2: SecondLine | UnsetType | None = UNSET
    town: Town
    postcode: Postcode


class PreferencesRequest(Request, kw_only=True):
    """How the customer likes to hear from the landlord; what is left out is taken away."""

    contact_by: ContactByField
    language: Language | UnsetType | None = UNSET
    large_print: LargePrint | UnsetType = UNSET
