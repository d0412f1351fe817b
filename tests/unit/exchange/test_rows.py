"""Rows, made what their domain records."""

from datetime import date

import pytest

from portal.exchange import rows, rules
from portal.exchange.rows import Row
from portal.exchange.rules import Unreadable

ACCOUNT = {
    "rent_account_reference": "A1", "tenancy_reference": " lh 1 ", "kind": "Court costs", "name": "",
    "payment_reference": "", "charge_amount": "112.4", "charge_frequency": "4-weekly", "next_charge_on": "2026-12-07",
}  # fmt: skip
REPAIR = {
    "repair_reference": "R1", "tenancy_reference": "LH1", "reported_on": "2026-11-02", "description": "Tap drips",
    "priority": "4", "status": "Complete", "completed_on": "2026-11-09",
}  # fmt: skip
YEAR = {"rent_account_kind": "home", "year_start": "2026-04-06", "charged_weeks": "52", "free_weeks": ""}


def row(file: str, cells: dict[str, str], **changes: str) -> Row:
    cells = cells | changes
    return Row(rules.header(file, list(cells)), list(cells.values()))


def test_an_account_is_read_in_our_words() -> None:
    reference, account = rows.account(row("rent_accounts.csv", ACCOUNT))
    assert (reference, account.kind, account.name, account.payment_reference) == (
        "LH1",
        "court_costs",
        "Court costs",
        None,
    )
    assert (account.charge_pence, account.charge_frequency) == (11240, "four_weekly")
    assert account.says == {"charge_pence", "charge_frequency", "next_charge_on"}


@pytest.mark.parametrize(
    ("column", "cell"), [("charge_amount", "dear"), ("charge_frequency", "often"), ("next_charge_on", "soon")]
)
def test_a_fact_that_only_helps_is_left_empty_and_warned_of(column: str, cell: str) -> None:
    read = row("rent_accounts.csv", ACCOUNT, **{column: cell})
    rows.account(read)
    assert read.warnings == [f"{column} could not be read and is left empty"]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("rent_account_reference", ""),
        ("tenancy_reference", "L_1"),
        ("kind", "flat"),
        ("rent_account_reference", "x" * 61),
    ],
)
def test_a_fact_that_everything_hangs_on_refuses_the_row(column: str, cell: str) -> None:
    with pytest.raises(Unreadable, match=column):
        rows.account(row("rent_accounts.csv", ACCOUNT, **{column: cell}))


def test_a_repair_is_read_in_our_words() -> None:
    reference, repair = rows.repair(row("repairs.csv", REPAIR))
    assert (reference, repair.priority, repair.status) == ("LH1", "routine", "completed")
    assert repair.completed_on == date(2026, 11, 9)


@pytest.mark.parametrize("column", ["priority", "status"])
def test_a_repair_in_words_that_nobody_knows_is_refused(column: str) -> None:
    with pytest.raises(Unreadable, match=column):
        rows.repair(row("repairs.csv", REPAIR, **{column: "P9 - whenever"}))


@pytest.mark.parametrize("weeks", ["0", "45", "54", "-1", "4.5", "², ", "forty"])
def test_a_rent_year_has_46_to_53_charged_weeks(weeks: str) -> None:
    with pytest.raises(Unreadable, match="charged_weeks"):
        rows.year(row("rent_years.csv", YEAR, charged_weeks=weeks))


def test_free_weeks_stand_with_semicolons_between() -> None:
    year = rows.year(row("rent_years.csv", YEAR, charged_weeks="50", free_weeks="2026-12-21; 2026-12-28;"))
    assert year.free_weeks == (date(2026, 12, 21), date(2026, 12, 28))


@pytest.mark.parametrize(
    ("weeks", "free", "why"),
    [
        ("48", "", "together are not the 52 or 53 weeks"),
        ("50", "2026-12-21;2026-12-28;2027-03-29;2027-03-22", "together are not the 52 or 53 weeks"),
        ("50", "2026-12-21;2027-04-05", "outside of the year"),
        ("50", "2026-12-21;2026-03-30", "outside of the year"),
        ("50", "2026-12-21;2026-12-25", "two that overlap"),
        ("50", "2026-12-21;2026-12-21", "two that overlap"),
    ],
)
def test_a_rent_year_whose_weeks_do_not_make_a_year_is_refused_with_the_reason(weeks: str, free: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        rows.year(row("rent_years.csv", YEAR, charged_weeks=weeks, free_weeks=free))


def test_an_amount_larger_than_any_is_refused() -> None:
    cells = {
        "transaction_reference": "T1", "rent_account_reference": "A1", "posted_on": "2026-11-02", "kind": "charge",
        "description": "", "amount": "100000.01",
    }  # fmt: skip
    with pytest.raises(Unreadable, match="larger than any"):
        rows.transaction(row("transactions.csv", cells))
    assert rows.transaction(row("transactions.csv", cells, amount="100000")).description == "Charge"
