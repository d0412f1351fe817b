"""After each exchange: everything that waits is tried against the record as it is now.

What matches becomes a registration with a code by email, in the transaction that forgets the typed facts, so that a
run that dies or comes twice changes nothing but when it is done. Of what still does not match the landlord is told
which facts differ, and never what was typed.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import NamedTuple

from portal import clock, store
from portal.audit import service as audit
from portal.audit.service import Outcome
from portal.exchange import journal
from portal.identity import rules, sealing, tries
from portal.identity import store as identity
from portal.identity.recipients import may_mail
from portal.identity.registering import new_registration
from portal.identity.store import RegistrationItem, WaitingItem
from portal.mail.outbox import letter
from portal.observe import logger
from portal.tenancies import service as tenancies
from portal.tenancies.service import Person, Record


class Tried(NamedTuple):
    """How many sets of facts were tried, how many of them matched, and how many could not be tried."""

    tried: int
    matched: int
    failed: int


class _Unmatched(NamedTuple):
    facts: tuple[str, ...]
    item: WaitingItem


def try_again(now: Callable[[], datetime], has_time: Callable[[], bool]) -> Tried:
    """Try everything that waits, while `has_time`. One that fails holds up no other."""
    tried = matched = failed = 0
    for tenancy_id, items in groupby(identity.all_waiting(now()), lambda item: item.tenancy_id):
        if not has_time():
            break
        waiting = list(items)
        try:
            found = _try_tenancy(tenancy_id, waiting, now())
        except Exception as error:  # its text might quote what was typed
            logger.error("those who wait for a tenancy could not be tried", fault=type(error).__name__)
            failed += len(waiting)
            continue
        tried += len(waiting)
        matched += found
    return Tried(tried, matched, failed)


def _try_tenancy(tenancy_id: str, waiting: Iterable[WaitingItem], at: datetime) -> int:
    record = tenancies.record_to_match(tenancy_id, at)
    if record is None:
        return 0
    found, unmatched = 0, []
    for item in waiting:
        try:
            facts = sealing.opened(item.key_version, item.sealed, tenancy_id, item.facts_id)
        except sealing.CannotBeOpened:
            # It never will be, and goes by itself at its end.
            logger.error("facts that wait cannot be opened")
            continue
        people = [p for p in record.people if rules.matches(facts.of_person, _facts_of(p))]
        if len(people) == 1 and not record.has_ended:
            found += _matched(item, people[0], at)
        else:
            unmatched.append(_Unmatched(_what_differs(facts, record, people), item))
    _tell_landlord(record.reference, unmatched, at)
    return found


def _facts_of(person: Person) -> tuple[str | None, str | None, date | None]:
    return person.email, person.mobile, person.date_of_birth


def _what_differs(facts: rules.Facts, record: Record, people: Sequence[Person]) -> tuple[str, ...]:
    """The columns of the landlord's files that keep the facts from matching."""
    if len(people) > 1:
        differing: tuple[str, ...] = ("person_reference",)
    else:
        differing = rules.facts_that_differ(facts.of_person, map(_facts_of, record.people))
    return ("end_date", *differing) if record.has_ended else differing


def _matched(item: WaitingItem, person: Person, at: datetime) -> bool:
    """Mail whoever it turned out to be, and forget what was typed; whether that was done now, and by this run.

    Where the person or address has had its share of mails for now, all stays as it is for the next exchange.
    """
    email = person.email or ""
    customer, login = store.fetch([identity.customer_key(person.person_id), identity.login_key(email)], at)
    known = customer or login
    may_have_code = known or tries.may_spend(f"codes#{person.person_id}", tries.CODES_OF_PERSON, at)
    if not may_have_code or not may_mail(email, at):
        return False
    forget = store.Delete(item, WaitingItem.live(at) & (WaitingItem.facts_id == item.facts_id))
    mail = [_mail_to_known(person, registered=customer is not None, at=at)]
    writes = mail if known else _registration(person, at)
    outcome = _outcome(customer is not None, login is not None)
    kept = audit.event(outcome, at, customer_id=person.person_id, tenancy_id=person.tenancy_id)
    try:
        store.transact(forget, *writes, kept)
    except store.Refused:
        return False
    return True


def _outcome(is_registered: bool, is_in_use: bool) -> Outcome:
    if is_registered:
        return Outcome.WAITING_REGISTERED
    return Outcome.WAITING_EMAIL_IN_USE if is_in_use else Outcome.WAITING_CODE_SENT


def _mail_to_known(person: Person, *, registered: bool, at: datetime) -> store.Write:
    kind = "already_registered" if registered else "email_in_use"
    return letter(kind, to=f"person:{person.tenancy_id}.{person.person_id}", at=at)


def _registration(person: Person, at: datetime) -> list[store.Write]:
    expires = at + rules.CODE_AFTER_EXCHANGE_LASTS
    registration = new_registration(person, at, expires)
    its_id = registration.pk.removeprefix("REGISTRATION#")
    mail = letter(
        "code_after_exchange",
        to=f"registration:{its_id}",
        at=at,
        about={"registration_id": its_id, "expires_at": expires.isoformat()},
        useful_until=expires,
    )
    return [store.Put(registration, RegistrationItem.new()), mail]


def _tell_landlord(reference: str, unmatched: Sequence[_Unmatched], at: datetime) -> None:
    """Write the lines of the export: one for a tenancy and the facts that differ, however many ask and runs look."""
    for facts in sorted({u.facts for u in unmatched}):
        items = [u.item for u in unmatched if u.facts == facts]
        names = ";".join(facts)
        row = {
            "tenancy_reference": reference,
            "facts": names,
            "first_asked_on": clock.london_date(min(i.asked_at for i in items)).isoformat(),
            "last_asked_on": clock.london_date(max(i.last_asked_at for i in items)).isoformat(),
        }
        store.transact(journal.entry("unmatched", row, at, entry_id=f"unmatched#{reference}#{names}"))
