"""The deadline watch: the landlord is warned of each of the law's dates, and of each date that the landlord has set
itself, at half of its time, at four fifths, and when it has passed, once each.

What is to be warned of is found by items that sort by their time. One transaction takes such items away, puts the next
stage's in their place, notes what was warned of and writes the mail and the warnings for the landlord's bus; so a run
that dies, 64 at once, and two items for one date warn once. A warning stays until the bus has taken it.
"""

import json
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from portal import aws, clock, ids, store
from portal.mail.outbox import letter
from portal.observe import count, logger
from portal.repairs import changing, hazards, rules
from portal.repairs import service as repairs_service
from portal.repairs import store as repairs
from portal.repairs.changing import Span
from portal.repairs.store import NoticeItem, RepairItem, WatchItem
from portal.settings import setting

# Each takes four writes of a transaction's hundred, and the mail one.
_AT_ONCE = 20
_MOST_ROUNDS = 500
_LEASE = timedelta(minutes=2)
_KEPT = timedelta(days=14)
_REMEMBERED = timedelta(days=400)
_METRICS = {"half": "DeadlinesHalfway", "most": "DeadlinesNear", "passed": "DeadlinesPassed"}


class Warned(NamedTuple):
    """How many warnings a run wrote, and how many the bus took."""

    written: int
    raised: int


class _Running(NamedTuple):
    """A stretch that is still to be met: the stage that it has reached and the one that comes, where there is one."""

    item: RepairItem
    span: Span
    stage: str | None
    following: str | None

    @property
    def key(self) -> store.Key:
        """Where it stands whether the landlord was warned of this."""
        return repairs.warned_key(changing.id_of(self.item), self.span.duty, self.span.ends_at, self.stage or "")


def run(now: Callable[[], datetime], has_time: Callable[[], bool]) -> Warned:
    """Warn of what is due, a bundle at a time, while `has_time`; then hand the warnings to the landlord's bus.

    What cannot be warned of is counted (`WatchItemsFailed`), left where it is for the next run, and holds up nothing.
    """
    written, bad = 0, set[str]()
    for _ in range(_MOST_ROUNDS):
        due = [w for w in repairs.to_warn_of(now(), _AT_ONCE + len(bad)) if w.sk not in bad] if has_time() else []
        if not due:
            break
        written += _warn_of(due[:_AT_ONCE], now(), bad)
    raised = _raise(now, has_time)
    logger.info("watched", written=written, raised=raised, failed=len(bad))
    return Warned(written, raised)


def _warn_of(due: Sequence[WatchItem], at: datetime, bad: set[str]) -> int:
    """How many warnings were written of `due`; one that cannot be warned of joins `bad`."""
    try:
        return _warn(due, at)
    except store.Refused:
        # Another run took some of them: look again what is left.
        return 0
    except store.Unavailable:
        raise
    except Exception as error:  # its text might quote what is stored
        if len(due) > 1:
            return sum(_warn_of([one], at, bad) for one in due)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        logger.error("a date could not be watched", fault=type(error).__name__, where=where)
        count("WatchItemsFailed")
        bad.add(due[0].sk)
        return 0


def _warn(due: Sequence[WatchItem], at: datetime) -> int:
    stored = store.fetch([repairs.repair_key(w.tenancy_id, w.repair_id) for w in due], at)
    found = [r for watch, item in zip(due, stored, strict=True) if item and (r := _running(watch, item, at))]
    # Two items may stand for one date: the bus and the file told of one event with seconds that differ.
    running = list({r.key: r for r in found}.values())
    reached = [r for r in running if r.stage]
    known = store.fetch([r.key for r in reached], at) if reached else []
    warnings = [r for r, warned in zip(reached, known, strict=True) if warned is None]
    writes: list[store.Write] = [store.Delete(watch, WatchItem.pk.exists()) for watch in due]
    writes += [changing.watched(r.item, r.span, r.following) for r in running if r.following]
    for warning in warnings:
        writes += _written(warning, at)
    if warnings:
        lines = [_line(warning) for warning in warnings]
        writes.append(letter("deadlines", to="landlord:", at=at, about={"lines": lines}))
    store.transact(*writes)
    for warning in warnings:
        count(_METRICS[str(warning.stage)])
    return len(warnings)


def _written(warning: _Running, at: datetime) -> list[store.Write]:
    notice = repairs.notice_item(ids.new_id(at), _detail(warning), clock.epoch(at + _KEPT))
    warned = repairs.warned_item(
        changing.id_of(warning.item), warning.span.duty, warning.span.ends_at, str(warning.stage),
        clock.epoch(at + _REMEMBERED),
    )  # fmt: skip
    return [store.Put(notice, notice.new()), store.Put(warned, ~warned.live(at))]


def _running(watch: WatchItem, item: RepairItem, at: datetime) -> _Running | None:
    """The stretch that the item stands for; None where it is met, or was given another end."""
    ends = (watch.duty, watch.ends_at)
    span = next((s for s in changing.spans(item) if (s.duty, s.ends_at) == ends), None)
    if span is None or not _is_open(item, span, at):
        return None
    stages = rules.stages(span.starts_at, span.ends_at).items()
    reached = [stage for stage, when in stages if when <= at]
    coming = [stage for stage, when in stages if when > at]
    return _Running(item, span, reached[-1] if reached else None, coming[0] if coming else None)


def _is_open(item: RepairItem, span: Span, at: datetime) -> bool:
    if span.duty == changing.TARGET:
        return item.status not in rules.FINISHED
    name = span.duty.removesuffix(changing.LATEST)
    if name == span.duty:
        duties = repairs_service.duties_of(item, at)
        return any(d.duty == name and d.due_at == span.ends_at and d.met_at is None for d in duties)
    happened = [(e.event, e.at) for e in item.events]
    its = [d for d in changing.deadlines_of(item) if (d.duty, d.at_the_latest) == (name, span.ends_at)]
    return item.status != "cancelled" and any(hazards.begun_at(hazards.law(), d, happened) is None for d in its)


def _line(warning: _Running) -> dict[str, str]:
    return {
        "reference": warning.item.reference,
        "duty": warning.span.duty,
        "stage": str(warning.stage),
        "due_at": warning.span.ends_at.isoformat(),
    }


def _detail(warning: _Running) -> dict[str, str]:
    return {**_line(warning), "hazard": warning.item.hazard or "", "severity": warning.item.severity or ""}


def _raise(now: Callable[[], datetime], has_time: Callable[[], bool]) -> int:
    raised = 0
    for notice in repairs.notices(now()):
        if has_time() and _claim(notice, now()) and _put(notice):
            store.transact(store.Delete(notice))
            raised += 1
    return raised


def _claim(notice: NoticeItem, at: datetime) -> bool:
    free = NoticeItem.leased_until.does_not_exist() | (NoticeItem.leased_until <= at)
    try:
        store.transact(store.Update(notice, [NoticeItem.leased_until.set(at + _LEASE)], NoticeItem.live(at) & free))
    except store.Refused:
        return False
    return True


def _put(notice: NoticeItem) -> bool:
    detail: dict[str, Any] = {"notice_id": notice.sk.removeprefix(NoticeItem.range_prefix), **notice.detail}
    entry = {
        "Source": "portal.repairs",
        "DetailType": "Repair deadline",
        "Detail": json.dumps(detail),
        "EventBusName": setting("LANDLORD_BUS"),
    }
    answer = aws.client("events").put_events(Entries=[entry])
    return not answer["FailedEntryCount"]
