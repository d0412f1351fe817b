"""What a tenant asks of appointments: what is offered, booking, moving, giving up."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from portal import store
from portal.appointments import rules
from portal.appointments import store as appointments
from portal.appointments.rules import Place
from portal.exchange import journal
from portal.failures import Failure, NotFound
from portal.identity.sessions import Session
from portal.mail.outbox import letter
from portal.repairs import service as repairs
from portal.repairs.service import RepairItem
from portal.tenancies import service as tenancies

# Enough for a few changes of one repair at the same moment.
_TRIES = 6

# Where among its writes a booking takes the place.
_TAKING = 2

DETAILS = ("access_notes", "vulnerable", "communication", "pets", "safe_word")
"""What a tenant tells whoever comes. It goes to the landlord in the export, and into no mail or log."""


class SlotTaken(Failure):
    """The place is booked up, closed or was never there: another has to be chosen."""


class TooLateToChange(Failure):
    """The visit is so near that the landlord has planned it: only a call can change it."""


class Slot(NamedTuple):
    """A place that can be booked."""

    place: Place
    starts_at: datetime
    ends_at: datetime


class Appointment(NamedTuple):
    """A visit that is booked, with what the tenant told for it."""

    place: Place
    trade: str
    starts_at: datetime
    ends_at: datetime
    details: Mapping[str, Any]
    sequence: int
    changed_at: datetime


def beside(session: Session, repair_id: str) -> Sequence[store.Key]:
    """What booking reads in the same call as the session: the repair, the tenancy, the person."""
    return (
        repairs.key_of(session.tenancy_id, repair_id),
        tenancies.key_of(session.tenancy_id),
        tenancies.key_of_person(session.tenancy_id, session.person_id),
    )


def offered(session: Session, at: datetime) -> list[Slot]:
    """The places that can be booked for the repair, soonest first; none where nobody's trade is known for it.

    Places after the repair's deadline are offered too: whoever looks compares. `session` carries what `beside` names.

    Raises:
        NotFound, RepairFinished, TenancyEnded
    """
    item = _bookable(session, at)
    found = appointments.offered(item.trade, at) if item.trade else iter(())
    free = [
        Slot(s.place, rules.starts_at(s.place), rules.ends_at(s.place))
        for s in found
        if s.booked < s.capacity and rules.is_offered(s.place.day, at) and rules.period_named(s.place.period)
    ]
    return sorted(free, key=lambda slot: (slot.starts_at, slot.ends_at))[: rules.MOST_OFFERED]


def of(item: RepairItem) -> Appointment | None:
    """The repair's appointment, whether or not it is over."""
    kept = item.appointment
    if not kept:
        return None
    return Appointment(
        _place_of(kept),
        kept["trade"],
        *_times_of(kept),
        {name: kept.get(name) for name in DETAILS},
        int(item.appointment_sequence or 0),
        datetime.fromisoformat(kept["changed_at"]),
    )


def book(session: Session, repair_id: str, slot_id: str, told: Mapping[str, Any], at: datetime) -> Appointment:
    """Book the place, or move the appointment to it; the same place again is the same answer.

    `told` are those of `DETAILS` that the tenant gave: what is left out stays as it was told before. The place, the
    old one given back, the repair, the list of visits, the letter and the landlord's line are one transaction.

    Raises:
        NotFound, RepairFinished, TenancyEnded
        SlotTaken: somebody else has the last place, or it is too late for it.
        TooLateToChange: the repair has an appointment that is so near that only a call can change it.
    """
    item = _bookable(session, at)
    place = rules.place_of(slot_id)
    for _ in range(_TRIES):
        repairs.refuse_finished(item)
        had = _ahead(item, at)
        wanted = _wanted(item, had, place, told, at)
        if had and wanted == item.appointment | {"changed_at": wanted["changed_at"]}:
            return had
        try:
            store.transact(*_changing(session, item, had, wanted, at))
        except store.Refused as refused:
            if refused.by(0):
                item = _again(session, repair_id, at)
                continue
            if refused.by(_TAKING):
                raise SlotTaken from None
            raise
        item.appointment, item.appointment_sequence = wanted, int(item.appointment_sequence or 0) + 1
        return _there(item)
    raise store.Unavailable


def give_up(session: Session, repair_id: str, at: datetime) -> None:
    """Give the appointment up; where there is none, or it is over, nothing is done.

    Raises:
        NotFound, TenancyEnded
        TooLateToChange: it is so near that only a call can change it.
    """
    item = repairs.seen(session.beside[0])
    tenancies.refuse_ended(session.beside[1], at)
    for _ in range(_TRIES):
        had = _ahead(item, at)
        if had is None:
            return
        try:
            store.transact(*_changing(session, item, had, None, at))
        except store.Refused as refused:
            if refused.by(0):
                item = _again(session, repair_id, at)
                repairs.refuse_finished(item)
                continue
            raise
        return
    raise store.Unavailable


def released(item: RepairItem, at: datetime) -> Sequence[store.Write]:
    """The writes that give the place of the repair's visit back, for who calls the repair off; none for a past one."""
    had = of(item)
    if had is None or had.ends_at <= at:
        return []
    return _given_back(had, repairs.id_of(item))


