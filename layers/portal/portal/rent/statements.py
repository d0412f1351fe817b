"""A statement as a file: CSV for a spreadsheet, PDF for people. What stands in it was reckoned before (`service`)."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from portal import documents
from portal.documents import Document, Table, day_in_full
from portal.exchange.rules import defused, pounds
from portal.rent.rules import balance_words, money
from portal.rent.service import Line, Statement

CSV_COLUMNS = ("posted_on", "kind", "description", "amount", "balance")


def file_name(statement: Statement, ending: str) -> str:
    """What the file is called: days, and nobody's name."""
    return f"statement-{statement.since}-to-{statement.until}.{ending}"


def as_csv(statement: Statement) -> str:
    """The statement as CSV (RFC 4180), amounts in pounds: the opening balance, each line, the closing balance.

    What a spreadsheet would run as a formula is defused (OWASP ASVS 5.0, 1.2.10).
    """
    opening = (statement.since, "opening_balance", "Opening balance", pounds(0), pounds(statement.opening_pence))
    closing = (statement.until, "closing_balance", "Closing balance", pounds(0), pounds(statement.closing_pence))
    lines = [
        (i.posted_on, i.kind, i.description, pounds(i.amount_pence), pounds(i.balance_pence)) for i in statement.lines
    ]
    out = io.StringIO(newline="")
    rows = [CSV_COLUMNS, opening, *lines, closing]
    csv.writer(out).writerows([[defused(str(cell)) for cell in row] for row in rows])
    return out.getvalue()


def as_pdf(
    statement: Statement, holder_lines: Sequence[str], tenancy_reference: str, brand: Mapping[str, Any]
) -> bytes:
    """The statement as a PDF that screen readers can read; `holder_lines` are name and address.

    Raises as `documents.as_pdf`.
    """
    return documents.as_pdf(_said(statement, holder_lines, tenancy_reference), brand)


def _said(statement: Statement, holder_lines: Sequence[str], tenancy_reference: str) -> Document:
    table = Table(
        columns=("Date", "What", "Amount", "Balance after"),
        first=["", "Balance before", "", _balance(statement.opening_pence)],
        rows=[_cells(line) for line in statement.lines],
        last=["", "Balance after", "", _balance(statement.closing_pence)],
        legend="A plus adds to what is owed. A minus takes away from it.",
    )
    return Document(
        title=f"Statement of your account: {statement.name}",
        holder_lines=holder_lines,
        facts=[
            ("Tenancy reference", tenancy_reference),
            ("Rent account", f"{statement.name}, {statement.reference}"),
            ("From", day_in_full(statement.since)),
            ("To", day_in_full(statement.until)),
        ],
        in_words=f"{balance_words(statement.closing_pence)} after the last line of this statement.",
        notes=[],
        table=table,
        without_letters="The spreadsheet file of this statement has them all.",
        made_at=statement.made_at,
    )


def _cells(line: Line) -> list[str]:
    sign = ("+" if line.amount_pence > 0 else "\u2212") if line.amount_pence else ""
    return [
        day_in_full(line.posted_on),
        line.description,
        sign + money(line.amount_pence),
        _balance(line.balance_pence),
    ]


def _balance(pence: int) -> str:
    return f"{money(pence)} in credit" if pence < 0 else money(pence)
