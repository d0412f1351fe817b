"""CSV as it comes: a record at a time, whatever the file's size, and no bad line takes its neighbours with it."""

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST_RECORD = 64 * 1024
_MOST_LINES = 50
_BOM = b"\xef\xbb\xbf"


class Record(NamedTuple):
    """One record of a file. `line` counts from 1; `wrong` says why `cells` is empty, `raw` is then what stood there.

    `ended` tells whether a line break followed: the last record of a file that was cut off has none.
    """

    line: int
    cells: tuple[str, ...]
    raw: str
    wrong: str = ""
    ended: bool = True


class _Line(NamedTuple):
    number: int
    text: bytes


def records(chunks: Iterable[bytes]) -> Iterator[Record]:
    """The records of a CSV file in UTF-8 (RFC 4180; a byte order mark and bare line feeds are taken too).

    Blank lines are left out. A record may run over several lines inside quotes. One that cannot be read, or that
    swallowed other lines since a quote was never closed, is given as wrong, and reading goes on at the next line.
    """
    ahead: deque[_Line] = deque()
    lines = _lines(chunks)
    width = 0
    while True:
        first = ahead.popleft() if ahead else next(lines, None)
        if first is None:
            return
        taken = [first]
        while _is_open(taken) and len(taken) < _MOST_LINES and sum(len(i.text) for i in taken) < LONGEST_RECORD:
            following = ahead.popleft() if ahead else next(lines, None)
            if following is None:
                break
            taken.append(following)
        record = _read(taken)
        if len(taken) > 1 and (record.wrong or len(record.cells) != width):
            ahead.extendleft(reversed(taken[1:]))
            record = _read(taken[:1])
            if not record.wrong:
                record = record._replace(cells=(), wrong="a quote is opened and not closed")
        if not record.wrong and not any(cell.strip() for cell in record.cells):
            continue
        width = width or len(record.cells)
        yield record


def _lines(chunks: Iterable[bytes]) -> Iterator[_Line]:
    number, rest = 0, b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_RECORD:
            whole, rest = [*whole, rest], b""
        for text in whole:
            number += 1
            yield _Line(number, (text.removeprefix(_BOM) if number == 1 else text) + b"\n")
    if rest:
        yield _Line(number + 1, rest.removeprefix(_BOM) if number == 0 else rest)


def _is_open(lines: Iterable[_Line]) -> bool:
    return sum(line.text.count(b'"') for line in lines) % 2 == 1


def _read(lines: list[_Line]) -> Record:
    raw = b"".join(line.text for line in lines)
    record = Record(lines[0].number, (), raw.decode("utf-8", "replace").rstrip("\r\n"), ended=raw.endswith(b"\n"))
    if len(raw) > LONGEST_RECORD:
        return record._replace(wrong="it is longer than any row can be", raw=record.raw[:200])
    try:
        rows = list(csv.reader(io.StringIO(raw.decode(), newline=""), strict=True))
    except UnicodeDecodeError:
        return record._replace(wrong="it is not UTF-8")
    except csv.Error:
        return record._replace(wrong="its quotes or line breaks are not those of CSV")
    if len(rows) > 1:
        return record._replace(wrong="its quotes or line breaks are not those of CSV")
    return record._replace(cells=tuple(rows[0]) if rows else ())
