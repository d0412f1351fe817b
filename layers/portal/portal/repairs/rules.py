"""The rules of repairs: how urgent, by when, and which words a state has. Pure; the time is an argument."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from portal import clock, ids
from portal.failures import FieldError
from portal.repairs.catalogue import Answer, Danger, Leaf, Priority, Question, Target
from portal.working_days import IsHoliday, working_days_after

PRIORITIES: Sequence[Priority] = ("emergency", "urgent", "routine")

# `reported` is a report that the landlord has not answered yet; the rest are HACT's words (UK Housing Data
# Standards 3.5, WorkOrder status) as the exchange brings them, and `in_progress` and `reopened` beside them.
STATUSES = (
    "reported", "open", "accepted", "assigned", "scheduled", "in_progress", "on_hold", "awaiting_materials",
    "awaiting_approval", "no_access", "reopened", "completed", "closed", "cancelled",
)  # fmt: skip
FINISHED = frozenset({"completed", "closed", "cancelled"})

# What may happen to a repair, with the status that it brings: None for what leaves the status as it is. A status that
# the exchange brings is an event of that name too.
EVENTS: Mapping[str, str | None] = {
    **{status: status for status in STATUSES},
    "appointment": "scheduled", "on_the_way": "scheduled", "visited": "in_progress", "follow_on": "in_progress",
    "works_begun": "in_progress", "investigated": None, "summary_sent": None, "made_safe": None, "steps_taken": None,
    "emergency_found": None, "renewed_investigation": None, "accommodation_offered": None, "access_attempted": None,
    "note_added": None, "appointment_booked": None, "appointment_moved": None, "appointment_cancelled": None,
}  # fmt: skip
# Only the tenant's own doing here: the landlord's files and bus bring none of these.
_TENANTS_OWN = frozenset({
    "reported", "note_added", "appointment_booked", "appointment_moved", "appointment_cancelled",
})  # fmt: skip
MOST_EVENTS = 200
"""What the landlord may tell of one repair: an item of DynamoDB holds 400 KB."""

MOST_NOTES = 50
"""What tenants may add to one repair; it takes nothing from what the landlord may tell."""

REOPENED_WITHIN_DAYS = 28
LANDLORD_HEARS_WITHIN = timedelta(hours=48)
"""How long the landlord's file may not know yet of what a tenant did: a night's export, and a night's file after it."""

SAME_WITHIN = timedelta(minutes=10)
"""How long the same thing sent again is taken for a lost answer and not for a second wish."""

_EVENT_ALIASES = {
    "complete": "completed", "canceled": "cancelled", "raised": "accepted", "appointment_made": "appointment",
    "appointment_booked": "appointment", "booked": "appointment", "operative_on_the_way": "on_the_way",
    "en_route": "on_the_way", "follow_on_work": "follow_on", "follow_on_works": "follow_on",
    "inspected": "investigated", "investigation_ended": "investigated", "work_begun": "works_begun",
    "works_started": "works_begun", "started": "works_begun", "visit": "visited", "attended": "visited",
}  # fmt: skip

_STATUS_ALIASES = {"complete": "completed", "done": "completed", "canceled": "cancelled", "raised": "accepted"}
# HACT's priorities: 1 immediate, 2 emergency, 3 urgent, 4 normal, 5 inspection.
_PRIORITY_ALIASES: Mapping[str, Priority] = {
    "1": "emergency", "immediate": "emergency", "2": "emergency", "3": "urgent", "4": "routine", "normal": "routine",
    "5": "routine", "inspection": "routine",
}  # fmt: skip

_REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_REFERENCE_CHARACTERS = 6
# HACT DescriptionOfWork.
_DESCRIPTION_OF_WORK = 230


class Answered(NamedTuple):
    """A question and the answer that was given."""

    question: Question
    answer: Answer


def told(events: Iterable[str]) -> int:
    """How many of those events the landlord told of."""
    return sum(event not in _TENANTS_OWN for event in events)


