"""What may be sent, where it lies, and how long each thing of a photo lasts."""

import re
from datetime import timedelta
from typing import Literal, NamedTuple

from portal.settings import setting

PLACES = 6
"""How many photos a repair has room for (issue 7)."""

MOST_BYTES = 10 * 1024 * 1024
"""How large a file may be: 10 MB (issue 7)."""

MOST_PIXELS = 64_000_000
"""A phone's 48 and 50 megapixels fit; the memory of the function that opens it is reckoned from this."""

POST_SECONDS = 10 * 60
"""How long a presigned post is good: ten megabytes over a slow phone line take minutes."""

LINK_SECONDS = 15 * 60
"""How long a link to a photo is good: as long as a session lasts with nobody at it."""

PLACE_KEPT = timedelta(hours=1)
"""A place whose picture has not come and been checked by then is free again."""

REFUSAL_KEPT = timedelta(days=7)
"""How long a tenant is told that a picture was refused, where nothing took its place before."""

ContentType = Literal["image/jpeg", "image/png", "image/heic", "image/heif", "image/webp"]
State = Literal["checking", "shown", "refused"]
Reason = Literal["not_a_picture", "too_many_pixels"]

MESSAGES: dict[Reason, str] = {
    "not_a_picture": "We could not open this as a photo, so we have not kept it. Take the photo again, or choose "
    "another one: a JPEG, PNG, HEIC or WebP picture.",
    "too_many_pixels": "This photo has too many pixels for us to open, so we have not kept it. Take it again with "
    "your camera set to 50 megapixels or fewer, or send a screenshot of it.",
}
"""What a tenant is told of a refused picture: what it means, and what to do."""


def kept() -> timedelta:
    """How long a photo is shown, and its pictures stay in the bucket: the landlord's own figure."""
    return timedelta(days=int(setting("PHOTO_RETENTION_DAYS")))


class Arrival(NamedTuple):
    """What the key of a file that arrived says."""

    tenancy_id: str
    repair_id: str
    place: int
    photo_id: str


_ID = "[0-9a-z]{26}"
_ARRIVAL = re.compile(rf"incoming/({_ID})/({_ID})/([1-{PLACES}])/({_ID})")


def arrival_key(arrival: Arrival) -> str:
    """Where a browser may put that one file, and nothing else."""
    return f"incoming/{arrival.tenancy_id}/{arrival.repair_id}/{arrival.place}/{arrival.photo_id}"


def arrival_of(key: str) -> Arrival | None:
    """What the key says; None for one that we never gave out."""
    found = _ARRIVAL.fullmatch(key)
    return Arrival(found[1], found[2], int(found[3]), found[4]) if found else None


def shown_key(tenancy_id: str, repair_id: str, photo_id: str) -> str:
    """Where the cleaned picture lies."""
    return f"shown/{tenancy_id}/{repair_id}/{photo_id}.jpg"


def small_key(tenancy_id: str, repair_id: str, photo_id: str) -> str:
    """Where its small picture lies."""
    return f"shown/{tenancy_id}/{repair_id}/{photo_id}-small.jpg"
