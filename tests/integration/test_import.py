"""The import, on moto: files of design §8 in, the record and the report out."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine

from portal import aws, clock, store
from portal.exchange import importing
from portal.exchange import store as exchange
from portal.rent import service as rent
from portal.rent import store as rent_store
from portal.repairs import service as repairs
from portal.tenancies import service as tenancies
from portal.tenancies import store as tenancies_store
from tests.integration.conftest import function

TENANCIES = """tenancy_reference,start_date,end_date,address_line_1,address_line_2,town,postcode
lh 10001,2020-04-06,,12 Curlew Walk,,Aldermere,AM4 2QX
LH10002,2021-05-03,,14 Curlew Walk,Flat 2,Aldermere,AM4 2QX
LH10003,2019-05-06,2025-01-05,3 Heron Rise,,Aldermere,AM4 1QA
"""
PEOPLE = """tenancy_reference,person_reference,title,first_name,last_name,date_of_birth,email,mobile
LH10001,P1,Ms,Amara,Okafor,1990-03-27,Amara@Example.com,07700 900123
LH10001,P2,Mr,Zoë,O'Neill-Ağaoğlu,1988-12-01,,
LH10002,P1,Ms,Amara,Okafor,1990-03-27,amara@example.com,+44 7700 900123
LH10003,P3,,李,明,1970-01-01,li.ming@example.org,07700900777
"""
ACCOUNTS = """rent_account_reference,tenancy_reference,kind,name,payment_reference,\
charge_amount,charge_frequency,next_charge_on
10001-H,LH10001,home,Rent,9826000001,112.40,weekly,2026-11-30
10001-G,LH10001,garage,Garage 7,9826000002,,,
10002-H,LH10002,home,Rent,9826000003,98.00,4-weekly,2026-12-07
"""
YEARS = """rent_account_kind,year_start,charged_weeks,free_weeks
home,2026-04-06,48,2026-12-21;2026-12-28;2027-03-22;2027-03-29
"""
TRANSACTIONS = """transaction_reference,rent_account_reference,posted_on,kind,description,amount
T1,10001-H,2026-11-02,charge,Weekly rent,112.40
T2,10001-H,2026-11-09,charge,Weekly rent,112.40
T3,10001-H,2026-11-10,payment,Direct Debit,-200.00
T4,10001-G,2026-11-02,charge,Garage rent,12.05
T5,10002-H,2026-11-02,charge,Four weeks' rent,98
T6,10002-H,2026-11-03,benefit,Housing Benefit,-98.0
"""
REPAIRS = """repair_reference,tenancy_reference,reported_on,description,priority,status,completed_on
R-1,LH10001,2026-10-05,Kitchen tap drips,4,complete,2026-10-19
R-2,LH10001,2026-11-20,Boiler gives no hot water,urgent,Scheduled,
"""
ALL = {
    "tenancies.csv": TENANCIES,
    "people.csv": PEOPLE,
    "rent_accounts.csv": ACCOUNTS,
    "rent_years.csv": YEARS,
    "transactions.csv": TRANSACTIONS,
}
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
RECORDS = {"tenancies", "rent", "repairs", "identity"}


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch, cloud: None) -> None:
    monkeypatch.setenv("IMPORT_THREADS", "1")  # moto is not thread-safe


@pytest.fixture
def writes() -> Iterator[Counter[str]]:
    """How many write calls were made to each table of the record."""
    found: Counter[str] = Counter()

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in WRITES:
            text = json.dumps(params, default=str)
            found.update(table for table in RECORDS if f'"{table}"' in text)

    client = aws.client("dynamodb")
    client.meta.events.register("provide-client-params.dynamodb", note)
    yield found
    client.meta.events.unregister("provide-client-params.dynamodb", note)


def deliver(
    files: dict[str, str | bytes], drop_id: str = "one", day: str = "2026-11-24", *, complete: bool = True
) -> None:
    names = {**files, "_complete": ""} if complete else files
    for name, body in names.items():
        body = body.encode() if isinstance(body, str) else body
        aws.client("s3").put_object(Bucket="portal-exchange", Key=f"inbox/{day}/{drop_id}/{name}", Body=body)


def s3_event(drop_id: str = "one") -> dict[str, Any]:
    return {"Records": [{"s3": {"object": {"key": f"inbox/2026-11-24/{drop_id}/_complete"}}}]}


def start(event: dict[str, Any] | None = None, time_left: Any = lambda: 900_000) -> Any:
    context = SimpleNamespace(get_remaining_time_in_millis=time_left, function_name="importer", aws_request_id="r")
    return function("importer").handler(event or {"trigger": "nightly"}, context)


def body(key: str) -> bytes:
    return aws.client("s3").get_object(Bucket="portal-exchange", Key=key)["Body"].read()


def keys(prefix: str) -> list[str]:
    answer = aws.client("s3").list_objects_v2(Bucket="portal-exchange", Prefix=prefix)
    return [found["Key"] for found in answer.get("Contents", [])]


def report(drop_id: str = "one", day: str = "2026-11-24") -> Any:
    return json.loads(body(f"reports/{day}/{drop_id}.json"))


def quarantine(file: str, drop_id: str = "one") -> list[list[str]]:
    return list(csv.reader(io.StringIO(body(f"quarantine/2026-11-24/{drop_id}/{file}").decode(), newline="")))


def load(files: dict[str, str | bytes], drop_id: str = "one") -> Any:
    deliver(files, drop_id)
    start(s3_event(drop_id))
    return report(drop_id)


def everything(*tables: str) -> dict[str, Any]:
    found = {}
    for table in tables or ("tenancies", "rent"):
        for item in aws.client("dynamodb").scan(TableName=table)["Items"]:
            found[table, item["pk"]["S"], item["sk"]["S"]] = {
                k: v for k, v in item.items() if k not in {"as_at", "posted_at", "listed_at"}
            }
    return found


def account(tenancy: str, reference: str) -> Any:
    key = rent_store.account_key(tenancies.tenancy_id(tenancy), rent.rent_account_id(reference))
    return store.fetch([key], clock.now())[0]


def lines(reference: str) -> list[Any]:
    return list(rent_store.lines_down(rent.rent_account_id(reference), clock.now(), below=None, limit=100))


def test_a_drop_becomes_the_record() -> None:
    told = load(ALL)
    assert told["status"] == "finished"
    assert {n: (f["applied"], f["unchanged"], f["refused"]) for n, f in told["files"].items()} == {
        "tenancies.csv": (3, 0, 0), "people.csv": (4, 0, 0), "rent_accounts.csv": (3, 0, 0),
        "rent_years.csv": (1, 0, 0), "transactions.csv": (6, 0, 0),
    }  # fmt: skip
    now = clock.now()
    (found,) = [p for p in tenancies.people_to_match("LH10001", now) if p.email]
    assert (found.email, found.mobile, found.date_of_birth) == ("amara@example.com", "+447700900123", date(1990, 3, 27))
    held = tenancies.tenancies_of(tenancies.person_id("P1"), now)
    assert [(t.reference, t.address) for t in held] == [
        ("LH10002", "14 Curlew Walk, Flat 2, Aldermere, AM4 2QX"),
        ("LH10001", "12 Curlew Walk, Aldermere, AM4 2QX"),
    ]
    home = account("LH10001", "10001-H")
    assert (home.balance_pence, home.postings, home.charge_pence, home.charge_frequency) == (2480, 3, 11240, "weekly")
    assert home.next_charge_on == date(2026, 11, 30)
    assert account("LH10001", "10001-G").balance_pence == 1205
    assert account("LH10002", "10002-H").balance_pence == 0
    (year,) = store.fetch([rent_store.year_key("home", date(2026, 4, 6))], now)
    assert (year.charged_weeks, len(year.free_weeks)) == (48, 4)


def test_the_same_files_twice_cost_no_write(writes: Counter[str]) -> None:
    load(ALL, "one")
    before = everything()
    assert sum(writes.values()) > 0
    writes.clear()
    told = load(ALL, "two")
    assert not writes
    assert everything() == before
    assert (told["applied"], told["unchanged"], told["refused"]) == (0, 17, 0)


def test_a_drop_that_is_reported_is_not_done_again() -> None:
    load(ALL)
    first = body("reports/2026-11-24/one.json")
    assert start(s3_event()) == {"drops": {}, "stopped": False}
    assert start() == {"drops": {}, "stopped": False}
    assert body("reports/2026-11-24/one.json") == first


@pytest.mark.parametrize(
    "event",
    [
        s3_event(),
        {"detail-type": "Object Created", "detail": {"object": {"key": "inbox/2026-11-24/one/_complete"}}},
        {"trigger": "nightly", "scheduled_at": "2026-11-24T02:15:00Z"},
    ],
)  # fmt: skip
def test_every_way_of_waking_it_finds_the_drop(event: dict[str, Any]) -> None:
    deliver(ALL)
    assert start(event)["drops"] == {"inbox/2026-11-24/one/": "finished"}


def test_a_drop_without_its_complete_waits() -> None:
    deliver(ALL, complete=False)
    assert start()["drops"] == {}
    assert not keys("reports/")


def test_drops_are_applied_in_the_order_of_their_days() -> None:
    deliver({"tenancies.csv": TENANCIES.replace("12 Curlew", "99 Curlew")}, "later", "2026-11-25")
    deliver(ALL, "earlier", "2026-11-24")
    start(s3_event())
    (item,) = store.fetch([tenancies.key_of(tenancies.tenancy_id("LH10001"))], clock.now())
    assert item.address_line_1 == "99 Curlew Walk"


def test_another_run_at_work_is_left_alone() -> None:
    deliver(ALL)
    assert exchange.take_lease("another run", clock.now())
    assert start()["drops"] == {}
    exchange.give_back_lease("another run", clock.now())
    assert start()["drops"] == {"inbox/2026-11-24/one/": "finished"}


def test_a_run_that_died_is_followed_once_its_lease_is_over(noon: Any) -> None:
    deliver(ALL)
    assert exchange.take_lease("a run that dies", clock.now())
    noon.shift(60)
    assert start()["drops"] == {"inbox/2026-11-24/one/": "finished"}


def test_bad_rows_go_to_quarantine_and_the_rest_is_applied() -> None:
    told = load({
        "tenancies.csv": TENANCIES
        + "LH10009,06/04/2020,,1 Heron Rise,,Aldermere,AM4\nLH10010,2020-04-06\nLH_1,2020-04-06,,,,,\n",
        "people.csv": PEOPLE + "LH77777,P9,,A,B,1990-01-01,a@example.com,07700900001\n",
        "rent_accounts.csv": ACCOUNTS
        + "X-1,LH10001,flat,Rent,1,,,\nX-2,LH77777,home,Rent,1,,,\n10001-H,LH10002,home,Rent,1,,,\n",
        "transactions.csv": TRANSACTIONS
        + 'T7,10001-H,2026-11-11,payment,"=HYPERLINK(1)",12.345\nT8,nowhere,2026-11-11,payment,,-1.00\n'
        + "T9,10001-H,2026-11-11,gift,,-1.00\nT10,10001-H,2026-02-30,payment,,-1.00\n",
    })  # fmt: skip
    counts = {n: (f["applied"], f["refused"]) for n, f in told["files"].items()}
    assert counts == {
        "tenancies.csv": (3, 3), "people.csv": (4, 1), "rent_accounts.csv": (3, 3), "transactions.csv": (6, 4),
    }  # fmt: skip
    assert told["files"]["tenancies.csv"]["reasons"] == [
        {"line": 5, "reason": "start_date is not a date like 2026-11-24"},
        {"line": 6, "reason": "it has 2 cells where the header has 7"},
        {"line": 7, "reason": "tenancy_reference holds more than letters, numbers and / . -, or is too long"},
    ]
    # A row that could not be read comes before one that the record refuses, in the order in which they were found.
    rows = quarantine("transactions.csv")
    assert rows[0][:3] == ["line", "reason", "transaction_reference"]
    assert {row[0]: row[1] for row in rows[1:]} == {
        "8": "amount is not an amount in pounds like 123.45",
        "9": "rent_account_reference is none that we hold",
        "10": "kind is none of charge, payment, benefit, adjustment, refund",
        "11": "posted_on is not a date like 2026-11-24",
    }
    assert next(row for row in rows if row[0] == "8")[6] == "'=HYPERLINK(1)"


def test_what_could_not_be_read_stands_in_no_log_and_no_report(capsys: pytest.CaptureFixture[str]) -> None:
    told = load({"tenancies.csv": TENANCIES, "people.csv": PEOPLE.replace("1990-03-27", "27.03.1990")})
    assert told["files"]["people.csv"]["refused"] == 2
    captured = capsys.readouterr()
    for mark in ("27.03.1990", "Okafor", "amara", "Amara"):
        assert mark not in captured.out + captured.err + json.dumps(told)


def test_a_person_whose_address_or_number_is_no_good_is_kept_without_it() -> None:
    people = PEOPLE.splitlines()[0] + "\nLH10001,P1,Ms,Amara,Okafor,1990-03-27,amara at example,020 7946 0000\n"
    told = load({"tenancies.csv": TENANCIES, "people.csv": people})["files"]["people.csv"]
    assert (told["applied"], told["refused"], told["warnings"]) == (1, 0, 2)
    (person,) = tenancies.people_to_match("LH10001", clock.now())
    assert (person.email, person.mobile, person.date_of_birth) == (None, None, date(1990, 3, 27))


def test_a_tenancy_that_changes_changes_what_its_people_see(writes: Counter[str]) -> None:
    load(ALL, "one")
    writes.clear()
    load(
        {
            "tenancies.csv": TENANCIES.splitlines()[0]
            + "\nLH10001,2020-04-06,2026-12-06,12 Curlew Walk,,Aldermere,AM4 2QX\n"
        },
        "two",
    )
    held = tenancies.tenancies_of(tenancies.person_id("P2"), clock.now())
    assert [t.end_date for t in held] == [date(2026, 12, 6)]
    assert writes == {"tenancies": 2}  # what two people see in one call, then the tenancy


PEOPLE_HEAD = PEOPLE.splitlines()[0]
AMARA = "1,Ms,Amara,Okafor,1990-03-27,amara@example.com,07700900123"
AT_THREE = "\n".join([TENANCIES.splitlines()[0], *(f"LH{n},2020-04-06,,{n} Quay,,A,AM1 1AA" for n in (1, 2, 3))])


def sees(person_reference: str) -> set[str]:
    found = tenancies.tenancies_of(tenancies.person_id(person_reference), clock.now())
    return {tenancy.reference for tenancy in found}


class TestPersonReferences:
    """A person reference that is unique within its tenancy only must never show somebody another's home."""

    @pytest.mark.parametrize("at_once", [300, 1])
    @pytest.mark.parametrize(
        "other",
        [
            "1,Mr,Bo,Lind,1971-01-02,bo@example.com,07700900124",
            "1,Ms,Amara,Okafor,1971-01-02,amara@example.com,07700900123",
            "1,Mr,Bo,Lind,1990-03-27,bo@example.com,07700900124",
            "1,Mr,Bo,Okafor,,amara@example.com,07700900123",
            "1,Ms,Amara,Okafor,,,",
            "1,,,,,,",
        ],
    )
    def test_a_reference_that_is_somebody_elses_on_another_tenancy_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, other: str, at_once: int
    ) -> None:
        monkeypatch.setattr(importing, "_ROWS_AT_ONCE", at_once)
        file = f"{PEOPLE_HEAD}\nLH1,{AMARA}\nLH2,{other}\n"
        for drop_id in ("one", "two"):
            told = load({"tenancies.csv": AT_THREE, "people.csv": file}, drop_id)["files"]["people.csv"]
            assert (told["refused"], told["reasons"][0]["line"]) == (1, 3)
            assert "must be unique across all tenancies" in told["reasons"][0]["reason"]
            assert sees("1") == {"LH1"}
            assert not tenancies.people_to_match("LH2", clock.now())

    def test_a_reference_that_another_drop_brought_for_somebody_else_is_refused(self) -> None:
        load({"tenancies.csv": AT_THREE, "people.csv": f"{PEOPLE_HEAD}\nLH1,{AMARA}\n"}, "one")
        file = f"{PEOPLE_HEAD}\nLH2,1,Mr,Bo,Lind,1971-01-02,bo@example.com,07700900124\n"
        told = load({"people.csv": file}, "two")
        assert (told["applied"], told["refused"]) == (0, 1)
        assert sees("1") == {"LH1"}

    def test_a_person_of_one_tenancy_does_not_become_somebody_else_on_another(self) -> None:
        both = f"{PEOPLE_HEAD}\nLH1,{AMARA}\nLH2,{AMARA}\n"
        load({"tenancies.csv": AT_THREE, "people.csv": both}, "one")
        file = f"{PEOPLE_HEAD}\nLH2,1,Mr,Bo,Lind,1971-01-02,bo@example.com,07700900124\n"
        assert load({"people.csv": file}, "two")["refused"] == 1
        assert [p.email for p in tenancies.people_to_match("LH2", clock.now())] == ["amara@example.com"]

    @pytest.mark.parametrize("at_once", [300, 1])
    @pytest.mark.parametrize(
        "other",
        [
            AMARA,
            "1,Mrs,AMARA,OKAFOR,1990-03-27,,",
            "1,Mrs,Amara,Lind,1990-03-27,amara@example.com,",
            "1,Mrs,Amara,Lind,1990-03-27,new@example.com,07700900123",
            "1,Ms,Amara,Okafor,,,07700900123",
        ],
    )
    def test_one_person_on_two_tenancies_stays_one(
        self, monkeypatch: pytest.MonkeyPatch, other: str, at_once: int
    ) -> None:
        monkeypatch.setattr(importing, "_ROWS_AT_ONCE", at_once)
        file = f"{PEOPLE_HEAD}\nLH1,{AMARA}\nLH2,{other}\n"
        assert load({"tenancies.csv": AT_THREE, "people.csv": file})["refused"] == 0
        assert sees("1") == {"LH1", "LH2"}

    def test_a_date_of_birth_is_put_right_on_all_tenancies_in_one_file(self) -> None:
        both = f"{PEOPLE_HEAD}\nLH1,{AMARA}\nLH2,{AMARA}\n"
        load({"tenancies.csv": AT_THREE, "people.csv": both}, "one")
        told = load({"people.csv": both.replace("1990-03-27", "1990-03-28")}, "two")
        assert (told["applied"], told["refused"]) == (2, 0)
        # On one of them alone it would be somebody else's.
        assert load({"people.csv": f"{PEOPLE_HEAD}\nLH1,{AMARA}\n"}, "three")["refused"] == 1

    def test_who_is_somebody_else_takes_no_right_row_along(self) -> None:
        stranger = "1,Mr,Bo,Lind,1971-01-02,bo@example.com,07700900124"
        file = f"{PEOPLE_HEAD}\nLH1,{AMARA}\nLH2,{stranger}\nLH3,{AMARA}\nLH2,{AMARA.replace('1,', '2,', 1)}\n"
        told = load({"tenancies.csv": AT_THREE, "people.csv": file})["files"]["people.csv"]
        assert (told["applied"], told["refused"]) == (3, 1)
        assert (sees("1"), sees("2")) == ({"LH1", "LH3"}, {"LH2"})

    def test_rows_that_are_as_they_were_ask_nothing_more(self) -> None:
        load(ALL, "one")
        asked = []

        def note(params: dict[str, Any], **_: Any) -> None:
            asked.append(params["TableName"])

        client = aws.client("dynamodb")
        client.meta.events.register("provide-client-params.dynamodb.Query", note)
        try:
            load({"people.csv": PEOPLE}, "two")
            assert "tenancies" not in asked
            load({"people.csv": PEOPLE.replace("Ms,", "Dr,")}, "three")
            assert asked.count("tenancies") == 1
        finally:
            client.meta.events.unregister("provide-client-params.dynamodb.Query", note)


