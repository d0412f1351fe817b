"""What other domains ask of the audit: keep an outcome, with the change that it tells of where there is one.

An outcome that writes anything takes its `event` into that transaction: neither exists without the other, so nothing
is granted that is not kept. One that writes nothing is a `note`: where it cannot be kept, the refusal stands all the
same.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from portal import store
from portal.audit import rules
from portal.audit import store as audit
from portal.audit.rules import Outcome
from portal.observe import count, logger

__all__ = ["Outcome", "coming_from", "event", "events_of", "has_events", "note", "noted_when"]

_source: ContextVar[str] = ContextVar("source", default="")

has_events = audit.has_events


@contextlib.contextmanager
def coming_from(address: str) -> Iterator[None]:
    """Say where what is done within comes from. The way in says it for each call; of it only the network is kept."""
    token = _source.set(rules.truncated(address))
    try:
        yield
    finally:
        _source.reset(token)


def event(
    outcome: Outcome, at: datetime, *, customer_id: str | None = None, tenancy_id: str | None = None
) -> store.Put:
    """The write that keeps `outcome`, for the transaction that brings it about; its metric is counted once it is done.

    `customer_id` and `tenancy_id` are ids that the record or the session knows, never what was typed.
    """
    write = audit.put(outcome, at, customer_id, tenancy_id, _source.get())
    return replace(write, done=partial(count, outcome.metric))


def note(outcome: Outcome, at: datetime, *, customer_id: str | None = None, tenancy_id: str | None = None) -> None:
    """Keep an outcome that changes nothing, a refusal above all. It raises nothing: `EventLost` counts what is lost."""
    try:
        store.transact(event(outcome, at, customer_id=customer_id, tenancy_id=tenancy_id))
    except (store.Unavailable, store.Refused, BotoCoreError, ClientError) as error:
        logger.error("an event is lost", outcome=outcome.outcome, reason=outcome.reason, fault=type(error).__name__)
        count("EventLost")


@contextlib.contextmanager
def noted_when(
    refused: type[Exception],
    outcome: Outcome,
    at: datetime,
    *,
    customer_id: str | None = None,
    tenancy_id: str | None = None,
) -> Iterator[None]:
    """Note `outcome` where what is within raises `refused`, and let that pass."""
    try:
        yield
    except refused:
        note(outcome, at, customer_id=customer_id, tenancy_id=tenancy_id)
        raise


class Events(NamedTuple):
    """A day's events as the landlord gets them, in the order in which they happened; `whole` unless a flood was cut."""

    rows: list[dict[str, str]]
    whole: bool


def events_of(day: date, at: datetime) -> Events:
    """The events of a London day, at most 200,000 of them, customers' before nobody's."""
    rows: list[tuple[str, dict[str, str]]] = []
    whole = True
    for shard in range(rules.NUMBER_OF_SHARDS):
        found = [
            (item.sk.rpartition("#")[2], _row(item))
            for item in audit.of_shard(day, shard, at, most=rules.MOST_OF_SHARD + 1)
        ]
        whole = whole and len(found) <= rules.MOST_OF_SHARD
        rows += found[: rules.MOST_OF_SHARD]
    return Events([row for _, row in sorted(rows, key=lambda pair: pair[0])], whole)


def _row(item: audit.EventItem) -> dict[str, str]:
    return {
        "at": item.at.isoformat(timespec="milliseconds"),
        "outcome": item.outcome,
        "reason": item.reason,
        "customer_id": item.customer_id or "",
        "tenancy_id": item.tenancy_id or "",
        "source": item.source or "",
    }
