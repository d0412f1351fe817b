"""What a tenant asks of repairs, and how the nightly exchange keeps them."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from portal import clock, ids, store
from portal.exchange import journal
from portal.failures import BadInput, Failure, FieldError, NotFound
from portal.identity.sessions import Session
from portal.mail.outbox import letter
from portal.observe import count
from portal.repairs import changing, hazards, rules
from portal.repairs import store as repairs
from portal.repairs.catalogue import Catalogue, Danger, Leaf, Priority, catalogue
from portal.repairs.changing import id_of
from portal.repairs.following import RepairFinished
from portal.repairs.rules import Answered, event_word, priority_word, status_word
from portal.repairs.store import Event, RepairItem, event
from portal.tenancies import service as tenancies
from portal.working_days import bank_holidays

__all__ = [
    "AlreadyReported", "ImportedRepair", "RepairFinished", "RepairItem", "beside_report", "call_for", "can_reopen",
    "duties_of", "event_word", "id_of", "key_of", "name_of", "next_step_of", "page", "priority_word", "record",
    "refuse_finished", "report", "seen", "status_word", "still_open", "trades", "with_appointment",
]  # fmt: skip

PAGE = 20
_TRIES = 4
_CHUNK = 100
# Its place among the writes of a report.
_SAME = 5


class AlreadyReported(Failure):
    """The home has this item open; the member `repair_id` names the latest of them."""


class ImportedRepair(NamedTuple):
    """A row of the landlord's `repairs.csv`, its words brought to ours by `priority_word` and `status_word`."""

    repair_reference: str
    tenancy_id: str
    reported_on: date
    description: str
    priority: Priority
    status: str
    completed_on: date | None


class Call(NamedTuple):
    """Whom to ring before anything else, and what to do. `phone` None: the landlord's own emergency line."""

    call: str
    name: str
    phone: str | None
    text: str


class Repairs(NamedTuple):
    """Some repairs, newest first, and the id to go on below, None where there are no more."""

    repairs: Sequence[RepairItem]
    below: str | None


def key_of(tenancy_id: str, repair_id: str) -> store.Key:
    """Where the tenancy's repair is, to be read in the same call as the session."""
    return repairs.repair_key(tenancy_id, repair_id)


def beside_report(session: Session) -> Sequence[store.Key]:
    """What `report` reads in the same call as the session: the tenancy, and the person who reports."""
    return tenancies.key_of(session.tenancy_id), tenancies.key_of_person(session.tenancy_id, session.person_id)


def call_for(danger: Danger, known: Catalogue) -> Call:
    """Whom to ring for the danger."""
    number = known.number(danger)
    return Call(danger.call, number.name, number.phone, danger.text)


def can_reopen(item: RepairItem, at: datetime) -> bool:
    """Whether the tenant may still say that it is not mended."""
    today = clock.london_date(at)
    return item.status in rules.FINISHED - {"cancelled"} and rules.may_reopen(item.completed_on or today, today)


def next_step_of(item: RepairItem, at: datetime) -> str:
    """What the tenant can do next about the repair."""
    is_booked = bool(item.appointment) and datetime.fromisoformat(item.appointment["ends_at"]) > at
    return rules.next_step(
        item.status,
        item.priority,
        is_danger=bool(item.danger),
        is_tenants=item.responsibility == "tenant",
        is_booked=is_booked,
    )


