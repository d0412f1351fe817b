"""The forms of the exchange (design §8): names of drops, columns of files, amounts, days, what a spreadsheet may read.

Nothing here reads or writes; `today` and `at` are arguments.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from portal import clock

# ------------------------------------------------------------------------------------------------ the way out

EXPORT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    # A payment comes back in the landlord's own transactions with this transaction_reference: one line, not two.
    # `amount` is in pounds, negative where it was paid; `payment_reference` is the rent account's own.
    "payments": (
        "transaction_reference",
        "rent_account_reference",
        "posted_on",
        "kind",
        "description",
        "amount",
        "payment_reference",
    ),
    # What a tenant offers to pay each time towards what they owe (`owed`); they were told to be answered by the end of
    # `answer_by`. A later line of the same rent account takes the place of an earlier one.
    "arrangements": (
        "tenancy_reference",
        "person_reference",
        "rent_account_reference",
        "offered_at",
        "amount",
        "frequency",
        "owed",
        "answer_by",
    ),
    # The words are those of HACT's UK Housing Data Standards 3.5; description_of_work has at most 230 characters.
    "repairs": (
        "repair_reference",
        "tenancy_reference",
        "person_reference",
        "reported_at",
        "status",
        "priority",
        "required_by",
        "item_id",
        "location_of_repair",
        "description_of_work",
        "details",
        "answers",
        "access_information",
        "responsibility",
        "schedule_of_rates",
        "hazard",
        "investigate_by",
        "make_safe_by",
    ),
    # What became of a report after it was sent: `change` is cancelled, reopened, rated or note_added; `status` is
    # HACT's word for what the repair is now.
    "repair_changes": (
        "repair_reference",
        "tenancy_reference",
        "person_reference",
        "changed_at",
        "change",
        "status",
        "rating",
        "text",
    ),
    # `change` is added or removed; the keys are those of the photo bucket.
    "repair_photos": (
        "repair_reference",
        "tenancy_reference",
        "changed_at",
        "change",
        "photo_key",
        "small_key",
    ),
    # `change` is booked, moved, cancelled, or details where only what the tenant told of the visit is new. The row
    # shows the visit as it is after it, or was; `instead_of` is the day and period that a moved one had.
    "appointments": (
        "repair_reference",
        "tenancy_reference",
        "person_reference",
        "changed_at",
        "change",
        "trade",
        "date",
        "period",
        "starts_at",
        "ends_at",
        "instead_of",
        "access_information",
        "vulnerable",
        "language_or_hearing",
        "pets",
        "safe_word",
    ),
    # A column that `changed` names and that is empty was removed.
    "contact": (
        "tenancy_reference",
        "person_reference",
        "changed_at",
        "changed",
        "mobile",
        "home_phone",
        "address_line_1",
        "address_line_2",
        "town",
        "postcode",
        "contact_by",
        "language",
        "large_print",
        "email",
    ),
    # `change` is added, changed or removed; the rest says how the member is after it, or was.
    "household": (
        "tenancy_reference",
        "person_reference",
        "changed_at",
        "change",
        "member_id",
        "name",
        "date_of_birth",
        "relationship",
    ),
    # Somebody typed this reference and waits to be matched. `facts` names the columns of tenancies.csv and people.csv
    # that differ from the nearest person's (`;` between), never what was typed.
    "unmatched": (
        "tenancy_reference",
        "facts",
        "first_asked_on",
        "last_asked_on",
    ),
    # What became of each try to get in or to change something (portal.audit); `source` is a network, never an address.
    "audit": ("at", "outcome", "reason", "customer_id", "tenancy_id", "source"),
}
"""The files of `outbox/<date>/`, each with its columns: what an entry of the journal holds beside them goes nowhere."""

FINAL_AFTER = timedelta(minutes=10)
"""A day's files are final when written this long after its end: what was done in its last second is stored by then."""

KEPT_DAYS = 60
"""How many missed nights an export makes up for: the journal keeps its entries longer than that."""

