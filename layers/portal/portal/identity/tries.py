"""Counting tries: the try is spent first, by one conditional update, and given back by a match.

Never read and then written: of parallel guesses that lets most through. An item whose time is over counts as none,
whether or not DynamoDB has deleted it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal import store
from portal.clock import epoch
from portal.failures import Failure
from portal.identity import store as identity
from portal.identity.store import TriesItem
from portal.settings import limits_factor


class TriesSpent(Failure):
    """Too many misses at one account, code or tenancy reference."""

    counted = True


class TooManyCalls(Failure):
    """Too many calls from one network address."""

    counted = True


@dataclass(frozen=True)
class Limit:
    """How many tries within `lasts` from the first.

    With `free`, each miss beyond so many since the last match must wait, and twice as long as the one before.
    """

    most: int
    lasts: timedelta
    free: int | None = None
    failure: type[Failure] = TriesSpent

    def scaled(self, factor: int) -> "Limit":
        """The limit with `factor` times the tries."""
        return Limit(self.most * factor, self.lasts, self.free and self.free * factor, self.failure)


_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_FIRST_DELAY, _LONGEST_DELAY = timedelta(minutes=1), timedelta(hours=1)

# Threats T1, T3, T7, T8, T16 and T29, and design §3.
CODE = Limit(5, _DAY)
LOGIN = Limit(50, _DAY, free=10)
REFERENCE = Limit(5, _DAY)
CODES_OF_PERSON = Limit(5, _DAY)
MAILS_AN_HOUR = Limit(3, _HOUR)
MAILS_A_DAY = Limit(10, _DAY)
_MISMATCHES_OF_ADDRESS = Limit(30, _HOUR, failure=TooManyCalls)
_WAITING_OF_ADDRESS = Limit(10, _HOUR, failure=TooManyCalls)
_CALLS_OF_ADDRESS = Limit(300, timedelta(minutes=5), failure=TooManyCalls)


def spend(what: str, limit: Limit, at: datetime, *, lasts: timedelta | None = None) -> None:
    """Spend one try at `what`, whose count lasts `lasts` where that is not the limit's own time.

    Raises:
        TriesSpent, TooManyCalls: none is left; nothing was spent. `retry_after` says when there is one.
    """
    item = _item(what)
    ends = epoch(at + (lasts or limit.lasts))
    more = [TriesItem.used.add(1), TriesItem.expires_at.set(TriesItem.expires_at | ends)]
    left = TriesItem.used < limit.most
    if limit.free is not None:
        # The wait runs from the last free try, whichever that will have been.
        more += [TriesItem.in_a_row.add(1), TriesItem.next_at.set(at + _FIRST_DELAY)]
        left &= TriesItem.in_a_row < limit.free
    try:
        store.transact(store.Update(item, more, TriesItem.new() | (TriesItem.live(at) & left)))
    except store.Refused as refused:
        counted = _stored(refused)
        if counted.is_live(at):
            _spend_after_a_wait(item, counted, limit, at)
        elif not _begun_anew(item, counted, limit, at, ends):
            spend(what, limit, at, lasts=lasts)


def _begun_anew(item: TriesItem, counted: TriesItem, limit: Limit, at: datetime, ends: int) -> bool:
    """Spend the first try of a new window; False where somebody else has just begun it."""
    actions: list[Any] = [TriesItem.used.set(1), TriesItem.expires_at.set(ends)]
    if limit.free is not None:
        actions += [TriesItem.in_a_row.set(1), TriesItem.next_at.set(at + _FIRST_DELAY)]
    return _won(item, actions, TriesItem.expires_at == int(counted.expires_at))


def _spend_after_a_wait(item: TriesItem, counted: TriesItem, limit: Limit, at: datetime) -> None:
    """Spend one of the tries that need a wait, where there is one and the wait is over."""
    used, in_a_row, next_at = int(counted.used), int(counted.in_a_row), counted.next_at
    if limit.free is None or used >= limit.most:
        raise limit.failure(retry_after=max(1, int(counted.expires_at) - int(at.timestamp())))
    if next_at is not None and next_at > at:
        raise limit.failure(retry_after=max(1, epoch(next_at) - int(at.timestamp())))
    delay = min(_FIRST_DELAY * 2 ** max(0, in_a_row - limit.free + 1), _LONGEST_DELAY)
    actions = [TriesItem.used.add(1), TriesItem.in_a_row.add(1), TriesItem.next_at.set(at + delay)]
    if not _won(item, actions, (TriesItem.used == used) & (TriesItem.in_a_row == in_a_row)):
        raise limit.failure(retry_after=int(delay.total_seconds()))


def _won(item: TriesItem, actions: list[Any], condition: Any) -> bool:
    try:
        store.transact(store.Update(item, actions, condition))
    except store.Refused:
        return False
    return True


def may_spend(what: str, limit: Limit, at: datetime) -> bool:
    """Spend one try at `what` and say whether there was one."""
    try:
        spend(what, limit, at)
    except (TriesSpent, TooManyCalls):
        return False
    return True


def given_back(what: str) -> store.Update:
    """The write that gives a try back, since it was a match."""
    return store.Update(_item(what), [TriesItem.used.add(-1)], TriesItem.pk.exists())


def matched(what: str, *, spent: bool = True) -> store.Update:
    """The write for a match at what has growing waits: the try is given back where it was `spent`, the waits end.

    Misses of the day stay counted, so that nobody gets more than the day's tries by an owner who logs in often.
    """
    actions = [TriesItem.in_a_row.set(0), TriesItem.next_at.remove()]
    return store.Update(_item(what), [*actions, TriesItem.used.add(-1)] if spent else actions, TriesItem.pk.exists())


def count_call(address: str, at: datetime) -> None:
    """Count a call of a sign-in route from a network address; raises TooManyCalls (300 per five minutes)."""
    spend(f"calls#{address}", _CALLS_OF_ADDRESS.scaled(limits_factor()), at)


def count_waiting(address: str, at: datetime) -> None:
    """Count what a network address asks to keep and try again; raises TooManyCalls (ten an hour)."""
    spend(f"waiting#{address}", _WAITING_OF_ADDRESS.scaled(limits_factor()), at)


def reserve_mismatch(address: str, at: datetime) -> str:
    """Reserve one of an address's 30 mismatches an hour and name it, to be given back by a match."""
    what = f"mismatches#{address}"
    spend(what, _MISMATCHES_OF_ADDRESS.scaled(limits_factor()), at)
    return what


def _item(what: str) -> TriesItem:
    key = identity.tries_key(what)
    return TriesItem(pk=key.pk, sk=key.sk)


def _stored(refused: store.Refused) -> TriesItem:
    raw = refused.stored[0]
    if raw is None:
        raise store.Unavailable
    return TriesItem.from_raw_data(raw)
