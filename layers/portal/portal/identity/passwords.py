"""Passwords: which may be chosen, and their hashes; Argon2id, its parameters in one place.

OWASP's password storage cheat sheet and ASVS 5.0 appendix C: at least m=19,456 KiB, t=2, p=1.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from portal.brand import landlord
from portal.failures import BadInput, FieldError
from portal.identity import rules
from portal.tenancies.service import Tenancy

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)


def hashed(password: str) -> str:
    """The hash to keep."""
    return _HASHER.hash(password)


def is_right(password: str, stored_hash: str | None) -> bool:
    """Whether the password is the one that was hashed. Where there is none it costs the same, and is wrong."""
    try:
        return _HASHER.verify(stored_hash or _nobodys_hash(), password) and stored_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(stored_hash: str) -> bool:
    """Whether it was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(stored_hash)


def refuse_weak(password: str, field: str) -> None:
    """Raise BadInput naming `field` where a new password cannot be taken, whoever chooses it."""
    if trouble := rules.password_trouble(password):
        raise BadInput(errors=[FieldError(field, trouble)])


def refuse_personal(password: str, field: str, email: str, born: date | None, held: Sequence[Tenancy]) -> None:
    """Raise BadInput naming `field` where a new password holds its owner's own words, or the landlord's name."""
    known = rules.KnownOfCustomer(
        email=email,
        references=[t.reference for t in held],
        names=[name for t in held for name in (t.first_name, t.last_name)],
        homes=[t.address for t in held],
        landlord=landlord()["landlord"]["name"],
        date_of_birth=born,
    )
    if trouble := rules.personal_trouble(password, known):
        raise BadInput(errors=[FieldError(field, trouble)])


@cache
def _nobodys_hash() -> str:
    return hashed("the password of nobody at all")