def report(
    session: Session,
    item_id: str,
    *,
    answers: Mapping[str, str],
    description: str | None,
    access_notes: str | None,
    anyway: bool,
    at: datetime,
) -> RepairItem:
    """Take a report: the repair, its letter and its line in tonight's export, all in one transaction.

    `session` carries what `beside_report` names. However often and however fast it is sent, one leaf is open once,
    unless `anyway` says that it is to be reported all the same.

    Raises:
        TenancyEnded
        BadInput: naming `item_id` or the answers that the catalogue does not have.
        AlreadyReported
    """
    tenancy, person = session.beside
    tenancies.refuse_ended(tenancy, at)
    known = catalogue()
    leaf = known.leaf(item_id)
    if leaf is None:
        raise BadInput(errors=[FieldError("item_id", "Choose what needs mending from the list")])
    questions = known.questions_of(leaf)
    if errors := rules.wrong_answers(questions, answers):
        raise BadInput(errors=errors)
    item = _reported(session, leaf, rules.answered(questions, answers), known, at)
    item.description, item.access_notes = description, access_notes
    repair_id, opened = id_of(item), repairs.opened if anyway else repairs.opened_alone
    same = _same(item, at) if anyway else None
    for _ in range(_TRIES):
        item.reference = rules.new_reference()
        reference = repairs.reference_item(item.reference, session.tenancy_id, repair_id)
        try:
            store.transact(
                opened(session.tenancy_id, item_id, repair_id),
                store.Put(item, RepairItem.new()),
                store.Put(reference, reference.new()),
                journal.entry("repairs", _exported(item, leaf, tenancy, person), at),
                letter("repair_reported", to=f"customer:{session.customer_id}", at=at, about=_told(item)),
                *([same] if same else ()),
                *changing.newly_watched(item),
            )
        except store.Refused as refused:
            if same and refused.by(_SAME):
                return _made_before(session, same.item, at)
            if refused.by(0):
                raise AlreadyReported(members={"repair_id": repairs.open_ids(refused.stored[0])[-1]}) from None
        else:
            count("RepairReported")
            return item
    raise store.Unavailable


def _same(item: RepairItem, at: datetime) -> store.Put:
    """The write that is refused where the same report was made anyway within the last minutes: its answer was lost."""
    said = [item.reported_by, item.item_id, item.answers, item.description, item.access_notes]
    digest = hashlib.blake2b(json.dumps(said, default=str).encode(), digest_size=16).hexdigest()
    expires_at = clock.epoch(at + rules.SAME_WITHIN)
    marked = repairs.same_item(changing.tenancy_of(item), digest, id_of(item), expires_at)
    return store.Put(marked, ~marked.live(at))


def _made_before(session: Session, marked: Any, at: datetime) -> RepairItem:
    (made,) = store.fetch([store.Key(type(marked), marked.pk, marked.sk)], at)
    item = store.fetch([key_of(session.tenancy_id, made.repair_id)], at)[0] if made else None
    if item is None:
        raise store.Unavailable
    return item  # type: ignore[no-any-return]


def _reported(session: Session, leaf: Leaf, given: Sequence[Answered], known: Catalogue, at: datetime) -> RepairItem:
    key = repairs.repair_key(session.tenancy_id, ids.new_id(at))
    priority, danger, hazard = rules.triage(leaf, given, is_winter=known.winter.has(clock.london_date(at)))
    item = RepairItem(
        pk=key.pk,
        sk=key.sk,
        item_id=leaf.item_id,
        place=leaf.place,
        object=leaf.object,
        problem=leaf.problem,
        answers=[
            {
                "question_id": g.question.question_id,
                "text": g.question.text,
                "answer_id": g.answer.answer_id,
                "answer": g.answer.text,
            }
            for g in given
        ],
        danger=call_for(danger, known)._asdict() if danger else None,
        advice=leaf.advice,
        responsibility=leaf.responsibility,
        trade=leaf.trade,
        priority=priority,
        status="reported",
        reported_at=at,
        reported_by=session.person_id,
        due_at=rules.due_at(known.targets[priority], at, bank_holidays()),
        hazard=hazard,
        severity=hazards.severity_of(priority) if hazard else None,
        events=[event("reported", at)],
    )
    item.duties = changing.reckoned(item, item.events) or None
    return item


def _exported(item: RepairItem, leaf: Leaf, tenancy: Any, person: Any) -> dict[str, str]:
    """The row that the landlord gets, in HACT's words where it has them."""
    due = _due_by_duty(item)
    return {
        "repair_reference": item.reference,
        "tenancy_reference": tenancy.reference,
        "person_reference": person.person_reference if person else "",
        "reported_at": item.reported_at.isoformat(),
        "status": "open",
        "priority": item.priority,
        "required_by": item.due_at.isoformat() if item.due_at else "",
        "item_id": leaf.item_id,
        "location_of_repair": leaf.place,
        "description_of_work": rules.description_of_work(leaf, item.description),
        "details": item.description or "",
        "answers": "; ".join(f"{a['text']} {a['answer']}" for a in item.answers or ()),
        "access_information": item.access_notes or "",
        "responsibility": leaf.responsibility,
        "schedule_of_rates": leaf.schedule_of_rates or "",
        "hazard": item.hazard or "",
        "investigate_by": due.get("investigate") or "",
        "make_safe_by": due.get("make_safe") or "",
    }


