"""The import: every complete drop of the inbox applied once, the oldest first, one run at a time.

Whatever woke it, a run looks for all drops that wait, so that a lost event, two at once or a run that died change
nothing but when it is done. A drop that fails holds back the newer ones: applied late, it would undo what they say.
A file that was begun is read again from its start: what was applied is found unchanged.
"""

import csv
import io
import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from portal import clock, observe
from portal.appointments import recording as appointments
from portal.exchange import files, reading, rows, rules
from portal.exchange import store as exchange
from portal.exchange.rules import Drop, Header, Unreadable
from portal.exchange.store import DropItem
from portal.identity import trying_again
from portal.ids import new_id
from portal.recorded import APPLIED, UNCHANGED, Recorded, refused
from portal.rent import recording as rent
from portal.repairs import following
from portal.repairs import service as repairs
from portal.tenancies import recording as tenancies

MOST_REASONS = 20
"""How many reasons a report tells in full; quarantine/ has them all."""

MOST_RUNS = 20
"""How often a drop wakes the importer again by itself; after that the night's schedule goes on with it."""

_ROWS_AT_ONCE = 300
_RENEWED_EVERY = timedelta(seconds=15)
_STOPS_BEFORE_MS = 30_000

HELD = "held: needs a person's yes"
HOW_TO_SAY_YES = (
    "A full snapshot leaves out more than 5 % of the tenancies that go on, so nothing of tenancies.csv is applied. "
    "If that is right, write an empty object _approved into this drop and then _complete once more, before the next "
    "delivery is applied."
)
TOO_LATE = (
    "the yes came too late and nothing of tenancies.csv is applied, a newer delivery was applied: send a new snapshot"
)


@dataclass
class FileReport:
    """What became of one file. `quarantine` names the object that has the refused rows."""

    status: str = "started"
    applied: int = 0
    unchanged: int = 0
    refused: int = 0
    warnings: int = 0
    reason: str = ""
    reasons: list[dict[str, Any]] = field(default_factory=list)
    warned: list[dict[str, Any]] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)
    quarantine: str | None = None


class Done(NamedTuple):
    """What a run did: each drop it finished with its status, and whether it stopped with work left."""

    drops: Mapping[str, str]
    stopped: bool = False


class ImportFailed(Exception):
    """A drop could not be applied to its end; the run after this goes on with it."""


class _TimeIsUp(Exception):
    """`args[0]`: whether the drop wakes the next run by itself."""


class _LeaseLost(Exception):
    """This run was slow enough to be believed dead, and another one goes on with the drop."""


class _File(NamedTuple):
    read: Callable[[rows.Row], Any]
    record: Callable[[Sequence[Any], datetime], list[Recorded]]


def _record_accounts(found: Sequence[tuple[str, rent.ImportedAccount]], at: datetime) -> list[Recorded]:
    return _of_known_tenancies(found, at, rent.record_accounts)


def _record_repairs(found: Sequence[tuple[str, repairs.ImportedRepair]], at: datetime) -> list[Recorded]:
    return _of_known_tenancies(found, at, _recorded_repairs)


def _recorded_repairs(found: Sequence[repairs.ImportedRepair], at: datetime) -> list[Recorded]:
    reasons: dict[int, str] = {}
    written = repairs.record(found, at, refuse=lambda row, reason: reasons.update({id(row): reason}))
    # Repairs tell how many they wrote and not which: the report counts only.
    outcomes = []
    for row in found:
        if id(row) in reasons:
            outcomes.append(refused(reasons[id(row)]))
        else:
            outcomes.append(APPLIED if written > 0 else UNCHANGED)
            written -= 1
    return outcomes


def _of_known_tenancies[R](
    found: Sequence[tuple[str, R]], at: datetime, record: Callable[[Sequence[R], datetime], list[Recorded]]
) -> list[Recorded]:
    known = tenancies.known({reference for reference, _ in found}, at)
    recorded = iter(record([row for reference, row in found if reference in known], at))
    return [
        next(recorded) if reference in known else refused("tenancy_reference is none that we hold")
        for reference, _ in found
    ]


