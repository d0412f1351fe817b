"""The export: for each London day a full set of files of what tenants did, from the journal.

A day is written again until it is final, so that a night that was missed is made up for and a second run writes
the same bytes.
"""

import csv
import io
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from portal import clock, observe
from portal.audit import service as audit
from portal.exchange import files, rules
from portal.exchange import store as exchange


def run(at: datetime) -> list[date]:
    """Write the files of every day that is due at `at`, and answer which days those were."""
    days = rules.days_due(_final_through(at), at)
    rows = 0
    for day in days:
        rows += _write_day(day, at)
        if rules.is_final(day, at):
            exchange.note_final_through(day)
    observe.count("RowsExported", number=rows)
    observe.count("ExportFinished")
    observe.logger.info("exported", days=len(days), rows=rows)
    return days


def _final_through(at: datetime) -> date:
    """The day after which the export begins; the first export begins with the first day that anything was done.

    Before the first export that is looked for in the journal, and in the audit of the day before.
    """
    known = exchange.final_through(at)
    if known:
        return known
    today = clock.london_date(at)
    kept = [today - timedelta(days=n) for n in range(rules.KEPT_DAYS, 0, -1)]
    first = next((day for day in kept if exchange.has_entries(day, at)), today)
    if first == today and audit.has_events(kept[-1], at):
        first = kept[-1]
    return first - timedelta(days=1)


def _write_day(day: date, at: datetime) -> int:
    rows: dict[str, list[list[str]]] = {file: [] for file in rules.EXPORT_COLUMNS}
    for entry in exchange.entries(day, at):
        if entry.file in rows:
            rows[entry.file].append(rules.export_row(entry.file, entry.row))
        else:
            observe.logger.error("an entry of the journal belongs to no file of the export")
    events = audit.events_of(day, at)
    rows["audit"] = [rules.export_row("audit", row) for row in events.rows]
    for file, lines in rows.items():
        files.write(f"outbox/{day}/{file}.csv", _csv([rules.EXPORT_COLUMNS[file], *lines]))
    # Written last: whoever collects the files waits for it.
    written: dict[str, dict[str, object]] = {f"{file}.csv": {"rows": len(lines)} for file, lines in rows.items()}
    if not events.whole:
        observe.logger.error("a flood of events does not fit into the export", day=day.isoformat())
        written["audit.csv"]["cut"] = True
    manifest = {"day": day.isoformat(), "final": rules.is_final(day, at), "files": written}
    files.write_json(f"outbox/{day}/manifest.json", manifest)
    return sum(len(lines) for lines in rows.values())


def _csv(lines: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
