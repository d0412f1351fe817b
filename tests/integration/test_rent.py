"""Lines in pages, statements, the rent year and the explanation: through the function, on moto."""

import csv
import io
import re
import subprocess
from datetime import date, timedelta
from typing import Any

import icalendar
import pypdf
import pytest

from portal import aws, clock, documents, store
from portal.rent import service as rent
from portal.rent import statements
from portal.rent import store as rent_store
from portal.rent.recording import ImportedAccount, ImportedYear, record_accounts, record_years
from portal.rent.store import Posting
from tests.integration.conftest import Browser, add_tenancy, log_in_as
from tests.integration.test_identity import PASSWORD, registered
from tests.integration.test_rent_and_pay import add_account, start

WEEK = timedelta(days=7)
FREE = (date(2026, 12, 21), date(2026, 12, 28), date(2027, 3, 22), date(2027, 3, 29))


def add_lines(tenancy_id: str, account_id: str, lines: list[tuple[date, str, str, int]]) -> None:
    """Post (day, kind, words, pence) lines, a few at once."""
    named = [
        Posting(rent.transaction_id(f"{account_id}{day}{words}{n}"), day, kind, words, pence)
        for n, (day, kind, words, pence) in enumerate(lines)
    ]
    for begin in range(0, len(named), 24):
        store.transact(*rent_store.postings(tenancy_id, account_id, named[begin : begin + 24], clock.now()))


def a_home(tenancy: Any, reference: str = "RA10001", **changes: Any) -> str:
    """A home's account as the exchange brings it, charged £112.40 a week."""
    facts = {
        "charge_pence": 112_40, "charge_frequency": "weekly", "next_charge_on": date(2026, 11, 30),
        "says": frozenset({"charge_pence", "charge_frequency", "next_charge_on"}),
    } | changes  # fmt: skip
    record_accounts([ImportedAccount(reference, tenancy.tenancy_id, "home", "Rent", "98264", **facts)], clock.now())
    return rent.rent_account_id(reference)


@pytest.fixture
def home(browser: Browser, own_tenancy: Any, noon: Any) -> str:
    """A year of weekly rent and a monthly Direct Debit; the browser is logged in."""
    account_id = a_home(own_tenancy)
    record_years([ImportedYear("home", date(2026, 4, 6), 48, FREE)], clock.now())
    charges = [(date(2025, 12, 1) + n * WEEK, "charge", "Rent", 112_40) for n in range(52)]
    paid = [(date(2026, month, 3), "payment", "Direct Debit", -449_60) for month in range(1, 12)]
    add_lines(own_tenancy.tenancy_id, account_id, sorted(charges + paid))
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    return account_id


def get(browser: Browser, account: str, what: str, **query: str) -> Any:
    return browser.call("balance", "GET", f"/api/balance/{account}/{what}", query=query)