_FILES: Mapping[str, _File] = {
    "tenancies.csv": _File(rows.tenancy, tenancies.record_tenancies),
    "people.csv": _File(rows.person, tenancies.record_people),
    "rent_accounts.csv": _File(rows.account, _record_accounts),
    "rent_years.csv": _File(rows.year, rent.record_years),
    "transactions.csv": _File(rows.transaction, rent.record_transactions),
    "repairs.csv": _File(rows.repair, _record_repairs),
    "repair_events.csv": _File(rows.repair_event, following.record),
    "hazard_summaries.csv": _File(rows.hazard_summary, following.record),
    "slots.csv": _File(rows.slot, appointments.record_slots),
}


class _Run:
    """One invocation: its lease, and how much of its time is left."""

    def __init__(self, time_left_ms: Callable[[], int]) -> None:
        self.id = new_id(clock.now())
        self._time_left_ms = time_left_ms
        self._renewed_at = clock.now()

    def take_lease(self) -> bool:
        self._renewed_at = clock.now()
        return exchange.take_lease(self.id, self._renewed_at)

    def go_on(self, save: Callable[[], None]) -> None:
        """Between two bundles of rows: stop in good time, keep the lease, write down how far it is."""
        if self._time_left_ms() < _STOPS_BEFORE_MS:
            raise _TimeIsUp
        if clock.now() - self._renewed_at >= _RENEWED_EVERY:
            if not self.take_lease():
                raise _LeaseLost
            save()

    def end(self) -> None:
        exchange.give_back_lease(self.id, clock.now())


def run(time_left_ms: Callable[[], int]) -> Done:
    """Apply every drop that is complete and not reported yet, then try again whoever waits to be matched.

    They are tried whether or not a drop was applied: the run that applied the last one may have died before it.

    Raises:
        ImportFailed: a drop could not be applied to its end (those before it were, those after it wait for it), or
            somebody who waits could not be tried.
    """
    done, failed = _apply_drops(_Run(time_left_ms))
    if not done.stopped and not _tried_again(time_left_ms):
        failed = True
    if failed:
        raise ImportFailed
    return done


def _tried_again(time_left_ms: Callable[[], int]) -> bool:
    tried = trying_again.try_again(clock.now, lambda: time_left_ms() > _STOPS_BEFORE_MS)
    observe.count("WaitingMatched", number=tried.matched)
    observe.logger.info("tried those who wait", tried=tried.tried, matched=tried.matched, failed=tried.failed)
    return not tried.failed


def _apply_drops(run: _Run) -> tuple[Done, bool]:
    """What was done, and whether a drop could not be applied to its end."""
    done: dict[str, str] = {}
    failed: set[Drop] = set()
    # Looked for once more after the lease is given back: who came meanwhile and found it taken went away.
    while not failed and (waiting := _waiting()):
        if not run.take_lease():
            return Done(done), bool(failed)
        to_wake = None
        try:
            for drop in waiting:
                try:
                    done[drop.prefix] = _apply_drop(drop, run)
                except _TimeIsUp as stop:
                    to_wake = (drop, stop.args[0])
                    break
                except _LeaseLost:
                    return Done(done), bool(failed)
                except Exception as error:
                    # Its text might quote a row.
                    observe.logger.error("a drop could not be applied", fault=type(error).__name__, where=_where(error))
                    failed.add(drop)
                    break
        finally:
            run.end()
        if to_wake:
            # Not before the lease is given back: what this wakes would find it taken.
            if to_wake[1]:
                files.write(to_wake[0].prefix + rules.COMPLETE, b"", "text/plain")
            return Done(done, stopped=True), False
    return Done(done), bool(failed)


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"


def _waiting() -> list[Drop]:
    complete = {drop: names for drop, names in files.drops().items() if rules.COMPLETE in names}
    known = exchange.drops(list(complete), clock.now())
    return [
        drop
        for (drop, names), item in zip(complete.items(), known, strict=True)
        if item is None or item.status == "started" or (item.status == "held" and rules.APPROVED in names)
    ]