def test_of_two_rows_for_one_record_the_last_counts() -> None:
    header = TENANCIES.splitlines()[0]
    told = load({"tenancies.csv": f"{header}\nLH1,2020-04-06,,1 First,,A,B\nLH1,2020-04-06,,2 Second,,A,B\n"})
    (item,) = store.fetch([tenancies.key_of(tenancies.tenancy_id("LH1"))], clock.now())
    assert item.address_line_1 == "2 Second"
    assert (told["applied"], told["unchanged"]) == (1, 1)


def test_a_posted_transaction_is_never_changed() -> None:
    load(ALL, "one")
    before = everything("rent")
    changed = TRANSACTIONS.replace(
        "T1,10001-H,2026-11-02,charge,Weekly rent,112.40", "T1,10001-H,2026-11-02,charge,Weekly rent,102.40"
    )
    told = load({"transactions.csv": changed.replace("T4,10001-G", "T4,10001-H")}, "two")["files"]["transactions.csv"]
    assert (told["applied"], told["unchanged"], told["refused"]) == (0, 4, 2)
    assert "send an adjustment" in told["reasons"][0]["reason"]
    assert everything("rent") == before


def test_a_line_that_stands_twice_in_a_file_is_posted_once() -> None:
    load({**ALL, "transactions.csv": TRANSACTIONS + "\n".join(TRANSACTIONS.splitlines()[1:]) + "\n"})
    assert account("LH10001", "10001-H").balance_pence == 2480
    assert len(lines("10001-H")) == 3


