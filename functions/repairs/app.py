"""Repairs: what can be reported, a report, and what became of it."""

from datetime import date, datetime
from functools import cache
from typing import Any

from msgspec import UNSET, Struct, UnsetType, convert

from portal import clock, store
from portal.appointments import calendar
from portal.appointments import service as appointments
from portal.appointments.fields import Communication, Pets, SafeWord, SlotId, Vulnerable
from portal.failures import NotFound
from portal.http.api import Answer, Api, Page
from portal.identity.sessions import NotLoggedIn, PasswordChangeRequired, Session
from portal.photos import service as photos
from portal.photos.fields import ContentType, Size
from portal.photos.rules import State as PhotoState
from portal.repairs import following
from portal.repairs import service as repairs
from portal.repairs.catalogue import Priority, Responsibility, catalogue
from portal.repairs.fields import (
    AccessNotes,
    Answers,
    Anyway,
    Comment,
    Description,
    ItemId,
    Note,
    Rating,
    Reason,
    Search,
    StillWrong,
    Which,
)
from portal.repairs.hazards import Name, State
from portal.repairs.rules import triage
from portal.repairs.searching import finder
from portal.settings import setting
from portal.tenancies.service import TenancyEnded
from portal.validation.fields import Cursor
from portal.validation.reading import Request

app = Api()
handler = app.handler


class Danger(Struct):
    """Whom to ring before anything else. `phone` is null for the landlord's own emergency line."""

    call: str
    name: str
    phone: str | None
    text: str


class CatalogueAnswer(Struct, omit_defaults=True):
    """An answer that can be given; `danger` where it means that something cannot wait."""

    answer_id: str
    text: str
    danger: Danger | None = None


class CatalogueQuestion(Struct):
    """A question to ask before the report is sent."""

    question_id: str
    text: str
    answers: list[CatalogueAnswer]


class CatalogueItem(Struct):
    """Something that can be reported. `priority` and `danger` hold today, until the questions are answered.

    `photo` says what a photo should show.
    """

    item_id: str
    place: str
    object: str
    problem: str
    priority: Priority
    responsibility: Responsibility
    advice: str | None
    photo: str
    danger: Danger | None
    questions: list[CatalogueQuestion]


class CatalogueList(Struct):
    """Everything that can be reported."""

    items: list[CatalogueItem]


class ReportRequest(Request):
    """What is wrong, and how to get in. `anyway` reports what is open already all the same."""

    item_id: ItemId
    answers: Answers | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    access_notes: AccessNotes | UnsetType = UNSET
    anyway: Anyway | UnsetType = UNSET


class GivenAnswer(Struct):
    """A question and what was answered, as they were worded then."""

    question_id: str
    text: str
    answer_id: str
    answer: str


class RepairEvent(Struct):
    """Something that happened. 00:00 in Europe/London stands for a day of which no time is known."""

    at: datetime
    event: str
    note: str | None


class RepairDuty(Struct):
    """What the law asks of the landlord, and by when; `due_at` is null while what it runs from has not happened.

    `at_the_latest` is a backstop where the law has one. `entitled` says what the tenant may ask for once it is missed.
    """

    duty: Name
    due_at: datetime | None
    at_the_latest: datetime | None
    state: State
    met_at: datetime | None
    entitled: str | None


class HazardSummary(Struct):
    """What the landlord wrote of an investigation, and when it was sent."""

    sent_at: datetime
    hazard: str
    action: str
    start_by: date | None
    finish_by: date | None
    text: str | None


class Appointment(Struct):
    """A visit that is booked, with what was told for whoever comes. Times are those of the period."""

    slot_id: str
    date: date
    period: str
    starts_at: datetime
    ends_at: datetime
    access_notes: str | None
    vulnerable: bool
    communication: str | None
    pets: str | None
    safe_word: str | None


class Slot(Struct):
    """A time that can be booked."""

    slot_id: str
    date: date
    period: str
    starts_at: datetime
    ends_at: datetime


class SlotList(Struct):
    """The times that can be booked for a repair, soonest first."""

    slots: list[Slot]


