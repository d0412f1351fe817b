"""The catalogue of what can be reported: place, object, problem. It is data (`catalogue.json`), checked when loaded.

A landlord replaces the file; nothing of it stands in code. A question is written once and asked by every leaf that
names it. Priorities follow the Schedule of the Secure Tenants of Local Housing Authorities (Right to Repair)
Regulations 1994 (SI 1994/133) where that lists the defect.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

Priority = Literal["emergency", "urgent", "routine"]
Responsibility = Literal["landlord", "tenant"]

_FILE = Path(__file__).with_name("catalogue.json")


class CatalogueFault(ValueError):
    """The catalogue cannot be used; the text names each fault and where it is."""


class Number(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to ring. `phone` is None for the landlord's own emergency line, which the brand file has."""

    name: str
    phone: str | None
    source: str


class Danger(Struct, frozen=True, forbid_unknown_fields=True):
    """What cannot wait for a form: whom to ring first (a key of the catalogue's numbers), and what to do."""

    call: str
    text: str


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """An answer to a question. One without a priority says nothing of how urgent it is."""

    answer_id: str
    text: str
    priority: Priority | None = None
    danger: Danger | None = None
    hazard: str | None = None


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """Something more to ask before the priority is known."""

    question_id: str
    text: str
    answers: tuple[Answer, ...]

    def answer(self, answer_id: str) -> Answer | None:
        """The answer with that id."""
        return next((a for a in self.answers if a.answer_id == answer_id), None)


class Leaf(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that can be reported. `also` are other words people use for it; `hazard` is a kind of hazards.json."""

    item_id: str
    place: str
    object: str
    problem: str
    priority: Priority
    responsibility: Responsibility = "landlord"
    also: tuple[str, ...] = ()
    advice: str | None = None
    danger: Danger | None = None
    hazard: str | None = None
    schedule_of_rates: str | None = None
    ask: tuple[str, ...] = ()


class Catalogue(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be reported."""

    numbers: dict[str, Number]
    questions: tuple[Question, ...]
    items: tuple[Leaf, ...]

    def leaf(self, item_id: str) -> Leaf | None:
        """The leaf with that id."""
        return next((leaf for leaf in self.items if leaf.item_id == item_id), None)

    def questions_of(self, leaf: Leaf) -> Sequence[Question]:
        """What is asked about the leaf, in order."""
        known = {q.question_id: q for q in self.questions}
        return [known[question_id] for question_id in leaf.ask]

    def number(self, danger: Danger) -> Number:
        """Whom to ring first."""
        return self.numbers[danger.call]


@cache
def catalogue() -> Catalogue:
    """The landlord's catalogue, read once a process; raises CatalogueFault."""
    return read(_FILE.read_bytes())


def read(text: bytes) -> Catalogue:
    """The catalogue that `text` (JSON) holds; raises CatalogueFault naming every fault."""
    try:
        found = msgspec.json.decode(text, type=Catalogue)
    except msgspec.DecodeError as error:
        raise CatalogueFault(f"catalogue: {error}") from None
    if faults := list(_faults(found)):
        raise CatalogueFault("catalogue: " + "; ".join(faults))
    return found


def _faults(found: Catalogue) -> Iterator[str]:
    yield from _twice("item_id", (leaf.item_id for leaf in found.items))
    yield from _twice("question_id", (q.question_id for q in found.questions))
    yield from _twice("place, object and problem", (f"{i.place} / {i.object} / {i.problem}" for i in found.items))
    questions = {q.question_id for q in found.questions}
    for leaf in found.items:
        if not _is_slug(leaf.item_id):
            yield f"item_id {leaf.item_id!r} is not made of small letters, digits and hyphens"
        yield from (f"{leaf.item_id} asks {q!r}, which is no question" for q in leaf.ask if q not in questions)
        yield from _unknown_number(leaf.item_id, leaf.danger, found)
        if leaf.responsibility == "tenant" and not leaf.advice:
            yield f"{leaf.item_id} is the tenant's own and has no advice"
        if not all((leaf.place, leaf.object, leaf.problem)):
            yield f"{leaf.item_id} has an empty name"
    for question in found.questions:
        if len(question.answers) < 2:
            yield f"question {question.question_id} has fewer than two answers"
        yield from _twice(f"answer_id of {question.question_id}", (a.answer_id for a in question.answers))
        for answer in question.answers:
            yield from _unknown_number(f"{question.question_id}.{answer.answer_id}", answer.danger, found)


def _twice(what: str, values: Iterator[str]) -> Iterator[str]:
    yield from (f"{what} {value!r} stands {count} times" for value, count in Counter(values).items() if count > 1)


def _is_slug(text: str) -> bool:
    return bool(text) and all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in text)


def _unknown_number(where: str, danger: Danger | None, found: Catalogue) -> Iterator[str]:
    if danger and danger.call not in found.numbers:
        yield f"{where} says to call {danger.call!r}, which is no number"