def test_lines_in_any_order_make_the_same_account() -> None:
    load(ALL, "one")
    shown = rent.page(account("LH10001", "10001-H"), None, clock.now())
    head, *rest = TRANSACTIONS.splitlines()
    for n, order in enumerate([rest[::-1], rest[3:] + rest[:3]]):
        tenancy = f"LH2000{n}"
        load({
            "tenancies.csv": TENANCIES.replace("lh 10001", tenancy),
            "rent_accounts.csv": ACCOUNTS.replace("10001", f"2000{n}"),
            "transactions.csv": "\n".join([head, *order]).replace("10001-", f"2000{n}-").replace("T", f"R{n}T"),
        }, f"order-{n}")  # fmt: skip
        page = rent.page(account(tenancy, f"2000{n}-H"), None, clock.now())
        assert [(x.posted_on, x.amount_pence, x.balance_pence) for x in page.lines] == [
            (x.posted_on, x.amount_pence, x.balance_pence) for x in shown.lines
        ]


def test_a_back_dated_line_moves_the_balances_after_it() -> None:
    load(ALL, "one")
    head = TRANSACTIONS.splitlines()[0]
    load({"transactions.csv": f"{head}\nT0,10001-H,2026-10-05,adjustment,Rent set right,-12.40\n"}, "two")
    page = rent.page(account("LH10001", "10001-H"), None, clock.now())
    assert [x.balance_pence for x in page.lines] == [1240, 21240, 10000, -1240]


