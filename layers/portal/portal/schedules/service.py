"""Regular payments as their owner sees them: set up, changed, paused, stopped. What takes them is in `taking`."""

import contextlib
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from portal import clock, ids, store
from portal.brand import landlord
from portal.failures import BadInput, Failure, FieldError, NotFound
from portal.identity.sessions import NotLoggedIn, Session, keep_open_while_paying
from portal.mail.outbox import letter
from portal.observe import count, logger
from portal.payments import rules as payments
from portal.payments.provider import Card, CardEvent, CardFacts, ProviderSilent
from portal.payments.providers import the_provider
from portal.payments.service import IdempotencyKeyReused
from portal.rent import service as rent
from portal.rent.service import AccountItem
from portal.schedules import rules
from portal.schedules import store as schedules
from portal.schedules.store import ScheduleItem
from portal.tenancies import service as tenancies

__all__ = ["ScheduleItem", "ScheduleOver", "beside_set_up", "card_told", "change", "key_of", "listed", "set_up", "stop"]

_TRIES = 4


class ScheduleOver(Failure):
    """It has stopped, or its card was never saved: it cannot be changed."""


def beside_set_up(session: Session, rent_account_id: str, idempotency_key: str) -> list[store.Key]:
    """What `set_up` looks at, to be read in the same call as the session."""
    return [
        rent.key_of(session.tenancy_id, rent_account_id),
        tenancies.key_of(session.tenancy_id),
        key_of(session, _id_for(session, idempotency_key)),
    ]


def key_of(session: Session, schedule_id: str) -> store.Key:
    """Where the customer's schedule is, to be read in the same call as the session."""
    return schedules.schedule_key(session.tenancy_id, session.customer_id, schedule_id)


def _id_for(session: Session, idempotency_key: str) -> str:
    return ids.derived_id("schedule", f"{session.tenancy_id}/{session.customer_id}/{idempotency_key}")


def set_up(
    session: Session, rent_account_id: str, amount_pence: int, frequency: str, day: str, idempotency_key: str,
    at: datetime,
) -> ScheduleItem:  # fmt: skip
    """Set up a regular payment, which waits for its card to be saved, or give the one that this key has set up.

    Raises:
        NotFound: the rent account is not this tenancy's.
        TenancyEnded: nothing is taken for a home that somebody has left.
        BadInput: the amount or the day.
        IdempotencyKeyReused: the key has set up a different one.
        NoPaymentsHere: there is no provider.
        ProviderSilent: it does not answer; the same key asks it again.
    """
    account, tenancy, found = session.beside
    if account is None:
        raise NotFound
    tenancies.refuse_ended(tenancy, at)
    the_provider()  # where there is none, nothing is written
    if troubles := [t for t in (_amount_trouble(amount_pence), rules.day_trouble(frequency, day)) if t]:
        raise BadInput(errors=troubles)
    wanted = (rent_account_id, amount_pence, frequency, day)
    schedule = found or _write(session, account, wanted, _id_for(session, idempotency_key), at)
    if (schedule.rent_account_id, schedule.amount_pence, schedule.frequency, schedule.day) != wanted:
        raise IdempotencyKeyReused
    may_begin = schedule.checkout_id is None and at < schedule.created_at + payments.ASKED_ABOUT_AFTER
    return _with_page(schedule) if may_begin and schedule.status == rules.AWAITING_CARD else schedule


def _amount_trouble(amount_pence: int) -> FieldError | None:
    limits = landlord()["payments"]
    return payments.amount_trouble(amount_pence, least=limits["minimum_pence"], most=limits["maximum_pence"])


def _write(
    session: Session, account: AccountItem, wanted: tuple[str, int, str, str], schedule_id: str, at: datetime
) -> ScheduleItem:
    """Write the schedule; where another call with the same key was first, give its one."""
    rent_account_id, amount_pence, frequency, day = wanted
    key = key_of(session, schedule_id)
    schedule = ScheduleItem(
        pk=key.pk,
        sk=key.sk,
        version=1,
        rent_account_id=rent_account_id,
        rent_account_name=account.name,
        amount_pence=amount_pence,
        frequency=frequency,
        day=day,
        status=rules.AWAITING_CARD,
        created_at=at,
        failures=0,
        next_look=at + payments.ASKED_ABOUT_AFTER,
    )
    try:
        store.transact(*schedules.new(schedule), keep_open_while_paying(session, at))
    except store.Refused as refused:
        if not refused.by(0):
            raise NotLoggedIn from None
        return _stored(key, at)
    return schedule


