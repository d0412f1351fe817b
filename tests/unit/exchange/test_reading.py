"""CSV as it comes."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.exchange import reading, rows, rules
from portal.exchange.rules import Unreadable

HEADER = "transaction_reference,rent_account_reference,posted_on,kind,description,amount\n"
FILE = (
    HEADER
    + "T1,A1,2026-11-02,charge,Rent,112.40\n"
    + 'T2,A1,2026-11-09,payment,"Card, by phone",-112.40\n'
    + 'T3,A1,2026-11-16,payment,"Ünïcode ""quoted""",-1.05\n'
    + "T4,A1,2026-11-23,benefit,Housing Benefit,-80.00\n"
).encode()


def in_pieces(raw: bytes, size: int) -> Iterator[bytes]:
    return (raw[start : start + size] for start in range(0, len(raw), size))


def read(raw: bytes, size: int = 7) -> list[reading.Record]:
    return list(reading.records(in_pieces(raw, size)))


cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\x00"), max_size=12)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8), st.integers(1, 40), st.booleans())
def test_what_a_csv_writer_writes_is_read_back(table: list[list[str]], size: int, unix: bool) -> None:
    head = [["a", "b", "c"]]
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n" if unix else "\r\n").writerows(head + table)
    found = read(out.getvalue().encode(), size)
    assert [list(r.cells) for r in found] == head + [row for row in table if any(cell.strip() for cell in row)]


@given(st.binary(max_size=400), st.integers(1, 60))
def test_no_bytes_whatever_make_it_fail(raw: bytes, size: int) -> None:
    for record in read(raw, size):
        assert record.cells or record.wrong
        assert 1 <= record.line <= raw.count(b"\n") + 1


def test_cut_at_every_byte_no_row_is_taken_for_another() -> None:
    whole = {}
    records = read(FILE)
    header = rules.header("transactions.csv", records[0].cells)
    for record in records[1:]:
        taken = rows.transaction(rows.Row(header, record.cells, ended=record.ended))
        whole[taken.reference] = taken
    for cut in range(len(HEADER), len(FILE) + 1):
        applied, refused = {}, 0
        for record in read(FILE[:cut])[1:]:
            try:
                if record.wrong:
                    raise Unreadable(record.wrong)
                taken = rows.transaction(rows.Row(header, record.cells, ended=record.ended))
                applied[taken.reference] = taken
            except Unreadable:
                refused += 1
        assert applied.items() <= whole.items(), cut
        assert len(applied) + refused == len([line for line in FILE[len(HEADER) : cut].split(b"\n") if line]), cut


def test_a_quote_that_is_never_closed_takes_its_own_row_only() -> None:
    raw = FILE.replace(b"charge,Rent", b'charge,"Rent')
    found = read(raw)
    assert [r.line for r in found if r.wrong] == [2]
    assert [r.cells[0] for r in found if not r.wrong] == ["transaction_reference", "T2", "T3", "T4"]


def test_line_numbers_are_those_of_an_editor() -> None:
    raw = b'a,b\n\n"1\n2",x\nbad\xff,y\nz,1\n'
    assert [(r.line, bool(r.wrong)) for r in read(raw)] == [(1, False), (3, False), (5, True), (6, False)]


def test_a_line_without_end_is_not_held_in_memory() -> None:
    size = reading.LONGEST_RECORD * 3
    found = read(HEADER.encode() + b"x" * size, 4096)
    assert len(found) > 1
    assert all(r.wrong or len(r.cells) == 1 for r in found[1:])


@pytest.mark.parametrize("raw", [b"", b"\n\n", b" , ,\n", b"\xef\xbb\xbf"])
def test_nothing_is_nothing(raw: bytes) -> None:
    assert read(raw) == []
