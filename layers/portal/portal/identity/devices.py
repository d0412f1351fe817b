"""Browsers that signed in before: what they show for it, and the tries of their own that it earns them (threat T7).

A proof ends after 180 days, as its cookie does, and with the password that was right when it was given: whoever knew
one that was changed since keeps no tries by it.
"""

from datetime import datetime, timedelta

from portal import ids
from portal.identity import rules, secrets

# A proof may be given in the very call that sets the password, and its id tells the time to the millisecond.
_TOLD_TO = timedelta(milliseconds=1)


def proof(email: str, at: datetime) -> str:
    """What a browser keeps to show that it signed in with this address."""
    device_id, version = ids.new_id(at), secrets.key_version()
    return f"{device_id}.{version}.{secrets.device_proof(version, device_id, email)}"


def signed_in_at(known_device: str | None, email: str) -> datetime | None:
    """When a browser signed in that proves to have done so with this address, else None. Its id tells."""
    device_id, _, rest = (known_device or "").partition(".")
    version, _, proof = rest.rpartition(".")
    if not ids.is_id(device_id) or version != secrets.key_version():
        return None
    return ids.born_at(device_id) if secrets.same(proof, secrets.device_proof(version, device_id, email)) else None


def tries_of(known_device: str | None, email: str, password_set_at: datetime | None, at: datetime) -> str | None:
    """The budget of a browser that proves to have signed in with this address by the password that holds, else None.

    `password_set_at` is None where nobody registered the address, or before the day on which that was first kept.
    """
    signed_in = signed_in_at(known_device, email)
    if signed_in is None or at - signed_in >= rules.DEVICE_LASTS:
        return None
    if password_set_at is not None and signed_in <= password_set_at - _TOLD_TO:
        return None
    return f"device#{(known_device or '').partition('.')[0]}"
