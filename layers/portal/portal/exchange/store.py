"""The exchange's items in the outbox table.

| pk | sk | item | read by |
|---|---|---|---|
| EXPORT#day | ENTRY#entry_id | something that the landlord is told tonight | the exporter, a day at a time |
| EXPORT | STATE | up to which day the export is final | the exporter |
| IMPORT | LEASE | which run applies drops just now | the importer: one at a time, in the order of the drops |
| IMPORT | DROP#day#drop_id | what became of a drop, how far it is | the importer: a drop is done once |

The mails of the same table are told in `portal.mail.store`.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute

from portal import store
from portal.exchange.rules import Drop
from portal.settings import setting

LEASE_LASTS = timedelta(seconds=55)
"""Less than the minute after which Lambda tries again a run that died: by then its lease is over."""


class _Item(store.Item):
    class Meta:
        table_name = setting("OUTBOX_TABLE")


class EntryItem(_Item):
    """One line of tonight's export."""

    range_prefix = "ENTRY#"

    file = UnicodeAttribute()
    row = JSONAttribute()


class StateItem(_Item):
    """Up to which day every file of the export is written for the last time."""

    range_prefix = "STATE"

    final_through = store.DayAttribute()


class LeaseItem(_Item):
    """Which run of the importer is at work, and until when it may be believed to live."""

    range_prefix = "LEASE"

    run_id = UnicodeAttribute()
    until = store.InstantAttribute()


class DropItem(_Item):
    """A drop that was begun: `status` is started, held or finished; `files` what became of each file so far."""

    range_prefix = "DROP#"

    status = UnicodeAttribute()
    started_at = store.InstantAttribute()
    finished_at = store.InstantAttribute(null=True)
    runs = NumberAttribute(default=0)
    files = JSONAttribute()


def entries(day: date, at: datetime) -> Iterator[EntryItem]:
    """What the landlord is told of `day`, in the order in which it was done."""
    return store.query(EntryItem, f"EXPORT#{day}", at)


def has_entries(day: date, at: datetime) -> bool:
    """Whether anything was done on `day`."""
    return next(store.query(EntryItem, f"EXPORT#{day}", at, limit=1), None) is not None


def final_through(at: datetime) -> date | None:
    """Up to which day the export is final; None before the first export."""
    (state,) = store.fetch([StateItem.key("EXPORT", "STATE")], at)
    return state.final_through if state else None


def note_final_through(day: date) -> None:
    """Remember up to which day the export is final; an earlier day than the one noted changes nothing."""
    further = StateItem.final_through.does_not_exist() | (StateItem.final_through < day)
    try:
        store.transact(store.Update(StateItem(pk="EXPORT", sk="STATE"), [StateItem.final_through.set(day)], further))
    except store.Refused:
        return


def take_lease(run_id: str, at: datetime) -> bool:
    """Whether the run `run_id` may go to work, or go on: no other one that lives has the lease."""
    lease = LeaseItem(pk="IMPORT", sk="LEASE")
    free = LeaseItem.pk.does_not_exist() | (LeaseItem.until < at) | (LeaseItem.run_id == run_id)
    try:
        store.transact(store.Update(lease, [LeaseItem.run_id.set(run_id), LeaseItem.until.set(at + LEASE_LASTS)], free))
    except store.Refused:
        return False
    return True


def give_back_lease(run_id: str, at: datetime) -> None:
    """Let the next run go to work at once."""
    lease = LeaseItem(pk="IMPORT", sk="LEASE")
    try:
        store.transact(
            store.Update(lease, [LeaseItem.until.set(at - timedelta(seconds=1))], LeaseItem.run_id == run_id)
        )
    except store.Refused:
        return


def drops(wanted: Sequence[Drop], at: datetime) -> list[DropItem | None]:
    """What is known of each of the drops."""
    keys = [DropItem.key("IMPORT", _drop_sk(drop)) for drop in wanted]
    found: list[Any] = []
    for start in range(0, len(keys), 100):
        found += store.fetch(keys[start : start + 100], at)
    return found


def is_overtaken(held: DropItem, at: datetime) -> bool:
    """Whether a delivery that is newer than `held`, by its name or by when it came, was begun."""
    others = store.query(DropItem, held.pk, at)
    return any(other.sk > held.sk or other.started_at > held.started_at for other in others)


def new_drop(drop: Drop, at: datetime) -> DropItem:
    """A drop that is begun now."""
    return DropItem(pk="IMPORT", sk=_drop_sk(drop), status="started", started_at=at, runs=0, files={})


def save_drop(item: DropItem) -> None:
    """Write down how far the drop is."""
    store.transact(store.Put(item))


def _drop_sk(drop: Drop) -> str:
    return f"{DropItem.range_prefix}{drop.day}#{drop.drop_id}"