class AppointmentRequest(Request):
    """Which time, and what whoever comes should know. What is left out stays as it was told; null takes it back."""

    slot_id: SlotId
    access_notes: AccessNotes | UnsetType | None = UNSET
    vulnerable: Vulnerable | UnsetType = UNSET
    communication: Communication | UnsetType | None = UNSET
    pets: Pets | UnsetType | None = UNSET
    safe_word: SafeWord | UnsetType | None = UNSET


class Repair(Struct):
    """A repair. One that the landlord took down has a description and no place, object or problem."""

    repair_id: str
    reference: str
    item_id: str | None
    place: str | None
    object: str | None
    problem: str | None
    description: str | None
    access_notes: str | None
    answers: list[GivenAnswer]
    priority: Priority
    status: str
    reported_at: datetime
    due_at: datetime | None
    completed_on: date | None
    danger: Danger | None
    advice: str | None
    next_step: str
    rating: int | None
    rating_comment: str | None
    can_reopen: bool
    events: list[RepairEvent]
    duties: list[RepairDuty]
    summary: HazardSummary | None
    appointment: Appointment | None


class CancelRequest(Request):
    """Why it is called off, where the tenant says so."""

    reason: Reason | UnsetType = UNSET


class ReopenRequest(Request):
    """What is still wrong."""

    reason: StillWrong


class RatingRequest(Request):
    """How it was, from 1 (poor) to 5 (very good)."""

    rating: Rating
    comment: Comment | UnsetType = UNSET


class NoteRequest(Request):
    """What the landlord should know besides."""

    text: Note


class PhotoRequest(Request):
    """What kind of picture is to be added, and how large its file is."""

    content_type: ContentType
    size: Size


class PhotoPost(Struct):
    """A form that puts that picture into S3: `fields` in their order, then the file as `file`, within ten minutes."""

    photo_id: str
    url: str
    fields: dict[str, str]


class Photo(Struct):
    """A photo of a repair. The links, to the picture and a small one, are good for fifteen minutes."""

    photo_id: str
    state: PhotoState
    message: str | None
    added_at: datetime
    url: str | None
    small_url: str | None


class PhotoList(Struct):
    """A repair's photos, in the order in which they were added."""

    photos: list[Photo]


class RepairList(Struct):
    """Some repairs, newest first."""

    repairs: list[Repair]
    next_cursor: str | None


@app.get("/api/repairs/catalogue")
def show_catalogue(*, search: Search | None = None) -> CatalogueList:
    """Everything that can be reported, by place, object and problem. Anybody may read it.

    With `search`, what those words may mean, the best match first, misspelt or not.
    """
    items = _catalogue(catalogue().winter.has(clock.london_date(clock.now())))
    if search is None:
        return CatalogueList(list(items.values()))
    return CatalogueList([items[leaf.item_id] for leaf in finder().search(search)])


@app.post(
    "/api/repairs",
    status=201,
    beside=repairs.beside_report,
    failures=(NotLoggedIn, PasswordChangeRequired, TenancyEnded, repairs.AlreadyReported),
)
def report(session: Session, body: ReportRequest) -> Repair:
    """Take a report, and say at once how urgent it is and by when it is done."""
    at = clock.now()
    item = repairs.report(
        session,
        body.item_id,
        answers=body.answers or {},
        description=body.description or None,
        access_notes=body.access_notes or None,
        anyway=body.anyway is True,
        at=at,
    )
    return _repair(item, at)


@app.get("/api/repairs", failures=(NotLoggedIn, PasswordChangeRequired))
def history(session: Session, *, cursor: Cursor | None = None, status: Which | None = None) -> RepairList:
    """The home's repairs in this tenancy, newest first, also those that the landlord took down.

    `status` leaves out the finished ones (`open`) or the others (`finished`).
    """
    at = clock.now()
    page = repairs.page(session.tenancy_id, cursor, at, is_open=None if status is None else status == "open")
    return RepairList([_repair(item, at) for item in page.repairs], page.below)


def _the_repair(session: Session, repair_id: str) -> list[store.Key]:
    return [repairs.key_of(session.tenancy_id, repair_id)]


