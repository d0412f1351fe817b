"""Repairs in the repairs table.

| pk | sk | item | read by |
|---|---|---|---|
| TENANCY#tenancy_id | REPAIR#repair_id | a repair with its events | one, in the session's call; the history |
| TENANCY#tenancy_id | OPEN#item_id | the open repairs of one leaf | the report's own transaction: reported already? |
| TENANCY#tenancy_id | SAME#digest | a report made anyway a moment ago | the report's own transaction: sent again? |
| WATCH | WATCH#at#repair_id#duty | the next time to warn of a duty | the hourly watch: one query of what is due |
| WARNED#repair_id | WARNED#duty#end#stage | that the landlord was warned of this | the watch: once each |
| NOTICE | NOTICE#notice_id | a warning that the landlord's bus has not got yet | the watch |
| REFERENCE#reference | REPAIR | which repair the reference names | the import; that no two repairs have one reference |

A repair's id begins with the time of its report, so the sort key is the order of the history. A report writes its
three items together, and beside them the letter and the journal's entry in the outbox table.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, cast

from pynamodb.attributes import (
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.expressions.condition import Condition, size

from portal import store
from portal.repairs import rules
from portal.settings import setting

WATCH = "WATCH"
NOTICE = "NOTICE"


class _Item(store.Item):
    class Meta:
        table_name = setting("REPAIRS_TABLE")


class Event(MapAttribute[Any, Any]):
    """Something that happened to a repair. `source_id` is the bus's own id of it, where it came that way."""

    at = store.InstantAttribute()
    event = UnicodeAttribute()
    note = UnicodeAttribute(null=True)
    source_id = UnicodeAttribute(null=True)


def event(name: str, at: datetime, note: str | None = None, source_id: str | None = None) -> Event:
    """An event of a repair."""
    make: Callable[..., Event] = Event
    return make(event=name, at=at, note=note, source_id=source_id)


class RepairItem(_Item):
    """A repair. What a tenant reported has `item_id`; what the landlord took down has not.

    `place`, `object`, `problem`, `answers`, `danger` and `advice` are kept as they were when it was reported, since a
    landlord may replace the catalogue. `severity` is how bad the hazard was taken to be when it was reported, `duties`
    what `hazards.reckon` made of the events. `events` are only ever added to, by a write on the condition that there
    are as many as were read. `appointment` is what `portal.appointments` keeps with it; `appointment_sequence` counts
    how often that changed.
    """

    range_prefix = "REPAIR#"

    reference = UnicodeAttribute()
    item_id = UnicodeAttribute(null=True)
    place = UnicodeAttribute(null=True)
    object = UnicodeAttribute(null=True)
    problem = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    access_notes = UnicodeAttribute(null=True)
    answers = JSONAttribute(null=True)
    danger = JSONAttribute(null=True)
    advice = UnicodeAttribute(null=True)
    responsibility = UnicodeAttribute(null=True)
    trade = UnicodeAttribute(null=True)
    priority = UnicodeAttribute()
    status = UnicodeAttribute()
    reported_at = store.InstantAttribute()
    reported_by = UnicodeAttribute(null=True)
    due_at = store.InstantAttribute(null=True)
    completed_on = store.DayAttribute(null=True)
    hazard = UnicodeAttribute(null=True)
    severity = UnicodeAttribute(null=True)
    duties = JSONAttribute(null=True)
    summary = JSONAttribute(null=True)
    rating = NumberAttribute(null=True)
    rating_comment = UnicodeAttribute(null=True)
    events: ListAttribute[Event] = ListAttribute(of=Event)
    appointment = JSONAttribute(null=True)
    appointment_sequence = NumberAttribute(null=True)


class OpenItem(_Item):
    """The open repairs of one leaf at one home. The set's ids sort by time; an empty set is no attribute at all."""

    range_prefix = "OPEN#"

    repair_ids = UnicodeSetAttribute(null=True)


class SameItem(_Item):
    """A report made anyway a moment ago: the same once more is a lost answer."""

    range_prefix = "SAME#"

    repair_id = UnicodeAttribute()


class WatchItem(_Item):
    """When next to warn of a duty, and of which end it was to warn: where that has changed, there is another item."""

    range_prefix = "WATCH#"

    at = store.InstantAttribute()
    tenancy_id = UnicodeAttribute()
    repair_id = UnicodeAttribute()
    duty = UnicodeAttribute()
    stage = UnicodeAttribute()
    ends_at = store.InstantAttribute()


class WarnedItem(_Item):
    """That the landlord was warned of a stage of a duty with that end, whatever asks for it again."""

    range_prefix = "WARNED#"


class NoticeItem(_Item):
    """A warning on its way to the landlord's bus; whoever sends it holds it by a lease."""

    range_prefix = "NOTICE#"

    detail = JSONAttribute()
    leased_until = store.InstantAttribute(null=True)


class ReferenceItem(_Item):
    """Which repair a reference names."""

    range_prefix = "REPAIR"

    tenancy_id = UnicodeAttribute()
    repair_id = UnicodeAttribute()


