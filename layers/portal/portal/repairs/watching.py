"""The deadline watch: the landlord is warned of each of the law's dates at half of its time, at four fifths, and when
it has passed, once each.

What is to be warned of is found by items that sort by their time. One transaction takes such items away, puts the next
stage's in their place and writes the mail and the warnings for the landlord's bus; so a run that dies, and 64 at once,
warn once. A warning stays until the bus has taken it.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
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
_METRICS = {"half": "DeadlinesHalfway", "most": "DeadlinesNear", "passed": "DeadlinesPassed"}


class Warned(NamedTuple):
    """How many warnings a run wrote, and how many the bus took."""

    written: int
    raised: int


class _Warning(NamedTuple):
    item: RepairItem
    span: Span
    stage: str


def run(now: Callable[[], datetime], has_time: Callable[[], bool]) -> Warned:
    """Warn of what is due, a bundle at a time, while `has_time`; then hand the warnings to the landlord's bus."""
    written = 0
    for _ in range(_MOST_ROUNDS):
        if not has_time() or not (due := repairs.to_warn_of(now(), _AT_ONCE)):
            break
        try:
            written += _warn(due, now())
        except store.Refused:
            # Another run took some of them: look again what is left.
            continue
    raised = _raise(now, has_time)
    logger.info("watched", written=written, raised=raised)
    return Warned(written, raised)


def _warn(due: Sequence[WatchItem], at: datetime) -> int:
    stored = store.fetch([repairs.repair_key(w.tenancy_id, w.repair_id) for w in due], at)
    warnings = [w for watch, item in zip(due, stored, strict=True) if (w := _warning(watch, item, at))]
    writes: list[store.Write] = [store.Delete(watch, WatchItem.pk.exists()) for watch in due]
    for warning in warnings:
        if following := _stage_after(warning, at):
            writes.append(changing.watched(warning.item, warning.span, following))
        notice = repairs.notice_item(ids.new_id(at), _detail(warning), clock.epoch(at + _KEPT))
        writes.append(store.Put(notice, notice.new()))
    if warnings:
        lines = [_line(warning) for warning in warnings]
        writes.append(letter("deadlines", to="landlord:", at=at, about={"lines": lines}))
    store.transact(*writes)
    for warning in warnings:
        count(_METRICS[warning.stage])
    return len(warnings)


def _warning(watch: WatchItem, item: RepairItem | None, at: datetime) -> _Warning | None:
    """What there is to warn of; None where the duty is met, or was given another end."""
    if item is None:
        return None
    span = next((s for s in changing.spans(item.duties) if (s.duty, s.ends_at) == (watch.duty, watch.ends_at)), None)
    if span is None or not _is_open(item, span, at):
        return None
    reached = [stage for stage, when in rules.stages(span.starts_at, span.ends_at).items() if when <= at]
    return _Warning(item, span, reached[-1]) if reached else None


def _is_open(item: RepairItem, span: Span, at: datetime) -> bool:
    name = span.duty.removesuffix(changing.LATEST)
    duty = next((d for d in repairs_service.duties_of(item, at) if d.duty == name), None)
    if duty is None:
        return False
    if name == span.duty:
        return duty.met_at is None
    begun_by = next(rule.begun_by for rule in hazards.law().duties if rule.duty == name)
    return not any(e.event in begun_by for e in item.events)


def _stage_after(warning: _Warning, at: datetime) -> str | None:
    coming = rules.stages(warning.span.starts_at, warning.span.ends_at).items()
    return next((stage for stage, when in coming if when > at), None)


def _line(warning: _Warning) -> dict[str, str]:
    return {
        "reference": warning.item.reference,
        "duty": warning.span.duty,
        "stage": warning.stage,
        "due_at": warning.span.ends_at.isoformat(),
    }


def _detail(warning: _Warning) -> dict[str, str]:
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
