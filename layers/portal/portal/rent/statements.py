"""A statement as a file: CSV for a spreadsheet, PDF for people. What stands in it was reckoned before (`service`)."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from portal import budget, clock, store
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
    """The statement as a PDF that screen readers can read (PDF/UA-1); `holder_lines` are name and address.

    It is set by a process of its own (`typesetting`).

    Raises:
        store.Unavailable: it was not done in the time that is left for the answer.
        subprocess.CalledProcessError: the compiler failed.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "portal.rent.typesetting"],
            input=json.dumps(_said(statement, holder_lines, tenancy_reference, brand)).encode(),
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            timeout=budget.remaining(),
        )
    except subprocess.TimeoutExpired:
        raise store.Unavailable from None
    return done.stdout


def _said(
    statement: Statement, holder_lines: Sequence[str], tenancy_reference: str, brand: Mapping[str, Any]
) -> dict[str, Any]:
    contact, name = brand["contact"], brand["landlord"]["name"]
    return {
        "title": f"Statement of your account: {statement.name}",
        "landlord": name,
        "landlord_lines": [line for line in contact["address"] if line != name],
        "phone": f"{contact['team']}, {contact['phone']}, {contact['opening_hours']}",
        "holder_lines": list(holder_lines),
        "facts": [
            ["Tenancy reference", tenancy_reference],
            ["Rent account", f"{statement.name}, {statement.reference}"],
            ["From", _day(statement.since)],
            ["To", _day(statement.until)],
        ],
        "opening": ["Balance before", _balance(statement.opening_pence)],
        "closing": ["Balance after", _balance(statement.closing_pence)],
        "lines": [_cells(line) for line in statement.lines],
        "in_words": f"{balance_words(statement.closing_pence)} after the last line of this statement.",
        "made": f"Made on {_day(clock.london_date(statement.made_at))}.",
    }


def _cells(line: Line) -> list[str]:
    sign = ("+" if line.amount_pence > 0 else "\u2212") if line.amount_pence else ""
    return [_day(line.posted_on), line.description, sign + money(line.amount_pence), _balance(line.balance_pence)]


def _balance(pence: int) -> str:
    return f"{money(pence)} in credit" if pence < 0 else money(pence)


def _day(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"
