"""A row of an import file, made what its domain records. Pure; what cannot be taken raises `Unreadable`.

A fact that only helps (an email address, a mobile number, a charge) and cannot be read is left empty and said to
be: the person or account is kept. A fact that everything hangs on (a reference, a date, an amount) refuses the row,
so that what the record had before stays.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from portal.appointments import recording as appointments
from portal.appointments.recording import ImportedSlot
from portal.exchange.rules import (
    AMOUNTS,
    TAKEN_HERE,
    Header,
    Unreadable,
    clean,
    day,
    fitting,
    instant,
    needed,
    one_of,
    pence,
)
from portal.rent.calendar import year_trouble
from portal.rent.recording import ImportedAccount, ImportedTransaction, ImportedYear
from portal.rent.rules import KINDS_OF_ACCOUNT, KINDS_OF_TRANSACTION, LARGEST_PENCE
from portal.repairs.following import Told
from portal.repairs.service import ImportedRepair, event_word, priority_word, status_word
from portal.tenancies.recording import ImportedPerson, ImportedTenancy
from portal.tenancies.service import tenancy_id
from portal.validation.fields import canonical_email, canonical_mobile, canonical_reference
from portal.validation.reading import Wrong

LONGEST_NAME = 100
LONGEST_LINE = 120
LONGEST_REFERENCE = 60
LONGEST_DESCRIPTION = 500
LONGEST_SUMMARY = 4_000
LONGEST_EMAIL = 254

FREQUENCIES: Mapping[str, str] = {
    "weekly": "weekly",
    "fortnightly": "fortnightly",
    "two_weekly": "fortnightly",
    "2_weekly": "fortnightly",
    "every_2_weeks": "fortnightly",
    "four_weekly": "four_weekly",
    "4_weekly": "four_weekly",
    "every_4_weeks": "four_weekly",
    "monthly": "monthly",
    "calendar_monthly": "monthly",
}
"""How landlords' systems say how often a charge comes, and our word for it (`law.md` §3)."""


class Row:
    """One row, its cells by column; gathers what was left empty in `warnings`."""

    def __init__(self, header: Header, cells: Sequence[str], *, ended: bool = True) -> None:
        if len(cells) != len(header.columns):
            raise Unreadable(f"it has {len(cells)} cells where the header has {len(header.columns)}")
        self._cells: dict[str, str] = {}
        for column, cell in zip(header.columns, cells, strict=True):
            try:
                self._cells[column] = clean(cell)
            except Unreadable as wrong:
                raise Unreadable(f"{column}: {wrong}" if column.isascii() else str(wrong)) from None
        self._cut_off = header.columns[-1] if not ended else ""
        self.columns = frozenset(header.columns)
        self.warnings: list[str] = []

    def text(self, column: str, most: int) -> str | None:
        """The cell, None where it is empty."""
        return fitting(self._cells.get(column, ""), column, most) or None

    def words(self, column: str, most: int) -> str:
        """The cell, which may not be empty."""
        return fitting(needed(self._cells[column], column), column, most)

    def day(self, column: str) -> date:
        """The date."""
        return day(needed(self._cells[column], column), column)

    def instant(self, column: str) -> datetime:
        """The instant."""
        return instant(needed(self._cells[column], column), column)

    def day_or_none(self, column: str) -> date | None:
        """The date, None where there is none."""
        return day(self._cells[column], column) if self._cells.get(column) else None

    def pence(self, column: str) -> int:
        """The amount."""
        whole = self._cut_off == column and column in AMOUNTS
        read = pence(needed(self._cells[column], column), column, whole=whole)
        if abs(read) > LARGEST_PENCE:
            raise Unreadable(f"{column} is larger than any that is posted")
        return read

    def one_of(self, column: str, words: Sequence[str]) -> str:
        """The cell as one of `words`."""
        return one_of(needed(self._cells[column], column), column, words)

    def tenancy(self) -> str:
        """The canonical tenancy reference."""
        try:
            return canonical_reference(needed(self._cells["tenancy_reference"], "tenancy_reference"))
        except Wrong:
            raise Unreadable("tenancy_reference holds more than letters, numbers and / . -, or is too long") from None

    def if_readable[T](self, column: str, read: Callable[[str], T]) -> T | None:
        """What `read` makes of the cell; None, and a warning, where it cannot be read."""
        cell = self._cells.get(column)
        if not cell:
            return None
        try:
            return read(cell)
        except (Wrong, Unreadable):
            self.warnings.append(f"{column} could not be read and is left empty")
            return None


def tenancy(row: Row) -> ImportedTenancy:
    """A row of tenancies.csv."""
    start, end = row.day("start_date"), row.day_or_none("end_date")
    return ImportedTenancy(
        row.tenancy(),
        start,
        end,
        row.text("address_line_1", LONGEST_LINE),
        row.text("address_line_2", LONGEST_LINE),
        row.text("town", LONGEST_LINE),
        row.text("postcode", 12),
    )


