"""Who of the loaded exchange files can register, so that a person can try it."""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from data import make_demo
from infra.local.settings import DEMO

_SHOWN = 4


@dataclass(frozen=True)
class Registrant:
    """Somebody who can register, and what makes them worth trying."""

    description: str
    email: str
    mobile: str
    tenancy_reference: str
    date_of_birth: date


def write_demo() -> None:
    """Bring the demo landlord's files to today. Several stacks may do so at once."""
    DEMO.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DEMO.parent) as fresh:
        make_demo.write(Path(fresh), make_demo.london_today())
        for file in Path(fresh).iterdir():
            file.replace(DEMO / file.name)


def who_can_register(folder: Path, today: date) -> list[Registrant]:
    """A few people with all four facts on record, on different tenancies that have not ended."""
    if folder == DEMO:
        found = [
            Registrant(person.description, *person[:3], date.fromisoformat(person.date_of_birth))
            for person in make_demo.registrable()
        ]
    else:
        found = _in_files(folder, today)
    return list({person.tenancy_reference: person for person in reversed(found)}.values())[: -_SHOWN - 1 : -1]


def _in_files(folder: Path, today: date) -> list[Registrant]:
    tenancies = {row["tenancy_reference"]: row for row in _rows(folder / "tenancies.csv")}
    found = []
    for row in _rows(folder / "people.csv"):
        ends = tenancies.get(row.get("tenancy_reference", ""), {}).get("end_date", "over")
        whole = all(row.get(field) for field in ("email", "mobile", "date_of_birth"))
        if whole and (not ends or ends >= today.isoformat()):
            try:
                born = date.fromisoformat(row["date_of_birth"])
            except ValueError:
                continue
            name = f"{row.get('first_name', '')} {row.get('last_name', '')}"
            found.append(Registrant(name, row["email"], row["mobile"], row["tenancy_reference"], born))
    return found


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines))
    except OSError:
        return []
