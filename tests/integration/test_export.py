"""The export, on moto: the journal in, a day's files out."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal import aws, clock, store
from portal.exchange import exporting, journal, rules
from portal.exchange import store as exchange
from tests.integration.conftest import function

PAYMENT = {
    "transaction_reference": "P0123456789AB",
    "rent_account_reference": "10001-H",
    "posted_on": "2026-11-24",
    "kind": "payment",
    "description": "Card payment",
    "amount": "-50.00",
    "payment_reference": "9826000001",
}
CONTACT = {
    "tenancy_reference": "LH10001",
    "person_reference": "P1",
    "changed_at": "2026-11-24T12:00:00+00:00",
    "changed": "mobile",
    "mobile": "+447700900999",
}


@pytest.fixture(autouse=True)
def _cloud(cloud: None, noon: Any) -> None:
    """Every test here stands on empty tables, at noon."""


def note(file: str, row: dict[str, str], at: datetime | None = None) -> None:
    store.transact(journal.entry(file, row, at or clock.now()))


def export() -> list[str]:
    return list(function("exporter").handler({"trigger": "nightly"}, SimpleNamespace())["days"])


def objects() -> dict[str, bytes]:
    client = aws.client("s3")
    listed = client.list_objects_v2(Bucket="portal-exchange", Prefix="outbox/").get("Contents", [])
    return {o["Key"]: client.get_object(Bucket="portal-exchange", Key=o["Key"])["Body"].read() for o in listed}


def table(key: str) -> list[list[str]]:
    return read(objects()[key])


def read(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


def exported_payments() -> list[str]:
    return sorted(row[0] for key, body in objects().items() if key.endswith("payments.csv") for row in read(body)[1:])


def test_what_was_done_today_is_in_todays_files() -> None:
    note("payments", PAYMENT)
    note("contact", CONTACT)
    assert export() == ["2026-11-24"]
    assert table("outbox/2026-11-24/payments.csv") == [list(rules.EXPORT_COLUMNS["payments"]), list(PAYMENT.values())]
    assert table("outbox/2026-11-24/contact.csv")[1] == [*CONTACT.values(), *[""] * 9]
    manifest = json.loads(objects()["outbox/2026-11-24/manifest.json"])
    assert manifest == {
        "day": "2026-11-24",
        "final": False,
        "files": {f"{file}.csv": {"rows": int(file in {"payments", "contact"})} for file in rules.EXPORT_COLUMNS},
    }


def test_a_day_on_which_nothing_was_done_has_its_files_too() -> None:
    export()
    written = {key.rpartition("/")[2] for key in objects()}
    assert written == {"manifest.json", *(f"{file}.csv" for file in rules.EXPORT_COLUMNS)}
    assert table("outbox/2026-11-24/repairs.csv") == [list(rules.EXPORT_COLUMNS["repairs"])]


def test_a_second_run_writes_the_same_bytes() -> None:
    for n in range(30):
        note("payments", PAYMENT | {"transaction_reference": f"P{n}"}, clock.now() + timedelta(seconds=n))
    export()
    first = objects()
    export()
    assert objects() == first
    assert [row[0] for row in table("outbox/2026-11-24/payments.csv")[1:]] == [f"P{n}" for n in range(30)]


def test_a_day_is_written_again_until_it_is_final(noon: Any) -> None:
    note("payments", PAYMENT)
    export()
    noon.shift(3600)
    note("payments", PAYMENT | {"transaction_reference": "P2"})
    noon.move_to(datetime(2026, 11, 25, 2, 45, tzinfo=UTC))
    assert export() == ["2026-11-24", "2026-11-25"]
    assert len(table("outbox/2026-11-24/payments.csv")) == 3
    assert json.loads(objects()["outbox/2026-11-24/manifest.json"])["final"]
    noon.move_to(datetime(2026, 11, 26, 2, 45, tzinfo=UTC))
    assert export() == ["2026-11-25", "2026-11-26"]


def test_what_was_stored_a_moment_after_midnight_is_not_lost(noon: Any) -> None:
    exchange.note_final_through(date(2026, 11, 23))
    noon.move_to(datetime(2026, 11, 25, 0, 0, 30, tzinfo=UTC))
    assert export() == ["2026-11-24", "2026-11-25"]
    note("payments", PAYMENT, datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC))
    noon.move_to(datetime(2026, 11, 25, 2, 45, tzinfo=UTC))
    assert export() == ["2026-11-24", "2026-11-25"]
    assert len(table("outbox/2026-11-24/payments.csv")) == 2


@pytest.mark.parametrize("missed", [1, 7, 40])
def test_missed_nights_are_made_up_for(noon: Any, missed: int) -> None:
    export()
    for n in range(missed):
        noon.move_to(datetime(2026, 11, 24, 12, tzinfo=UTC) + timedelta(days=n))
        note("payments", PAYMENT | {"transaction_reference": f"P{n}"})
    noon.move_to(datetime(2026, 11, 25, 2, 45, tzinfo=UTC) + timedelta(days=missed))
    assert len(export()) == missed + 2
    assert exported_payments() == sorted(f"P{n}" for n in range(missed))


@pytest.mark.parametrize("hour", [0, 12, 23])
def test_after_sixty_days_silence_no_day_loses_what_it_had(noon: Any, hour: int) -> None:
    noon.move_to(datetime(2026, 11, 24, hour, tzinfo=UTC))
    note("payments", PAYMENT)
    exchange.note_final_through(date(2026, 11, 23))
    export()
    first = objects()["outbox/2026-11-24/payments.csv"]
    for days in (60, 61, 62, 63):
        state = {"pk": {"S": "EXPORT"}, "sk": {"S": "STATE"}}
        aws.client("dynamodb").delete_item(TableName="outbox", Key=state)
        exchange.note_final_through(date(2026, 11, 23))
        noon.move_to(datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC) + timedelta(days=days))
        written = export()
        assert ("2026-11-24" in written) == (days == 60)
        assert objects()["outbox/2026-11-24/payments.csv"] == first


def test_the_first_export_begins_with_the_first_day_on_which_anything_was_done(noon: Any) -> None:
    note("payments", PAYMENT)
    noon.move_to(datetime(2026, 11, 28, 2, 45, tzinfo=UTC))
    assert export() == ["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-28"]


def test_days_are_those_of_london(noon: Any) -> None:
    noon.move_to(datetime(2026, 7, 1, 23, 30, tzinfo=UTC))
    note("payments", PAYMENT)
    assert export() == ["2026-07-02"]
    assert len(table("outbox/2026-07-02/payments.csv")) == 2


@pytest.mark.parametrize("night", [date(2026, 3, 29), date(2026, 10, 25)])
def test_the_days_of_clock_changes_are_exported_once(noon: Any, night: date) -> None:
    noon.move_to(datetime.combine(night, datetime.min.time(), UTC) - timedelta(hours=12))
    export()
    start = datetime.combine(night, datetime.min.time(), UTC) - timedelta(hours=2)
    for n in range(30):
        note("payments", PAYMENT | {"transaction_reference": f"P{n}"}, start + timedelta(hours=n))
    noon.move_to(start + timedelta(hours=31))
    export()
    assert exported_payments() == sorted(f"P{n}" for n in range(30))


def test_what_a_spreadsheet_would_run_is_defused() -> None:
    note("household", {"tenancy_reference": "LH1", "name": '=HYPERLINK("http://evil.example")', "change": "added"})
    note("contact", CONTACT | {"address_line_1": "@SUM(A1)", "town": "-1+2"})
    export()
    assert table("outbox/2026-11-24/household.csv")[1][5] == '\'=HYPERLINK("http://evil.example")'
    row = table("outbox/2026-11-24/contact.csv")[1]
    assert (row[4], row[6], row[8]) == ("+447700900999", "'@SUM(A1)", "'-1+2")


def test_what_has_no_column_goes_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    note("payments", PAYMENT | {"password": "the-canary"})
    note("secrets", {"name": "the-canary"})
    export()
    assert not any(b"the-canary" in body for body in objects().values())
    captured = capsys.readouterr()
    assert "the-canary" not in captured.out + captured.err


def test_killed_at_any_call_the_next_run_writes_it_all(noon: Any) -> None:
    note("payments", PAYMENT)
    noon.move_to(datetime(2026, 11, 26, 2, 45, tzinfo=UTC))
    export()
    wanted = objects()
    client = aws.client("dynamodb")
    for kill_at in range(1, 200):
        client.delete_item(TableName="outbox", Key={"pk": {"S": "EXPORT"}, "sk": {"S": "STATE"}})
        exchange.note_final_through(date(2026, 11, 23))
        for key in wanted:
            aws.client("s3").delete_object(Bucket="portal-exchange", Key=key)
        seen = 0

        def maybe_die(kill_at: int = kill_at, **_: Any) -> None:
            nonlocal seen
            seen += 1
            if seen == kill_at:
                raise KeyboardInterrupt

        for events in (client.meta.events, aws.client("s3").meta.events):
            events.register("before-call", maybe_die)
        try:
            exporting.run(clock.now())
        except KeyboardInterrupt:
            dead = True
        else:
            dead = False
        finally:
            for events in (client.meta.events, aws.client("s3").meta.events):
                events.unregister("before-call", maybe_die)
        if not dead:
            break
        exporting.run(clock.now())
        assert objects() == wanted, kill_at
    assert kill_at > 15


def test_an_older_run_does_not_turn_the_state_back() -> None:
    exchange.note_final_through(date(2026, 11, 23))
    exchange.note_final_through(date(2026, 11, 20))
    assert exchange.final_through(clock.now()) == date(2026, 11, 23)