def _with_page(schedule: ScheduleItem) -> ScheduleItem:
    """Ask the provider for the page that saves the card, and note it. Its event may have come first."""
    facts = CardFacts(schedule.schedule_id, schedule.tenancy_id, schedule.customer_id)
    schedule.checkout_id, schedule.checkout_url = the_provider().save_card(facts, schedule.created_at)
    with contextlib.suppress(store.Refused):
        store.transact(schedules.page_noted(schedule))
    return schedule


def listed(session: Session, at: datetime) -> Sequence[ScheduleItem]:
    """The customer's regular payments for this tenancy: those that go on first, each newest first."""
    found = schedules.schedules_of(session.tenancy_id, session.customer_id, at)
    order = {rules.AWAITING_CARD: 0, rules.ACTIVE: 1, rules.PAUSED: 1}
    newest_first = sorted(found, key=lambda item: item.created_at, reverse=True)
    return sorted(newest_first, key=lambda item: order.get(item.status, 2))


# ------------------------------------------------------------------------------------------- the card


def card_told(event: CardEvent, at: datetime) -> None:
    """What came of the page: with a card saved it begins, without one it has stopped. Told again it changes nothing.

    A card that was saved for what is stopped meanwhile is taken away at the provider.
    """
    facts = event.facts
    key = schedules.schedule_key(facts.tenancy_id, facts.customer_id, facts.schedule_id)

    def tell(schedule: ScheduleItem) -> list[store.Write]:
        if schedule.status != rules.AWAITING_CARD:
            return []
        if event.card is None:
            return ended(schedule, rules.NO_CARD, at)
        return _begun(schedule, event.card, at)

    try:
        schedule = _change(key, tell, at)
    except NotFound:
        schedule = None
    if event.card and (schedule is None or schedule.card_id != event.card.card_id):
        _forget(event.card)


def _begun(schedule: ScheduleItem, card: Card, at: datetime) -> list[store.Write]:
    today = clock.london_date(at)
    due_on = rules.next_due(schedule.frequency, schedule.day, today, None)
    told_of = due_on if rules.is_near(due_on, today) else None
    return [
        *schedules.changed(
            schedule, status=rules.ACTIVE, payer_id=card.payer_id, card_id=card.card_id, checkout_url=None,
            due_on=due_on, told_of=told_of, next_look=rules.look_at(due_on, told_of),
        ),
        letter_about(schedule, "regular_set_up", at),
    ]  # fmt: skip


# ------------------------------------------------------------------------------- changing and stopping


def change(schedule: ScheduleItem | None, wanted: dict[str, Any], at: datetime) -> ScheduleItem:
    """Change what `wanted` names of amount_pence, day and status ("active", "paused"), and mail what it is now.

    Raises:
        NotFound: there is no such schedule of this customer.
        ScheduleOver: it has stopped, or waits for its card.
        BadInput: the amount or the day.
    """
    if schedule is None:
        raise NotFound

    def apply(schedule: ScheduleItem) -> list[store.Write]:
        if schedule.status not in rules.GOING_ON:
            raise ScheduleOver
        _check(schedule, wanted)
        new = {name: value for name, value in wanted.items() if getattr(schedule, name) != value}
        if not new:
            return []
        writes = schedules.changed(schedule, **_timed(schedule, new, at))
        return [*writes, letter_about(schedule, "regular_changed", at, paused=schedule.status == rules.PAUSED)]

    return _change(store.Key(ScheduleItem, schedule.pk, schedule.sk), apply, at, schedule)


def _check(schedule: ScheduleItem, wanted: dict[str, Any]) -> None:
    troubles = [_amount_trouble(wanted["amount_pence"])] if "amount_pence" in wanted else []
    if "day" in wanted:
        troubles.append(rules.day_trouble(schedule.frequency, wanted["day"]))
    if found := [trouble for trouble in troubles if trouble]:
        raise BadInput(errors=found)


