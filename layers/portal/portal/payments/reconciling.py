"""No payment is left waiting, and provider, portal and housing system agree, or somebody is told where they do not.

Two jobs. `ask_about_pending` asks the provider about every payment that has waited for a quarter of an hour. `report`
compares each day that is over: what the provider took is posted here, what is posted here the provider took, and what
was posted here a week ago has come back from the housing system. Each job may run twice, at once, or die halfway; a
payment that it stumbles over keeps none of the others waiting.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

from portal import clock, observe, store
from portal.exchange import files
from portal.exchange.rules import defused, pounds
from portal.payments import rules
from portal.payments import store as payments
from portal.payments.provider import NotAsAgreed, Provider, ProviderEvent, ProviderSilent, Unread
from portal.payments.providers import NoPaymentsHere, the_provider
from portal.payments.settling import keep_for_a_person, settle
from portal.payments.store import PaymentItem, PendingItem, ReportedItem
from portal.rent import service as rent

COLUMNS = ("transaction_reference", "difference", "provider", "portal")
UNKNOWN_HERE, NOT_POSTED, NOT_GIVEN_BACK = "unknown_here", "not_posted", "not_given_back"
NOT_AT_PROVIDER, NOT_LISTED, QUARANTINED = "not_at_provider", "not_listed", "quarantined"
_MOST_DAYS = 40


# ------------------------------------------------------------------------------------ every five minutes


def ask_about_pending(at: datetime, has_time: Callable[[], bool]) -> int:
    """Settle every payment that has waited for a quarter of an hour as the provider says; the number that still waits.

    A payment that never got its page has expired: nobody could pay it. One that the provider cannot be asked about now
    waits for the next run, and so does what is left when `has_time` says no. What goes wrong with one is raised once
    all the others have had their turn.
    """
    its = _provider_if_any()
    left, overdue = 0, 0
    faults: list[Exception] = []
    for waiting in list(payments.all_pending(rules.first_to_ask_about(at), at)) if its else []:
        try:
            if its and has_time() and _settled(its, waiting, at):
                continue
        except Exception as fault:
            _pass_over(fault, waiting.sk, faults)
        left += 1
        overdue += waiting.sk < _born_before(at - rules.OVERDUE_AFTER)
    observe.count("PaymentsPending", number=overdue)
    observe.logger.info("asked about pending payments", left=left, overdue=overdue)
    if faults:
        raise faults[0]
    return left


def _pass_over(fault: Exception, which: str, faults: list[Exception]) -> None:
    """Go on to the next payment: the job fails in the end, so that somebody hears of it."""
    observe.logger.error("a payment stopped the reconciliation", payment=which, fault=type(fault).__name__)
    faults.append(fault)


def _born_before(at: datetime) -> str:
    return PendingItem.range_prefix + rules.first_to_ask_about(at + rules.ASKED_ABOUT_AFTER)


def _settled(its: Provider, waiting: PendingItem, at: datetime) -> bool:
    payment_id = waiting.sk.removeprefix(PendingItem.range_prefix)
    (payment,) = store.fetch([payments.payment_key(waiting.tenancy_id, payment_id)], at)
    if payment is None or payment.status not in rules.WAITING:
        return True
    if payment.checkout_id is None:
        return _expired(payment, waiting)
    try:
        events = its.look_up(payment.checkout_id, at)
        for event in events:
            settle(its.name, event, at)
    except ProviderSilent:
        observe.logger.warning("the provider is silent", payment_id=payment_id)
        return False
    except NotAsAgreed as odd:
        keep_for_a_person(its.name, odd, payment.checkout_id.encode(), at)
        return False
    return any(event.outcome not in rules.WAITING for event in events)


def _expired(payment: PaymentItem, waiting: PendingItem) -> bool:
    """End a payment whose page nobody was given; where its call came through after all, the next run asks."""
    change = store.Update(
        payment,
        [PaymentItem.status.set(rules.EXPIRED)],
        (PaymentItem.status == rules.CREATED) & PaymentItem.checkout_id.does_not_exist(),
    )
    try:
        store.transact(change, store.Delete(waiting))
    except store.Refused:
        return False
    return True


# --------------------------------------------------------------------------------------------- every day


def report(at: datetime) -> list[date]:
    """Compare and report every day that is over and has no report yet, the oldest first; which days those were.

    A day on which something went wrong with a payment is compared again by the next run, and the fault raised once the
    other days and payments have had their turn. Raises ProviderSilent.
    """
    its = _provider_if_any()
    if its is None:
        return []
    (reported,) = store.fetch([payments.reported_key()], at)
    through = reported.through if reported else None
    days = rules.days_to_report(through, clock.london_date(at), most=_MOST_DAYS)
    found = 0
    faults: list[Exception] = []
    for day in days:
        found += _report_day(its, day, at, faults)
        if faults:
            continue
        key = payments.reported_key()
        later = ReportedItem.through.does_not_exist() | (ReportedItem.through < day)
        try:
            store.transact(store.Update(ReportedItem(pk=key.pk, sk=key.sk), [ReportedItem.through.set(day)], later))
        except store.Refused:
            continue  # another run has come further
    observe.count("PaymentDifferences", number=found)
    if faults:
        raise faults[0]
    observe.count("ReconciliationFinished")
    observe.logger.info("reconciled", days=len(days), differences=found)
    return days


def _report_day(its: Provider, day: date, at: datetime, faults: list[Exception]) -> int:
    """Write the day's differences down, each before it is mended, then the file of all of them."""
    seen = _what_the_provider_moved(its, day, at, faults)
    _what_was_posted(its, day, seen, at)
    _what_has_not_come_back(day - rules.LISTED_WITHIN, day, at)
    _what_a_person_should_see(day, at)
    lines = sorted(payments.differences(day, at), key=lambda line: line.sk)
    rows = [[line.reference, line.what, line.provider_has or "", line.portal_has or ""] for line in lines]
    files.write(f"outbox/{day}/reconciliation.csv", _csv([COLUMNS, *rows]))
    return len(rows)


