"""The landlord's `slots.csv`, taken over: how many can come, by trade, day and period."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from portal import clock, store
from portal.appointments import rules
from portal.appointments import store as appointments
from portal.recorded import APPLIED, UNCHANGED, Recorded
from portal.repairs import service as repairs

PERIODS = tuple(p.period for p in rules.periods().periods)
MOST = 1_000
_CHUNK = 100


class ImportedSlot(NamedTuple):
    """A row of `slots.csv`. A capacity of 0 offers nothing any more."""

    trade: str
    place: rules.Place
    capacity: int


def imported(trade: str, day: date, period: str, capacity: int) -> ImportedSlot:
    """The row in the shape that `record_slots` takes."""
    return ImportedSlot(trade, rules.Place(day, period), capacity)


def trades() -> Sequence[str]:
    """The trades that the catalogue's repairs need."""
    return repairs.trades()


def record_slots(found: Sequence[ImportedSlot], at: datetime) -> list[Recorded]:
    """Take over the rows; of several of one place the last one counts.

    What is booked stays booked, also where a row says that fewer can come than have booked: none is offered then. A
    row that says nothing new, or of a day that is over, costs no write.
    """
    wanted = {(row.trade, row.place): row for row in found if row.place.day >= clock.london_date(at)}
    rows = list(wanted.values())
    changed: set[int] = set()
    for start in range(0, len(rows), _CHUNK):
        changed |= _record(rows[start : start + _CHUNK], at)
    return [APPLIED if id(row) in changed else UNCHANGED for row in found]


def _record(rows: Sequence[ImportedSlot], at: datetime) -> set[int]:
    known = store.fetch([appointments.slot_key(row.trade, row.place) for row in rows], at)
    pairs = list(zip(rows, known, strict=True))
    changed = [row for row, item in pairs if item is None or item.capacity != row.capacity]
    for row in changed:
        # Also where there is none yet: another run may have brought it meanwhile, and somebody have booked.
        store.transact(appointments.set_capacity(row.trade, row.place, row.capacity))
    return {id(row) for row in changed}
