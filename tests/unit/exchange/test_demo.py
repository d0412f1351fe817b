"""The demo landlord's files."""

import csv
import io
from collections import Counter
from datetime import date, timedelta

import pytest

from data import make_demo
from portal.exchange import reading, rows, rules
from portal.repairs.catalogue import catalogue
from portal.validation.fields import canonical_email, canonical_mobile, canonical_reference

TODAY = date(2026, 11, 24)
READ = {
    "tenancies": rows.tenancy, "people": rows.person, "rent_accounts": rows.account, "rent_years": rows.year,
    "transactions": rows.transaction, "repairs": rows.repair,
    "slots": rows.slot,
}  # fmt: skip


@pytest.mark.parametrize("today", [TODAY, date(2027, 4, 5), date(2028, 2, 29)])
@pytest.mark.parametrize("name", READ)
def test_every_row_can_be_read(name: str, today: date) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([make_demo.COLUMNS[name], *make_demo.files(today)[name]])
    header, *records = reading.records([out.getvalue().encode()])
    for record in records:
        row = rows.Row(rules.header(f"{name}.csv", header.cells), record.cells)
        READ[name](row)
        assert not row.warnings


def test_it_has_the_kinds_of_tenancy_that_there_are() -> None:
    files = make_demo.files(TODAY)
    assert len(files["tenancies"]) >= 40
    assert len(files["transactions"]) <= 2600
    balances: Counter[object] = Counter()
    for line in files["transactions"]:
        balances[line[1]] += rules.pence(str(line[5]))
    assert min(balances.values()) < -10_000 < 0 < 100_000 < max(balances.values())
    people = Counter(row[0] for row in files["people"])
    assert {1, 2, 3} <= set(people.values())
    assert max(Counter(row[1] for row in files["people"]).values()) == 2
    assert max(Counter(row[1] for row in files["rent_accounts"]).values()) == 4
    assert max(Counter(row[6] for row in files["people"] if row[6]).values()) == 2
    assert {row[2] for row in files["rent_accounts"]} == {"home", "garage", "recharges", "court_costs"}
    ends = sorted(row[2] for row in files["tenancies"] if row[2])
    assert ends[0] < TODAY - timedelta(days=366) < ends[1] < TODAY
    assert max(row[1] for row in files["tenancies"]) > TODAY


def test_a_later_day_changes_no_line_that_is_posted() -> None:
    posted = {row[0]: row for row in make_demo.files(TODAY)["transactions"]}
    for days in (1, 7, 45, 132, 366):
        for row in make_demo.files(TODAY + timedelta(days=days))["transactions"]:
            assert posted.setdefault(row[0], row) == row


def test_a_reference_stands_once() -> None:
    for name, rows_of in make_demo.files(TODAY).items():
        if name in {"tenancies", "rent_accounts", "transactions", "repairs"}:
            assert max(Counter(row[0] for row in rows_of).values()) == 1, name


def test_who_can_register_matches_one_person() -> None:
    people = make_demo.files(TODAY)["people"]
    listed = make_demo.registrable(TODAY)
    assert len(listed) >= 10
    for who in listed:
        found = [
            row for row in people
            if row[0] == canonical_reference(who.tenancy_reference)
            and str(row[5]) == who.date_of_birth
            and canonical_email(str(row[6] or "x@example.com")) == canonical_email(who.email)
            and canonical_mobile(str(row[7])) == canonical_mobile(who.mobile)
        ]  # fmt: skip
        assert len(found) == 1


def test_nobody_in_it_is_real() -> None:
    for row in make_demo.files(TODAY)["people"]:
        if row[7]:
            assert canonical_mobile(str(row[7])).startswith("+447700900")
            assert str(row[6]).rpartition("@")[2] in {"example.com", "example.org", "example.net"}


def test_every_trade_of_the_catalogue_has_places_of_one_to_six_in_the_coming_weeks() -> None:
    offered = make_demo.files(TODAY)["slots"]
    assert {row[0] for row in offered} == set(make_demo.TRADES) == set(catalogue().trades)
    assert {row[2] for row in offered} == {"morning", "afternoon", "school_run", "all_day"}
    assert {row[3] for row in offered} == set(range(1, 7))
    days = {row[1] for row in offered}
    assert min(days) == TODAY + timedelta(days=1)
    assert max(days) >= TODAY + timedelta(days=25)
    tomorrow = {tuple(row) for row in make_demo.files(TODAY + timedelta(days=1))["slots"]}
    assert {tuple(row) for row in offered if row[1] > TODAY + timedelta(days=1)} <= tomorrow  # type: ignore[operator]
