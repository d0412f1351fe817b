"""A page for people to keep: what is said of it, set as a PDF that screen readers can read (PDF/UA-1).

What differs between a statement and a receipt is data; the look is in `document.typ`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from portal import budget, clock, store


@dataclass(frozen=True)
class Table:
    """Four columns, the last two of them amounts; the first and last row are drawn as what they are: sums."""

    columns: tuple[str, str, str, str]
    first: Sequence[str]
    rows: Sequence[Sequence[str]]
    last: Sequence[str]
    legend: str


@dataclass(frozen=True)
class Document:
    """What a document says. `facts` are pairs, `notes` sentences; `without_letters` helps whose letters are missing."""

    title: str
    holder_lines: Sequence[str]
    facts: Sequence[tuple[str, str]]
    in_words: str
    notes: Sequence[str]
    table: Table | None
    without_letters: str
    made_at: datetime


def as_pdf(document: Document, brand: Mapping[str, Any]) -> bytes:
    """The document with the landlord's name and address on it, set by a process of its own (`typesetting`).

    Raises:
        store.Unavailable: it was not done in the time that is left for the answer.
        subprocess.CalledProcessError: the compiler failed.
    """
    contact, name = brand["contact"], brand["landlord"]["name"]
    said = asdict(document) | {
        "landlord": name,
        "landlord_lines": [line for line in contact["address"] if line != name],
        "phone": f"{contact['team']}, {contact['phone']}, {contact['opening_hours']}",
        "made": f"Made on {day_in_full(clock.london_date(document.made_at))}.",
        "made_at": None,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "portal.typesetting"],
            input=json.dumps(said).encode(),
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            timeout=budget.remaining(),
        )
    except subprocess.TimeoutExpired:
        raise store.Unavailable from None
    return done.stdout


def day_in_full(day: date) -> str:
    """A day as it stands on paper: "24 November 2026"."""
    return f"{day.day} {day:%B} {day.year}"
