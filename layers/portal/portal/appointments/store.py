"""Appointments in the repairs table.

| pk | sk | item | read by |
|---|---|---|---|
| SLOTS#trade | SLOT#day#period | how many can come, and are booked | what is offered: one query; the bookings |
| VISITS#day | VISIT#period#repair_id | a visit on that day | the reminder's one query a day |

The appointment itself stands on the repair (`portal.repairs.store`). Booking is one transaction: the place is counted
on the condition that one is left, the repair takes the appointment, the visit is listed, and the letter and the
journal's entry go to the outbox table. Moving gives the old place back in the same one.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from portal import store
from portal.appointments import rules
from portal.appointments.rules import Place
from portal.settings import setting


class _Item(store.Item):
    class Meta:
        table_name = setting("REPAIRS_TABLE")


class SlotItem(_Item):
    """A trade's places in a period of a day. More may be booked than there are: the landlord took some back."""

    range_prefix = "SLOT#"

    capacity = NumberAttribute()
    booked = NumberAttribute(default=0)

    @property
    def place(self) -> Place:
        """Which day and period it is."""
        _, day, period = self.sk.split("#")
        return Place(date.fromisoformat(day), period)


class VisitItem(_Item):
    """A visit that is booked: what its reminder needs. Whom to remind is the customer who booked or moved it last.

    Its times are those that its period had when it was booked; visits booked by an earlier version have none.
    """

    range_prefix = "VISIT#"

    tenancy_id = UnicodeAttribute()
    customer_id = UnicodeAttribute()
    reference = UnicodeAttribute()
    problem = UnicodeAttribute()
    booked_at = store.InstantAttribute()
    starts_at = store.InstantAttribute(null=True)
    ends_at = store.InstantAttribute(null=True)
    reminded_at = store.InstantAttribute(null=True)

    @property
    def repair_id(self) -> str:
        """The repair that it is for."""
        return self.sk.split("#")[2]

    @property
    def place(self) -> Place:
        """When it is."""
        return Place(date.fromisoformat(self.pk.removeprefix("VISITS#")), self.sk.split("#")[1])


def slot(trade: str, place: Place) -> SlotItem:
    """The trade's places there, by their key."""
    return SlotItem(pk=f"SLOTS#{trade}", sk=f"SLOT#{place.day}#{place.period}")


def slot_key(trade: str, place: Place) -> store.Key:
    """Where the trade's places are, to be fetched."""
    item = slot(trade, place)
    return SlotItem.key(item.pk, item.sk)


def offered(trade: str, at: datetime) -> Iterator[SlotItem]:
    """The trade's places of the days that are not over, soonest first."""
    return store.query(SlotItem, f"SLOTS#{trade}", at)


def take(trade: str, place: Place, at: datetime) -> store.Update:
    """The write that takes a place, refused where none is left."""
    left = SlotItem.live(at) & (SlotItem.booked < SlotItem.capacity)
    return store.Update(slot(trade, place), [SlotItem.booked.add(1)], left)


def give_back(trade: str, place: Place) -> store.Update:
    """The write that gives a place back."""
    return store.Update(slot(trade, place), [SlotItem.booked.add(-1)], SlotItem.booked > 0)


def set_capacity(trade: str, place: Place, capacity: int) -> store.Update:
    """The write that says how many can come; what is booked stays."""
    item = slot(trade, place)
    actions = [
        SlotItem.capacity.set(capacity),
        SlotItem.booked.set(SlotItem.booked | 0),
        SlotItem.expires_at.set(rules.forgotten_at(place.day)),
    ]
    return store.Update(item, actions)


def visit(place: Place, repair_id: str) -> VisitItem:
    """The visit, by its key."""
    return VisitItem(pk=f"VISITS#{place.day}", sk=f"VISIT#{place.period}#{repair_id}")


def visits(day: date, at: datetime) -> Sequence[VisitItem]:
    """Every visit of the day."""
    return list(store.query(VisitItem, f"VISITS#{day}", at))


def reminded(item: VisitItem, at: datetime) -> store.Update:
    """The write that notes that the visit was reminded of, refused where it was or where there is none any more."""
    return store.Update(
        item, [VisitItem.reminded_at.set(at)], VisitItem.live(at) & VisitItem.reminded_at.does_not_exist()
    )
