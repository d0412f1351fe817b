"""Regular payments, in the rent table beside the payments that they lead to.

| pk | sk | item | read by |
|---|---|---|---|
| TENANCY#tenancy_id | SCHEDULE#customer_id#schedule_id | a regular payment | its owner's list; the collector |
| SCHEDULES | LOOK#at#schedule_id | when to look at it next | the collector: one query of what is due |

Whoever set it up sees it, and nobody else of the tenancy: the card is theirs. Each change counts `version` on and is
refused where somebody was faster; the same transaction moves the look.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from portal import store
from portal.settings import setting

_SCHEDULES = "SCHEDULES"


class _Item(store.Item):
    class Meta:
        table_name = setting("RENT_TABLE")


class ScheduleItem(_Item):
    """A regular payment. `payer_id` and `card_id` are the provider's names of a saved card, and nothing of the card.

    `due_on` is the next due date and `told_of` the one that an email was asked for; `taking` the payment of which
    nobody knows yet what became, and `done_on` the last due date that was taken or left out.
    """

    range_prefix = "SCHEDULE#"

    version = NumberAttribute()
    rent_account_id = UnicodeAttribute()
    rent_account_name = UnicodeAttribute()
    amount_pence = store.PenceAttribute()
    frequency = UnicodeAttribute()
    day = UnicodeAttribute()
    status = UnicodeAttribute()
    created_at = store.InstantAttribute()
    failures = NumberAttribute()
    checkout_id = UnicodeAttribute(null=True)
    checkout_url = UnicodeAttribute(null=True)
    payer_id = UnicodeAttribute(null=True)
    card_id = UnicodeAttribute(null=True)
    due_on = store.DayAttribute(null=True)
    told_of = store.DayAttribute(null=True)
    done_on = store.DayAttribute(null=True)
    taking = UnicodeAttribute(null=True)
    stopped_because = UnicodeAttribute(null=True)
    next_look = store.InstantAttribute(null=True)

    @property
    def tenancy_id(self) -> str:
        """Whose rent it pays."""
        return self.pk.removeprefix("TENANCY#")

    @property
    def customer_id(self) -> str:
        """Who set it up."""
        return self.sk.split("#")[1]

    @property
    def schedule_id(self) -> str:
        """Its id."""
        return self.sk.split("#")[2]


class LookItem(_Item):
    """When a schedule is to be looked at next, and what to read for it."""

    range_prefix = "LOOK#"

    tenancy_id = UnicodeAttribute()
    customer_id = UnicodeAttribute()
    rent_account_id = UnicodeAttribute()

    @property
    def schedule_id(self) -> str:
        """The schedule's id."""
        return self.sk.split("#")[2]


def schedule_key(tenancy_id: str, customer_id: str, schedule_id: str) -> store.Key:
    """Where a customer's schedule is: somebody else's is not there."""
    return ScheduleItem.key(f"TENANCY#{tenancy_id}", f"SCHEDULE#{customer_id}#{schedule_id}")


def schedules_of(tenancy_id: str, customer_id: str, at: datetime) -> Sequence[ScheduleItem]:
    """The customer's schedules of that tenancy."""
    prefix = f"SCHEDULE#{customer_id}#"
    return list(store.query(ScheduleItem, f"TENANCY#{tenancy_id}", at, since=prefix, before=f"{prefix}~"))


def new(item: ScheduleItem) -> list[store.Write]:
    """The writes that keep a new schedule, the schedule first; refused where it exists."""
    return [store.Put(item, ScheduleItem.new()), store.Put(_look(item))]


def changed(item: ScheduleItem, *, next_look: datetime | None, **values: Any) -> list[store.Write]:
    """The writes that change a schedule and move its look, the schedule first; refused where somebody was faster.

    None takes an attribute away. `item` is then as it will be once they are written.
    """
    actions = [ScheduleItem.version.set(int(item.version) + 1)]
    as_read = ScheduleItem.pk.exists() & (ScheduleItem.version == int(item.version))
    looks: list[store.Write] = []
    if next_look != item.next_look:
        looks += [store.Delete(_look(item))] if item.next_look else []
        values["next_look"] = next_look
    for name, value in values.items():
        attribute = getattr(ScheduleItem, name)
        actions.append(attribute.remove() if value is None else attribute.set(value))
        setattr(item, name, value)
    if next_look and "next_look" in values:
        looks.append(store.Put(_look(item)))
    item.version = int(item.version) + 1
    return [store.Update(item, actions, as_read), *looks]


def page_noted(item: ScheduleItem) -> store.Update:
    """The write that notes the page on which the card is saved."""
    actions = [ScheduleItem.checkout_id.set(item.checkout_id), ScheduleItem.checkout_url.set(item.checkout_url)]
    return store.Update(item, actions, ScheduleItem.pk.exists())


def to_look_at(at: datetime) -> Iterator[LookItem]:
    """What is to be looked at, longest due first."""
    return store.query(LookItem, _SCHEDULES, at, before=f"{LookItem.range_prefix}{_sortable(at)}~")


def _look(item: ScheduleItem) -> LookItem:
    return LookItem(
        pk=_SCHEDULES,
        sk=f"{LookItem.range_prefix}{_sortable(item.next_look)}#{item.schedule_id}",
        tenancy_id=item.tenancy_id,
        customer_id=item.customer_id,
        rent_account_id=item.rent_account_id,
    )


def is_current(item: ScheduleItem, look: LookItem) -> bool:
    """Whether the look is the one that the schedule has."""
    return item.next_look is not None and _look(item).sk == look.sk


def _sortable(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