def is_news(
    status: str,
    completed_on: date | None,
    *,
    reopened_at: datetime | None,
    cancelled_at: datetime | None,
    at: datetime,
) -> bool:
    """Whether the landlord's file may say that of a repair, after it was last opened again or called off then.

    A file that was written before the landlord could hear of it says what was so before. A completion is news once it
    lies on a later day than the opening again; where it names the same day or none, and where work goes on with what
    was called off, after `LANDLORD_HEARS_WITHIN`.
    """
    if reopened_at is not None and status in FINISHED - {"cancelled"}:
        reopened_on = clock.london_date(reopened_at)
        if completed_on is not None and completed_on != reopened_on:
            return completed_on > reopened_on
        return at >= reopened_at + LANDLORD_HEARS_WITHIN
    if cancelled_at is not None and status not in FINISHED | {"reopened"}:
        return at >= cancelled_at + LANDLORD_HEARS_WITHIN
    return True


def due_at(target: Target, at: datetime, is_holiday: IsHoliday) -> datetime:
    """When something that starts at `at` and may take `target` must be done, in UTC.

    Hours are real hours, through nights, weekends and clock changes. Days end at 23:59:59 in Europe/London; the day
    of `at` is day 0. Source: design §4, law.md §1.
    """
    if target.unit == "hours":
        return at + timedelta(hours=target.amount)
    day = clock.london_date(at)
    if target.unit == "calendar_days":
        return clock.end_of_day(day + timedelta(days=target.amount))
    return clock.end_of_day(working_days_after(day, target.amount, is_holiday))


def wrong_answers(questions: Sequence[Question], answers: Mapping[str, str]) -> list[FieldError]:
    """What is wrong with the answers: a question that is not asked here, or an answer that it does not have."""
    asked = {q.question_id: q for q in questions}
    errors = []
    for question_id, answer_id in answers.items():
        question = asked.get(question_id)
        if question is None:
            errors.append(
                FieldError("answers", "That question is not asked about this repair. Choose the repair again.")
            )
        elif question.answer(answer_id) is None:
            errors.append(FieldError(f"answers.{question_id}", f"Choose one of the answers to “{question.text}”"))
    return list(dict.fromkeys(errors))


def answered(questions: Sequence[Question], answers: Mapping[str, str]) -> list[Answered]:
    """The answers that were given, in the order of the questions."""
    found = ((q, q.answer(answers.get(q.question_id, ""))) for q in questions)
    return [Answered(question, answer) for question, answer in found if answer]


def most_urgent(priorities: Sequence[Priority]) -> Priority:
    """The most urgent of them."""
    return min(priorities, key=PRIORITIES.index)


class Triage(NamedTuple):
    """How urgent a report is, what of it cannot wait for a form, and the kind of hazard that it may be."""

    priority: Priority
    danger: Danger | None
    hazard: str | None


def triage(leaf: Leaf, given: Sequence[Answered], *, is_winter: bool) -> Triage:
    """What the leaf and the answers say together.

    The priority is the most urgent that any answer says. The leaf's own stands while a question is open or no answer
    says anything: an answer may lower it only once every question has been answered. In the cold months a leaf may
    be more urgent whatever is answered (SI 1994/133). What an answer says is dangerous comes before what the leaf says.
    """
    said = [g.answer.priority for g in given if g.answer.priority]
    if len(given) < len(leaf.ask) or not said:
        said.append(leaf.priority)
    cold = leaf.winter if is_winter else None
    if cold:
        said.append(cold.priority)
    dangers = [g.answer.danger for g in given] + [cold.danger if cold else None, leaf.danger]
    hazards = [g.answer.hazard for g in given] + [leaf.hazard]
    return Triage(most_urgent(said), next(filter(None, dangers), None), next(filter(None, hazards), None))