def _due_by_duty(item: RepairItem) -> dict[str, str | None]:
    return {d["duty"]: d["due_at"] for d in item.duties or ()}


def _told(item: RepairItem) -> dict[str, Any]:
    """What the letter is about: nothing that the tenant wrote. `danger_phone` None: the landlord's own line."""
    danger = item.danger or {}
    return {
        "reference": item.reference,
        "problem": f"{item.place}, {item.object}: {item.problem}",
        "priority": item.priority,
        "due_at": item.due_at.isoformat() if item.due_at else None,
        "danger": danger.get("text"),
        "danger_phone": danger.get("phone"),
        "investigate_by": _due_by_duty(item).get("investigate"),
    }


def page(tenancy_id: str, below: str | None, at: datetime, *, is_open: bool | None = None) -> Repairs:
    """A page of the home's repairs, newest first; `below` is what the page before gave. Raises BadInput.

    `is_open` leaves out those that are finished, or those that are not.
    """
    if below is not None and not ids.is_id(below):
        raise BadInput(errors=[FieldError("cursor", "Use the next_cursor of the page before, as it is")])
    statuses = {None: None, True: set(rules.STATUSES) - rules.FINISHED, False: rules.FINISHED}[is_open]
    found = repairs.repairs_down(tenancy_id, at, below=below, limit=PAGE + 1, statuses=statuses)
    shown = found[:PAGE]
    return Repairs(shown, id_of(shown[-1]) if len(found) > PAGE else None)


def seen(item: RepairItem | None) -> RepairItem:
    """The repair that was read beside the session; raises NotFound where the home has no such one."""
    if item is None:
        raise NotFound
    return item


def name_of(item: RepairItem) -> str:
    """What is to be mended, in the catalogue's words, or the landlord's where they took it down."""
    return f"{item.place}, {item.object}: {item.problem}" if item.item_id else item.description or ""


def trades() -> Sequence[str]:
    """The trades that the catalogue has."""
    return catalogue().trades


def refuse_finished(item: RepairItem) -> None:
    """Raise RepairFinished where the repair is no open one."""
    if item.status in rules.FINISHED:
        raise RepairFinished


def still_open(tenancy_id: str, repair_id: str) -> store.Check:
    """What refuses the other writes of a transaction once the repair is finished."""
    key = repairs.repair_key(tenancy_id, repair_id)
    return store.Check(RepairItem(pk=key.pk, sk=key.sk), repairs.is_open())


def with_appointment(
    item: RepairItem, appointment: dict[str, Any] | None, at: datetime, *, happened: str | None
) -> store.Update:
    """The write that gives the repair this appointment, or takes it away, with an event where something `happened`.

    Refused once the repair is finished, or where something has happened to it since `item` was read.
    """
    set_to, count = RepairItem.appointment, RepairItem.appointment_sequence
    actions = [
        set_to.remove() if appointment is None else set_to.set(appointment),
        count.set(int(item.appointment_sequence or 0) + 1),
    ]
    if happened:
        actions.append(RepairItem.events.set(RepairItem.events.append([event(happened, at)])))
    same = count.does_not_exist() if item.appointment_sequence is None else count == item.appointment_sequence
    return store.Update(item, actions, repairs.is_open() & repairs.as_read(item) & same)


def duties_of(item: RepairItem, at: datetime) -> Sequence[hazards.Duty]:
    """How each of the law's duties stands for the repair at `at`; a cancelled one asks for nothing any more."""
    if not item.duties or item.status == "cancelled":
        return []
    happened = [(e.event, e.at) for e in item.events]
    return hazards.standing(hazards.law(), changing.deadlines_of(item), happened, at)


def record(
    rows: Sequence[ImportedRepair],
    at: datetime,
    *,
    refuse: Callable[[ImportedRepair, str], object] | None = None,
) -> int:
    """Take over the landlord's rows, the last one of each reference; the number of repairs that were written.

    A row with the reference of a repair that was reported here is that repair: the landlord's status, priority and
    day of completion are taken over; what the tenant was promised (`due_at`) and wrote stays. An unchanged row costs
    no write. `refuse` gets a row that cannot be taken, with the reason: a repair does not change homes, since with it
    would go what another household wrote.
    """
    latest = list({row.repair_reference: row for row in rows}.values())
    written = 0
    for start in range(0, len(latest), _CHUNK):
        written += _record(latest[start : start + _CHUNK], at, refuse)
    return written


