"""Browsers that signed in before: what they show for it, and the tries of their own that it earns them (threat T7)."""

from datetime import datetime

from portal import ids
from portal.identity import secrets


def proof(email: str, at: datetime) -> str:
    """What a browser keeps to show that it signed in with this address."""
    device_id, version = ids.new_id(at), secrets.key_version()
    return f"{device_id}.{version}.{secrets.device_proof(version, device_id, email)}"


def signed_in_at(known_device: str | None, email: str) -> datetime | None:
    """When a browser signed in that proves to have done so with this address, else None. Its id tells."""
    return ids.born_at((known_device or "").partition(".")[0]) if tries_of(known_device, email) else None


def tries_of(known_device: str | None, email: str) -> str | None:
    """The budget of a browser that proves to have signed in with this address, else None."""
    device_id, _, rest = (known_device or "").partition(".")
    version, _, proof = rest.rpartition(".")
    if not ids.is_id(device_id) or version != secrets.key_version():
        return None
    return f"device#{device_id}" if secrets.same(proof, secrets.device_proof(version, device_id, email)) else None