def test_our_own_payment_that_comes_back_is_one_transaction() -> None:
    load(ALL, "one")
    reference = "P0123456789AB"
    at = clock.now()
    store.transact(*rent.posting(
        tenancies.tenancy_id("LH10001"), rent.rent_account_id("10001-H"), rent.transaction_id(reference),
        posted_on=date(2026, 11, 23), kind="payment", description="Card payment", amount_pence=-2480, at=at,
    ))  # fmt: skip
    head = TRANSACTIONS.splitlines()[0]
    row = f"{head}\n{reference},10001-H,2026-11-25,payment,PORTAL CARD,-24.80\n"
    told = load({"transactions.csv": row}, "two")["files"]["transactions.csv"]
    assert (told["applied"], told["unchanged"], told["refused"]) == (0, 1, 0)
    assert account("LH10001", "10001-H").balance_pence == 0
    told = load({"transactions.csv": row.replace("-24.80", "-24.81")}, "three")["files"]["transactions.csv"]
    assert told["refused"] == 1


def test_an_account_keeps_its_balance_when_its_row_changes(writes: Counter[str]) -> None:
    load(ALL, "one")
    writes.clear()
    told = load({"rent_accounts.csv": ACCOUNTS.replace("112.40,weekly,2026-11-30", "115.00,weekly,")}, "two")
    assert (told["applied"], told["unchanged"]) == (1, 2)
    assert writes == {"rent": 1}
    home = account("LH10001", "10001-H")
    assert (home.balance_pence, home.charge_pence, home.next_charge_on) == (2480, 11500, None)