def _given_back(had: Appointment, repair_id: str) -> list[store.Write]:
    return [appointments.give_back(had.trade, had.place), store.Delete(appointments.visit(had.place, repair_id))]


def _bookable(session: Session, at: datetime) -> RepairItem:
    item = repairs.seen(session.beside[0])
    tenancies.refuse_ended(session.beside[1], at)
    repairs.refuse_finished(item)
    return item


def _again(session: Session, repair_id: str, at: datetime) -> RepairItem:
    (item,) = store.fetch([repairs.key_of(session.tenancy_id, repair_id)], at)
    return repairs.seen(item)


def _there(item: RepairItem) -> Appointment:
    found = of(item)
    if found is None:
        raise NotFound
    return found


def _ahead(item: RepairItem, at: datetime) -> Appointment | None:
    """The appointment that can still be changed, None where there is none or it is over; raises TooLateToChange."""
    had = of(item)
    if had is None or had.ends_at <= at:
        return None
    if at > rules.closes_at(had.place.day):
        raise TooLateToChange
    return had


def _place_of(kept: Mapping[str, Any]) -> Place:
    """The place of an appointment as it stands on its repair."""
    return rules.Place(date.fromisoformat(kept["date"]), kept["period"])


def _times_of(kept: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """When an appointment as it stands on its repair begins and is over."""
    return datetime.fromisoformat(kept["starts_at"]), datetime.fromisoformat(kept["ends_at"])


def _wanted(
    item: RepairItem, had: Appointment | None, place: Place | None, told: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """The appointment as it is to stand on the repair; raises SlotTaken where the place cannot be had."""
    same = had is not None and had.place == place
    trade = had.trade if had and same else item.trade
    if place is None or trade is None or not rules.is_offered(place.day, at):
        raise SlotTaken
    before = had.details if had else {"access_notes": item.access_notes}
    return {
        "trade": trade,
        "date": place.day.isoformat(),
        "period": place.period,
        "starts_at": (had.starts_at if had and same else rules.starts_at(place)).isoformat(),
        "ends_at": (had.ends_at if had and same else rules.ends_at(place)).isoformat(),
        "changed_at": at.isoformat(),
    } | {name: (told[name] if name in told else before.get(name)) or None for name in DETAILS}


def _changing(
    session: Session, item: RepairItem, had: Appointment | None, wanted: dict[str, Any] | None, at: datetime
) -> list[store.Write]:
    """The writes of one change: booked, moved, given up, or only something told anew."""
    repair_id = repairs.id_of(item)
    place = _place_of(wanted) if wanted else None
    change = _change(had, place)
    writes: list[store.Write] = [
        repairs.with_appointment(item, wanted, at, happened=None if change == "details" else f"appointment_{change}"),
        journal.entry("appointments", _exported(session, item, had, wanted, change, at), at),
    ]
    if change == "details":
        return writes
    if wanted and place:
        writes.append(appointments.take(wanted["trade"], place, at))
        writes.append(store.Put(_visit(session, item, wanted, place, at)))
    if had:
        writes += _given_back(had, repair_id)
    when = wanted or item.appointment
    about = {
        "reference": item.reference,
        "problem": repairs.name_of(item),
        "day": when["date"],
        "period": rules.in_words(*_times_of(when)),
    }
    writes.append(letter(f"appointment_{change}", to=f"customer:{session.customer_id}", at=at, about=about))
    return writes


def _change(had: Appointment | None, place: Place | None) -> str:
    if had is None:
        return "booked"
    if place is None:
        return "cancelled"
    return "details" if had.place == place else "moved"


def _visit(
    session: Session, item: RepairItem, wanted: Mapping[str, Any], place: Place, at: datetime
) -> appointments.VisitItem:
    visit = appointments.visit(place, repairs.id_of(item))
    visit.tenancy_id, visit.customer_id = session.tenancy_id, session.customer_id
    visit.reference, visit.problem = item.reference, repairs.name_of(item)
    visit.starts_at, visit.ends_at = _times_of(wanted)
    visit.booked_at, visit.expires_at = at, rules.forgotten_at(place.day)
    return visit


def _exported(
    session: Session,
    item: RepairItem,
    had: Appointment | None,
    wanted: Mapping[str, Any] | None,
    change: str,
    at: datetime,
) -> dict[str, str]:
    """The row that the landlord gets: the appointment as it is after the change, or was."""
    tenancy, person = session.beside[1:3]
    now = wanted or item.appointment
    return {
        "repair_reference": item.reference,
        "tenancy_reference": tenancy.reference,
        "person_reference": person.person_reference if person else "",
        "changed_at": at.isoformat(),
        "change": change,
        "trade": now["trade"],
        "date": now["date"],
        "period": now["period"],
        "starts_at": now["starts_at"],
        "ends_at": now["ends_at"],
        "instead_of": f"{had.place.day} {had.place.period}" if had and change == "moved" else "",
        "access_information": now.get("access_notes") or "",
        "vulnerable": "yes" if now.get("vulnerable") else "",
        "language_or_hearing": now.get("communication") or "",
        "pets": now.get("pets") or "",
        "safe_word": now.get("safe_word") or "",
    }
