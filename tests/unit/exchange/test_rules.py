"""The forms of the exchange."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import clock
from portal.exchange import journal, rules
from portal.exchange.rules import Drop, Unreadable
from portal.ids import new_id
from portal.payments.rules import payment_reference


@given(st.integers(min_value=-9_999_999_99, max_value=9_999_999_99))
def test_pence_become_pounds_and_pence_again(amount: int) -> None:
    text = rules.pounds(amount)
    assert rules.pence(text) == amount == rules.pence(text, whole=True)
    assert Decimal(text) * 100 == amount


@given(st.text(max_size=12))
def test_an_amount_is_read_exactly_or_refused(text: str) -> None:
    try:
        read = rules.pence(text)
    except Unreadable:
        return
    assert Decimal(text) * 100 == read


@pytest.mark.parametrize(
    "text", ["", "1,234.50", "£5.00", "1e3", "NaN", "12.345", "--1", "1.", ".5", "５.00", "12 .00", "0x1"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        rules.pence(text)


@pytest.mark.parametrize(
    "text", ["24/11/2026", "2026-11-31", "20261124", "2026-W48-2", "2026-11-24T00:00", "0026-11-24", "1899-01-01"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        rules.day(text, "posted_on")


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-1+1", "@A1", "\t=1", "\r=1", "-", "+", "=", "+44 7700", "-£5"])
def test_a_formula_gets_an_apostrophe(cell: str) -> None:
    assert rules.defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "-50.00", "+447700900123", "12.00", "a=b", "O'Neill", "'=1", "-0"])
def test_plain_text_and_numbers_stay(cell: str) -> None:
    assert rules.defused(cell) == cell


@given(st.text(max_size=20))
def test_no_cell_begins_as_a_formula(cell: str) -> None:
    first = rules.defused(cell)[:1]
    assert first not in {"=", "@", "\t", "\r"}
    assert first not in {"+", "-"} or rules._PLAIN_NUMBER.fullmatch(cell)


def test_a_row_has_the_columns_of_its_file_and_nothing_else() -> None:
    for file, columns in rules.EXPORT_COLUMNS.items():
        given_row = {column: f"v{n}" for n, column in enumerate(columns)} | {"secret": "x"}
        assert rules.export_row(file, given_row) == [f"v{n}" for n in range(len(columns))]
    assert rules.export_row("payments", {}) == [""] * len(rules.EXPORT_COLUMNS["payments"])


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("inbox/2026-11-24/nightly-1/_complete", (Drop("2026-11-24", "nightly-1"), "_complete")),
        ("inbox/2026-11-24/one/people.csv", (Drop("2026-11-24", "one"), "people.csv")),
        ("inbox/2026-11-24/_complete", None),
        ("inbox/2026-11-24/a/b/_complete", None),
        ("inbox/today/one/_complete", None),
        ("inbox/2026-11-24/../_complete", None),
        ("outbox/2026-11-24/one/_complete", None),
    ],
)
def test_where_a_drop_lies(key: str, found: object) -> None:
    assert rules.drop_of(key) == found


@pytest.mark.parametrize(
    ("before", "gone", "too_far"), [(100, 5, False), (100, 6, True), (19, 1, True), (20, 1, False), (0, 0, False)]
)
def test_a_fall_of_more_than_five_percent_is_too_far(before: int, gone: int, too_far: bool) -> None:
    assert rules.falls_too_far(before, gone) is too_far


@given(st.integers(min_value=0, max_value=100), st.integers(min_value=0, max_value=23))
def test_every_day_after_the_last_final_one_is_due(missed: int, hour: int) -> None:
    at = datetime(2026, 3, 29, hour, 30, tzinfo=UTC)
    today = at.date() if hour < 23 else at.date() + timedelta(days=1)  # summer time begins on that day
    days = rules.days_due(today - timedelta(days=missed + 1), at)
    assert days[-1] == today
    assert len(days) == min(missed, rules.KEPT_DAYS) + 1
    assert all(b - a == timedelta(days=1) for a, b in pairwise(days))


@given(st.integers(min_value=0, max_value=400), st.integers(min_value=0, max_value=86_399))
def test_what_was_done_on_a_day_that_is_written_is_still_kept(days: int, second: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days, seconds=second)
    for day in rules.days_due(date(2025, 1, 1), at):
        begins = clock.end_of_day(day - timedelta(days=1))
        assert journal.entry("payments", {}, begins).item.is_live(at)


def test_a_day_is_final_ten_minutes_after_its_end() -> None:
    day = date(2026, 11, 24)
    assert not rules.is_final(day, datetime(2026, 11, 25, 0, 9, 58, tzinfo=UTC))
    assert rules.is_final(day, datetime(2026, 11, 25, 0, 9, 59, tzinfo=UTC))


def test_the_references_of_our_own_payments_are_known_again() -> None:
    for _ in range(200):
        assert rules.TAKEN_HERE.fullmatch(payment_reference(new_id(datetime(2026, 11, 24, tzinfo=UTC))))
    assert not rules.TAKEN_HERE.fullmatch("20001-1-261124P")


def test_a_header_is_read_in_any_order_and_case() -> None:
    names = [*rules.IMPORT_COLUMNS["rent_years.csv"].required, "Notes\x00é"]
    found = rules.header("rent_years.csv", [n.upper() for n in reversed(names)])
    assert found.columns == tuple(n.lower() for n in reversed(names))
    assert found.unknown == ("notes??",)
    with pytest.raises(Unreadable, match="has no charged_weeks"):
        rules.header("rent_years.csv", [n for n in names if n != "charged_weeks"])
    with pytest.raises(Unreadable, match="charged_weeks twice"):
        rules.header("rent_years.csv", [*names, "charged_weeks"])


@pytest.mark.parametrize("cell", ["a\x00b", "\ue000", "a\x7f"])
def test_characters_that_no_text_has_are_refused(cell: str) -> None:
    with pytest.raises(Unreadable):
        rules.clean(cell)


def test_white_space_and_accents_have_one_form() -> None:
    assert rules.clean("  Zoe\u0308 \n O'Neill\u00a0") == "Zoë O'Neill"