def _apply_drop(drop: Drop, run: _Run) -> str:
    at = clock.now()
    names = files.drops(drop.prefix)[drop]
    (item,) = exchange.drops([drop], at)
    if item is not None and item.status == "held" and exchange.is_overtaken(item, at):
        _refuse_late_yes(drop, item)
        return str(item.status)
    if item is None or item.status == "held":
        item = exchange.new_drop(drop, at)
    elif item.status == "finished":
        return item.status
    item.runs = int(item.runs) + 1
    reports = {name: FileReport(**report) for name, report in item.files.items()}

    def save() -> None:
        item.files = {name: asdict(report) for name, report in reports.items()}
        exchange.save_drop(item)

    save()
    try:
        for name in _order(names):
            before = reports.get(name)
            if before is None or before.status == "started":
                _apply_file(drop, name, reports, names, run, save)
    except _LeaseLost:
        raise
    except _TimeIsUp:
        save()
        raise _TimeIsUp(item.runs < MOST_RUNS) from None
    except Exception:
        save()
        raise
    _finish(drop, item, reports, save)
    return str(item.status)


def _refuse_late_yes(drop: Drop, item: DropItem) -> None:
    """A snapshot is of its day: it would end what came since, and its other files are of that day too."""
    reports = {name: FileReport(**report) for name, report in item.files.items()}
    for report in reports.values():
        if report.status == HELD:
            report.status, report.reason = "refused", TOO_LATE

    def save() -> None:
        item.files = {name: asdict(report) for name, report in reports.items()}
        exchange.save_drop(item)

    _finish(drop, item, reports, save)


def _order(names: set[str]) -> list[str]:
    ours = [name for name in rules.IMPORT_COLUMNS if name in names]
    others = names - set(ours) - {rules.COMPLETE, rules.APPROVED, rules.MANIFEST}
    return ours + sorted(others)


def _apply_file(
    drop: Drop, name: str, reports: dict[str, FileReport], names: set[str], run: _Run, save: Callable[[], None]
) -> None:
    # What an earlier run of this file applied is found unchanged now: it was applied all the same.
    earlier = reports[name].applied if name in reports else 0
    report = reports[name] = FileReport(applied=earlier)
    if name not in _FILES:
        report.status, report.reason = "not used", "it is not a file of the exchange"
        return
    with files.opened(drop.prefix + name) as pieces:
        _Application(drop, name, report, earlier, names, run, save).apply(reading.records(pieces))


