"""What somebody typed who waits to be matched, encrypted: AES-256-GCM under keys that nothing else uses.

Their secret is one of its own (`WaitingSecret`): only the function that takes the facts and the one that tries them
again may read it. Each sealed text names the version of the secret, as codes do.
"""

import base64
import binascii
import json
import secrets as random_source
from datetime import date

from botocore.exceptions import ClientError

from portal import aws
from portal.identity.rules import Facts
from portal.identity.secrets import keyed_hash
from portal.settings import setting

_NONCE_BYTES = 12
# Padded to whole blocks of this many bytes, so that the length tells nothing of what was typed.
_BLOCK_BYTES = 512


class CannotBeOpened(Exception):
    """The text was changed, belongs to another item, or the version of its key is gone."""


def key_version() -> str:
    """The version of the secret that new facts are sealed with."""
    return aws.secret(setting("WAITING_SECRET_ARN"))[1]


def facts_id(version: str, facts: Facts) -> str:
    """The same for the same facts, and without the key no way back to them: 128 bits in hexadecimal."""
    return keyed_hash(_key(version, "facts id"), *_texts(facts)).hex()[:32]


def sealed(version: str, facts: Facts, tenancy_id: str, its_id: str) -> str:
    """The facts encrypted, in base64, to be opened only beside the same tenancy and id."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only where somebody waits: a tenth of a start

    text = json.dumps(_texts(facts)).encode()
    text = text.ljust(-(-len(text) // _BLOCK_BYTES) * _BLOCK_BYTES)
    nonce = random_source.token_bytes(_NONCE_BYTES)
    box = AESGCM(_key(version, "facts")).encrypt(nonce, text, _beside(tenancy_id, its_id))
    return base64.b64encode(nonce + box).decode()


def opened(version: str, box: str, tenancy_id: str, its_id: str) -> Facts:
    """The facts that were sealed beside that tenancy and id; raises CannotBeOpened."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        raw = base64.b64decode(box, validate=True)
        text = AESGCM(_key(version, "facts")).decrypt(
            raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _beside(tenancy_id, its_id)
        )
    except (InvalidTag, ValueError, binascii.Error):
        raise CannotBeOpened from None
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise CannotBeOpened from None
    email, mobile, tenancy_reference, born = json.loads(text)
    return Facts(email, mobile, tenancy_reference, date.fromisoformat(born))


def _texts(facts: Facts) -> tuple[str, str, str, str]:
    return facts.email, facts.mobile, facts.tenancy_reference, facts.date_of_birth.isoformat()


def _beside(tenancy_id: str, its_id: str) -> bytes:
    return f"{tenancy_id} {its_id}".encode()


def _key(version: str, purpose: str) -> bytes:
    text, _ = aws.secret(setting("WAITING_SECRET_ARN"), version)
    return keyed_hash(text.encode(), version, purpose)