def person(row: Row) -> ImportedPerson:
    """A row of people.csv."""
    return ImportedPerson(
        row.tenancy(),
        row.words("person_reference", LONGEST_REFERENCE),
        row.text("title", LONGEST_NAME),
        row.text("first_name", LONGEST_NAME),
        row.text("last_name", LONGEST_NAME),
        row.day_or_none("date_of_birth"),
        row.if_readable("email", lambda cell: canonical_email(fitting(cell, "email", LONGEST_EMAIL))),
        row.if_readable("mobile", lambda cell: canonical_mobile(fitting(cell, "mobile", 40))),
    )


def account(row: Row) -> tuple[str, ImportedAccount]:
    """A row of rent_accounts.csv, and the canonical reference of the tenancy that must be known for it."""
    reference = row.tenancy()
    kind = row.one_of("kind", KINDS_OF_ACCOUNT)
    optional = {
        "charge_amount": "charge_pence",
        "charge_frequency": "charge_frequency",
        "next_charge_on": "next_charge_on",
    }
    return reference, ImportedAccount(
        row.words("rent_account_reference", LONGEST_REFERENCE),
        tenancy_id(reference),
        kind,
        row.text("name", LONGEST_NAME) or kind.replace("_", " ").capitalize(),
        row.text("payment_reference", LONGEST_REFERENCE),
        row.if_readable("charge_amount", lambda _: row.pence("charge_amount")),
        row.if_readable("charge_frequency", lambda cell: FREQUENCIES[one_of(cell, "charge_frequency", FREQUENCIES)]),
        row.if_readable("next_charge_on", lambda cell: day(cell, "next_charge_on")),
        frozenset(ours for theirs, ours in optional.items() if theirs in row.columns),
    )


def year(row: Row) -> ImportedYear:
    """A row of rent_years.csv. `free_weeks` holds dates with `;` between."""
    kind = row.one_of("rent_account_kind", KINDS_OF_ACCOUNT)
    weeks = row.words("charged_weeks", 3)
    if not weeks.isascii() or not weeks.isdecimal():
        raise Unreadable("charged_weeks is not a whole number")
    found = (row.text("free_weeks", 1000) or "").split(";")
    free = tuple(day(text.strip(), "free_weeks") for text in found if text.strip())
    starts_on = row.day("year_start")
    if trouble := year_trouble(starts_on, int(weeks), free):
        raise Unreadable(trouble)
    return ImportedYear(kind, starts_on, int(weeks), free)


def transaction(row: Row) -> ImportedTransaction:
    """A row of transactions.csv."""
    kind = row.one_of("kind", KINDS_OF_TRANSACTION)
    reference = row.words("transaction_reference", LONGEST_REFERENCE)
    return ImportedTransaction(
        reference,
        row.words("rent_account_reference", LONGEST_REFERENCE),
        row.day("posted_on"),
        kind,
        row.text("description", LONGEST_DESCRIPTION) or kind.capitalize(),
        row.pence("amount"),
        taken_here=TAKEN_HERE.fullmatch(reference) is not None,
    )


def repair(row: Row) -> tuple[str, ImportedRepair]:
    """A row of repairs.csv, and the canonical reference of the tenancy that must be known for it."""
    tenancy_reference = row.tenancy()
    priority, status = priority_word(row.words("priority", 40)), status_word(row.words("status", 40))
    if priority is None:
        raise Unreadable("priority is none of emergency, urgent, routine or HACT's words and numbers")
    if status is None:
        raise Unreadable("status is none of HACT's")
    return tenancy_reference, ImportedRepair(
        row.words("repair_reference", LONGEST_REFERENCE),
        tenancy_id(tenancy_reference),
        row.day("reported_on"),
        row.words("description", LONGEST_DESCRIPTION),
        priority,
        status,
        row.day_or_none("completed_on"),
    )


def repair_event(row: Row) -> Told:
    """A row of repair_events.csv."""
    event = event_word(row.words("event", 60))
    if event is None:
        raise Unreadable("event is none that the portal knows")
    return Told(
        row.words("repair_reference", LONGEST_REFERENCE),
        row.instant("at"),
        event,
        row.text("note", LONGEST_DESCRIPTION),
    )


def hazard_summary(row: Row) -> Told:
    """A row of hazard_summaries.csv: what an investigation found, in writing, and when it was sent."""
    start_by, finish_by = row.day_or_none("start_by"), row.day_or_none("finish_by")
    summary = {
        "hazard": row.words("hazard", LONGEST_DESCRIPTION),
        "action": row.words("action", LONGEST_SUMMARY),
        "start_by": start_by.isoformat() if start_by else None,
        "finish_by": finish_by.isoformat() if finish_by else None,
        "text": row.text("text", LONGEST_SUMMARY),
    }
    reference = row.words("repair_reference", LONGEST_REFERENCE)
    return Told(reference, row.instant("sent_at"), "summary_sent", summary=summary)


def slot(row: Row) -> ImportedSlot:
    """A row of slots.csv."""
    capacity = row.words("capacity", 4)
    if not capacity.isascii() or not capacity.isdecimal() or int(capacity) > appointments.MOST:
        raise Unreadable(f"capacity is not a whole number from 0 to {appointments.MOST}")
    return appointments.imported(
        row.one_of("trade", appointments.trades()),
        row.day("date"),
        row.one_of("period", appointments.PERIODS),
        int(capacity),
    )
