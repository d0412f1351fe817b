"""Tenancies and people in the tenancies table.

| pk | sk | item | read by |
|---|---|---|---|
| TENANCY#tenancy_id | TENANCY | the tenancy | matching a registration; what a session's tenancy is |
| TENANCY#tenancy_id | PERSON#person_id | a person named on it | matching a registration (one query finds both) |
| PERSON#person_id | TENANCY#tenancy_id | that tenancy as the person sees it | log in, choosing a tenancy |

The contact domain keeps its own items under the same two partitions.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from portal import store
from portal.settings import setting


class _Item(store.Item):
    class Meta:
        table_name = setting("TENANCIES_TABLE")


class TenancyItem(_Item):
    """An agreement for one home."""

    range_prefix = "TENANCY"

    reference = UnicodeAttribute()
    start_date = store.DayAttribute()
    end_date = store.DayAttribute(null=True)
    address_line_1 = UnicodeAttribute(null=True)
    address_line_2 = UnicodeAttribute(null=True)
    town = UnicodeAttribute(null=True)
    postcode = UnicodeAttribute(null=True)


class PersonItem(_Item):
    """Somebody named on a tenancy, as the landlord's record has them: email, mobile in their canonical forms."""

    range_prefix = "PERSON#"

    person_reference = UnicodeAttribute()
    title = UnicodeAttribute(null=True)
    first_name = UnicodeAttribute(null=True)
    last_name = UnicodeAttribute(null=True)
    date_of_birth = store.DayAttribute(null=True)
    email = UnicodeAttribute(null=True)
    mobile = UnicodeAttribute(null=True)


class HeldTenancyItem(_Item):
    """A tenancy as one of its people sees it; written anew whenever the tenancy or the person changes."""

    range_prefix = "TENANCY#"

    reference = UnicodeAttribute()
    start_date = store.DayAttribute()
    end_date = store.DayAttribute(null=True)
    address = UnicodeAttribute()
    first_name = UnicodeAttribute(null=True)
    last_name = UnicodeAttribute(null=True)


def tenancy_key(tenancy_id: str) -> store.Key:
    """Where the tenancy is."""
    return TenancyItem.key(f"TENANCY#{tenancy_id}", "TENANCY")


def person_key(tenancy_id: str, person_id: str) -> store.Key:
    """Where a person named on the tenancy is."""
    return PersonItem.key(f"TENANCY#{tenancy_id}", f"PERSON#{person_id}")


def held_key(person_id: str, tenancy_id: str) -> store.Key:
    """Where the tenancy is as that person sees it."""
    return HeldTenancyItem.key(f"PERSON#{person_id}", f"TENANCY#{tenancy_id}")


def tenancy_with_people(tenancy_id: str, at: datetime) -> tuple[TenancyItem | None, Sequence[PersonItem]]:
    """The tenancy and everybody named on it, in one query."""
    found = list(store.query_kinds((TenancyItem, PersonItem), f"TENANCY#{tenancy_id}", at))
    tenancy = next((item for item in found if isinstance(item, TenancyItem)), None)
    return tenancy, [item for item in found if isinstance(item, PersonItem)]


def held_tenancies(person_id: str, at: datetime) -> Sequence[HeldTenancyItem]:
    """Every tenancy that names the person."""
    return list(store.query(HeldTenancyItem, f"PERSON#{person_id}", at))


def all_tenancies() -> Iterator[TenancyItem]:
    """Every tenancy of the record. It reads the whole table: only a snapshot asks for it."""
    found: Iterator[TenancyItem] = TenancyItem.scan(TenancyItem.sk == TenancyItem.range_prefix, consistent_read=True)
    return found


def stored(keys: Sequence[store.Key], at: datetime) -> list[Any]:
    """The items of `keys`, None for each that is absent."""
    found: list[Any] = []
    for start in range(0, len(keys), 100):
        found += store.fetch(keys[start : start + 100], at)
    return found


def save(items: Sequence[store.Item]) -> None:
    """Write the items as they are."""
    store.put_all(items)