@app.get("/api/repairs/{repair_id}", beside=_the_repair, failures=(NotLoggedIn, PasswordChangeRequired))
def repair(session: Session, repair_id: str) -> Repair:  # noqa: ARG001  (read beside the session)
    """One repair with everything that happened to it."""
    return _repair(repairs.seen(session.beside[0]), clock.now())


_CHANGES = (NotLoggedIn, PasswordChangeRequired)


@app.post(
    "/api/repairs/{repair_id}/cancel", beside=following.beside_change, failures=(*_CHANGES, following.RepairFinished)
)
def cancel(session: Session, repair_id: str, body: CancelRequest) -> Repair:  # noqa: ARG001  (read beside the session)
    """Call a repair off."""
    at = clock.now()
    item = following.cancel(session, body.reason or None, at, releasing=lambda item: appointments.released(item, at))
    return _repair(item, at)


@app.post(
    "/api/repairs/{repair_id}/reopen",
    beside=following.beside_change,
    failures=(*_CHANGES, TenancyEnded, following.RepairNotFinished, following.TooLateToReopen),
)
def reopen(session: Session, repair_id: str, body: ReopenRequest) -> Repair:  # noqa: ARG001  (read beside the session)
    """Say that what was completed is not mended, within 28 days."""
    at = clock.now()
    return _repair(following.reopen(session, body.reason, at), at)


@app.post(
    "/api/repairs/{repair_id}/rating", beside=following.beside_change, failures=(*_CHANGES, following.RepairNotFinished)
)
def rate(session: Session, repair_id: str, body: RatingRequest) -> Repair:  # noqa: ARG001  (read beside the session)
    """Say how a finished repair was."""
    at = clock.now()
    return _repair(following.rate(session, body.rating, body.comment or None, at), at)


@app.post(
    "/api/repairs/{repair_id}/notes",
    beside=following.beside_change,
    failures=(*_CHANGES, following.RepairFinished, following.NotesFull),
)
def add_note(session: Session, repair_id: str, body: NoteRequest) -> Repair:  # noqa: ARG001  (read beside the session)
    """Add to an open repair what the landlord should know besides."""
    at = clock.now()
    return _repair(following.add_note(session, body.text, at), at)


@app.get(
    "/api/repairs/{repair_id}/slots",
    beside=appointments.beside,
    failures=(NotLoggedIn, PasswordChangeRequired, TenancyEnded, repairs.RepairFinished),
)
def slots(session: Session, repair_id: str) -> SlotList:  # noqa: ARG001  (read beside the session)
    """The times at which somebody can come, soonest first, also those after the date that we aim for."""
    found = appointments.offered(session, clock.now())
    return SlotList([Slot(s.place.slot_id, s.place.day, s.place.period, s.starts_at, s.ends_at) for s in found])


@app.put(
    "/api/repairs/{repair_id}/appointment",
    beside=appointments.beside,
    failures=(
        NotLoggedIn, PasswordChangeRequired, TenancyEnded, repairs.RepairFinished, appointments.SlotTaken,
        appointments.TooLateToChange,
    ),
)  # fmt: skip
def book(session: Session, repair_id: str, body: AppointmentRequest) -> Appointment:
    """Book a time, or move the visit to it. The same time again is the same answer."""
    told = {name: value for name in appointments.DETAILS if (value := getattr(body, name)) is not UNSET}
    return _appointment(appointments.book(session, repair_id, body.slot_id, told, clock.now()))


@app.delete(
    "/api/repairs/{repair_id}/appointment",
    status=204,
    beside=appointments.beside,
    failures=(
        NotLoggedIn,
        PasswordChangeRequired,
        TenancyEnded,
        repairs.RepairFinished,
        appointments.TooLateToChange,
    ),
)
def give_up(session: Session, repair_id: str) -> None:
    """Cancel the visit; the repair stays open."""
    appointments.give_up(session, repair_id, clock.now())


