"""What other domains ask of tenancies, and how the nightly exchange keeps them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from portal import clock, ids, store
from portal.failures import Failure
from portal.tenancies import rules
from portal.tenancies import store as tenancies


class TenancyEnded(Failure):
    """The tenancy is over: its people may look, and change nothing of the home."""


class Person(NamedTuple):
    """Somebody named on a tenancy, as far as the record has it."""

    person_id: str
    tenancy_id: str
    email: str | None
    mobile: str | None
    date_of_birth: date | None


class Record(NamedTuple):
    """A tenancy with everybody named on it, as far as it counts for matching."""

    reference: str
    has_ended: bool
    people: Sequence[Person]


class Tenancy(NamedTuple):
    """A tenancy as one of its people sees it."""

    tenancy_id: str
    reference: str
    address: str
    start_date: date
    end_date: date | None
    first_name: str
    last_name: str

    def has_ended(self, today: date) -> bool:
        """Whether it is over on `today`."""
        return rules.has_ended(self.end_date, today)


def tenancy_id(reference: str) -> str:
    """The id of the tenancy with that canonical reference."""
    return ids.derived_id("tenancy", reference)


def person_id(person_reference: str) -> str:
    """The id of the person whom the landlord knows by that reference."""
    return ids.derived_id("person", person_reference)


def people_to_match(reference: str, at: datetime) -> Sequence[Person]:
    """Everybody named on the tenancy with that canonical reference; nobody where it has ended or does not exist."""
    record = record_to_match(tenancy_id(reference), at)
    return [] if record is None or record.has_ended else record.people


def record_to_match(tenancy_id: str, at: datetime) -> Record | None:
    """The tenancy with that id and its people, whether or not it has ended; None where there is none. One query."""
    tenancy, people = tenancies.tenancy_with_people(tenancy_id, at)
    if tenancy is None:
        return None
    return Record(
        tenancy.reference,
        rules.has_ended(tenancy.end_date, clock.london_date(at)),
        [Person(p.sk.removeprefix(p.range_prefix), tenancy_id, p.email, p.mobile, p.date_of_birth) for p in people],
    )


def tenancies_of(person_id: str, at: datetime) -> Sequence[Tenancy]:
    """The tenancies that the person may see: those that go on first, then the latest to end."""
    today = clock.london_date(at)
    found = [
        Tenancy(
            item.sk.removeprefix(item.range_prefix),
            item.reference,
            item.address,
            item.start_date,
            item.end_date,
            item.first_name or "",
            item.last_name or "",
        )
        for item in tenancies.held_tenancies(person_id, at)
        if rules.is_visible(item.end_date, today)
    ]
    return sorted(found, key=lambda t: (t.end_date or date.max, t.start_date, t.reference), reverse=True)


def mobiles_of(person_id: str, at: datetime) -> dict[str, str | None]:
    """The person's mobile number as the record of each of their tenancies has it, by tenancy id."""
    ids_of = [item.sk.removeprefix(item.range_prefix) for item in tenancies.held_tenancies(person_id, at)]
    found = tenancies.stored([tenancies.person_key(its_id, person_id) for its_id in ids_of], at)
    return {its_id: person.mobile if person else None for its_id, person in zip(ids_of, found, strict=True)}


def key_of(tenancy_id: str) -> store.Key:
    """Where the tenancy is, to be read in the same call as something else."""
    return tenancies.tenancy_key(tenancy_id)


def key_of_person(tenancy_id: str, person_id: str) -> store.Key:
    """Where the person is, to be read in the same call as something else."""
    return tenancies.person_key(tenancy_id, person_id)


class Holders(NamedTuple):
    """Everybody who holds a tenancy and their home as an envelope has them, and the tenancy's reference."""

    lines: tuple[str, ...]
    reference: str


def holders(tenancy_id: str, at: datetime) -> Holders:
    """Who holds the tenancy, joint tenants a line each; what is not on record is left out. One query."""
    tenancy, people = tenancies.tenancy_with_people(tenancy_id, at)
    names = [
        " ".join(part for part in (person.title, person.first_name, person.last_name) if part)
        for person in sorted(people, key=lambda person: person.person_reference)
    ]
    address = (tenancy.address_line_1, tenancy.address_line_2, tenancy.town, tenancy.postcode) if tenancy else ()
    return Holders(tuple(line for line in (*names, *address) if line), tenancy.reference if tenancy else "")


def is_over(tenancy: Any, at: datetime) -> bool:
    """Whether the tenancy, as it was read by its key, has ended or is not there at all."""
    return tenancy is None or rules.has_ended(tenancy.end_date, clock.london_date(at))


def refuse_ended(tenancy: Any, at: datetime) -> None:
    """Raise TenancyEnded where the tenancy, as it was read by its key, is over or not there at all."""
    if is_over(tenancy, at):
        raise TenancyEnded