def test_optional_columns_that_are_left_out_leave_what_is_known() -> None:
    load(ALL, "one")
    cut = "\n".join(",".join(line.split(",")[:5]) for line in ACCOUNTS.splitlines())
    assert load({"rent_accounts.csv": cut}, "two")["unchanged"] == 3
    assert account("LH10001", "10001-H").charge_pence == 11240


def test_a_missing_column_refuses_the_file_and_an_unknown_one_is_named() -> None:
    told = load({
        "tenancies.csv": TENANCIES.replace("end_date", "ends"),
        "rent_years.csv": "notes," + YEARS.replace("\nhome", "\nx,home"),
    })["files"]  # fmt: skip
    assert (told["tenancies.csv"]["status"], told["tenancies.csv"]["reason"]) == (
        "refused",
        "the header has no end_date",
    )
    assert told["rent_years.csv"]["unknown_columns"] == ["notes"]
    assert told["rent_years.csv"]["applied"] == 1


def test_strange_files_are_told_of() -> None:
    told = load({**ALL, "notes.txt": "hello"})["files"]
    assert told["notes.txt"]["status"] == "not used"


EVENTS = """repair_reference,at,event,note
R-1,2026-10-06T09:30:00,Accepted,
R-1,2026-10-19T12:20:00Z,complete,Fitted a new washer
R-2,2026-11-23T08:00:00+00:00,exploded,
R-2,yesterday,visited,
R-9,2026-11-23T08:00:00Z,visited,
R-2,2026-11-23T08:00:00Z,appointment booked,
"""
SUMMARIES = """repair_reference,sent_at,hazard,action,start_by,finish_by,text
R-2,2026-11-23T16:10:00,Excess cold,Mend the boiler,2026-11-25,,"Ring us, any time"
R-2,2026-11-23T16:10:00,,Mend the boiler,,,
R-2,2026-11-23T16:10:00,Excess cold,Mend the boiler,soon,,
"""