def next_step(status: str, priority: str, *, is_danger: bool, is_tenants: bool, is_booked: bool = False) -> str:
    """What the tenant can do next: never nothing, and never only to wait."""
    if status == "cancelled":
        return "This was cancelled. If it still needs mending, report it again."
    if status in FINISHED:
        return "This is finished. If it is not mended, open it again here within 28 days. After that, report it again."
    if status == "no_access":
        return "We came and could not get in. Ring us to arrange another visit."
    if is_danger:
        return "If you have not rung yet, ring now. Do not wait for us to read this. Keep your phone near."
    if is_booked:
        return "Be at home when we come. If you cannot, change or cancel the visit before the day."
    if is_tenants:
        return "We will look at it and tell you whether we can help. If you mend it yourself, you can cancel this here."
    if priority == "emergency":
        return "Keep your phone near. We will ring you to say when we come. If you hear nothing in 4 hours, ring us."
    if priority == "urgent":
        return "Choose when we come, or we will ring you to arrange a time. If it gets worse, ring us."
    return "Choose when we come, or we will ring you to arrange a time. You can follow it here."


def new_reference() -> str:
    """A short reference that people can read out: `R-7K4M2P`."""
    return "R-" + "".join(secrets.choice(_REFERENCE_ALPHABET) for _ in range(_REFERENCE_CHARACTERS))


def start_of_day(day: date) -> datetime:
    """00:00 in Europe/London on `day`, in UTC: the instant that stands for a day of which no time is known."""
    return datetime.combine(day, time(0), clock.LONDON).astimezone(UTC)


def imported_id(reference: str, reported_on: date) -> str:
    """The id of a repair that the landlord took down: it sorts by its day, and is the same at each import."""
    return ids.new_id(start_of_day(reported_on))[:10] + ids.derived_id("repair", reference)[10:]


def status_word(text: str) -> str | None:
    """The status that the landlord's file means, None where it is none of ours."""
    word = _word(text)
    word = _STATUS_ALIASES.get(word, word)
    return word if word in STATUSES else None


def event_word(text: str) -> str | None:
    """The event that the landlord's file or bus means, None where it is none that a landlord tells of."""
    word = _word(text)
    word = _EVENT_ALIASES.get(word, word)
    return word if word in EVENTS and word not in _TENANTS_OWN else None


def status_after(happened: Sequence[tuple[str, datetime]], otherwise: str) -> str:
    """The status that the latest event with one brings, in whatever order they came to be known."""
    telling = [(at, place, status) for place, (event, at) in enumerate(happened) if (status := EVENTS.get(event))]
    return max(telling)[2] if telling else otherwise


def may_reopen(completed_on: date, today: date) -> bool:
    """Whether what was completed on that day may still be said not to be mended."""
    return today <= completed_on + timedelta(days=REOPENED_WITHIN_DAYS)


def status_for_landlord(status: str) -> str:
    """The status in HACT's words: what is reported or opened again is open, completed is complete."""
    return {"reported": "open", "reopened": "open", "completed": "complete"}.get(status, status.replace("_", " "))


def stages(starts_at: datetime, ends_at: datetime) -> dict[str, datetime]:
    """When the landlord is warned of a duty: at half of its time, at four fifths, and once it has passed.

    A second after its end it has passed.
    """
    given = ends_at - starts_at
    return {"half": starts_at + given / 2, "most": starts_at + given * 4 / 5, "passed": ends_at + timedelta(seconds=1)}


def priority_word(text: str) -> Priority | None:
    """The priority that the landlord's file means, HACT's names and numbers included; None where it is none."""
    word = _word(text)
    return next((p for p in PRIORITIES if p == word), _PRIORITY_ALIASES.get(word))


def _word(text: str) -> str:
    return "_".join(text.replace("-", " ").replace("_", " ").lower().split())


def description_of_work(leaf: Leaf, description: str | None) -> str:
    """What is to be mended in one line of at most 230 characters, as HACT's DescriptionOfWork."""
    line = f"{leaf.place}, {leaf.object}: {leaf.problem}"
    if description:
        line += ". " + " ".join(description.split())
    return line if len(line) <= _DESCRIPTION_OF_WORK else line[: _DESCRIPTION_OF_WORK - 1] + "…"