_SPREADSHEETS_RUN = ("=", "+", "-", "@", "\t", "\r")
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def defused(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would run as a formula; plain numbers stay as they are.

    Source: OWASP ASVS 5.0, 1.2.10.
    """
    if cell.startswith(_SPREADSHEETS_RUN) and not _PLAIN_NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def export_row(file: str, row: Mapping[str, object]) -> list[str]:
    """The cells of one line of an export file, in the order of its columns; what is missing is empty."""
    return [defused(str(row.get(column) or "")) for column in EXPORT_COLUMNS[file]]


def days_due(final_through: date, at: datetime) -> list[date]:
    """The London days whose files are to be written at `at`: all after the last final one, up to today.

    A day that is further back than the journal surely goes is left as it was last written: it could only lose rows.
    """
    today = clock.london_date(at)
    first = max(final_through + timedelta(days=1), today - timedelta(days=KEPT_DAYS))
    return [first + timedelta(days=n) for n in range((today - first).days + 1)]


def is_final(day: date, at: datetime) -> bool:
    """Whether files of `day` that are written at `at` hold all of it."""
    return at >= clock.end_of_day(day) + FINAL_AFTER


def pounds(amount_pence: int) -> str:
    """Pence as pounds with two decimals, such as 123.45 or -0.07."""
    sign = "-" if amount_pence < 0 else ""
    return f"{sign}{abs(amount_pence) // 100}.{abs(amount_pence) % 100:02}"


# ------------------------------------------------------------------------------------------------- the way in


class Drop(NamedTuple):
    """One delivery of files: the day that the landlord gave it, and its name."""

    day: str
    drop_id: str

    @property
    def prefix(self) -> str:
        """Where its files lie."""
        return f"inbox/{self.day}/{self.drop_id}/"

    @property
    def report(self) -> str:
        """Where its report is written."""
        return f"reports/{self.day}/{self.drop_id}.json"

    def quarantine(self, file: str) -> str:
        """Where the rows of `file` go that could not be read."""
        return f"quarantine/{self.day}/{self.drop_id}/{file}"


COMPLETE = "_complete"
APPROVED = "_approved"
MANIFEST = "manifest.json"
_DROP = re.compile(r"inbox/([0-9]{4}-[0-9]{2}-[0-9]{2})/([A-Za-z0-9][A-Za-z0-9._-]{0,99})/([^/]+)")


def drop_of(key: str) -> tuple[Drop, str] | None:
    """The drop that an object of the bucket belongs to and its name there; None for an object of no drop."""
    found = _DROP.fullmatch(key)
    return (Drop(found[1], found[2]), found[3]) if found else None


@dataclass(frozen=True)
class Columns:
    """The columns of an import file: those that its header must have, and those that it may."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


IMPORT_COLUMNS: Mapping[str, Columns] = {
    "tenancies.csv": Columns((
        "tenancy_reference", "start_date", "end_date", "address_line_1", "address_line_2", "town", "postcode",
    )),
    "people.csv": Columns((
        "tenancy_reference", "person_reference", "title", "first_name", "last_name", "date_of_birth", "email", "mobile",
    )),
    "rent_accounts.csv": Columns(
        ("rent_account_reference", "tenancy_reference", "kind", "name", "payment_reference"),
        ("charge_amount", "charge_frequency", "next_charge_on"),
    ),
    "rent_years.csv": Columns(("rent_account_kind", "year_start", "charged_weeks", "free_weeks")),
    "transactions.csv": Columns((
        "transaction_reference", "rent_account_reference", "posted_on", "kind", "description", "amount",
    )),
    "repairs.csv": Columns((
        "repair_reference", "tenancy_reference", "reported_on", "description", "priority", "status", "completed_on",
    )),
    "repair_events.csv": Columns(("repair_reference", "at", "event", "note")),
    "hazard_summaries.csv": Columns((
        "repair_reference", "sent_at", "hazard", "action", "start_by", "finish_by", "text",
    )),
    "slots.csv": Columns(("trade", "date", "period", "capacity")),
}  # fmt: skip
"""The files that are applied, in the order in which they are (design §8)."""

TAKEN_HERE = re.compile(r"P[0-9A-HJKMNP-TV-Z]{12}(-[RDW][0-9A-HJKMNP-TV-Z]{1,10})?")
"""The shape of the references that payments taken here, and what was paid back or disputed of them, bear in our export,
by which they are known when they return."""

AMOUNTS = frozenset({"amount", "charge_amount"})


class Unreadable(ValueError):
    """A file or row that cannot be taken; the words tell the landlord's officer why, without what stands in it."""


class Header(NamedTuple):
    """A file's header: its columns in their order, and those that nobody asked for."""

    columns: tuple[str, ...]
    unknown: tuple[str, ...]


def header(file: str, cells: Sequence[str]) -> Header:
    """The header of an import file; raises Unreadable where a column is missing or stands twice."""
    names = tuple(cell.strip().lower() for cell in cells)
    known = IMPORT_COLUMNS[file]
    missing = [column for column in known.required if column not in names]
    if missing:
        raise Unreadable(f"the header has no {', '.join(missing)}")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise Unreadable(f"the header has {', '.join(map(_shown, twice))} twice")
    unknown = [_shown(n) for n in names if n and n not in known.required + known.optional]
    return Header(names, tuple(unknown))


def _shown(name: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in name[:60])


_SPACE = re.compile(r"\s+")


def clean(cell: str) -> str:
    """A cell in NFC, white space made single spaces; raises Unreadable for characters that no text has."""
    text = _SPACE.sub(" ", unicodedata.normalize("NFC", cell)).strip()
    if any(unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn"} for c in text):
        raise Unreadable("it holds a control character or one that is not in Unicode")
    return text


_AMOUNT = re.compile(r"([+-]?)([0-9]{1,7})(?:\.([0-9]{1,2}))?")


def pence(text: str, column: str = "amount", *, whole: bool = False) -> int:
    """Pounds such as 123.45 as pence; raises Unreadable. `whole` insists on both decimals.

    A file that is cut off in its last amount would else give a smaller one: its last line is read with `whole`.
    """
    found = _AMOUNT.fullmatch(text)
    if not found:
        raise Unreadable(f"{column} is not an amount in pounds like 123.45")
    if whole and len(found[3] or "") < 2:
        raise Unreadable(f"{column} may be cut off: the file ends there without a line break")
    return int(Decimal(found[0]) * 100)


def day(text: str, column: str) -> date:
    """A date such as 2026-11-24; raises Unreadable."""
    try:
        read = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        read = None
    if read is None or not re.fullmatch(r"(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}", text):
        raise Unreadable(f"{column} is not a date like 2026-11-24")
    return read


def instant(text: str, column: str) -> datetime:
    """An instant such as 2026-11-24T14:30:00Z; raises Unreadable. One without an offset is Europe/London's."""
    try:
        read = datetime.fromisoformat(text) if re.match(r"20[0-9]{2}-", text) and len(text) >= 16 else None
    except ValueError:
        read = None
    if read is None:
        raise Unreadable(f"{column} is not a time like 2026-11-24T14:30:00Z")
    return (read if read.tzinfo else read.replace(tzinfo=clock.LONDON)).astimezone(UTC)


def needed(text: str, column: str) -> str:
    """`text`; raises Unreadable where it is empty."""
    if not text:
        raise Unreadable(f"{column} is empty")
    return text


def fitting(text: str, column: str, most: int) -> str:
    """`text`; raises Unreadable where it is longer than `most` characters."""
    if len(text) > most:
        raise Unreadable(f"{column} is longer than {most} characters")
    return text


def one_of(text: str, column: str, words: Collection[str]) -> str:
    """`text` in lower case, blanks as underscores; raises Unreadable unless it is one of `words`."""
    word = text.lower().replace(" ", "_").replace("-", "_")
    if word not in words:
        raise Unreadable(f"{column} is none of {', '.join(words)}")
    return word


HELD_ABOVE_PERCENT = 5


def falls_too_far(before: int, gone: int) -> bool:
    """Whether a snapshot that leaves out `gone` of `before` tenancies waits for a person's yes: more than 5 %."""
    return gone * 100 > before * HELD_ABOVE_PERCENT
