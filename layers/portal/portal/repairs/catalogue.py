"""The catalogue of what can be reported: place, object, problem. It is data (`catalogue.json`), checked when loaded.

A landlord replaces the file (`make build CATALOGUE=...`); nothing of it stands in code. A question, a photo's advice
and a synonym are written once and used by every leaf that names them; where a figure comes from stands in `sources`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Struct

Priority = Literal["emergency", "urgent", "routine"]
Responsibility = Literal["landlord", "tenant"]

_FILE = Path(__file__).with_name("catalogue.json")


class CatalogueFault(ValueError):
    """The catalogue cannot be used; the text names each fault and where it is."""


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """How long something may take: real hours, or days that end with their day in Europe/London."""

    amount: int
    unit: Literal["hours", "calendar_days", "working_days"]


class Winter(Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    """The cold months: from one day to another of the next year, both `month-day`."""

    first: str
    last: str

    def has(self, day: date) -> bool:
        """Whether `day` is in them."""
        month_day = f"{day:%m-%d}"
        return month_day >= self.first or month_day <= self.last


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


class Cold(Struct, frozen=True, forbid_unknown_fields=True):
    """What a leaf is in the cold months, whatever is answered."""

    priority: Priority
    danger: Danger


class Leaf(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that can be reported.

    `also` are other words people use for it, `hazard` is a kind of hazards.json, `photo` a key of the catalogue's
    photos, `trade` one of its trades, `schedule_of_rates` a code of the schedule that `sources` names.
    """

    item_id: str
    place: str
    object: str
    problem: str
    priority: Priority
    trade: str
    photo: str
    responsibility: Responsibility = "landlord"
    also: tuple[str, ...] = ()
    advice: str | None = None
    danger: Danger | None = None
    winter: Cold | None = None
    hazard: str | None = None
    schedule_of_rates: str | None = None
    ask: tuple[str, ...] = ()


class Catalogue(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be reported, and the landlord's target for each priority.

    `synonyms` are groups of words and phrases that mean the same; what a search finds by one it finds by the others.
    """

    targets: dict[Priority, Target]
    sources: dict[str, str]
    winter: Winter
    numbers: dict[str, Number]
    trades: tuple[str, ...]
    photos: dict[str, str]
    synonyms: tuple[tuple[str, ...], ...]
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
    yield from _faults_of_parts(found)
    yield from _twice("item_id", (leaf.item_id for leaf in found.items))
    yield from _twice("question_id", (q.question_id for q in found.questions))
    yield from _twice("place, object and problem", (f"{i.place} / {i.object} / {i.problem}" for i in found.items))
    questions = {q.question_id for q in found.questions}
    for leaf in found.items:
        if not _is_slug(leaf.item_id):
            yield f"item_id {leaf.item_id!r} is not made of small letters, digits and hyphens"
        yield from (f"{leaf.item_id} asks {q!r}, which is no question" for q in leaf.ask if q not in questions)
        yield from _unknown_number(leaf.item_id, leaf.danger, found)
        yield from _unknown_number(leaf.item_id, leaf.winter.danger if leaf.winter else None, found)
        if leaf.trade not in found.trades:
            yield f"{leaf.item_id} is for the trade {leaf.trade!r}, which is none of the trades"
        if leaf.photo not in found.photos:
            yield f"{leaf.item_id} has the photo advice {leaf.photo!r}, which is none of the photos"
        if leaf.schedule_of_rates and "schedule_of_rates" not in found.sources:
            yield f"{leaf.item_id} has a schedule_of_rates code, and sources does not say of which schedule"
        if leaf.responsibility == "tenant" and not leaf.advice:
            yield f"{leaf.item_id} is the tenant's own and has no advice"
        if not all((leaf.place, leaf.object, leaf.problem)):
            yield f"{leaf.item_id} has an empty name"
    asked = {question_id for leaf in found.items for question_id in leaf.ask}
    for question in found.questions:
        if question.question_id not in asked:
            yield f"question {question.question_id} is asked by nothing"
        if len(question.answers) < 2:
            yield f"question {question.question_id} has fewer than two answers"
        yield from _twice(f"answer_id of {question.question_id}", (a.answer_id for a in question.answers))
        for answer in question.answers:
            yield from _unknown_number(f"{question.question_id}.{answer.answer_id}", answer.danger, found)


def _faults_of_parts(found: Catalogue) -> Iterator[str]:
    yield from (f"targets has no {priority}" for priority in get_args(Priority) if priority not in found.targets)
    yield from (f"the target for {p} is not a positive amount" for p, t in found.targets.items() if t.amount < 1)
    for day in (found.winter.first, found.winter.last):
        if not _is_month_day(day):
            yield f"winter says {day!r}, which is no day like 10-31"
    if not found.items:
        yield "items is empty"
    yield from (f"the synonyms {' / '.join(group)} are fewer than two" for group in found.synonyms if len(group) < 2)


def _is_month_day(text: str) -> bool:
    try:
        return f"{date.fromisoformat(f'2000-{text}'):%m-%d}" == text
    except ValueError:
        return False


def _twice(what: str, values: Iterator[str]) -> Iterator[str]:
    yield from (f"{what} {value!r} stands {count} times" for value, count in Counter(values).items() if count > 1)


def _is_slug(text: str) -> bool:
    return bool(text) and all(c.isascii() and (c.islower() or c.isdigit() or c == "-") for c in text)


def _unknown_number(where: str, danger: Danger | None, found: Catalogue) -> Iterator[str]:
    if danger and danger.call not in found.numbers:
        yield f"{where} says to call {danger.call!r}, which is no number"