@app.get("/api/repairs/{repair_id}/appointment.ics", beside=_the_repair, failures=(NotLoggedIn, PasswordChangeRequired))
def appointment_file(session: Session, repair_id: str) -> Answer[Page]:
    """The visit as a file for a calendar."""
    item = repairs.seen(session.beside[0])
    appointment = appointments.of(item)
    if appointment is None:
        raise NotFound
    text = calendar.file(appointment, repair_id, item.reference, repairs.name_of(item), setting("SITE_ORIGIN"))
    named = {"Content-Disposition": 'attachment; filename="repair-visit.ics"'}
    return Answer(Page(text, "text/calendar; charset=utf-8"), headers=named)


@app.post(
    "/api/repairs/{repair_id}/photos",
    status=201,
    beside=photos.beside,
    failures=(*_CHANGES, TenancyEnded, repairs.RepairFinished, photos.PhotosFull),
)
def add_photo(session: Session, repair_id: str, body: PhotoRequest) -> PhotoPost:
    """Take a place for a photo, and say where a browser may send it. A repair has at most six."""
    made = photos.ask(session, repair_id, body.content_type, body.size, clock.now())
    return PhotoPost(made.photo_id, made.url, made.fields)


@app.get("/api/repairs/{repair_id}/photos", beside=photos.beside, failures=_CHANGES)
def show_photos(session: Session, repair_id: str) -> PhotoList:
    """The photos of a repair, also those that are being checked and those that were refused, with the reason."""
    return PhotoList([Photo(**photo._asdict()) for photo in photos.of(session, repair_id)])


@app.delete("/api/repairs/{repair_id}/photos/{photo_id}", status=204, beside=photos.beside, failures=_CHANGES)
def remove_photo(session: Session, repair_id: str, photo_id: str) -> None:
    """Take a photo away, whatever became of it."""
    photos.remove(session, repair_id, photo_id, clock.now())


@cache
def _catalogue(is_winter: bool) -> dict[str, CatalogueItem]:
    known = catalogue()

    def danger(found: Any) -> Danger | None:
        return Danger(**repairs.call_for(found, known)._asdict()) if found else None

    def questions(leaf: Any) -> list[CatalogueQuestion]:
        return [
            CatalogueQuestion(
                q.question_id, q.text, [CatalogueAnswer(a.answer_id, a.text, danger(a.danger)) for a in q.answers]
            )
            for q in known.questions_of(leaf)
        ]

    found = {}
    for leaf in known.items:
        priority, its_danger, _ = triage(leaf, (), is_winter=is_winter)
        found[leaf.item_id] = CatalogueItem(
            leaf.item_id, leaf.place, leaf.object, leaf.problem, priority, leaf.responsibility, leaf.advice,
            known.photos[leaf.photo], danger(its_danger), questions(leaf),
        )  # fmt: skip
    return found


def _appointment(found: appointments.Appointment) -> Appointment:
    return Appointment(
        found.place.slot_id,
        found.place.day,
        found.place.period,
        found.starts_at,
        found.ends_at,
        **{**found.details, "vulnerable": bool(found.details["vulnerable"])},
    )


def _repair(item: Any, at: datetime) -> Repair:
    appointment = appointments.of(item)
    return Repair(
        repair_id=repairs.id_of(item),
        reference=item.reference,
        item_id=item.item_id,
        place=item.place,
        object=item.object,
        problem=item.problem,
        description=item.description,
        access_notes=item.access_notes,
        answers=convert(item.answers or [], list[GivenAnswer]),
        priority=item.priority,
        status=item.status,
        reported_at=item.reported_at,
        due_at=item.due_at,
        completed_on=item.completed_on,
        danger=Danger(**item.danger) if item.danger else None,
        advice=item.advice,
        next_step=repairs.next_step_of(item, at),
        rating=int(item.rating) if item.rating else None,
        rating_comment=item.rating_comment,
        can_reopen=repairs.can_reopen(item, at),
        events=[RepairEvent(e.at, e.event, e.note) for e in sorted(item.events, key=lambda e: e.at)],
        duties=[RepairDuty(**duty._asdict()) for duty in repairs.duties_of(item, at)],
        summary=convert(item.summary, HazardSummary) if item.summary else None,
        # One that is over is no visit to come: the events tell of it.
        appointment=_appointment(appointment) if appointment and appointment.ends_at > at else None,
    )
