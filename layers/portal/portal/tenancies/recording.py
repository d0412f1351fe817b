"""The landlord's record as the nightly exchange brings it: written where it differs, and only there.

An unchanged row is read and costs no write. What a tenancy looks like to its people is written before the tenancy
itself, so that a run that dies between the two finds the difference again.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import NamedTuple

from portal import clock
from portal.recorded import APPLIED, UNCHANGED, Recorded, refused
from portal.tenancies import rules, service
from portal.tenancies import store as tenancies
from portal.tenancies.store import HeldTenancyItem, PersonItem, TenancyItem


class ImportedTenancy(NamedTuple):
    """A row of tenancies.csv; `reference` is canonical."""

    reference: str
    start_date: date
    end_date: date | None
    address_line_1: str | None
    address_line_2: str | None
    town: str | None
    postcode: str | None


class ImportedPerson(NamedTuple):
    """A row of people.csv; references, email and mobile are canonical."""

    tenancy_reference: str
    person_reference: str
    title: str | None
    first_name: str | None
    last_name: str | None
    date_of_birth: date | None
    email: str | None
    mobile: str | None


SOMEBODY_ELSE = (
    "person_reference must be unique across all tenancies, and another tenancy has it for somebody else "
    "(two of name, date_of_birth, and email or mobile must agree, and date_of_birth may not differ)"
)
"""Why a row of people.csv is refused: with this person's account another tenancy's home would be seen."""


class Fall(NamedTuple):
    """What a snapshot would end: of `before` tenancies that go on, those with the ids in `absent`."""

    before: int
    absent: Sequence[str]


def known(references: Collection[str], at: datetime) -> set[str]:
    """Those of the canonical tenancy references that the record has, ended or not."""
    asked = sorted(set(references))
    found = tenancies.stored([tenancies.tenancy_key(service.tenancy_id(r)) for r in asked], at)
    return {reference for reference, item in zip(asked, found, strict=True) if item}


def record_tenancies(rows: Sequence[ImportedTenancy], at: datetime) -> list[Recorded]:
    """Bring the record to what `rows` say; of two rows for one tenancy the later counts."""
    last = {row.reference: row for row in rows}
    wanted = [_tenancy(row) for row in last.values()]
    stored = tenancies.stored([tenancies.tenancy_key(_id(item)) for item in wanted], at)
    changed = [item for item, now in zip(wanted, stored, strict=True) if now is None or now.values() != item.values()]
    existed = {_id(now) for now in stored if now}
    _write(changed, existed, at)
    written = {item.reference for item in changed}
    return [APPLIED if row.reference in written and last[row.reference] is row else UNCHANGED for row in rows]


def record_people(rows: Sequence[ImportedPerson], at: datetime) -> list[Recorded]:
    """Bring the people of tenancies to what `rows` say; of two rows for one person on one tenancy the later counts.

    A row for a tenancy that the record does not have is refused, and one whose person reference another tenancy has
    for somebody else: who signs in sees every tenancy of their reference.
    """
    last = {(row.tenancy_reference, row.person_reference): row for row in rows}
    references = sorted({row.tenancy_reference for row in rows})
    found = tenancies.stored([tenancies.tenancy_key(service.tenancy_id(r)) for r in references], at)
    held_by = {reference: item for reference, item in zip(references, found, strict=True) if item}
    wanted = [_person(row) for key, row in last.items() if key[0] in held_by]
    seen = [
        _held(held_by[key[0]], item) for key, item in zip((k for k in last if k[0] in held_by), wanted, strict=True)
    ]
    now_people = tenancies.stored([PersonItem.key(i.pk, i.sk) for i in wanted], at)
    now_seen = tenancies.stored([HeldTenancyItem.key(i.pk, i.sk) for i in seen], at)
    new_people = [i for i, now in zip(wanted, now_people, strict=True) if now is None or now.values() != i.values()]
    new_seen = [i for i, now in zip(seen, now_seen, strict=True) if now is None or now.values() != i.values()]
    # A person's item and the tenancy as that person sees it have each other's keys.
    changed = {(i.pk, i.sk) for i in new_people} | {(i.sk, i.pk) for i in new_seen}
    strangers = _strangers(wanted, changed, at)
    tenancies.save([i for i in new_seen if (i.sk, i.pk) not in strangers])
    tenancies.save([i for i in new_people if (i.pk, i.sk) not in strangers])
    return [_outcome(row, row.tenancy_reference in held_by, last, changed, strangers) for row in rows]


def fall(present: Collection[str], at: datetime) -> Fall:
    """What a snapshot with the canonical references `present` leaves out of the tenancies that go on."""
    today = clock.london_date(at)
    going_on = [t for t in tenancies.all_tenancies() if not rules.has_ended(t.end_date, today)]
    return Fall(len(going_on), [_id(t) for t in going_on if t.reference not in present])


def end(tenancy_ids: Sequence[str], at: datetime) -> int:
    """End the tenancies yesterday, those of them that go on; answers how many that were."""
    yesterday = clock.london_date(at) - timedelta(days=1)
    ended = []
    for item in tenancies.stored([tenancies.tenancy_key(i) for i in tenancy_ids], at):
        if item and not rules.has_ended(item.end_date, yesterday + timedelta(days=1)):
            item.end_date = yesterday
            ended.append(item)
    _write(ended, set(tenancy_ids), at)
    return len(ended)


def _write(changed: Sequence[TenancyItem], existed: Collection[str], at: datetime) -> None:
    seen = [
        _held(item, person)
        for item in changed
        if _id(item) in existed
        for person in tenancies.tenancy_with_people(_id(item), at)[1]
    ]
    tenancies.save(seen)
    tenancies.save(changed)


def _strangers(
    wanted: Sequence[PersonItem], changed: Collection[tuple[str, str]], at: datetime
) -> set[tuple[str, str]]:
    """The keys of those items of `wanted` whose person reference is somebody else's on another tenancy.

    Only what is new or `changed` is asked about: one query a person, none for a row that is as it was.
    """
    asked = sorted({sk for _, sk in changed})
    keys = [
        tenancies.person_key(
            held.sk.removeprefix(HeldTenancyItem.range_prefix), sk.removeprefix(PersonItem.range_prefix)
        )
        for sk in asked
        for held in tenancies.held_tenancies(sk.removeprefix(PersonItem.range_prefix), at)
    ]
    on_record: dict[str, dict[str, PersonItem | None]] = {sk: {} for sk in asked}
    for key, item in zip(keys, tenancies.stored(keys, at), strict=True):
        on_record[key.sk][key.pk] = item
    brought: dict[str, dict[str, PersonItem]] = {sk: {} for sk in asked}
    for item in wanted:
        if item.sk in brought:
            brought[item.sk][item.pk] = item
    found = set()
    for sk in asked:
        now = on_record[sk]
        # Rows that correct one person on all their tenancies agree with each other and not yet with the record.
        if all(_is_one_person(a, b) for a, b in combinations((now | brought[sk]).values(), 2)):
            continue
        for pk, item in brought[sk].items():
            if (pk, sk) not in changed:
                continue
            if all(_is_one_person(item, other) for other_pk, other in now.items() if other_pk != pk):
                now[pk] = item
            else:
                found.add((pk, sk))
    return found


def _is_one_person(a: PersonItem | None, b: PersonItem | None) -> bool:
    """Whether two tenancies mean the same person: two kinds of facts agree, and the dates of birth do not differ.

    One alone is not enough: households share emails, and a name is not rare where every tenancy has a person 1.
    """
    if a is None or b is None:
        return False
    if a.date_of_birth and b.date_of_birth and a.date_of_birth != b.date_of_birth:
        return False
    agreeing = (
        a.date_of_birth is not None and a.date_of_birth == b.date_of_birth,
        _name(a) != ("", "") and _name(a) == _name(b),
        (a.email is not None and a.email == b.email) or (a.mobile is not None and a.mobile == b.mobile),
    )
    return sum(agreeing) >= 2


def _name(person: PersonItem) -> tuple[str, str]:
    return (person.first_name or "").casefold(), (person.last_name or "").casefold()


def _outcome(
    row: ImportedPerson,
    is_known: bool,
    last: dict[tuple[str, str], ImportedPerson],
    changed: Collection[tuple[str, str]],
    strangers: Collection[tuple[str, str]],
) -> Recorded:
    if not is_known:
        return refused("tenancy_reference is none that we hold")
    item = _person(row)
    if (item.pk, item.sk) in strangers:
        return refused(SOMEBODY_ELSE)
    counts = last[row.tenancy_reference, row.person_reference] is row
    return APPLIED if counts and (item.pk, item.sk) in changed else UNCHANGED


def _id(item: TenancyItem) -> str:
    return service.tenancy_id(item.reference)


def _tenancy(row: ImportedTenancy) -> TenancyItem:
    key = tenancies.tenancy_key(service.tenancy_id(row.reference))
    return TenancyItem(pk=key.pk, sk=key.sk, **row._asdict())


def _person(row: ImportedPerson) -> PersonItem:
    key = tenancies.person_key(service.tenancy_id(row.tenancy_reference), service.person_id(row.person_reference))
    return PersonItem(
        pk=key.pk,
        sk=key.sk,
        person_reference=row.person_reference,
        title=row.title,
        first_name=row.first_name,
        last_name=row.last_name,
        date_of_birth=row.date_of_birth,
        email=row.email,
        mobile=row.mobile,
    )


def _held(tenancy: TenancyItem, person: PersonItem) -> HeldTenancyItem:
    key = tenancies.held_key(person.sk.removeprefix(PersonItem.range_prefix), _id(tenancy))
    lines = (tenancy.address_line_1, tenancy.address_line_2, tenancy.town, tenancy.postcode)
    return HeldTenancyItem(
        pk=key.pk,
        sk=key.sk,
        reference=tenancy.reference,
        start_date=tenancy.start_date,
        end_date=tenancy.end_date,
        address=", ".join(line for line in lines if line),
        first_name=person.first_name,
        last_name=person.last_name,
    )
