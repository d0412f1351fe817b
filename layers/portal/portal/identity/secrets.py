"""Codes, temporary passwords and keyed hashes: derived, never stored.

The function that mails a code and the one that checks it compute the same HMAC over the version of the key, the
purpose, the item's random id and the address, so that neither a table, a queue nor a log ever holds one.
"""

import hashlib
import hmac
import secrets as random_source

from portal import aws
from portal.identity.rules import ALPHABET, CODE_CHARACTERS, TEMPORARY_PASSWORD_CHARACTERS
from portal.settings import setting

# Bytes at or above this multiple of the alphabet's length are skipped, so that no character is likelier.
_UNBIASED_BELOW = 256 - 256 % len(ALPHABET)


def new_secret_id() -> str:
    """The random id that a code or temporary password is derived from: 128 bits."""
    return random_source.token_hex(16)


def key_version() -> str:
    """The version of the key that new secrets are derived with."""
    return aws.secret(setting("KEYS_SECRET_ARN"))[1]


def code(version: str, secret_id: str, address: str) -> str:
    """The eight characters of a registration's code."""
    return _characters(version, "registration code", secret_id, address, CODE_CHARACTERS)


def email_code(version: str, secret_id: str, address: str) -> str:
    """The eight characters of the code that proves a customer's new address."""
    return _characters(version, "email change code", secret_id, address, CODE_CHARACTERS)


def temporary_password(version: str, secret_id: str, address: str) -> str:
    """The sixteen characters of a temporary password."""
    return _characters(version, "temporary password", secret_id, address, TEMPORARY_PASSWORD_CHARACTERS)


def device_proof(version: str, device_id: str, address: str) -> str:
    """What a browser shows to have signed in with that address before."""
    return keyed_hash(_key(version, "device"), device_id, address).hex()


def pseudonym(address: str) -> str:
    """An address as counters know it: nobody without the key can tell whose it is."""
    version = key_version()
    return keyed_hash(_key(version, "counter"), address).hex()[:32]


def same(given: str, right: str) -> bool:
    """Whether two texts are equal, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def bare(password: str) -> str:
    """A temporary password however it was typed: capitals, without what stands between its groups."""
    return "".join(c for c in password.upper() if c.isalnum())


def new_era() -> str:
    """What tells the sessions opened since a new password or address from those before."""
    return random_source.token_hex(16)


def new_token() -> str:
    """A session's token: 256 random bits."""
    return random_source.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a session's token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _key(version: str, purpose: str) -> bytes:
    text, _ = aws.secret(setting("KEYS_SECRET_ARN"), version)
    return keyed_hash(text.encode(), version, purpose)


def keyed_hash(key: bytes, *parts: str) -> bytes:
    """HMAC-SHA-256 over parts that cannot run into each other."""
    message = b"".join(len(p := part.encode()).to_bytes(4) + p for part in parts)
    return hmac.digest(key, message, "sha256")


def _characters(version: str, purpose: str, secret_id: str, address: str, length: int) -> str:
    key, found, block = _key(version, purpose), "", 0
    while len(found) < length:
        stream = keyed_hash(key, secret_id, address, str(block))
        found += "".join(ALPHABET[b % len(ALPHABET)] for b in stream if b < _UNBIASED_BELOW)
        block += 1
    return found[:length]
