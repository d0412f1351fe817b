"""The field types of a report."""

from typing import Annotated, Literal

from msgspec import Meta

from portal.validation.fields import words

_CHOOSE = "Choose what needs mending from the list"

ItemId = Annotated[str, Meta(max_length=64, extra=words(_CHOOSE, _CHOOSE))]

Search = Annotated[
    str,
    Meta(
        max_length=100,
        extra=words(
            "Type what is wrong in a few words",
            "Use letters and numbers to search",
            "Search with 100 characters or fewer",
        ),
    ),
]

Answers = Annotated[
    dict[str, str],
    Meta(
        max_length=20,
        description="question_id: answer_id",
        extra=words("Answer the questions about this repair", "Send answers as question_id and answer_id"),
    ),
]

Description = Annotated[
    str,
    Meta(
        max_length=1_000,
        extra=words(
            "Tell us what is wrong, or leave this out",
            "Use letters, numbers and ordinary punctuation to tell us what is wrong",
            "Tell us what is wrong in 1,000 characters or fewer",
            lines=True,
        ),
    ),
]

AccessNotes = Annotated[
    str,
    Meta(
        max_length=500,
        extra=words(
            "Tell us how to get in, or leave this out",
            "Use letters, numbers and ordinary punctuation to tell us how to get in",
            "Tell us how to get in in 500 characters or fewer",
            lines=True,
        ),
    ),
]

Which = Annotated[
    Literal["open", "finished"],
    Meta(extra=words("Send open or finished, or leave it out", "Send open or finished, or leave it out")),
]


def _lines(what: str, most: int, *, needed: str = "") -> Meta:
    return Meta(
        max_length=most,
        extra=words(
            needed or f"Tell us {what}, or leave this out",
            f"Use letters, numbers and ordinary punctuation to tell us {what}",
            f"Tell us {what} in {most:,} characters or fewer",
            lines=True,
        ),
    )


Reason = Annotated[str, _lines("why", 500)]

StillWrong = Annotated[str, _lines("what is still wrong", 1_000, needed="Tell us what is still wrong")]

Comment = Annotated[str, _lines("how it was", 500)]

Note = Annotated[str, _lines("what we should know", 1_000, needed="Tell us what we should know")]

_STARS = "Choose how it was, from 1 to 5"

Rating = Annotated[int, Meta(ge=1, le=5, extra=words(_STARS, _STARS))]

Anyway = Annotated[bool, Meta(extra=words("Send true or false", "Send true or false"))]
