"""The field types that several requests share: email, mobile number, tenancy reference, date of birth and so on.

Each is an annotated type: msgspec holds the limits, `FieldWords` what to say and the canonical form.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from msgspec import Meta

from portal import clock
from portal.validation.reading import Wrong


def _as_it_is(value: Any) -> Any:
    return value


class FieldWords:
    """What a field says when it is missing, wrong or too long, and how it reaches its canonical form.

    `verbatim` fields are not trimmed or normalised, `lines` may hold line breaks.
    """

    def __init__(
        self,
        missing: str,
        wrong: str,
        too_long: str = "",
        *,
        reads: Callable[[Any], Any] = _as_it_is,
        verbatim: bool = False,
        lines: bool = False,
    ) -> None:
        self.missing = missing
        self.wrong = wrong
        self.too_long = too_long or wrong
        self.reads = reads
        self.verbatim = verbatim
        self.lines = lines


def words(missing: str, wrong: str, too_long: str = "", **how: Any) -> dict[str, Any]:
    """The `extra` of a field's `Meta`: see FieldWords."""
    return {"words": FieldWords(missing, wrong, too_long, **how)}


_EMAIL = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}@[^\s@<>()\[\]\\,;:\"]+\.[^\s@<>()\[\]\\,;:\".]+")
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_EMAIL_WRONG = "Enter an email address in the correct format, like name@example.com"


def canonical_email(text: str) -> str:
    """The address with its ASCII letters lower-cased and nothing else folded; raises Wrong.

    Nothing else, since a fold of other letters makes two people's addresses one (threat T22).
    """
    if not _EMAIL.fullmatch(text) or ".." in text.rpartition("@")[2]:
        raise Wrong(_EMAIL_WRONG)
    return text.translate(_ASCII_LOWER)


_PHONE_WRONG = "Enter a phone number, like 0300 123 4567 or +44 300 123 4567"
_MOBILE_WRONG = "Enter a UK mobile number, like 07700 900123 or +44 7700 900123"


def _parsed_phone(text: str, wrong: str) -> Any:
    import phonenumbers  # only where a number is read: it costs a good part of a cold start

    try:
        number = phonenumbers.parse(text, "GB")
    except phonenumbers.NumberParseException:
        raise Wrong(wrong) from None
    if not phonenumbers.is_possible_number(number) or re.search(r"[A-Za-z]", text):
        raise Wrong(wrong)
    return number


def canonical_mobile(text: str) -> str:
    """A UK mobile number as E.164, so that 07700 900123 equals +447700900123; raises Wrong.

    A mobile is what `is_possible_number` takes and whose national number starts with 7: `is_valid_number`
    refuses the numbers set aside for examples.
    """
    number = _parsed_phone(text, _MOBILE_WRONG)
    if number.country_code != 44 or not re.fullmatch(r"7\d{9}", str(number.national_number)):
        raise Wrong(_MOBILE_WRONG)
    return f"+44{number.national_number}"


def canonical_phone(text: str) -> str:
    """Any possible phone number as E.164; raises Wrong."""
    number = _parsed_phone(text, _PHONE_WRONG)
    return f"+{number.country_code}{number.national_number}"


def canonical_reference(text: str) -> str:
    """A tenancy reference without spaces and upper-cased; raises Wrong for what is no reference."""
    reference = re.sub(r"\s", "", text).upper()
    if not re.fullmatch(r"[A-Z0-9][A-Z0-9/.\-]{0,29}", reference):
        raise Wrong("Enter your tenancy reference as it is on your letters: letters and numbers only")
    return reference


_OLDEST_YEARS = 130


def birth_date(born: date) -> date:
    """`born` itself; raises Wrong unless it is in the past 130 years."""
    today = clock.london_date(clock.now())
    if born >= today:
        raise Wrong("Date of birth must be in the past")
    if born.year < today.year - _OLDEST_YEARS:
        raise Wrong("Date of birth must be within the last 130 years: check the year")
    return born


def code_as_issued(text: str) -> str:
    """A code or temporary password in capitals, without the hyphens, dots and spaces that people type."""
    return re.sub(r"[\s.‐‑–—-]", "", text).upper()


def normal_password(text: str) -> str:
    """A password in NFKC, so that the same keys make the same password anywhere; raises Wrong for half a character."""
    if any(unicodedata.category(c) == "Cs" for c in text):
        raise Wrong("Choose a password without that character: we cannot read it")
    return unicodedata.normalize("NFKC", text)


Email = Annotated[
    str,
    Meta(
        max_length=254,
        description="Lower-cased in its ASCII letters",
        extra=words(
            "Enter your email address",
            _EMAIL_WRONG,
            "Email address must be 254 characters or fewer",
            reads=canonical_email,
        ),
        extra_json_schema={"format": "email"},
    ),
]

Mobile = Annotated[
    str,
    Meta(
        max_length=40,
        description="A UK mobile number, however it is written",
        extra=words("Enter your mobile number", _MOBILE_WRONG, reads=canonical_mobile),
    ),
]

Phone = Annotated[
    str,
    Meta(
        max_length=40,
        description="A phone number, however it is written",
        extra=words("Enter a phone number", _PHONE_WRONG, reads=canonical_phone),
    ),
]

TenancyReference = Annotated[
    str,
    Meta(
        max_length=60,
        extra=words(
            "Enter your tenancy reference",
            "Enter your tenancy reference as it is on your letters: letters and numbers only",
            "Tenancy reference must be 30 characters or fewer",
            reads=canonical_reference,
        ),
    ),
]

DateOfBirth = Annotated[
    date,
    Meta(
        extra=words("Enter your date of birth", "Date of birth must be a real date, like 1990-03-27", reads=birth_date),
    ),
]

NewPassword = Annotated[
    str,
    Meta(
        # Longer than any we take: the rule that says 12 to 128 is identity's, and counts after normalising.
        max_length=1024,
        extra=words(
            "Enter a password",
            "Choose a password of 12 to 128 characters",
            "Password must be 128 characters or fewer",
            reads=normal_password,
            verbatim=True,
        ),
    ),
]

Password = Annotated[
    str,
    Meta(
        max_length=1024,
        extra=words(
            "Enter your password",
            "Enter your password",
            "That is longer than any password here: enter your password",
            reads=normal_password,
            verbatim=True,
        ),
    ),
]

Code = Annotated[
    str,
    Meta(
        max_length=64,
        extra=words(
            "Enter the code from our email",
            "Enter the code from our email, like K7PM-3XQD",
            reads=code_as_issued,
        ),
    ),
]

Identifier = Annotated[
    str,
    Meta(
        max_length=64,
        extra=words(
            "This is needed. Go back to the page before and try again.",
            "This is not one of ours. Go back to the page before and try again.",
        ),
    ),
]

DeviceBytes = Annotated[
    str,
    Meta(
        max_length=8192,
        pattern=r"^[A-Za-z0-9_-]+\Z",
        description="What a device gave, in base64url without padding",
        extra=words(
            "Your device sent nothing. Try again.",
            "Your device sent what we cannot read. Try again.",
        ),
    ),
]

Cursor = Annotated[
    str,
    Meta(
        max_length=512,
        pattern=r"^[A-Za-z0-9_-]+\Z",
        extra=words("Leave the cursor out for the first page", "Use the next_cursor of the page before, as it is"),
    ),
]

Day = Annotated[date, Meta(extra=words("Enter a day", "Day must be a real date, like 2026-11-24"))]
