"""The field types of an appointment."""

from typing import Annotated

from msgspec import Meta

from portal.validation.fields import words

_SLOT = "Choose one of the times that we offer"

SlotId = Annotated[str, Meta(max_length=64, extra=words(_SLOT, _SLOT))]

Vulnerable = Annotated[bool, Meta(extra=words("Send true or false", "Send true or false"))]

Communication = Annotated[
    str,
    Meta(
        max_length=200,
        extra=words(
            "Tell us about language or hearing, or leave this out",
            "Use letters, numbers and ordinary punctuation to tell us about language or hearing",
            "Tell us about language or hearing in 200 characters or fewer",
        ),
    ),
]

Pets = Annotated[
    str,
    Meta(
        max_length=200,
        extra=words(
            "Tell us about your animals, or leave this out",
            "Use letters, numbers and ordinary punctuation to tell us about your animals",
            "Tell us about your animals in 200 characters or fewer",
        ),
    ),
]

SafeWord = Annotated[
    str,
    Meta(
        max_length=40,
        extra=words(
            "Choose a word for our operative to say, or leave this out",
            "Use letters, numbers and ordinary punctuation for the word",
            "The word must be 40 characters or fewer",
        ),
    ),
]
