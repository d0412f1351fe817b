"""The field types of a photo."""

from typing import Annotated

from msgspec import Meta

from portal.photos import rules
from portal.validation.fields import words

_KINDS = "Choose a JPEG, PNG, HEIC or WebP picture"

ContentType = Annotated[rules.ContentType, Meta(extra=words(_KINDS, _KINDS))]

_SIZE = "Choose a picture of 10 MB or less, with something in it"

Size = Annotated[
    int,
    Meta(
        ge=1,
        le=rules.MOST_BYTES,
        description="bytes; exactly as many are taken",
        extra=words("Say how many bytes the picture has", _SIZE, _SIZE),
    ),
]