def test_events_and_summaries_are_taken_over_and_what_cannot_be_read_is_put_aside(writes: Counter[str]) -> None:
    with time_machine.travel(datetime(2026, 11, 24, 12, tzinfo=UTC), tick=False):
        more = {"repair_events.csv": EVENTS, "hazard_summaries.csv": SUMMARIES}
        told = load({**ALL, "repairs.csv": REPAIRS, **more})["files"]
        events, summaries = told["repair_events.csv"], told["hazard_summaries.csv"]
        assert (events["applied"], events["refused"]) == (3, 3)
        assert [r["reason"] for r in events["reasons"]] == [
            "event is none that the portal knows",
            "at is not a time like 2026-11-24T14:30:00Z",
            "repair_reference is none that we hold",
        ]
        assert [r["reason"] for r in summaries["reasons"]] == [
            "hazard is empty", "start_by is not a date like 2026-11-24",
        ]  # fmt: skip
        found = {r.reference: r for r in repairs.page(tenancies.tenancy_id("LH10001"), None, clock.now()).repairs}
        assert [e.event for e in sorted(found["R-1"].events, key=lambda e: e.at)][:2] == ["reported", "accepted"]
        assert found["R-1"].status == "completed"
        assert [e.at.isoformat() for e in found["R-1"].events if e.event == "accepted"] == ["2026-10-06T08:30:00+00:00"]
        assert found["R-2"].summary["text"] == "Ring us, any time"
        writes.clear()
        again = load(more, "two")["files"]
        assert (again["repair_events.csv"]["unchanged"], again["hazard_summaries.csv"]["unchanged"]) == (3, 1)
        assert writes["repairs"] == 0


def test_places_are_taken_over_and_rows_that_cannot_be_read_put_aside() -> None:
    header = "trade,date,period,capacity\n"
    good = "Plumbing,2099-11-30,morning,3\nplumbing,2099-11-30,School Run,0\n"
    wrong = [
        "magic,2099-11-30,morning,3", "plumbing,2099-11-31,morning,3", "plumbing,2099-11-30,night,3",
        "plumbing,2099-11-30,morning,-1", "plumbing,2099-11-30,morning,1001", "plumbing,2099-11-30,morning,2.5",
        "plumbing,2099-11-30,morning,", "plumbing,2099-11-30,morning,\u0663",
    ]  # fmt: skip
    told = load({"slots.csv": header + good + "\n".join(wrong) + "\n"})["files"]["slots.csv"]
    assert (told["applied"], told["refused"]) == (2, len(wrong))
    assert [row[0] for row in quarantine("slots.csv")[1:]] == [str(n) for n in range(4, 4 + len(wrong))]
    again = load({"slots.csv": header + good}, "two")["files"]["slots.csv"]
    assert (again["applied"], again["unchanged"]) == (0, 2)


def test_any_file_may_be_missing() -> None:
    assert load({})["status"] == "finished"
    told = load({"transactions.csv": TRANSACTIONS}, "two")
    assert told["refused"] == 6
    assert load({"people.csv": PEOPLE}, "three")["refused"] == 4
    load(ALL, "four")
    assert account("LH10001", "10001-H").balance_pence == 2480


def test_a_byte_order_mark_other_line_ends_and_quotes_are_read() -> None:
    rows = 'LH5,2020-04-06,,"1 Quay,\r\nTop ""flat""",,Aldermere,AM1\r\n'
    load({"tenancies.csv": b"\xef\xbb\xbf" + (TENANCIES.replace("\n", "\r\n") + rows).encode()})
    (item,) = store.fetch([tenancies.key_of(tenancies.tenancy_id("LH5"))], clock.now())
    assert item.address_line_1 == '1 Quay, Top "flat"'


@pytest.mark.parametrize("name", ["tenancies.csv", "people.csv", "rent_accounts.csv", "transactions.csv"])
def test_a_file_cut_at_any_byte_is_applied_as_far_as_it_goes(name: str) -> None:
    load(
        {**ALL, "transactions.csv": ""}
        if name == "transactions.csv"
        else {"tenancies.csv": TENANCIES, "rent_accounts.csv": ACCOUNTS}
    )
    whole = ALL[name].encode()
    header_ends = whole.index(b"\n")
    # Every byte of it is tried on the reading alone, in tests/unit/exchange.
    for cut in range(0, len(whole), 13):
        for key in keys("inbox/"):
            aws.client("s3").delete_object(Bucket="portal-exchange", Key=key)
        told = load({name: whole[:cut]}, f"cut-{cut}")["files"][name]
        rows = len([line for line in whole[header_ends + 1 : cut].split(b"\n") if line.strip()])
        if told["status"] == "refused":
            assert cut < header_ends, cut
        else:
            assert told["applied"] + told["unchanged"] + told["refused"] == rows, cut
    load({name: whole}, "whole")
    if name == "transactions.csv":
        assert account("LH10001", "10001-H").balance_pence == 2480


