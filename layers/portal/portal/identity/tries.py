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
    """How many tries within `lasts` from the first. Beyond `free` of them each must wait twice as long as the last."""

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
    free = limit.free or limit.most
    ends = epoch(at + (lasts or limit.lasts))
    more = [TriesItem.used.add(1), TriesItem.expires_at.set(TriesItem.expires_at | ends)]
    try:
        store.transact(store.Update(item, more, TriesItem.new() | (TriesItem.live(at) & (TriesItem.used < free))))
    except store.Refused as refused:
        _spend_again(item, _stored(refused), limit, at, ends)


def _spend_again(item: TriesItem, counted: TriesItem, limit: Limit, at: datetime, ends: int) -> None:
    """What to do once the free tries are used up: start anew where their time is over, else wait or give up."""
    expires_at = int(counted.expires_at)
    if not counted.is_live(at):
        actions: list[Any] = [TriesItem.used.set(1), TriesItem.expires_at.set(ends), TriesItem.next_at.remove()]
        if _won(item, actions, TriesItem.expires_at == expires_at):
            return
        raise limit.failure(retry_after=1)
    used, next_at = int(counted.used), counted.next_at
    if limit.free is None or used >= limit.most:
        raise limit.failure(retry_after=max(1, expires_at - int(at.timestamp())))
    if next_at is not None and next_at > at:
        raise limit.failure(retry_after=max(1, epoch(next_at) - int(at.timestamp())))
    delay = min(_FIRST_DELAY * 2 ** (used - limit.free), _LONGEST_DELAY)
    if next_at is None:
        # The last free try has just been spent: the wait begins here.
        actions = [TriesItem.next_at.set(at + delay)]
        _won(item, actions, (TriesItem.used == used) & TriesItem.next_at.does_not_exist())
        raise limit.failure(retry_after=int(delay.total_seconds()))
    actions = [TriesItem.used.add(1), TriesItem.next_at.set(at + min(delay * 2, _LONGEST_DELAY))]
    if not _won(item, actions, (TriesItem.used == used) & (TriesItem.next_at == next_at)):
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