def _record(
    rows: Sequence[ImportedRepair], at: datetime, refuse: Callable[[ImportedRepair, str], object] | None
) -> int:
    named = store.fetch([repairs.reference_key(row.repair_reference) for row in rows], at)
    known = [(row, name) for row, name in zip(rows, named, strict=True) if name and name.tenancy_id == row.tenancy_id]
    new = [_taken_down(row, at) for row, name in zip(rows, named, strict=True) if name is None]
    for row, name in zip(rows, named, strict=True):
        if refuse and name and name.tenancy_id != row.tenancy_id:
            refuse(row, "That reference is a repair of another tenancy")
    stored = (
        store.fetch([repairs.repair_key(name.tenancy_id, name.repair_id) for _, name in known], at) if known else []
    )
    changed = 0
    for (row, name), item in zip(known, stored, strict=True):
        if item is None:
            new.append(_taken_down(row, at, name.repair_id))
        else:
            changed += _changed(row, item, at)
    # The repair first: a run that dies between the two finds no reference and writes the same repair again.
    store.put_all(new)
    store.put_all(repairs.reference_item(i.reference, i.pk.removeprefix("TENANCY#"), id_of(i)) for i in new)
    return len(new) + changed


def _changed(row: ImportedRepair, item: RepairItem, at: datetime) -> bool:
    for _ in range(_TRIES):
        writes = _changes(row, item, at)
        try:
            if writes:
                store.transact(*writes)
        except store.Refused:
            # An event or the tenant came first: say the same of what it is now.
            (item,) = store.fetch([store.Key(RepairItem, item.pk, item.sk)], at)
        else:
            return bool(writes)
    raise store.Unavailable


def _taken_down(row: ImportedRepair, at: datetime, repair_id: str | None = None) -> RepairItem:
    """A repair that the landlord took down. Of its report only the day is known, of its deadline nothing."""
    key = repairs.repair_key(row.tenancy_id, repair_id or rules.imported_id(row.repair_reference, row.reported_on))
    reported_at = rules.start_of_day(row.reported_on)
    events = [event("reported", reported_at)]
    if row.status not in {"reported", "open"}:
        events.append(_event(row, reported_at, at))
    return RepairItem(
        pk=key.pk,
        sk=key.sk,
        reference=row.repair_reference,
        description=row.description,
        priority=row.priority,
        status=row.status,
        reported_at=reported_at,
        completed_on=row.completed_on,
        events=events,
    )


def _event(row: ImportedRepair, since: datetime, at: datetime) -> Event:
    """The event that the row's status tells of: on its day where the file says one, else when the exchange told it."""
    when = rules.start_of_day(row.completed_on) if row.completed_on and row.status in rules.FINISHED else at
    return event(row.status, max(since, when))


def _undone_at(item: RepairItem) -> tuple[datetime | None, datetime | None]:
    """When the repair was last opened again and when called off, as far as it still is."""
    last = {e.event: e.at for e in sorted(item.events, key=lambda e: e.at)}
    reopened_at = None if item.status in rules.FINISHED else last.get("reopened")
    return reopened_at, last.get("cancelled") if item.status == "cancelled" else None


def _changes(row: ImportedRepair, item: RepairItem, at: datetime) -> list[store.Write]:
    """The writes that bring the repair to the row, none where it says nothing new."""
    new: dict[str, Any] = {"priority": row.priority, "completed_on": row.completed_on}
    # Our own export says `open` of a report that nobody at the landlord's has touched: it is still the same.
    if not (item.status == "reported" and row.status == "open"):
        new["status"] = row.status
    reopened_at, cancelled_at = _undone_at(item)
    if not rules.is_news(row.status, row.completed_on, reopened_at=reopened_at, cancelled_at=cancelled_at, at=at):
        new = {name: value for name, value in new.items() if name not in {"status", "completed_on"}}
    if item.item_id is None:
        new |= {"description": row.description, "reported_at": rules.start_of_day(row.reported_on)}
    new = {name: value for name, value in new.items() if getattr(item, name) != value}
    if not new:
        return []
    events = []
    if "status" in new:
        latest = max((e.at for e in item.events), default=item.reported_at)
        events.append(_event(row, latest, at))
    return list(changing.change(item, events, {"completed_on": item.completed_on} | new).writes)
