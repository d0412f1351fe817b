"""The two ceremonies of WebAuthn, judged by the package `webauthn`: what a device made, and what it signed.

W3C, Web Authentication Level 3, §7.1 and §7.2. All bytes are base64url without padding, as the browser's own JSON has
them. The package is imported where it is needed: it costs more than all the rest of a start.
"""

import secrets as random_source
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from portal.identity.rules import PASSKEY_ALGORITHMS
from portal.settings import setting

_CHALLENGE_BYTES = 32
_HANDLE_BYTES = 32


class NotRight(Exception):
    """Made for another site, asked for by another challenge, not by somebody whom the device knows, or not genuine."""


class Made(NamedTuple):
    """A passkey that a device has just made."""

    credential_id: str
    public_key: str
    sign_count: int


class Assertion(NamedTuple):
    """What a device signed to prove that it holds a passkey."""

    credential_id: str
    client_data: str
    authenticator_data: str
    signature: str
    user_handle: str


def new_challenge() -> str:
    """What a device is asked to sign: 256 random bits."""
    return random_source.token_urlsafe(_CHALLENGE_BYTES)


def new_user_handle() -> str:
    """What devices know a customer by: 256 random bits, which tell nothing of them."""
    return random_source.token_urlsafe(_HANDLE_BYTES)


def relying_party() -> str:
    """What passkeys are bound to: the host name of the site."""
    return urlsplit(setting("SITE_ORIGIN")).hostname or ""


def made(challenge: str, client_data: str, attestation: str) -> Made:
    """The passkey that a device made for this challenge, on our own site, after it knew who was there.

    Raises:
        NotRight
    """
    from webauthn import base64url_to_bytes, verify_registration_response
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.cose import COSEAlgorithmIdentifier
    from webauthn.helpers.structs import AuthenticatorAttestationResponse, RegistrationCredential

    try:
        response = AuthenticatorAttestationResponse(base64url_to_bytes(client_data), base64url_to_bytes(attestation))
        verified = verify_registration_response(
            # Which credential it is stands in the attestation; what the browser says of it beside that is not used.
            credential=RegistrationCredential(id="", raw_id=b"", response=response),
            supported_pub_key_algs=[COSEAlgorithmIdentifier(number) for number in PASSKEY_ALGORITHMS],
            **_expected(challenge),
        )
    except Exception:  # the package lets through whatever its parsers raise over odd bytes
        raise NotRight from None
    return Made(
        bytes_to_base64url(verified.credential_id),
        bytes_to_base64url(verified.credential_public_key),
        verified.sign_count,
    )


def sign_count(assertion: Assertion, challenge: str, public_key: str, known_count: int) -> int:
    """How often the passkey has signed by now, where it signed this challenge on our own site and knew who was there.

    A count that does not grow is a copy's, unless the device counts nothing at all (0 and 0; §6.1.1).

    Raises:
        NotRight
    """
    from webauthn import base64url_to_bytes, verify_authentication_response
    from webauthn.helpers.structs import AuthenticationCredential, AuthenticatorAssertionResponse

    try:
        response = AuthenticatorAssertionResponse(
            base64url_to_bytes(assertion.client_data),
            base64url_to_bytes(assertion.authenticator_data),
            base64url_to_bytes(assertion.signature),
        )
        raw_id = base64url_to_bytes(assertion.credential_id)
        verified = verify_authentication_response(
            credential=AuthenticationCredential(id=assertion.credential_id, raw_id=raw_id, response=response),
            credential_public_key=base64url_to_bytes(public_key),
            credential_current_sign_count=known_count,
            **_expected(challenge),
        )
    except Exception:  # as above
        raise NotRight from None
    return verified.new_sign_count


def _expected(challenge: str) -> dict[str, Any]:
    from webauthn import base64url_to_bytes

    return {
        "expected_challenge": base64url_to_bytes(challenge),
        "expected_rp_id": relying_party(),
        "expected_origin": setting("SITE_ORIGIN"),
        "require_user_verification": True,
    }