def test_an_amount_that_may_be_cut_off_is_not_posted() -> None:
    cut = TRANSACTIONS[: TRANSACTIONS.index("T2")] + "T2,10001-H,2026-11-09,charge,Weekly rent,112"
    told = load({**ALL, "transactions.csv": cut})["files"]["transactions.csv"]
    assert (told["applied"], told["refused"]) == (1, 1)
    assert "cut off" in told["reasons"][0]["reason"]


def test_a_quote_that_is_never_closed_takes_one_row_and_no_more() -> None:
    rows = TENANCIES.replace("14 Curlew Walk,Flat 2", '"14 Curlew Walk,Flat 2')
    told = load({"tenancies.csv": rows})["files"]["tenancies.csv"]
    assert (told["applied"], told["refused"]) == (2, 1)
    assert told["reasons"] == [{"line": 3, "reason": told["reasons"][0]["reason"]}]


def test_bytes_that_are_no_text_take_one_row_and_no_more() -> None:
    raw = TENANCIES.encode().replace(b"14 Curlew", b"14 \xe9\xff Curlew").replace(b"3 Heron", b"3 \x00Heron")
    told = load({"tenancies.csv": raw})["files"]["tenancies.csv"]
    assert (told["applied"], told["refused"]) == (1, 2)


def test_repairs_are_taken_over_once(writes: Counter[str]) -> None:
    told = load({**ALL, "repairs.csv": REPAIRS + "R-3,LH77777,2026-11-20,Gutter leaks,urgent,open,\n"}, "one")
    file = told["files"]["repairs.csv"]
    assert (file["applied"], file["unchanged"], file["refused"]) == (2, 0, 1)
    found = repairs.page(tenancies.tenancy_id("LH10001"), None, clock.now()).repairs
    assert [(r.reference, r.priority, r.status) for r in found] == [
        ("R-2", "urgent", "scheduled"), ("R-1", "routine", "completed"),
    ]  # fmt: skip
    writes.clear()
    told = load({"repairs.csv": REPAIRS}, "two")
    assert (told["applied"], told["unchanged"]) == (0, 2)
    assert not writes
    moved = REPAIRS.replace("R-1,LH10001", "R-1,LH10002").replace("Scheduled,", "complete,2026-11-24")
    file = load({"repairs.csv": moved}, "three")["files"]["repairs.csv"]
    assert (file["applied"], file["refused"]) == (1, 1)


class TestSnapshot:
    @staticmethod
    def tenancies(numbers: Any) -> str:
        head = TENANCIES.splitlines()[0]
        return "\n".join([head, *(f"LH{n:05},2020-04-06,,{n} Wharf Lane,,Aldermere,AM2 2QX" for n in numbers)]) + "\n"

    def load(self, numbers: Any, drop_id: str, **more: str) -> Any:
        manifest = '{"full": true}'
        return load({"tenancies.csv": self.tenancies(numbers), "manifest.json": manifest, **more}, drop_id)

    @staticmethod
    def going_on() -> int:
        today = clock.london_date(clock.now())
        return sum(not (t.end_date and t.end_date < today) for t in tenancies_store.all_tenancies())

    def test_what_a_snapshot_leaves_out_ended_yesterday(self, noon: Any) -> None:
        self.load(range(100), "one", **{"people.csv": PEOPLE.splitlines()[0] + "\nLH00003,P1,,A,B,,,\n"})
        told = self.load([n for n in range(100) if n % 25 != 3 or n > 80], "two")
        assert (told["status"], told["files"]["tenancies.csv"]["applied"]) == ("finished", 4)
        (item,) = store.fetch([tenancies.key_of(tenancies.tenancy_id("LH00003"))], clock.now())
        assert item.end_date == date(2026, 11, 23)
        (held,) = tenancies.tenancies_of(tenancies.person_id("P1"), clock.now())
        assert held.end_date == date(2026, 11, 23)
        assert self.going_on() == 96

    def test_a_fall_of_more_than_five_percent_waits_for_a_yes(self) -> None:
        self.load(range(100), "one")
        told = self.load(range(6, 101), "two")
        file = told["files"]["tenancies.csv"]
        assert (told["status"], file["status"], file["applied"]) == ("held", importing.HELD, 0)
        assert "_approved" in file["reason"]
        assert self.going_on() == 100
        assert start()["drops"] == {}
        deliver({"_approved": ""}, "two")
        assert start(s3_event("two"))["drops"] == {"inbox/2026-11-24/two/": "finished"}
        assert self.going_on() == 95
        assert report("two")["status"] == "finished"

    @pytest.mark.parametrize(("newer", "day"), [("three", "2026-11-25"), ("one-more", "2026-11-24")])
    def test_a_yes_after_a_newer_drop_ends_nothing_of_what_that_brought(self, noon: Any, newer: str, day: str) -> None:
        self.load(range(100), "one")
        noon.shift(60)
        self.load(range(6, 100), "two", **{"rent_years.csv": YEARS})
        noon.shift(60)
        deliver({"tenancies.csv": self.tenancies([200])}, newer, day)
        start()
        deliver({"_approved": ""}, "two")
        assert start()["drops"] == {"inbox/2026-11-24/two/": "finished"}
        assert self.going_on() == 101
        told = report("two")
        file = told["files"]["tenancies.csv"]
        assert (told["status"], file["status"], file["applied"]) == ("finished", "refused", 0)
        assert "a newer delivery was applied: send a new snapshot" in file["reason"]
        assert told["files"]["rent_years.csv"]["applied"] == 1
        assert start()["drops"] == {}
        noon.shift(60)
        self.load([*range(6, 100), 200], "zz", _approved="")
        assert self.going_on() == 95

    def test_exactly_five_percent_is_no_fall(self) -> None:
        self.load(range(100), "one")
        assert self.load(range(5, 100), "two")["status"] == "finished"
        assert self.going_on() == 95

    def test_a_snapshot_with_rows_that_cannot_be_read_ends_nothing(self) -> None:
        self.load(range(100), "one")
        told = load(
            {"tenancies.csv": self.tenancies(range(1, 100)) + "LH00000,soon,,,,,\n", "manifest.json": '{"full": true}'},
            "two",
        )
        assert told["files"]["tenancies.csv"]["refused"] == 1
        assert self.going_on() == 100

    @pytest.mark.parametrize("manifest", ['{"full": false}', '{"full": "true"}', "[]", "{", "\xff"])
    def test_any_other_manifest_makes_no_snapshot(self, manifest: str) -> None:
        self.load(range(20), "one")
        load({"tenancies.csv": self.tenancies(range(1)), "manifest.json": manifest.encode("latin-1")}, "two")
        assert self.going_on() == 20


