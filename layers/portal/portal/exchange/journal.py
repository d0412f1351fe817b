"""What tenants did, written down for the landlord in the transaction that did it; the exporter reads it by day."""

from datetime import datetime

from portal import clock, store
from portal.exchange import rules
from portal.exchange.store import EntryItem
from portal.ids import new_id

# Longer than an export goes back: else a day that is written again would lack what expired in its first hours.
_KEPT_DAYS = rules.KEPT_DAYS + 2


def entry(file: str, row: dict[str, str], at: datetime, *, entry_id: str | None = None) -> store.Put:
    """The write that puts `row` into that day's export file, one of `EXPORT_COLUMNS` (`payments`, `repairs`, …).

    `row` holds the file's columns as text, in the forms of design §8. With an `entry_id` of its own the line takes the
    place of the one that bears it that day.
    """
    item = EntryItem(
        pk=f"EXPORT#{clock.london_date(at)}",
        sk=f"{EntryItem.range_prefix}{entry_id or new_id(at)}",
        file=file,
        row=row,
        expires_at=int(at.timestamp()) + _KEPT_DAYS * 86_400,
    )
    return store.Put(item, None if entry_id else EntryItem.new())
