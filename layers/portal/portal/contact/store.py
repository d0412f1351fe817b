"""What tenants told of themselves and their homes, beside the landlord's record in the tenancies table.

| pk | sk | item | read by |
|---|---|---|---|
| PERSON#person_id | CONTACT | what a customer told of how to reach them | contact, in the session's call |
| TENANCY#tenancy_id | HOUSEHOLD | everybody who lives in the home | household, in the session's call |

A household is one item: it is read and shown whole, and one version holds its limit and keeps two changes apart.
"""

import random
import time
from typing import Any

from pynamodb.attributes import JSONAttribute, ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute

from portal import store
from portal.settings import setting


class _Item(store.Item):
    class Meta:
        table_name = setting("TENANCIES_TABLE")


class ContactItem(_Item):
    """What a customer told; what they never told is absent. `mobiles_seen` is what the record had
    then, by tenancy id."""

    range_prefix = "CONTACT"

    mobile = UnicodeAttribute(null=True)
    mobiles_seen = JSONAttribute(null=True)
    home_phone = UnicodeAttribute(null=True)
    correspondence_address = JSONAttribute(null=True)
    preferences = JSONAttribute(null=True)
    version = NumberAttribute()
    changed_at = store.InstantAttribute()


class MemberMap(MapAttribute[Any, Any]):
    """Somebody who lives in the home."""

    member_id = UnicodeAttribute()
    name = UnicodeAttribute()
    date_of_birth = store.DayAttribute(null=True)
    relationship = UnicodeAttribute()


class HouseholdItem(_Item):
    """Everybody who lives in the home besides those named on the tenancy, in the order in which they were added."""

    range_prefix = "HOUSEHOLD"

    members: ListAttribute[MemberMap] = ListAttribute(of=MemberMap)
    version = NumberAttribute()
    changed_at = store.InstantAttribute()


def contact_key(person_id: str) -> store.Key:
    """Where a person's contact details are."""
    return ContactItem.key(f"PERSON#{person_id}", "CONTACT")


def household_key(tenancy_id: str) -> store.Key:
    """Where a home's household is."""
    return HouseholdItem.key(f"TENANCY#{tenancy_id}", "HOUSEHOLD")


def put_version(item: ContactItem | HouseholdItem, *, after: int) -> store.Put:
    """The write of the whole item, refused unless what is stored has the version `after` (0: nothing is stored)."""
    item.version = after + 1
    return store.Put(item, type(item).version == after if after else item.new())


def let_others_finish(attempt: int) -> None:
    """Wait before a change is made anew to what another one left: up to 20, 40, 80 … 320 ms, full jitter."""
    time.sleep(random.uniform(0, 0.02 * 2 ** min(attempt, 4)))  # noqa: S311  (no secret depends on it)