class TestStopping:
    def test_it_stops_in_good_time_wakes_itself_and_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importing, "_ROWS_AT_ONCE", 1)
        deliver(ALL)
        left = iter([900_000] * 14 + [1_000])
        assert start(s3_event(), lambda: next(left)) == {"drops": {}, "stopped": True}
        assert not keys("reports/")
        assert start(s3_event())["drops"] == {"inbox/2026-11-24/one/": "finished"}
        told = report()
        assert {n: (f["applied"], f["unchanged"], f["refused"]) for n, f in told["files"].items()} == {
            "tenancies.csv": (3, 0, 0), "people.csv": (4, 0, 0), "rent_accounts.csv": (3, 0, 0),
            "rent_years.csv": (1, 0, 0), "transactions.csv": (6, 0, 0),
        }  # fmt: skip

    def test_killed_at_any_call_a_later_run_makes_the_same_record(
        self, monkeypatch: pytest.MonkeyPatch, noon: Any
    ) -> None:
        load(ALL, "calm")
        wanted = everything()
        self._empty()
        deliver(ALL, "one", "2026-11-25")
        client, calls = aws.client("dynamodb"), 0
        for kill_at in range(1, 200):
            seen = 0

            def maybe_die(kill_at: int = kill_at, **_: Any) -> None:
                nonlocal seen
                seen += 1
                if seen == kill_at:
                    raise KeyboardInterrupt

            client.meta.events.register("before-call.dynamodb", maybe_die)
            try:
                start()
            except KeyboardInterrupt:
                calls += 1
            else:
                break
            finally:
                client.meta.events.unregister("before-call.dynamodb", maybe_die)
                noon.shift(61)
            start()
            assert everything() == wanted, kill_at
            self._empty()
        assert calls > 20

    @staticmethod
    def _empty() -> None:
        client = aws.client("dynamodb")
        for table in ("tenancies", "rent", "outbox"):
            for item in client.scan(TableName=table)["Items"]:
                client.delete_item(TableName=table, Key={k: item[k] for k in ("pk", "sk")})

    def test_a_drop_that_fails_holds_back_the_newer_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: Any) -> Any:
            raise store.Unavailable

        moved = TENANCIES.replace("12 Curlew", "99 Curlew")
        with monkeypatch.context() as patch:
            patch.setitem(importing._FILES, "tenancies.csv", importing._File(lambda row: row, fails))
            deliver({"rent_years.csv": YEARS}, "first", "2026-11-22")
            deliver({"tenancies.csv": TENANCIES}, "bad", "2026-11-23")
            deliver({"tenancies.csv": moved}, "newer", "2026-11-24")
            with pytest.raises(importing.ImportFailed):
                start()
        assert keys("reports/") == ["reports/2026-11-22/first.json"]
        drops = start()["drops"]
        assert list(drops) == ["inbox/2026-11-23/bad/", "inbox/2026-11-24/newer/"]
        (item,) = store.fetch([tenancies.key_of(tenancies.tenancy_id("LH10001"))], clock.now())
        assert item.address_line_1 == "99 Curlew Walk"

    def test_a_drop_that_fails_is_passed_over_once_its_complete_is_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: Any) -> Any:
            raise store.Unavailable

        monkeypatch.setitem(importing._FILES, "people.csv", importing._File(lambda row: row, fails))
        deliver({"people.csv": PEOPLE}, "bad", "2026-11-23")
        deliver({"tenancies.csv": TENANCIES}, "newer", "2026-11-24")
        with pytest.raises(importing.ImportFailed):
            start()
        aws.client("s3").delete_object(Bucket="portal-exchange", Key="inbox/2026-11-23/bad/_complete")
        assert start()["drops"] == {"inbox/2026-11-24/newer/": "finished"}


def test_the_time_is_noted(noon: Any) -> None:
    noon.move_to(datetime(2026, 11, 24, 2, 15, tzinfo=UTC))
    told = load(ALL)
    assert told["started_at"] == told["finished_at"] == "2026-11-24T02:15:00+00:00"