def all_lines(browser: Browser, account: str, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = get(browser, account, "transactions", **query)
        assert page.status == 200, page
        found += page.json["transactions"]
        if page.json["next_cursor"] is None:
            return found
        query["cursor"] = page.json["next_cursor"]


class Reads:
    """Counts the calls that reach DynamoDB and the items that they answer."""

    def __init__(self) -> None:
        self.calls = self.items = 0
        aws._session().register("after-call.dynamodb", self._note)
        aws.client("dynamodb").meta.events.register("after-call", self._note)

    def _note(self, parsed: dict[str, Any], **_: Any) -> None:
        self.calls += 1
        self.items += len(parsed.get("Items", ())) + sum(len(i) for i in parsed.get("Responses", {}).values())

    def of(self, do: Any) -> tuple[int, int]:
        self.calls = self.items = 0
        assert do().status == 200
        return self.calls, self.items


def test_a_page_costs_the_same_in_ten_years_of_weekly_lines_as_in_one_and_the_last_as_the_first(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    reads, costs = Reads(), {}
    for years in (1, 10):
        account = add_account(own_tenancy.tenancy_id, f"RA{years}")
        weeks = [(date(2026, 11, 23) - n * WEEK, "charge", "Rent", 100_00 + n) for n in range(52 * years)]
        add_lines(own_tenancy.tenancy_id, account, weeks)
        query: dict[str, str] = {}
        pages = []
        while True:
            pages.append(reads.of(lambda a=account, q=dict(query): get(browser, a, "transactions", **q)))
            cursor = get(browser, account, "transactions", **query).json["next_cursor"]
            if cursor is None:
                break
            query = {"cursor": cursor}
        costs[years] = pages
    assert len(costs[1]) == 3 < 21 == len(costs[10])
    assert set(costs[1][:-1]) == set(costs[10][:-1]) == {(3, 30)}, "25 lines and two, the session, the account twice"
    assert max(costs[10]) == (3, 30)


def test_pages_neither_skip_nor_repeat_nor_misreckon_while_lines_arrive_above_and_below(
    browser: Browser, own_tenancy: Any, home: str
) -> None:
    found, query, n = [], {}, 0
    while True:
        page = get(browser, home, "transactions", **query).json
        found += page["transactions"]
        if page["next_cursor"] is None:
            break
        n += 1
        late = [(date(2026, 11, 24), "charge", "new", 1_00), (date(2025, 11, n), "charge", "old", 2_00)]
        add_lines(own_tenancy.tenancy_id, home, [(d, k, f"{w}{n}", p) for d, k, w, p in late])
        query = {"cursor": page["next_cursor"]}
    ids = [line["transaction_id"] for line in found]
    assert len(ids) == len(set(ids)) == 52 + 11 + n, "every line that was there, and those that came below"
    now = {line["transaction_id"]: line["balance_pence"] for line in all_lines(browser, home)}
    assert found[-1]["balance_pence"] == now[found[-1]["transaction_id"]]


def test_lines_of_a_kind_and_of_some_days_have_the_balance_of_the_whole_account(browser: Browser, home: str) -> None:
    everything = all_lines(browser, home)
    paid = all_lines(browser, home, kind="payment")
    assert paid == [line for line in everything if line["kind"] == "payment"]
    spring = {"from": "2026-03-01", "to": "2026-05-31"}
    assert all_lines(browser, home, **spring) == [
        line for line in everything if spring["from"] <= line["posted_on"] <= spring["to"]
    ]
    assert all_lines(browser, home, kind="payment", **spring) == [
        line for line in paid if spring["from"] <= line["posted_on"] <= spring["to"]
    ]
    assert all_lines(browser, home, **{"from": "2030-01-01"}) == []
    assert all_lines(browser, home, kind="refund") == []


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "rent"}, {"kind": ""}, {"from": "2026-02-30"}, {"to": "yesterday"},
        {"from": "2026-05-02", "to": "2026-05-01"},
        {"cursor": "MjAyNi0xMS0xNg"}, {"cursor": "é"}, {"since": "2026-01-01"}, {"from_": "2026-01-01"},
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_read_names_what_is_wrong(browser: Browser, home: str, query: dict[str, str]) -> None:
    reply = get(browser, home, "transactions", **query)
    assert reply.status == 422
    assert reply.json["errors"][0]["field"] in query


def test_a_statement_opens_with_the_balance_before_and_closes_with_that_after_its_lines(
    browser: Browser, home: str
) -> None:
    everything = all_lines(browser, home)[::-1]
    for since, until in (("2026-03-02", "2026-05-31"), ("2025-01-01", "2026-11-24"), ("2026-05-05", "2026-05-05")):
        made = get(browser, home, "statement", **{"from": since, "to": until}).json
        inside = [line for line in everything if since <= line["posted_on"] <= until]
        before = [line["amount_pence"] for line in everything if line["posted_on"] < since]
        assert made["transactions"] == inside
        assert made["opening_pence"] == sum(before)
        assert made["closing_pence"] == made["opening_pence"] + sum(line["amount_pence"] for line in inside)
        assert made["tenant"][:2] == ["Ms Amara Okafor", "12 Curlew Walk"]
        assert made["landlord"][0] == "Larkfield Homes"


def test_as_csv_the_first_line_is_the_opening_balance_the_last_the_closing_one_and_the_sum_is_right(
    browser: Browser, own_tenancy: Any, home: str
) -> None:
    add_lines(own_tenancy.tenancy_id, home, [(date(2026, 11, 20), "adjustment", "=cmd|' /C calc'!A0", -7)])
    reply = get(browser, home, "statement", **{"from": "2026-03-02", "to": "2026-11-24", "format": "csv"})
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"] == 'attachment; filename="statement-2026-03-02-to-2026-11-24.csv"'
    header, *rows = csv.reader(io.StringIO(reply.text))
    assert header == ["posted_on", "kind", "description", "amount", "balance"]
    pence = [(int(a.replace(".", "")), int(b.replace(".", ""))) for *_, a, b in rows]
    assert [rows[0][1], rows[-1][1]] == ["opening_balance", "closing_balance"]
    assert pence[0][1] + sum(amount for amount, _ in pence) == pence[-1][1]
    assert [row[2] for row in rows if row[1] == "adjustment"] == ["'=cmd|' /C calc'!A0"]


def pounds_of(text: str) -> int:
    found = re.search(r"£([\d,]+)\.(\d\d)( in credit)?", text)
    assert found, text
    return int(found[1].replace(",", "") + found[2]) * (-1 if found[3] else 1)


def test_as_pdf_opening_and_lines_make_the_closing_balance_and_screen_readers_can_read_it(
    browser: Browser, home: str
) -> None:
    query = {"from": "2026-03-02", "to": "2026-11-24"}
    made = get(browser, home, "statement", **query).json
    reply = get(browser, home, "statement", **query, format="pdf")
    assert reply.headers["content-type"] == "application/pdf"
    document = pypdf.PdfReader(io.BytesIO(reply.body))
    root = document.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en-GB"
    assert "<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data().decode()
    assert "Statement of your account" in document.metadata.title
    text = [line for page in document.pages for line in page.extract_text().split("\n")]
    assert {"Ms Amara Okafor", "12 Curlew Walk", "Larkfield Homes", "Tenancy reference LH10001"} <= set(text)
    opening = next(pounds_of(line) for line in text if line.startswith("Balance before"))
    closing = next(pounds_of(line) for line in text if line.startswith("Balance after £"))
    signed = [line for line in text if re.match(r"\d.*[+\u2212]£", line)]
    amounts = [abs(pounds_of(line)) * (1 if "+" in line else -1) for line in signed]
    assert len(amounts) == len(made["transactions"])
    assert opening + sum(amounts) == closing == made["closing_pence"]


def test_a_statement_names_everybody_who_holds_the_tenancy(browser: Browser, home: str, own_tenancy: Any) -> None:
    add_tenancy("LH10001", "P10002", first_name="Ben", last_name="Okafor", email="ben@example.com")
    made = get(browser, home, "statement").json
    assert made["tenant"][:3] == ["Ms Amara Okafor", "Ms Ben Okafor", "12 Curlew Walk"]
    text = pypdf.PdfReader(io.BytesIO(get(browser, home, "statement", format="pdf").body)).pages[0].extract_text()
    assert {"Ms Amara Okafor", "Ms Ben Okafor"} <= set(text.split("\n"))


_MARKUP = '#panic() #read("/etc/passwd") *b* _i_ $x$ ]} \\ <label> @ref // = == `raw` #sys.inputs'


def test_what_stands_in_a_record_is_never_markup_to_the_statement(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    other = add_tenancy("LH2", "P2", first_name=_MARKUP, last_name='#eval("1+1")', email="two@example.com")
    account = add_account(other.tenancy_id, "RA2", name=_MARKUP)
    add_lines(other.tenancy_id, account, [(date(2026, 11, 2), "charge", _MARKUP, 1_00)])
    log_in_as(browser, other.person_id, other.tenancy_id)
    reply = get(browser, account, "statement", format="pdf")
    assert reply.status == 200
    text = " ".join("".join(p.extract_text() for p in pypdf.PdfReader(io.BytesIO(reply.body)).pages).split())
    assert '#eval("1+1")' in text
    assert text.count('#panic() #read("/etc/passwd")') == 4, "name, title, account, line"


def test_a_name_in_letters_that_the_fonts_lack_makes_a_statement_all_the_same(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    other = add_tenancy("LH2", "P2", first_name="李", last_name="明 😀", email="two@example.com")
    account = add_account(other.tenancy_id, "RA2")
    log_in_as(browser, other.person_id, other.tenancy_id)
    reply = get(browser, account, "statement", format="pdf")
    assert reply.status == 200
    text = pypdf.PdfReader(io.BytesIO(reply.body)).pages[0].extract_text()
    assert "Some letters could not be printed here" in text


def test_a_statement_of_more_than_ten_years_or_more_lines_than_lambda_can_answer_is_refused(
    browser: Browser, own_tenancy: Any, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = get(browser, home, "statement", **{"from": "2016-01-01", "to": "2026-11-24"})
    assert (reply.status, reply.json["errors"][0]["field"]) == (422, "from")
    monkeypatch.setattr(rent, "MOST_LINES", 20)
    assert get(browser, home, "statement", **{"from": "2026-01-01", "to": "2026-11-24"}).status == 422
    assert get(browser, home, "statement", **{"from": "2026-11-01", "to": "2026-11-24"}).status == 200


def test_the_longest_statement_fits_into_an_answer_of_lambda(own_tenancy: Any) -> None:
    line = rent.Line("x" * 26, date(2016, 1, 4), "charge", "Rent, service charge and " * 20, 112_40, 1_234_567_89)
    made = rent.Statement(
        "RA1", "Rent", date(2016, 1, 1), date(2026, 1, 1), 0, [line] * rent.MOST_LINES, 1_234_567_89, clock.now()
    )
    longest = statements.as_csv(made)
    assert len(longest.encode()) < 6_000_000
    usual = made._replace(lines=[line._replace(description="Rent and service charge")] * rent.MOST_LINES)
    document = statements.as_pdf(
        usual,
        ["Ms A"],
        "LH1",
        {"contact": {"team": "", "phone": "", "opening_hours": "", "address": []}, "landlord": {"name": "L"}},
    )
    assert len(document) * 4 // 3 < 6_000_000


def test_the_explanation_tells_what_came_since_the_same_browser_logged_in_before(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    account = a_home(own_tenancy)
    login = {"email": "amara@example.com", "password": PASSWORD}
    assert browser.call("login", "POST", "/api/login", login).status == 200
    noon.shift(timedelta(days=8))
    add_lines(own_tenancy.tenancy_id, account, [(date(2026, 11, 9), "charge", "Rent", 112_40)])
    assert browser.call("login", "POST", "/api/login", login).status == 200
    told = get(browser, account, "explanation").json
    assert (told["balance_pence"], told["balance"]) == (112_40, "You owe £112.40")
    since = next(said["text"] for said in told["sentences"] if said["about"] == "since")
    assert since.startswith("Since you last logged in with this browser, on Tuesday 24 November: we charged £112.40.")
    stranger = Browser()
    assert stranger.call("login", "POST", "/api/login", login).status == 200
    since = next(i["text"] for i in get(stranger, account, "explanation").json["sentences"] if i["about"] == "since")
    assert since.startswith("In the last four weeks")


def test_the_explanation_has_the_pending_payment_the_next_charge_and_a_year_of_months(
    browser: Browser, home: str
) -> None:
    start(browser, home, 50_00)
    told = get(browser, home, "explanation").json
    about = {said["about"]: said["text"] for said in told["sentences"]}
    assert "£50.00" in about["on_its_way"]
    assert about["next"] == "The next charge is £112.40, on Monday 30 November."
    assert "You pay by the month" in about["in_between"]
    assert not told["charge_inferred"]
    months = told["months"]
    assert len(months) == 12
    assert (
        months[-1]["balance_pence"] == told["balance_pence"] == sum(i["amount_pence"] for i in all_lines(browser, home))
    )


def test_the_rent_calendar_is_the_landlords_year_and_the_file_has_the_same_days(browser: Browser, home: str) -> None:
    found = get(browser, home, "calendar").json
    year = found["year"]
    assert (found["charge_pence"], found["next_charge_on"], found["inferred"], year["inferred"]) == (
        112_40,
        "2026-11-30",
        False,
        False,
    )
    assert (year["starts_on"], year["ends_on"], year["weeks"], year["charged_weeks"]) == (
        "2026-04-06",
        "2027-04-04",
        52,
        48,
    )
    assert [p["charged_on"] for p in year["periods"] if not p["charge_pence"]] == [str(day) for day in FREE]
    assert year["total_pence"] == sum(p["charge_pence"] for p in year["periods"]) == 48 * 112_40
    assert {way["every"]: way["amount_pence"] for way in year["for_the_year"]}["month"] == 449_60
    assert year["universal_credit_pence"] == 449_60
    assert year["extra_charge"] is None
    reply = get(browser, home, "calendar.ics")
    assert reply.headers["content-type"] == "text/calendar; charset=utf-8"
    events = icalendar.Calendar.from_ical(reply.text).walk("VEVENT")
    assert [str(event["DTSTART"].dt) for event in events] == [p["charged_on"] for p in year["periods"]]
    assert len({event["UID"] for event in events}) == 52
    assert sum("no rent this week" in event["SUMMARY"] for event in events) == 4
    assert "Okafor" not in reply.text


def test_what_no_file_says_is_worked_out_from_posted_charges_and_said_to_be(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    account = add_account(own_tenancy.tenancy_id, "RA9")
    add_lines(
        own_tenancy.tenancy_id, account, [(date(2026, 8, 3) + n * WEEK, "charge", "Rent", 98_00) for n in range(17)]
    )
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    found = get(browser, account, "calendar").json
    assert (found["charge_frequency"], found["charge_pence"], found["next_charge_on"]) == (
        "weekly",
        98_00,
        "2026-11-30",
    )
    assert (found["inferred"], found["year"]["inferred"], found["year"]["starts_on"]) == (True, True, "2026-04-06")
    assert get(browser, account, "explanation").json["charge_inferred"]


def test_nothing_more_is_charged_where_nothing_is_known_or_the_tenancy_ended(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    account = add_account(own_tenancy.tenancy_id, "RA8", kind="court_costs")
    empty = get(browser, account, "calendar").json
    assert (empty["year"], empty["charge_pence"], empty["next_charge_on"]) == (None, None, None)
    assert get(browser, account, "calendar.ics").status == 200
    ended = add_tenancy("LH3", "P3", email="three@example.com", end_date=date(2026, 11, 1))
    account = a_home(ended, "RA3")
    log_in_as(browser, ended.person_id, ended.tenancy_id)
    assert get(browser, account, "calendar").json["year"] is None
    assert "next" not in [said["about"] for said in get(browser, account, "explanation").json["sentences"]]


@pytest.mark.parametrize("what", ["transactions", "statement", "explanation", "calendar", "calendar.ics"])
def test_somebody_elses_account_is_answered_like_none(browser: Browser, home: str, what: str) -> None:
    other = add_tenancy("LH20002", "P20002", email="other@example.com")
    stranger = Browser()
    log_in_as(stranger, other.person_id, other.tenancy_id)
    theirs, missing = get(stranger, home, what), get(stranger, "0" * 26, what)
    assert theirs.status == missing.status == 404
    assert (theirs.text, theirs.headers) == (missing.text, missing.headers)


def test_a_statement_that_takes_longer_than_an_answer_may_is_to_be_tried_again(
    browser: Browser, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: Any, timeout: float, **__: Any) -> None:
        assert 0 < timeout <= 8
        raise subprocess.TimeoutExpired("typesetting", timeout)

    monkeypatch.setattr(documents.subprocess, "run", late)
    reply = get(browser, home, "statement", format="pdf")
    assert (reply.status, reply.json["type"]) == (503, "/problems/try-again-soon")
