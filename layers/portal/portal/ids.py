"""Identifiers: new ones sort by time of birth, derived ones are the same for the same reference."""

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SHAPE = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")


def _base32(value: int) -> str:
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def new_id(at: datetime) -> str:
    """26 characters: the milliseconds of `at`, then 80 random bits (the layout of a ULID), so that ids sort by time."""
    return _base32((int(at.timestamp() * 1000) << 80) | secrets.randbits(80))


def born_at(new_id: str) -> datetime:
    """When an id of `new_id` was made, to the millisecond."""
    value = 0
    for character in new_id:
        value = value << 5 | _ALPHABET.index(character)
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=value >> 80)


def first_id(at: datetime) -> str:
    """The least id that `new_id` can give at `at`: what is born before sorts below it."""
    return _base32(int(at.timestamp() * 1000) << 80)


def derived_id(kind: str, reference: str) -> str:
    """The id of the record that the landlord calls `reference`: 26 characters, no way back to the reference's shape."""
    digest = hashlib.blake2b(reference.encode(), digest_size=16, person=kind.encode()[:16]).digest()
    return _base32(int.from_bytes(digest))


def is_id(text: str) -> bool:
    """Whether `text` has the shape of an id. What has not cannot exist, and is answered so."""
    return _SHAPE.fullmatch(text) is not None
