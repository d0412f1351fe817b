"""What an event does to a repair: its status, its dates, whether it counts as open. However it came to be known."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from portal import clock, store
from portal.repairs import hazards, rules
from portal.repairs import store as repairs
from portal.repairs.catalogue import catalogue
from portal.repairs.hazards import Deadline
from portal.repairs.store import Event, RepairItem
from portal.working_days import bank_holidays

LATEST = "_at_the_latest"
TARGET = "target"


class Change(NamedTuple):
    """The writes that change a repair, all or none of them, and its attributes after them."""

    writes: Sequence[store.Write]
    values: Mapping[str, Any]
    new: Sequence[Event]

    def done_to(self, item: RepairItem) -> RepairItem:
        """The repair as it is once the writes are done."""
        for name, value in self.values.items():
            setattr(item, name, value)
        item.events = [*item.events, *self.new]
        return item


def id_of(item: RepairItem) -> str:
    """The id of the repair."""
    return item.sk.removeprefix(RepairItem.range_prefix)


def tenancy_of(item: RepairItem) -> str:
    """The id of the tenancy whose repair it is."""
    return item.pk.removeprefix("TENANCY#")


def deadlines_of(item: RepairItem) -> list[Deadline]:
    """The law's deadlines as they were last reckoned."""
    return [
        Deadline(
            d["duty"],
            _instant(d["starts_at"]),
            _instant(d["due_at"]),
            _instant(d["at_the_latest"]),
            datetime.fromisoformat(d["since"]),
        )
        for d in item.duties or ()
    ]


def reckoned(item: RepairItem, events: Sequence[Event]) -> list[dict[str, str | None]]:
    """The law's deadlines from those events, as they are kept; none where it is no hazard."""
    if not item.hazard:
        return []
    severity: hazards.Severity = "emergency" if item.severity == "emergency" else "significant"
    happened = [(e.event, e.at) for e in events]
    found = hazards.reckon(hazards.law(), item.hazard, severity, item.reported_at, happened, bank_holidays())
    return [
        {
            "duty": d.duty,
            "starts_at": _text(d.starts_at),
            "due_at": _text(d.due_at),
            "at_the_latest": _text(d.at_the_latest),
            "since": _text(d.since),
        }
        for d in found
    ]


class Span(NamedTuple):
    """A stretch of time for a duty: `duty` ends in `_at_the_latest` for a backstop, `target` is the landlord's own."""

    duty: str
    starts_at: datetime
    ends_at: datetime


def spans(item: RepairItem) -> list[Span]:
    """Each stretch that runs for the repair: the law's, and the one that the landlord has set for its priority."""
    found = []
    for kept in deadlines_of(item):
        for name, end in ((kept.duty, kept.due_at), (f"{kept.duty}{LATEST}", kept.at_the_latest)):
            if end and kept.starts_at:
                found.append(Span(name, kept.starts_at, end))
    if item.due_at:
        since = max((e.at for e in item.events if e.event == "reopened"), default=item.reported_at)
        found.append(Span(TARGET, since, item.due_at))
    return found


def watched(item: RepairItem, span: Span, stage: str = "half") -> store.Put:
    """The write that has the landlord warned at that stage of the stretch; the same stage twice is one."""
    at = rules.stages(span.starts_at, span.ends_at)[stage]
    watch = repairs.watch_item(at, tenancy_of(item), id_of(item), span.duty, stage, span.ends_at)
    return store.Put(watch)


def newly_watched(item: RepairItem, before: Sequence[Span] = ()) -> list[store.Write]:
    """The writes that have the landlord warned of what runs now and did not before: one for each end of a duty.

    Where only a stretch's beginning has moved (the bus and the file tell of one event with seconds that differ), it is
    watched already.
    """
    known = {(span.duty, span.ends_at) for span in before}
    new = {(span.duty, span.ends_at): span for span in spans(item) if (span.duty, span.ends_at) not in known}
    return [watched(item, span) for span in new.values()]


def change(item: RepairItem, new: Sequence[Event], also: Mapping[str, Any] | None = None) -> Change:
    """What the new events, and what is said `also`, make of the repair. It is refused where something else came first.

    Its status is the one that the latest event brings, in whatever order they came to be known.
    """
    events = [*item.events, *new]
    values = _after(item, events) if new else {}
    values = {n: v for n, v in (values | dict(also or {})).items() if getattr(item, n) != v}
    if not values and not new:
        return Change([], {}, [])
    attributes = RepairItem.get_attributes()
    actions = [attributes[n].set(v) if v is not None else attributes[n].remove() for n, v in values.items()]
    if new:
        actions.append(RepairItem.events.set(RepairItem.events.append(list(new))))
    writes: list[store.Write] = [store.Update(item, actions, repairs.as_read(item))]
    writes += _open_or_not(item, values.get("status", item.status))
    writes += newly_watched(_as_changed(item, values, events), spans(item))
    return Change(writes, values, new)


def _as_changed(item: RepairItem, values: Mapping[str, Any], events: Sequence[Event]) -> RepairItem:
    """What the stretches of the repair hang on, as it is after the change."""
    return RepairItem(
        pk=item.pk, sk=item.sk, reported_at=item.reported_at, events=list(events),
        duties=values.get("duties", item.duties), due_at=values.get("due_at", item.due_at),
    )  # fmt: skip


def _after(item: RepairItem, events: Sequence[Event]) -> dict[str, Any]:
    status = rules.status_after([(e.event, e.at) for e in events], item.status)
    values: dict[str, Any] = {"status": status, "duties": reckoned(item, events) or None}
    if status not in rules.FINISHED:
        values["completed_on"] = None
    elif status != "cancelled" and item.completed_on is None:
        values["completed_on"] = clock.london_date(max(e.at for e in events if e.event == status))
    reopened_at = max((e.at for e in events if e.event == "reopened"), default=None)
    if reopened_at and reopened_at > max(
        (e.at for e in item.events if e.event == "reopened"), default=item.reported_at
    ):
        known = catalogue().targets
        values["due_at"] = rules.due_at(
            known[rules.priority_word(item.priority) or "routine"], reopened_at, bank_holidays()
        )
    return values


def _open_or_not(item: RepairItem, status: str) -> list[store.Write]:
    if not item.item_id:
        return []
    was_open, is_open = item.status not in rules.FINISHED, status not in rules.FINISHED
    if was_open and not is_open:
        return [repairs.finished(tenancy_of(item), item.item_id, id_of(item))]
    if is_open and not was_open:
        return [repairs.opened(tenancy_of(item), item.item_id, id_of(item))]
    return []


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