def repair_key(tenancy_id: str, repair_id: str) -> store.Key:
    """Where a home's repair is: another home's is not there."""
    return RepairItem.key(f"TENANCY#{tenancy_id}", f"REPAIR#{repair_id}")


def open_item(tenancy_id: str, item_id: str) -> OpenItem:
    """What says which repairs of that leaf are open."""
    return OpenItem(pk=f"TENANCY#{tenancy_id}", sk=f"OPEN#{item_id}")


def reference_key(reference: str) -> store.Key:
    """Where it stands which repair a reference names."""
    return ReferenceItem.key(f"REFERENCE#{reference}", "REPAIR")


def reference_item(reference: str, tenancy_id: str, repair_id: str) -> ReferenceItem:
    """That the reference names the repair."""
    key = reference_key(reference)
    return ReferenceItem(pk=key.pk, sk=key.sk, tenancy_id=tenancy_id, repair_id=repair_id)


def is_open() -> Condition:
    """The condition that there is such a repair and that it is not finished."""
    return cast(Condition, RepairItem.pk.exists() & ~RepairItem.status.is_in(*sorted(rules.FINISHED)))


def repairs_down(
    tenancy_id: str, at: datetime, *, below: str | None, limit: int, statuses: Collection[str] | None = None
) -> Sequence[RepairItem]:
    """At most `limit` repairs of the home, newest first, those older than the one with the id `below`.

    With `statuses`, only those that have one of them.
    """
    before = f"{RepairItem.range_prefix}{below}" if below else None
    page = limit if statuses is None else None
    found = store.query(RepairItem, f"TENANCY#{tenancy_id}", at, before=before, newest_first=True, limit=page)
    return list(islice((r for r in found if statuses is None or r.status in statuses), limit))


def same_item(tenancy_id: str, digest: str, repair_id: str, expires_at: int) -> SameItem:
    """That the report with that digest was made just now."""
    return SameItem(pk=f"TENANCY#{tenancy_id}", sk=f"SAME#{digest}", repair_id=repair_id, expires_at=expires_at)


def watch_item(at: datetime, tenancy_id: str, repair_id: str, duty: str, stage: str, ends_at: datetime) -> WatchItem:
    """That at `at` the landlord is to be warned of the duty."""
    return WatchItem(
        pk=WATCH, sk=f"WATCH#{_sorted(at)}#{repair_id}#{duty}", at=at, tenancy_id=tenancy_id, repair_id=repair_id,
        duty=duty, stage=stage, ends_at=ends_at,
    )  # fmt: skip


def _sorted(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def to_warn_of(at: datetime, limit: int) -> list[WatchItem]:
    """At most `limit` of the duties that the landlord is to be warned of by `at`, the oldest first."""
    return list(store.query(WatchItem, WATCH, at, before=f"WATCH#{_sorted(at)}~", limit=limit))


def warned_item(repair_id: str, duty: str, ends_at: datetime, stage: str, expires_at: int) -> WarnedItem:
    """That the landlord was warned of this."""
    key = warned_key(repair_id, duty, ends_at, stage)
    return WarnedItem(pk=key.pk, sk=key.sk, expires_at=expires_at)


def warned_key(repair_id: str, duty: str, ends_at: datetime, stage: str) -> store.Key:
    """Where it stands whether the landlord was warned of this."""
    return WarnedItem.key(f"WARNED#{repair_id}", f"WARNED#{duty}#{_sorted(ends_at)}#{stage}")


def notice_item(notice_id: str, detail: dict[str, str], expires_at: int) -> NoticeItem:
    """A warning for the landlord's bus."""
    return NoticeItem(pk=NOTICE, sk=f"NOTICE#{notice_id}", detail=detail, expires_at=expires_at)


def notices(at: datetime) -> list[NoticeItem]:
    """The warnings that the bus has not got yet."""
    return list(store.query(NoticeItem, NOTICE, at))


def as_read(item: RepairItem) -> Condition:
    """The condition that nothing has happened to the repair since it was read."""
    many: Any = size
    return cast(Condition, many(RepairItem.events) == len(item.events))


def opened(tenancy_id: str, item_id: str, repair_id: str) -> store.Update:
    """The write that notes the repair as an open one of its leaf."""
    return store.Update(open_item(tenancy_id, item_id), [OpenItem.repair_ids.add({repair_id})])


def opened_alone(tenancy_id: str, item_id: str, repair_id: str) -> store.Update:
    """The same, refused while another one of that leaf is open."""
    write = opened(tenancy_id, item_id, repair_id)
    return store.Update(write.item, write.actions, OpenItem.repair_ids.does_not_exist())


def finished(tenancy_id: str, item_id: str, repair_id: str) -> store.Update:
    """The write that notes that the repair is open no more."""
    return store.Update(open_item(tenancy_id, item_id), [OpenItem.repair_ids.delete({repair_id})])


def open_ids(raw: dict[str, Any] | None) -> Sequence[str]:
    """The ids in an `OpenItem` as DynamoDB gave it with a refusal, oldest first."""
    return sorted((raw or {}).get("repair_ids", {}).get("SS", ()))
