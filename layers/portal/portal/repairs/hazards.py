"""The duties that the law lays on a landlord for hazards, reckoned from data (`hazards.json`, its sources beside it).

A report belongs to the law of the day of awareness, which for a portal report is the moment it is sent.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from portal import clock
from portal.repairs.catalogue import Priority, Target
from portal.repairs.rules import due_at
from portal.working_days import IsHoliday

Severity = Literal["emergency", "significant"]
Name = Literal["investigate", "send_summary", "make_safe", "begin_works"]
State = Literal["waiting", "due", "met", "missed"]
Happened = Sequence[tuple[str, datetime]]
"""What happened to a repair: the event's name and when, in any order."""


class Clock(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a duty may take, and from when."""

    amount: int
    unit: Literal["hours", "calendar_days", "working_days"]
    start: Literal["aware", "investigated"]


class Investigation(Struct, frozen=True, forbid_unknown_fields=True):
    """Which events end an investigation, tell what it found, find an emergency, or ask for another within `renewed`."""

    ended_by: frozenset[str]
    summary_by: frozenset[str]
    emergency_by: frozenset[str]
    renewed_by: frozenset[str]
    renewed: Target
    source: str


class DutyRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A duty: its clock for each severity, the events that meet it, and what the tenant is entitled to once it is late.

    `waived_by`: it is not due where such an event comes in time. `at_the_latest` is a backstop from the end of the
    investigation, which only the events of `begun_by` meet.
    """

    duty: Name
    emergency: Clock
    significant: Clock
    met_by: frozenset[str]
    entitled: str
    source: str
    waived_by: frozenset[str] = frozenset()
    at_the_latest: Target | None = None
    begun_by: frozenset[str] = frozenset()

    def clock(self, severity: Severity) -> Clock:
        """Its clock for that severity."""
        return self.emergency if severity == "emergency" else self.significant


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
    investigation: Investigation
    kinds: tuple[Kind, ...]
    duties: tuple[DutyRule, ...]

    def kind(self, name: str) -> Kind | None:
        """The kind of hazard with that name."""
        return next((k for k in self.kinds if k.kind == name), None)


class Deadline(NamedTuple):
    """By when a duty is to be met; None while the event it runs from has not happened.

    It runs from `starts_at`. Only what happened at `since` or after meets it. `at_the_latest` is its backstop, None
    where it has none.
    """

    duty: str
    starts_at: datetime | None
    due_at: datetime | None
    at_the_latest: datetime | None
    since: datetime


class Duty(NamedTuple):
    """What the law asks, by when, and how it stands; `entitled` says what a missed one gives the tenant."""

    duty: str
    due_at: datetime | None
    at_the_latest: datetime | None
    state: State
    met_at: datetime | None
    entitled: str | None


@cache
def law(nation: str = "england") -> Law:
    """The nation's rules, read once a process; raises KeyError for a nation that has no data."""
    text = Path(__file__).with_name("hazards.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Law])[nation]


def severity_of(priority: Priority) -> Severity:
    """How severe a report that may be a hazard is taken to be: an emergency one where it must be mended as one."""
    return "emergency" if priority == "emergency" else "significant"


def reckon(
    rules: Law, kind: str, severity: Severity, aware_at: datetime, happened: Happened, is_holiday: IsHoliday
) -> list[Deadline]:
    """Each duty's deadline from everything that happened, in the law's order; the same whatever order it came in.

    A repair that was reopened is a report made then. An emergency that an investigation finds starts the emergency's
    clocks then, and takes no earlier date away; a renewed investigation has dates of its own, and one of the first that
    was not met in time stays beside them. Empty where the law sets nothing: the kind is not in force for that severity
    on the day of awareness.
    Source: SI 2025/1042 (law.md §1).
    """
    aware_at = max((at for event, at in happened if event == "reopened"), default=aware_at)
    facts = _facts(rules, kind, severity, aware_at, sorted((at, event) for event, at in happened if at >= aware_at))
    if not facts.starts:
        return []
    return [d for rule in rules.duties for d in _deadlines(rule, rules.investigation, facts, is_holiday)]


class _Facts(NamedTuple):
    """What the dates hang on: as which hazard the landlord knew of it and when, and what came of looking into it."""

    starts: Sequence[tuple[Severity, datetime]]
    ended_at: datetime | None
    renewed_at: datetime | None
    ended_again_at: datetime | None
    summary_at: datetime | None


def _facts(
    rules: Law, kind: str, severity: Severity, aware_at: datetime, known: Sequence[tuple[datetime, str]]
) -> _Facts:
    found, its = rules.kind(kind), rules.investigation

    def first(names: frozenset[str], since: datetime = aware_at) -> datetime | None:
        return next((at for at, event in known if event in names and at >= since), None)

    starts: list[tuple[Severity, datetime]] = []
    if found and found.in_force(severity, clock.london_date(aware_at)):
        starts.append((severity, aware_at))
    emergency_at = first(its.emergency_by)
    if found and emergency_at and found.in_force("emergency", clock.london_date(emergency_at)):
        starts.append(("emergency", emergency_at))
    renewed_at = max((at for at, event in known if event in its.renewed_by), default=None)
    again = first(its.ended_by, renewed_at) if renewed_at else None
    return _Facts(starts, first(its.ended_by), renewed_at, again, first(its.summary_by))


def _deadlines(rule: DutyRule, its: Investigation, facts: _Facts, is_holiday: IsHoliday) -> list[Deadline]:
    first = _first_deadline(rule, facts, is_holiday)
    asked_at = facts.renewed_at
    if not asked_at:
        return [first]
    if rule.met_by == its.ended_by:
        again = Deadline(rule.duty, asked_at, due_at(its.renewed, asked_at, is_holiday), None, asked_at)
        met_at = facts.ended_at
    elif rule.met_by == its.summary_by and facts.summary_at and facts.summary_at < asked_at:
        # What was found before is written already; what comes of looking again is to be written too.
        started_at, a_clock = facts.ended_again_at, rule.clock(facts.starts[-1][0])
        by = due_at(Target(a_clock.amount, a_clock.unit), started_at, is_holiday) if started_at else None
        again = Deadline(rule.duty, started_at, by, None, asked_at)
        met_at = facts.summary_at
    else:
        return [first]
    is_met = met_at and met_at <= asked_at and (first.due_at is None or met_at <= first.due_at)
    return [again] if is_met else [first, again]


def _first_deadline(rule: DutyRule, facts: _Facts, is_holiday: IsHoliday) -> Deadline:
    def due(a_clock: Clock, start: datetime) -> datetime:
        return due_at(Target(a_clock.amount, a_clock.unit), start, is_holiday)

    clocks = [(rule.clock(severity), aware_at) for severity, aware_at in facts.starts]
    starts = [(a_clock, aware_at if a_clock.start == "aware" else facts.ended_at) for a_clock, aware_at in clocks]
    by, starts_at = min(((due(a_clock, start), start) for a_clock, start in starts if start), default=(None, None))
    latest = None
    if rule.at_the_latest and facts.ended_at:
        latest = due_at(rule.at_the_latest, facts.ended_at, is_holiday)
    return Deadline(rule.duty, starts_at, by, latest, facts.starts[0][1])


def standing(rules: Law, deadlines: Sequence[Deadline], happened: Happened, at: datetime) -> list[Duty]:
    """How each duty stands at `at`. One that is waived (all work was done in time) is left out."""
    by_name = {str(rule.duty): rule for rule in rules.duties}
    found = (_standing(by_name[d.duty], d, happened, at) for d in deadlines)
    return [duty for duty in found if duty]


def begun_at(rules: Law, deadline: Deadline, happened: Happened) -> datetime | None:
    """When the works of that deadline were physically begun, which is what its backstop asks for."""
    begun_by = next(rule.begun_by for rule in rules.duties if rule.duty == deadline.duty)
    return min((when for event, when in happened if event in begun_by and when >= deadline.since), default=None)


def _standing(rule: DutyRule, deadline: Deadline, happened: Happened, at: datetime) -> Duty | None:
    def first(names: frozenset[str]) -> datetime | None:
        return min((when for event, when in happened if event in names and when >= deadline.since), default=None)

    due, latest, met_at = deadline.due_at, deadline.at_the_latest, first(rule.met_by)
    waived_at = first(rule.waived_by)
    if met_at is None and due and waived_at and waived_at <= due:
        return None
    state = _state(due, met_at, at)
    if state == "met" and latest and _state(latest, first(rule.begun_by), at) == "missed":
        state = "missed"
    return Duty(deadline.duty, due, latest, state, met_at, rule.entitled if state == "missed" else None)


def _state(due: datetime | None, met_at: datetime | None, at: datetime) -> State:
    if met_at is not None:
        return "met" if due is None or met_at <= due else "missed"
    if due is None:
        return "waiting"
    return "due" if at <= due else "missed"
