"""What happens to a repair after its report: what the landlord tells, by file or by bus, and what the tenant does."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from portal import clock, store
from portal.exchange import journal
from portal.failures import Failure, NotFound
from portal.identity.sessions import Session
from portal.recorded import APPLIED, UNCHANGED, Recorded, refused
from portal.repairs import changing, rules
from portal.repairs import store as repairs
from portal.repairs.store import Event, RepairItem, event
from portal.tenancies import service as tenancies

_TRIES = 5
_CHUNK = 100
_CLOCKS_DIFFER = timedelta(hours=1)


class RepairFinished(Failure):
    """The repair is completed, closed or cancelled: nothing can be added to it or called off."""


class RepairNotFinished(Failure):
    """The repair is still open: there is nothing to open again or to rate."""


class NotesFull(Failure):
    """As much was added to the repair as can be kept with it."""


class TooLateToReopen(Failure):
    """The repair was completed more than 28 days ago."""


class Told(NamedTuple):
    """An event that the landlord tells of, its word brought to ours by `rules.event_word`.

    `source_id` is the bus's own id of it: however often that comes, it happened once. `summary` is the written summary
    of a hazard's investigation, for the event `summary_sent`.
    """

    repair_reference: str
    at: datetime
    event: str
    note: str | None = None
    source_id: str | None = None
    summary: Mapping[str, str | None] | None = None


def record(rows: Sequence[Told], at: datetime) -> list[Recorded]:
    """Take over what the landlord tells, in whatever order it comes; one outcome a row.

    What is known already (the same event at the same moment, or the bus's same id) changes nothing and costs no write.
    """
    outcomes: dict[int, Recorded] = {}
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if row.at > at + _CLOCKS_DIFFER:
            outcomes[place] = refused("it is said to have happened in the future")
        else:
            places.setdefault(row.repair_reference, []).append(place)
    references = list(places)
    for start in range(0, len(references), _CHUNK):
        some = references[start : start + _CHUNK]
        named = store.fetch([repairs.reference_key(reference) for reference in some], at)
        for reference, name in zip(some, named, strict=True):
            told = [rows[place] for place in places[reference]]
            outcomes |= dict(zip(places[reference], _record(name, told, at), strict=True))
    return [outcomes[place] for place in range(len(rows))]


def _record(name: Any, told: Sequence[Told], at: datetime) -> list[Recorded]:
    for _ in range(_TRIES):
        item = store.fetch([repairs.repair_key(name.tenancy_id, name.repair_id)], at)[0] if name else None
        if item is None:
            return [refused("repair_reference is none that we hold")] * len(told)
        new, outcomes = _news(item, told)
        change = changing.change(item, new, _latest_summary(item, told))
        try:
            if change.writes:
                store.transact(*change.writes)
        except store.Refused:
            continue
        return outcomes
    raise store.Unavailable


def _news(item: RepairItem, told: Sequence[Told]) -> tuple[list[Event], list[Recorded]]:
    moments = {(e.event, e.at) for e in item.events}
    sources: set[str | None] = {e.source_id for e in item.events if e.source_id}
    new: list[Event] = []
    outcomes = []
    for row in told:
        if (row.event, row.at) in moments or row.source_id in sources:
            outcomes.append(UNCHANGED)
        elif rules.told(e.event for e in (*item.events, *new)) >= rules.MOST_EVENTS:
            outcomes.append(refused(f"the repair has {rules.MOST_EVENTS} events already"))
        else:
            moments.add((row.event, row.at))
            sources |= {row.source_id} - {None}
            new.append(event(row.event, row.at, row.note, row.source_id))
            outcomes.append(APPLIED)
    return new, outcomes


def _latest_summary(item: RepairItem, told: Sequence[Told]) -> dict[str, Any]:
    """The summary that was sent last: an older one that comes late does not take its place."""
    known = item.summary or {}
    for row in told:
        if row.summary and row.at.isoformat() >= known.get("sent_at", ""):
            known = {**row.summary, "sent_at": row.at.isoformat()}
    return {"summary": known} if known else {}


# ------------------------------------------------------------------------------------------- what the tenant does


class _Wish(NamedTuple):
    """What the tenant does: events, attributes and `beside` them other writes, and what the landlord is told of it."""

    change: str
    new: Sequence[Event] = ()
    also: Mapping[str, Any] | None = None
    beside: Sequence[store.Write] = ()
    rating: int | None = None
    text: str | None = None


def beside_change(session: Session, repair_id: str) -> Sequence[store.Key]:
    """What a change reads in the same call as the session: the repair, the tenancy, the person who asks."""
    return (
        repairs.repair_key(session.tenancy_id, repair_id),
        tenancies.key_of(session.tenancy_id),
        tenancies.key_of_person(session.tenancy_id, session.person_id),
    )


def cancel(
    session: Session, reason: str | None, at: datetime, *, releasing: Callable[[RepairItem], Sequence[store.Write]]
) -> RepairItem:
    """Call the repair off, and with it the visit that is booked. Asked twice it is called off once.

    `releasing` gives the writes that give the visit's place back.

    Raises:
        NotFound, RepairFinished
    """

    def wish(item: RepairItem) -> _Wish | None:
        if item.status == "cancelled":
            return None
        if item.status in rules.FINISHED:
            raise RepairFinished
        also = {"appointment": None, "appointment_sequence": int(item.appointment_sequence or 0) + 1}
        return _Wish(
            "cancelled",
            [event("cancelled", _last(item, at), reason)],
            also if item.appointment else None,
            releasing(item),
            text=reason,
        )

    return _do(session, wish, at)


def reopen(session: Session, reason: str, at: datetime) -> RepairItem:
    """Say that what was completed is not mended: within 28 days of it. The landlord's clocks begin anew.

    Raises:
        NotFound, TenancyEnded, RepairNotFinished, TooLateToReopen
    """
    tenancies.refuse_ended(session.beside[1], at)

    def wish(item: RepairItem) -> _Wish | None:
        if item.status == "reopened":
            return None
        if item.status not in rules.FINISHED - {"cancelled"}:
            raise RepairNotFinished
        if item.completed_on and not rules.may_reopen(item.completed_on, clock.london_date(at)):
            raise TooLateToReopen
        return _Wish("reopened", [event("reopened", _last(item, at), reason)], text=reason)

    return _do(session, wish, at)


def rate(session: Session, rating: int, comment: str | None, at: datetime) -> RepairItem:
    """Say how it was, from 1 to 5; said again, the last one counts.

    Raises:
        NotFound, RepairNotFinished
    """

    def wish(item: RepairItem) -> _Wish | None:
        if item.status not in rules.FINISHED - {"cancelled"}:
            raise RepairNotFinished
        if (item.rating, item.rating_comment) == (rating, comment):
            return None
        return _Wish("rated", also={"rating": rating, "rating_comment": comment}, rating=rating, text=comment)

    return _do(session, wish, at)


def add_note(session: Session, text: str, at: datetime) -> RepairItem:
    """Add to an open repair. The same words again within minutes are a lost answer, and are added once.

    Raises:
        NotFound, RepairFinished, NotesFull
    """

    def wish(item: RepairItem) -> _Wish | None:
        if item.status in rules.FINISHED:
            raise RepairFinished
        if any(e.event == "note_added" and e.note == text and at - e.at < rules.SAME_WITHIN for e in item.events):
            return None
        if sum(e.event == "note_added" for e in item.events) >= rules.MOST_NOTES:
            raise NotesFull
        return _Wish("note_added", [event("note_added", at, text)], text=text)

    return _do(session, wish, at)


def _last(item: RepairItem, at: datetime) -> datetime:
    """When the tenant's wish counts: now, and never before what the landlord told last, whose clock may go ahead."""
    return max(at, *(e.at for e in item.events))


def _do(session: Session, wish: Callable[[RepairItem], _Wish | None], at: datetime) -> RepairItem:
    item, tenancy, person = session.beside
    for _ in range(_TRIES):
        if item is None:
            raise NotFound
        wished = wish(item)
        if wished is None:
            return item  # type: ignore[no-any-return]
        change = changing.change(item, wished.new, wished.also)
        try:
            store.transact(
                *change.writes,
                *wished.beside,
                journal.entry("repair_changes", _row(item, wished, tenancy, person, change, at), at),
            )
        except store.Refused:
            # Something else happened to it meanwhile: look again whether the wish still makes sense.
            (item,) = store.fetch([repairs.repair_key(session.tenancy_id, changing.id_of(item))], at)
        else:
            return change.done_to(item)
    raise store.Unavailable


def _row(
    item: RepairItem, wished: _Wish, tenancy: Any, person: Any, change: changing.Change, at: datetime
) -> dict[str, str]:
    return {
        "repair_reference": item.reference,
        "tenancy_reference": tenancy.reference,
        "person_reference": person.person_reference if person else "",
        "changed_at": at.isoformat(),
        "change": wished.change,
        "status": rules.status_for_landlord(change.values.get("status", item.status)),
        "rating": str(wished.rating or ""),
        "text": wished.text or "",
    }