def _what_the_provider_moved(its: Provider, day: date, at: datetime, faults: list[Exception]) -> set[str]:
    """Each payment that it took that day, or gave some back of, is posted here as it stands there; their ids."""
    seen = set()
    for told in its.moved_on(day, at):
        if isinstance(told, Unread):
            _note(day, told.provider_id, UNKNOWN_HERE, at, told.why, None)
            continue
        if told.outcome == rules.SUCCEEDED:
            seen.add(told.facts.payment_id)
        try:
            _compare(its, told, day, at)
        except Exception as fault:
            _pass_over(fault, told.facts.payment_id, faults)
    return seen


def _compare(its: Provider, event: ProviderEvent, day: date, at: datetime) -> None:
    facts = event.facts
    (payment,) = store.fetch([payments.payment_key(facts.tenancy_id, facts.payment_id)], at)
    what = _missing(event, payment)
    if what is None:
        return
    _note(day, facts.reference, what, at, _amount(event), _state(payment))
    try:
        settle(its.name, event, at)
    except NotAsAgreed as odd:
        keep_for_a_person(its.name, odd, event.event_id.encode(), at)


def _missing(event: ProviderEvent, payment: PaymentItem | None) -> str | None:
    facts = event.facts
    if payment is None or payment.amount_pence != facts.amount_pence:
        return UNKNOWN_HERE
    if event.outcome == rules.SUCCEEDED and payment.status in rules.states_before(rules.SUCCEEDED):
        return NOT_POSTED
    if event.outcome == rules.REFUNDED and (payment.refunded_pence or 0) != event.moved_pence:
        return NOT_GIVEN_BACK
    return None


def _what_was_posted(its: Provider, day: date, seen: set[str], at: datetime) -> None:
    """Each payment that was posted here that day was taken by the provider, on that day or another.

    One that the provider cannot read or does not know, as after a change of provider, is listed with what it says.
    """
    for payment in _taken_here(day, at):
        if payment.sk.removeprefix(PaymentItem.range_prefix) in seen or payment.checkout_id is None:
            continue
        why = None
        try:
            if any(event.outcome == rules.SUCCEEDED for event in its.look_up(payment.checkout_id, at)):
                continue
        except NotAsAgreed as odd:
            why = odd.why
        _note(day, payment.reference, NOT_AT_PROVIDER, at, why, _state(payment))


def _what_has_not_come_back(posted_on: date, day: date, at: datetime) -> None:
    """Each payment that was posted here a week before is one that the housing system has listed since."""
    taken = list(_taken_here(posted_on, at))
    listed = rent.listed([rent.transaction_id(payment.reference) for payment in taken], at)
    for payment, has_come_back in zip(taken, listed, strict=True):
        if not has_come_back:
            _note(day, payment.reference, NOT_LISTED, at, None, _state(payment))


def _what_a_person_should_see(day: date, at: datetime) -> None:
    for held in payments.quarantine(at):
        if clock.london_date(held.received_at) == day:
            _note(day, held.sk.removeprefix(held.range_prefix), QUARANTINED, at, held.why, None)


def _taken_here(day: date, at: datetime) -> Iterator[PaymentItem]:
    keys = payments.taken_on(day, at)
    for start in range(0, len(keys), 100):
        yield from (payment for payment in store.fetch(keys[start : start + 100], at) if payment)


def _note(day: date, reference: str, what: str, at: datetime, provider_has: str | None, portal_has: str | None) -> None:
    line = payments.difference(day, reference, what, at, provider_has=provider_has, portal_has=portal_has)
    try:
        store.transact(store.Put(line, payments.DifferenceItem.new()))
    except store.Refused:
        return  # an earlier run found it too, and has said how it was then


def _amount(event: ProviderEvent) -> str:
    return f"{event.outcome} {pounds(event.moved_pence or event.facts.amount_pence)}"


def _state(payment: PaymentItem | None) -> str | None:
    return f"{payment.status} {pounds(payment.amount_pence)}" if payment else None


def _csv(lines: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([defused(cell) for cell in line] for line in lines)
    return text.getvalue().encode()


def _provider_if_any() -> Provider | None:
    try:
        return the_provider()
    except NoPaymentsHere:
        return None