def _timed(schedule: ScheduleItem, new: dict[str, Any], at: datetime) -> dict[str, Any]:
    """The change with its next due date: reckoned anew where the day is new or it goes on again, none while paused.

    The email that tells of the change is the notice of a due date that is near.
    """
    today, status = clock.london_date(at), new.get("status", schedule.status)
    due_on: date | None = schedule.due_on
    if status == rules.PAUSED:
        due_on = None
    elif "day" in new or due_on is None:
        due_on = rules.next_due(schedule.frequency, new.get("day", schedule.day), today, schedule.done_on)
    told_of = due_on if due_on and rules.is_near(due_on, today) else None
    return {**new, "due_on": due_on, "told_of": told_of, "next_look": next_look(schedule, due_on, told_of)}


def next_look(schedule: ScheduleItem, due_on: date | None, told_of: date | None) -> datetime | None:
    """When to look at it next: at what became of a payment that is being taken, else at the next due date."""
    if schedule.taking:
        return schedule.next_look
    return rules.look_at(due_on, told_of) if due_on else None


def stop(schedule: ScheduleItem | None, at: datetime) -> None:
    """Stop it for good, and have the provider forget the card; where that fails, the collector tries again.

    Raises NotFound. One that has stopped already stays so.
    """
    if schedule is None:
        raise NotFound

    def apply(schedule: ScheduleItem) -> list[store.Write]:
        over = schedule.status not in rules.GOING_ON | {rules.AWAITING_CARD}
        return [] if over else ended(schedule, rules.ASKED, at)

    stopped = _change(store.Key(ScheduleItem, schedule.pk, schedule.sk), apply, at, schedule)
    if stopped.card_id and not stopped.taking:
        forget_card(stopped)


def ended(schedule: ScheduleItem, because: str, at: datetime, **also: Any) -> list[store.Write]:
    """The writes that end it, and mail why where it had begun. The card is looked after at once."""
    begun = schedule.status in rules.GOING_ON
    taking = also.get("taking", schedule.taking)
    look = (schedule.next_look if taking else at) if schedule.card_id else None
    writes = schedules.changed(
        schedule, status=rules.FAILED if because in {rules.FAILURES, rules.CARD_GONE} else rules.STOPPED,
        stopped_because=because, due_on=None, told_of=None, checkout_url=None, next_look=look,
        expires_at=clock.epoch(at + (rules.KEPT if begun else rules.KEPT_UNUSED)), **also,
    )  # fmt: skip
    count("RegularPaymentStopped")
    return [*writes, letter_about(schedule, "regular_stopped", at, because=because)] if begun else writes


def forget_card(schedule: ScheduleItem) -> None:
    """Have the provider forget the card of what has stopped, and forget it here; the collector tries again."""
    if _forget(Card(schedule.payer_id or "", schedule.card_id or "")):
        with contextlib.suppress(store.Refused):
            store.transact(*schedules.changed(schedule, payer_id=None, card_id=None, next_look=None))


def _forget(card: Card) -> bool:
    try:
        the_provider().forget_card(card)
    except ProviderSilent:
        logger.warning("the provider has not forgotten a card yet")
        return False
    return True


# --------------------------------------------------------------------------------------- what all do


def letter_about(schedule: ScheduleItem, kind: str, at: datetime, **more: Any) -> store.Put:
    """The mail of that kind to the schedule's owner: what it is, and when it is taken next."""
    about = {
        "amount_pence": int(schedule.amount_pence),
        "rent_account_name": schedule.rent_account_name,
        "when": rules.in_words(schedule.frequency, schedule.day),
        "due_on": str(schedule.due_on) if schedule.due_on else None,
        **more,
    }
    return letter(kind, to=f"customer:{schedule.customer_id}", at=at, about=about)


def _change(
    key: store.Key,
    apply: Callable[[ScheduleItem], list[store.Write]],
    at: datetime,
    found: ScheduleItem | None = None,
) -> ScheduleItem:
    """Write what `apply` says of the schedule as it is now, again where somebody was faster; raises NotFound."""
    for _ in range(_TRIES):
        schedule = found or _stored(key, at)
        found = None
        writes = apply(schedule)
        if not writes:
            return schedule
        try:
            store.transact(*writes)
        except store.Refused:
            continue
        return schedule
    raise store.Unavailable


def _stored(key: store.Key, at: datetime) -> ScheduleItem:
    (schedule,) = store.fetch([key], at)
    if schedule is None:
        raise NotFound
    return schedule  # type: ignore[no-any-return]
