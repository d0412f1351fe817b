"""Who of a folder of exchange files can register, so that a person can try it."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

_SHOWN = 3


def who_can_register(folder: Path, today: date) -> list[dict[str, str]]:
    """A few people with an email, a mobile and a date of birth, on different tenancies that have not ended."""
    tenancies = {row["tenancy_reference"]: row for row in _rows(folder / "tenancies.csv")}
    found: list[dict[str, str]] = []
    seen: set[str] = set()
    for person in _rows(folder / "people.csv"):
        tenancy = tenancies.get(person.get("tenancy_reference", ""))
        if tenancy is None or tenancy["tenancy_reference"] in seen or _over(tenancy, today):
            continue
        if all(person.get(field) for field in ("email", "mobile", "date_of_birth")):
            seen.add(tenancy["tenancy_reference"])
            found.append(person)
    return found[:_SHOWN]


def _over(tenancy: dict[str, str], today: date) -> bool:
    return bool(tenancy.get("end_date")) and tenancy["end_date"] < today.isoformat()


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines))
    except OSError:
        return []
