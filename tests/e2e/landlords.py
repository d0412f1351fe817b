"""A landlord that nobody has seen: exchange files with other references, names and habits of writing CSV, each time."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.e2e.tenant import Facts

COLUMNS = {
    "tenancies": (
        "tenancy_reference",
        "start_date",
        "end_date",
        "address_line_1",
        "address_line_2",
        "town",
        "postcode",
    ),
    "people": (
        "tenancy_reference",
        "person_reference",
        "title",
        "first_name",
        "last_name",
        "date_of_birth",
        "email",
        "mobile",
    ),
    "rent_accounts": ("rent_account_reference", "tenancy_reference", "kind", "name", "payment_reference"),
    "transactions": ("transaction_reference", "rent_account_reference", "posted_on", "kind", "description", "amount"),
    "repairs": (
        "repair_reference",
        "tenancy_reference",
        "reported_on",
        "description",
        "priority",
        "status",
        "completed_on",
    ),
}
_FIRST = ("Ngozi", "Zoë", "Jean-Luc", "Đặng Thị", "Ólafur", 'William "Bill"', "Ann, Marie", "Łukasz", "مريم", "O")
_LAST = ("O'Hara-Smythe", "van 't Hoff", "Müller, Jr", "Ng", "D’Angelo", "Þórsdóttir", "الهاشمي", "Quill;Pen")
_STREETS = ('Flat 2, "The Limes"', "12 Høje Road", "1 St John's, rear", "Old School House")


@dataclass
class Landlord:
    """A folder of exchange files.

    Attributes:
        people: who can register, each of a tenancy of their own.
        owed: pence owed on each tenancy's one rent account, by tenancy reference.
        repairs: the repairs on record, by tenancy reference.
        refused: how many rows of each file cannot be taken.
    """

    folder: Path
    people: list[Facts] = field(default_factory=list)
    owed: dict[str, int] = field(default_factory=dict)
    repairs: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)


def write(folder: Path, seed: int, *, tenancies: int = 8, spoiled: bool = True, mark: str = "") -> Landlord:
    """Write the files of a landlord made up from `seed`; `mark` stands in each email address.

    `spoiled` puts rows between the good ones that cannot be read.
    """
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    landlord = Landlord(folder)
    rows: dict[str, list[dict[str, str]]] = {name: [] for name in COLUMNS}
    today = datetime.now(UTC).date()
    for number in range(tenancies):
        _tenancy(landlord, rows, chance, number, today, mark)
    for name, columns in COLUMNS.items():
        texts = _lines(chance, columns, rows[name])
        if spoiled:
            texts = _spoil(landlord, chance, name, columns, texts)
        _write(folder / f"{name}.csv", chance, texts)
    return landlord


def _tenancy(
    landlord: Landlord,
    rows: dict[str, list[dict[str, str]]],
    chance: random.Random,
    number: int,
    today: date,
    mark: str,
) -> None:
    word = "".join(chance.choices("BCDFGHJKLMNPQRSTVWXZ", k=3))
    shape = chance.choice(("{w}/{n:05}", "{n:09}", "{w}-{n}.A", "{w}{n:04}"))
    reference = shape.format(w=word, n=chance.randrange(1, 9999) * 10 + number)
    born = date(chance.randrange(1935, 2004), chance.randrange(1, 13), chance.randrange(1, 29))
    mobile = f"+447700900{chance.randrange(0, 100) * 10 + number % 10:03}"
    start = today - timedelta(days=chance.randrange(400, 9000))
    facts = Facts(
        f"{mark}{word.lower()}.{number}.{chance.randrange(10**6)}@example.{chance.choice(('org', 'net', 'com'))}",
        mobile,
        reference,
        born.isoformat(),
        f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
    )
    # The landlord's own way of writing the same: other spaces and other case.
    rows["tenancies"].append({
        "tenancy_reference": chance.choice((reference, reference.lower(), f" {reference} ")),
        "start_date": start.isoformat(), "end_date": "", "address_line_1": chance.choice(_STREETS),
        "address_line_2": "", "town": "Nether Wallop", "postcode": chance.choice(("SO20 8AA", "so208aa")),
    })  # fmt: skip
    rows["people"].append({
        "tenancy_reference": reference, "person_reference": f"{word}:{number}",
        "title": chance.choice(("Dr", "", "Mx")),
        "first_name": facts.name.rpartition(" ")[0], "last_name": facts.name.rpartition(" ")[2],
        "date_of_birth": facts.date_of_birth,
        "email": chance.choice((facts.email, facts.email.upper())),
        "mobile": chance.choice((mobile, f"0{mobile[3:7]} {mobile[7:]}", f"0044 {mobile[3:]}", f"(0){mobile[3:]}")),
    })  # fmt: skip
    account = f"RA~{word}~{number}"
    rows["rent_accounts"].append({
        "rent_account_reference": account, "tenancy_reference": reference, "kind": chance.choice(("home", "Home")),
        "name": chance.choice(("Rent", "Rent & service charge", "")), "payment_reference": str(chance.randrange(10**9)),
    })  # fmt: skip
    owed = 0
    for line in range(chance.randrange(3, 40)):
        pence = chance.choice((chance.randrange(1, 20_000), -chance.randrange(1, 20_000)))
        owed += pence
        rows["transactions"].append({
            "transaction_reference": f"{word}#{number}#{line}", "rent_account_reference": account,
            "posted_on": (today - timedelta(days=chance.randrange(0, 300))).isoformat(),
            "kind": "charge" if pence > 0 else "payment",
            "description": chance.choice(("Rent, week 3", 'So-called "extra"', "£5 übrig", "")),
            "amount": f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02}",
        })  # fmt: skip
    landlord.repairs[reference] = chance.randrange(0, 3)
    for repair in range(landlord.repairs[reference]):
        rows["repairs"].append({
            "repair_reference": f"WO {word} {number} {repair}", "tenancy_reference": reference,
            "reported_on": (today - timedelta(days=chance.randrange(30, 200))).isoformat(),
            "description": "Tap, kitchen; it's dripping\nsince Sunday", "priority": "routine", "status": "completed",
            "completed_on": (today - timedelta(days=3)).isoformat(),
        })  # fmt: skip
    landlord.owed[reference] = owed
    landlord.people.append(facts)


def _lines(chance: random.Random, columns: Sequence[str], rows: list[dict[str, str]]) -> list[str]:
    """The header and each row as text, the columns in an order of the landlord's own and one more among them."""
    order = [*columns, "internal_note"]
    chance.shuffle(order)
    quoting = chance.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC))
    texts = []
    for cells in [dict(zip(order, order, strict=True)), *rows]:
        text = io.StringIO(newline="")
        csv.writer(text, quoting=quoting, lineterminator="").writerow([cells.get(column, "") for column in order])
        texts.append(text.getvalue())
    return texts


def _spoil(landlord: Landlord, chance: random.Random, name: str, columns: Sequence[str], texts: list[str]) -> list[str]:
    """Put rows among the others that nobody can read."""
    width = len(columns) + 1
    bad = ["one cell", ",".join(["x"] * (width + 3)), ",".join(["nonsense"] * width), '"never closed,a,b']
    landlord.refused[f"{name}.csv"] = len(bad)
    spoiled = texts[:]
    for text in bad:
        spoiled.insert(chance.randrange(1, len(spoiled) + 1), text)
    return spoiled


def _write(file: Path, chance: random.Random, texts: list[str]) -> None:
    end = chance.choice(("\n", "\r\n"))
    file.write_bytes(chance.choice((b"", b"\xef\xbb\xbf")) + (end.join(texts) + end).encode())
