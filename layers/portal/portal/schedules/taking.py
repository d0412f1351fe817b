"""The collector: tells of regular payments before they are due, takes them on the day, and hears what became of them.

What there is to do is found by items that sort by their time. A run has a schedule to itself by moving its look, and
each change is refused where somebody was faster; so a run that dies, comes late, or comes 64 times at once tells once
and takes once. A day on which nobody could be told, or that is long gone, is left out, never made up for by a second
payment.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple

from portal import clock, store
from portal.observe import count, logger
from portal.payments import charging
from portal.payments.provider import Card, CardGone, NotAsAgreed, Provider, ProviderSilent
from portal.payments.providers import NoPaymentsHere, the_provider
from portal.payments.settling import keep_for_a_person
from portal.rent import service as rent
from portal.schedules import rules, service
from portal.schedules import store as schedules
from portal.schedules.store import LookItem, ScheduleItem
from portal.tenancies import service as tenancies


class Unfinished(Exception):
    """Something of a run went wrong. The rest of it was done, and the next run tries again."""


class _Seen(NamedTuple):
    """A schedule and what it depends on, as they are now."""

    schedule: ScheduleItem
    account: Any
    tenancy: Any
    person: Any


def run(now: Callable[[], datetime], has_time: Callable[[], bool]) -> int:
    """Do what there is to do for every schedule that is due, while `has_time`; gives how many were looked at.

    One that goes wrong keeps its turn, and nobody else's. Raises Unfinished once all others are done.
    """
    its = _provider_if_any()
    looked, wrong = 0, 0
    for look in list(schedules.to_look_at(now())) if its else []:
        if not has_time():
            break
        looked += 1
        wrong += not _done(its, look, now) if its else 0
    logger.info("collected", looked=looked, wrong=wrong)
    if wrong:
        raise Unfinished
    return looked


def _done(its: Provider, look: LookItem, now: Callable[[], datetime]) -> bool:
    try:
        _look(its, look, now())
    except (store.Refused, ProviderSilent) as passing:
        # Somebody was faster, or the provider does not answer: the next run looks again.
        logger.info("looked at again later", schedule_id=look.schedule_id, fault=type(passing).__name__)
    except Exception as error:  # whatever is wrong with one, the next one is looked at
        logger.error("a regular payment went wrong", schedule_id=look.schedule_id, fault=type(error).__name__)
        return False
    return True


def _look(its: Provider, look: LookItem, at: datetime) -> None:
    of = (look.tenancy_id, look.customer_id)
    keys = [
        schedules.schedule_key(*of, look.schedule_id),
        rent.key_of(look.tenancy_id, look.rent_account_id),
        tenancies.key_of(look.tenancy_id),
        tenancies.key_of_person(*of),
    ]
    seen = _Seen(*store.fetch(keys, at))
    if seen.schedule is None or not schedules.is_current(seen.schedule, look):
        store.transact(store.Delete(look))
    elif seen.schedule.taking:
        _hear(seen.schedule, at)
    elif seen.schedule.status == rules.AWAITING_CARD:
        _ask_about_card(its, seen.schedule, at)
    elif seen.schedule.status == rules.ACTIVE:
        _go_on(seen, at)
    else:
        service.forget_card(seen.schedule)


# ----------------------------------------------------------------------------------------- its card


def _ask_about_card(its: Provider, schedule: ScheduleItem, at: datetime) -> None:
    """Ask what came of the page, whose event may be lost; one that never got a page has stopped."""
    if schedule.checkout_id is None:
        store.transact(*service.ended(schedule, rules.NO_CARD, at))
        return
    try:
        told = its.look_up_card(schedule.checkout_id, at)
    except NotAsAgreed as odd:
        keep_for_a_person(its.name, odd, schedule.checkout_id.encode(), at)
        told = None
    if told:
        service.card_told(told, at)
    else:
        store.transact(*schedules.changed(schedule, next_look=at + rules.ASKED_AGAIN_AFTER))


# ------------------------------------------------------------------------------- told of, and taken


def _go_on(seen: _Seen, at: datetime) -> None:
    schedule, today = seen.schedule, clock.london_date(at)
    due_on = _due_on(schedule)
    if because := _why_no_more(seen, at):
        store.transact(*service.ended(schedule, because, at))
    elif rules.may_take(due_on, schedule.told_of, today):
        _take(seen, due_on, at)
    elif due_on <= today:
        _leave_out(schedule, due_on, at)
    else:
        _tell(schedule, due_on, at)


def _due_on(schedule: ScheduleItem) -> date:
    if schedule.due_on is None:
        raise ValueError("an active schedule has a due date")
    return schedule.due_on


def _why_no_more(seen: _Seen, at: datetime) -> str | None:
    if seen.person is None or tenancies.is_over(seen.tenancy, at):
        return rules.TENANCY_OVER
    return rules.ACCOUNT_GONE if seen.account is None else None


def _tell(schedule: ScheduleItem, due_on: date, at: datetime) -> None:
    """The email before it is taken, asked for in the transaction that notes it."""
    writes = schedules.changed(schedule, told_of=due_on, next_look=rules.look_at(due_on, due_on))
    store.transact(*writes, service.letter_about(schedule, "regular_coming", at))
    count("RegularPaymentTold")


def _leave_out(schedule: ScheduleItem, missed: date, at: datetime) -> None:
    """Nobody was told of it in time, or it is long gone: it is not taken, and that is said."""
    writes = _moved_on(schedule, missed, at, told=True)
    store.transact(*writes, service.letter_about(schedule, "regular_left_out", at, missed_on=str(missed)))
    count("RegularPaymentLeftOut")


def _moved_on(schedule: ScheduleItem, done_on: date, at: datetime, *, told: bool, **also: Any) -> list[store.Write]:
    """The writes that bring it to its next due date; `told` where an email of the same transaction names that."""
    today = clock.london_date(at)
    due_on = rules.next_due(schedule.frequency, schedule.day, today, done_on)
    told_of = due_on if told and rules.is_near(due_on, today) else None
    values = {"due_on": due_on, "told_of": told_of, "done_on": done_on, "next_look": rules.look_at(due_on, told_of)}
    return schedules.changed(schedule, **(values | also))


def _take(seen: _Seen, due_on: date, at: datetime) -> None:
    """Take it: have the schedule for this run alone, prepare the charge, write the payment, have it taken.

    Paused, stopped or changed in between, nothing is written and so nothing taken.
    """
    schedule = seen.schedule
    store.transact(*schedules.changed(schedule, next_look=at + rules.LEASE))
    card = Card(schedule.payer_id or "", schedule.card_id or "")
    try:
        payment = charging.prepared(
            schedule.tenancy_id, schedule.customer_id, seen.account, int(schedule.amount_pence), card, at
        )
    except CardGone:
        store.transact(*service.ended(schedule, rules.CARD_GONE, at))
        return
    taking = payment.sk.removeprefix(payment.range_prefix)
    once = charging.writes(payment, schedule.schedule_id, due_on)
    moved = _moved_on(schedule, due_on, at, told=False, taking=taking, next_look=at + 2 * rules.LEASE)
    store.transact(*moved, *once)
    count("RegularPaymentTaken")
    _hear(schedule, at)


# ------------------------------------------------------------------------------ what became of it


def _hear(schedule: ScheduleItem, at: datetime) -> None:
    """Have the payment taken if it still waits, and count what became of it. Its receipt is the payment's own."""
    status = charging.carry_on(schedule.tenancy_id, schedule.taking or "", at)
    if charging.is_waiting(status):
        store.transact(*schedules.changed(schedule, next_look=at + rules.ASKED_AGAIN_AFTER))
        return
    failures = 0 if charging.is_paid(status) else int(schedule.failures) + 1
    heard: dict[str, Any] = {"taking": None, "failures": failures}
    if failures:
        count("RegularPaymentFailed")
    if schedule.status not in rules.GOING_ON:
        store.transact(*schedules.changed(schedule, next_look=at if schedule.card_id else None, **heard))
        return
    if failures >= rules.MOST_FAILURES:
        store.transact(*service.ended(schedule, rules.FAILURES, at, **heard))
        return
    due_on = schedule.due_on
    told = failures > 0 and due_on is not None and rules.is_near(due_on, clock.london_date(at))
    told_of = due_on if told else schedule.told_of
    missed_on = str(schedule.done_on)
    look = rules.look_at(due_on, told_of) if due_on else None
    writes = schedules.changed(schedule, next_look=look, told_of=told_of, **heard)
    mail = [service.letter_about(schedule, "regular_failed", at, missed_on=missed_on)] if failures else []
    store.transact(*writes, *mail)


def _provider_if_any() -> Provider | None:
    try:
        return the_provider()
    except NoPaymentsHere:
        return None
