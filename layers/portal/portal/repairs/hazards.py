"""The duties that the law lays on a landlord for hazards, reckoned from data (`hazards.json`, its sources beside it).

A report belongs to the law of the day of awareness, which for a portal report is the moment it is sent.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from portal import clock
from portal.repairs.catalogue import Priority, Target
from portal.repairs.rules import due_at
from portal.repairs.working_days import IsHoliday

Severity = Literal["emergency", "significant"]
Name = Literal["investigate", "send_summary", "make_safe", "begin_works"]
Start = Literal["aware", "investigated"]
State = Literal["waiting", "due", "met", "missed"]


class Clock(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a duty may take, and from when."""

    amount: int
    unit: Literal["hours", "calendar_days", "working_days"]
    start: Start


class DutyRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A duty: its clock for each severity, and the events of a repair that meet it."""

    duty: Name
    emergency: Clock
    significant: Clock
    met_by: tuple[str, ...]
    source: str


class Kind(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of hazard. From when each severity of it carries the duties; None: no date is set."""

    kind: str
    name: str
    emergency_from: date | None
    significant_from: date | None
    source: str

    def in_force(self, severity: Severity, day: date) -> bool:
        """Whether the duties apply to a hazard of that severity of which the landlord is aware on `day`."""
        since = self.emergency_from if severity == "emergency" else self.significant_from
        return since is not None and since <= day


class Law(Struct, frozen=True, forbid_unknown_fields=True):
    """A nation's rules."""

    source: str
    kinds: tuple[Kind, ...]
    duties: tuple[DutyRule, ...]

    def kind(self, name: str) -> Kind | None:
        """The kind of hazard with that name."""
        return next((k for k in self.kinds if k.kind == name), None)


class Duty(NamedTuple):
    """What the law asks, by when (None while the event it runs from has not happened), and how it stands."""

    duty: str
    due_at: datetime | None
    state: State


@cache
def law(nation: str = "england") -> Law:
    """The nation's rules, read once a process; raises KeyError for a nation that has no data."""
    text = Path(__file__).with_name("hazards.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Law])[nation]


def severity_of(priority: Priority) -> Severity:
    """How severe a report that may be a hazard is taken to be: an emergency one where it must be mended as one."""
    return "emergency" if priority == "emergency" else "significant"


def starts_of(
    rules: Law, kind: str, severity: Severity, aware_at: datetime, investigated_at: datetime | None = None
) -> Mapping[str, tuple[Clock, datetime | None]]:
    """Each duty that the law sets for this hazard, with its clock and the instant from which it runs."""
    found = rules.kind(kind)
    if found is None or not found.in_force(severity, clock.london_date(aware_at)):
        return {}
    clocks = {rule.duty: rule.emergency if severity == "emergency" else rule.significant for rule in rules.duties}
    return {duty: (its, aware_at if its.start == "aware" else investigated_at) for duty, its in clocks.items()}


def deadlines(
    rules: Law,
    kind: str,
    severity: Severity,
    aware_at: datetime,
    is_holiday: IsHoliday,
    *,
    investigated_at: datetime | None = None,
) -> dict[str, datetime | None]:
    """By when each duty is to be met, in the law's order; None for one whose clock has not started.

    Empty where the law sets none: the kind is not in force for that severity on the day of awareness.
    Source: SI 2025/1042 (law.md §1).
    """
    starts = starts_of(rules, kind, severity, aware_at, investigated_at)
    return {
        duty: due_at(Target(its.amount, its.unit), start, is_holiday) if start else None
        for duty, (its, start) in starts.items()
    }


def standing(
    rules: Law, deadlines: Mapping[str, datetime | None], events: Sequence[tuple[str, datetime]], at: datetime
) -> list[Duty]:
    """How each duty stands at `at`, from the repair's events: (name, when)."""
    met_by: dict[str, tuple[str, ...]] = {rule.duty: rule.met_by for rule in rules.duties}
    found = []
    for duty, due in deadlines.items():
        met_at = min((when for event, when in events if event in met_by.get(duty, ())), default=None)
        found.append(Duty(duty, due, _state(due, met_at, at)))
    return found


def _state(due: datetime | None, met_at: datetime | None, at: datetime) -> State:
    if due is None:
        return "waiting" if met_at is None else "met"
    if met_at is not None:
        return "met" if met_at <= due else "missed"
    return "due" if at <= due else "missed"