class _Application:
    """One file being applied."""

    def __init__(
        self,
        drop: Drop,
        name: str,
        report: FileReport,
        earlier: int,
        names: set[str],
        run: _Run,
        save: Callable[[], None],
    ) -> None:
        self._drop, self._name, self._report = drop, name, report
        self._earlier, self._names, self._run, self._save = earlier, names, run, save
        self._applied = self._unchanged = 0
        self._quarantine = io.StringIO(newline="")
        self._file = _FILES[name]

    def apply(self, records: Any) -> None:
        report = self._report
        first = next(records, None)
        try:
            if first is None:
                raise Unreadable("the file is empty")
            if first.wrong:
                raise Unreadable(f"the header cannot be read: {first.wrong}")
            header = rules.header(self._name, first.cells)
        except Unreadable as wrong:
            report.status, report.reason = "refused", str(wrong)
            return
        report.unknown_columns = list(header.unknown)
        if self._name == "tenancies.csv" and self._is_snapshot():
            self._apply_snapshot(header, records)
        else:
            self._apply_rows(header, records)
        if report.status == "started":
            report.status = "applied"
        if report.refused:
            report.quarantine = self._drop.quarantine(self._name)
            files.write(report.quarantine, self._quarantine.getvalue().encode())

    def _apply_rows(self, header: Header, records: Any) -> None:
        bundle: list[tuple[reading.Record, Any]] = []
        for record in records:
            if (read := self._read(header, record)) is not None:
                bundle.append((record, read))
            if len(bundle) >= _ROWS_AT_ONCE:
                self._record(header, bundle)
                bundle = []
        if bundle:
            self._record(header, bundle)

    def _apply_snapshot(self, header: Header, records: Any) -> None:
        """A snapshot is weighed before any row of it is applied, so it is held in memory: a hundred bytes a tenancy."""
        found = [(record, read) for record in records if (read := self._read(header, record)) is not None]
        fall = tenancies.fall({row.reference for _, row in found}, clock.now())
        if rules.falls_too_far(fall.before, len(fall.absent)) and rules.APPROVED not in self._names:
            self._report.status, self._report.reason = HELD, HOW_TO_SAY_YES
            return
        for start in range(0, len(found), _ROWS_AT_ONCE):
            self._record(header, found[start : start + _ROWS_AT_ONCE])
        if self._report.refused:
            self._report.reason = "rows were refused, so no tenancy that the snapshot leaves out is ended"
            return
        for start in range(0, len(fall.absent), _ROWS_AT_ONCE):
            self._run.go_on(self._save)
            ended = tenancies.end(fall.absent[start : start + _ROWS_AT_ONCE], clock.now())
            self._applied += ended
            self._report.applied = self._earlier + self._applied

    def _is_snapshot(self) -> bool:
        if rules.MANIFEST not in self._names:
            return False
        try:
            manifest = json.loads(files.read(self._drop.prefix + rules.MANIFEST))
        except ValueError:
            return False
        return isinstance(manifest, dict) and manifest.get("full") is True

    def _read(self, header: Header, record: reading.Record) -> Any:
        try:
            if record.wrong:
                raise Unreadable(record.wrong)
            row = rows.Row(header, record.cells, ended=record.ended)
            read = self._file.read(row)
        except Unreadable as wrong:
            self._refuse(header, record, str(wrong))
            return None
        for warning in row.warnings:
            self._report.warnings += 1
            if len(self._report.warned) < MOST_REASONS:
                self._report.warned.append({"line": record.line, "reason": warning})
        return read

    def _record(self, header: Header, bundle: Sequence[tuple[reading.Record, Any]]) -> None:
        self._run.go_on(self._save)
        outcomes = self._file.record([read for _, read in bundle], clock.now())
        for (record, _), outcome in zip(bundle, outcomes, strict=True):
            if outcome.refused:
                self._refuse(header, record, outcome.refused)
            elif outcome.changed:
                self._applied += 1
            else:
                self._unchanged += 1
        again = min(self._earlier, self._unchanged)
        self._report.applied, self._report.unchanged = self._applied + self._earlier, self._unchanged - again

    def _refuse(self, header: Header, record: reading.Record, reason: str) -> None:
        lines = csv.writer(self._quarantine)
        if not self._report.refused:
            lines.writerow(["line", "reason", *map(rules.defused, header.columns)])
        self._report.refused += 1
        lines.writerow([record.line, reason, *map(rules.defused, record.cells or (record.raw,))])
        if len(self._report.reasons) < MOST_REASONS:
            self._report.reasons.append({"line": record.line, "reason": reason})


def _finish(drop: Drop, item: DropItem, reports: dict[str, FileReport], save: Callable[[], None]) -> None:
    now = clock.now()
    item.status = "held" if any(report.status == HELD for report in reports.values()) else "finished"
    item.finished_at = now
    item.expires_at = int((now + timedelta(days=400)).timestamp())
    applied = sum(report.applied for report in reports.values())
    refused_rows = sum(report.refused for report in reports.values())
    files.write_json(
        drop.report,
        {
            "drop": drop.prefix,
            "status": item.status,
            "started_at": item.started_at.isoformat(),
            "finished_at": now.isoformat(),
            "applied": applied,
            "unchanged": sum(report.unchanged for report in reports.values()),
            "refused": refused_rows,
            "files": {name: asdict(report) for name, report in reports.items()},
        },
    )
    save()
    observe.count("RowsApplied", number=applied)
    observe.count("RowsRefused", number=refused_rows)
    observe.count("ImportFinished")
    observe.logger.info("drop applied", applied=applied, refused=refused_rows, status=item.status)
