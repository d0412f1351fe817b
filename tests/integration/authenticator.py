"""A device that holds passkeys, in software: it makes and signs what a browser would hand over (WebAuthn Level 3)."""

import base64
import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, HAS_CREDENTIAL = 1, 4, 8, 16, 64
ALWAYS = USER_PRESENT | USER_VERIFIED


def base64url(raw: bytes) -> str:
    """Without padding, as the browser's own JSON has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Authenticator:
    """One device with one passkey. What it does wrong, a test says: origin, relying party, flags, count."""

    def __init__(self, *, counts: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(32)
        self.user_handle = ""
        self.counts = counts
        self.count = 0

    def make(self, asked: dict[str, Any], **wrong: Any) -> dict[str, Any]:
        """The body of `POST /api/passkeys` that answers what the options asked."""
        self.user_handle = asked["user_handle"]
        data = self._data(wrong.get("relying_party", asked["relying_party_id"]), wrong.get("flags", ALWAYS) | 64)
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        data += bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + cbor2.dumps(public)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return {
            "challenge_id": asked["challenge_id"],
            "client_data": base64url(_client_data("webauthn.create", asked, wrong)),
            "attestation": base64url(attestation),
        }

    def sign(self, asked: dict[str, Any], **wrong: Any) -> dict[str, Any]:
        """The body of `POST /api/login/passkey` that answers what the options asked."""
        if self.counts:
            self.count += 1
        client_data = _client_data("webauthn.get", asked, wrong)
        data = self._data(wrong.get("relying_party", asked["relying_party_id"]), wrong.get("flags", ALWAYS))
        signed = data + hashlib.sha256(client_data).digest()
        key = wrong.get("key", self.key)
        return {
            "challenge_id": asked["challenge_id"],
            "credential_id": base64url(self.credential_id),
            "client_data": base64url(client_data),
            "authenticator_data": base64url(data),
            "signature": base64url(key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "user_handle": self.user_handle,
        }

    def _data(self, relying_party: str, flags: int) -> bytes:
        return hashlib.sha256(relying_party.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)


def _client_data(kind: str, asked: dict[str, Any], wrong: dict[str, Any]) -> bytes:
    said = {
        "type": wrong.get("type", kind),
        "challenge": wrong.get("challenge", asked["challenge"]),
        "origin": wrong.get("origin", "http://localhost:8000"),
        "crossOrigin": False,
    }
    return json.dumps(said).encode()
