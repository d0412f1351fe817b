"""Balances, transactions and payments: through the functions, on moto."""

import contextlib
import json
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any
from urllib.error import URLError

import pytest

from portal import clock, ids, store
from portal.exchange.store import EntryItem
from portal.mail.store import MAIL_PK, MailItem
from portal.payments import sandbox
from portal.payments.store import PaymentItem
from portal.rent import service as rent
from portal.rent.store import AccountItem, LineItem, OwnerItem, PostedItem
from tests import recorder
from tests.integration.conftest import Browser, add_tenancy, log_in_as

KEY = {"idempotency-key": "3f1e7a52-0001"}


def add_account(tenancy_id: str, reference: str, kind: str = "home", name: str = "Rent") -> str:
    account_id = rent.rent_account_id(reference)
    store.put_all(
        [
            AccountItem(
                pk=f"TENANCY#{tenancy_id}", sk=f"ACCOUNT#{account_id}", reference=reference, kind=kind, name=name,
                payment_reference=f"77{reference}", as_at=clock.now(),
            ),
            OwnerItem(pk=f"ACCOUNT#{account_id}", sk="OWNER", tenancy_id=tenancy_id),
        ]
    )  # fmt: skip
    return account_id


def post(tenancy_id: str, account_id: str, reference: str, posted_on: date, amount_pence: int) -> None:
    store.transact(
        *rent.posting(
            tenancy_id, account_id, rent.transaction_id(reference), posted_on=posted_on, kind="charge",
            description="Rent", amount_pence=amount_pence, at=clock.now(),
        )
    )  # fmt: skip


@pytest.fixture
def account(browser: Browser, own_tenancy: Any, noon: Any) -> str:
    """The own tenancy's rent account, £123.45 owed, and the browser logged in."""
    account_id = add_account(own_tenancy.tenancy_id, "RA10001")
    post(own_tenancy.tenancy_id, account_id, "T1", date(2026, 11, 16), 123_45)
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    return account_id


def balance_of(browser: Browser) -> int:
    (found,) = browser.call("balance", "GET", "/api/balance").json["rent_accounts"]
    return int(found["balance_pence"])


def lines_of(browser: Browser, account_id: str) -> list[dict[str, Any]]:
    found, query = [], {}
    while True:
        page = browser.call("balance", "GET", f"/api/balance/{account_id}/transactions", query=query)
        assert page.status == 200, page
        found += page.json["transactions"]
        if page.json["next_cursor"] is None:
            return found
        query = {"cursor": page.json["next_cursor"]}


def start(browser: Browser, account_id: str, amount_pence: int = 50_00, key: dict[str, str] | None = None) -> Any:
    body = {"rent_account_id": account_id, "amount_pence": amount_pence}
    return browser.call("pay", "POST", "/api/pay", body, headers=key or KEY)


def verdict(payment: dict[str, Any], verdict: str) -> tuple[dict[str, str], bytes]:
    """The sandbox's signed event after that verdict."""
    checkout_id = payment["checkout_url"].rpartition("/")[2]
    return sandbox.signed_event(sandbox.decide(checkout_id, verdict, clock.now()), clock.now())


def deliver(event: tuple[dict[str, str], bytes], provider: str = "sandbox") -> Any:
    headers, body = event
    return Browser().call("pay", "POST", f"/api/pay/events/{provider}", raw=body, headers=headers | {"origin": None})  # type: ignore[dict-item]


def entries() -> list[EntryItem]:
    return list(store.query(EntryItem, f"EXPORT#{clock.london_date(clock.now())}", clock.now()))


def test_the_balance_is_the_sum_of_the_lines_and_each_line_says_the_balance_after_it(
    browser: Browser, own_tenancy: Any, account: str
) -> None:
    for week in range(60):
        post(own_tenancy.tenancy_id, account, f"W{week}", date(2025, 9, 1) + timedelta(weeks=week), 100_00 + week)
        if week % 4 == 3:
            post(own_tenancy.tenancy_id, account, f"P{week}", date(2025, 9, 2) + timedelta(weeks=week), -400_00)
    lines = lines_of(browser, account)
    assert len(lines) == 76
    assert balance_of(browser) == sum(line["amount_pence"] for line in lines) == lines[0]["balance_pence"]
    running = 0
    for line in reversed(lines):
        running += line["amount_pence"]
        assert line["balance_pence"] == running
    assert [(ln["posted_on"], ln["transaction_id"]) for ln in lines] == sorted(
        ((ln["posted_on"], ln["transaction_id"]) for ln in lines), reverse=True
    )


def test_a_back_dated_line_between_two_pages_moves_the_balances_above_it_and_none_is_skipped(
    browser: Browser, own_tenancy: Any, account: str
) -> None:
    for week in range(40):
        post(own_tenancy.tenancy_id, account, f"W{week}", date(2026, 1, 5) + timedelta(weeks=week), 10_00)
    first = browser.call("balance", "GET", f"/api/balance/{account}/transactions").json
    post(own_tenancy.tenancy_id, account, "late", date(2026, 1, 1), 7_00)
    post(own_tenancy.tenancy_id, account, "new", date(2026, 11, 23), 3_00)
    rest = browser.call(
        "balance", "GET", f"/api/balance/{account}/transactions", query={"cursor": first["next_cursor"]}
    ).json["transactions"]
    assert len(first["transactions"]) + len(rest) == 42
    assert rest[-1]["balance_pence"] == 7_00
    assert rest[0]["balance_pence"] == sum(line["amount_pence"] for line in rest)


def test_a_transaction_is_posted_once(own_tenancy: Any, account: str, browser: Browser) -> None:
    with pytest.raises(store.Refused):
        post(own_tenancy.tenancy_id, account, "T1", date(2026, 11, 16), 123_45)
    with pytest.raises(store.Refused):
        post(own_tenancy.tenancy_id, account, "T1", date(2026, 11, 17), 1)
    assert balance_of(browser) == 123_45


def test_an_approved_payment_is_one_transaction_a_receipt_and_a_line_for_the_landlord(
    browser: Browser, own_tenancy: Any, account: str
) -> None:
    payment = start(browser, account)
    assert payment.status == 201
    assert payment.json["status"] == "pending"
    assert payment.json["checkout_url"].startswith("http://localhost:8000/api/sandbox/checkout/")
    assert balance_of(browser) == 123_45
    event = verdict(payment.json, "approve")
    assert deliver(event).status == 200
    shown = browser.call("pay", "GET", f"/api/pay/{payment.json['payment_id']}").json
    assert shown["status"] == "succeeded"
    assert shown["checkout_url"] is None
    assert balance_of(browser) == 73_45
    (line, _) = lines_of(browser, account)
    assert (line["amount_pence"], line["kind"], line["balance_pence"]) == (-50_00, "payment", 73_45)
    assert [m.kind for m in store.query(MailItem, MAIL_PK, clock.now())] == ["payment_receipt"]
    (row,) = entries()
    assert row.file == "payments"
    assert row.row["transaction_reference"] == shown["reference"]
    assert row.row["amount"] == "-50.00"
    assert rent.transaction_id(shown["reference"]) == line["transaction_id"]


@pytest.mark.parametrize(("said", "status"), [("decline", "failed"), ("cancel", "cancelled")])
def test_a_payment_that_was_not_made_posts_nothing(browser: Browser, account: str, said: str, status: str) -> None:
    payment = start(browser, account).json
    assert deliver(verdict(payment, said)).status == 200
    assert browser.call("pay", "GET", f"/api/pay/{payment['payment_id']}").json["status"] == status
    assert balance_of(browser) == 123_45
    assert not entries()


def test_an_event_delivered_again_late_or_often_posts_once(browser: Browser, account: str, noon: Any) -> None:
    payment = start(browser, account).json
    verdict(payment, "approve")
    checkout = sandbox.checkout(payment["checkout_url"].rpartition("/")[2], clock.now())
    for _ in range(3):
        assert deliver(sandbox.signed_event(checkout, clock.now())).status == 200
        noon.shift(timedelta(days=1))
    log_in_as(browser, payment_customer(payment), payment_tenancy(payment))
    assert balance_of(browser) == 73_45


def payment_customer(payment: dict[str, Any]) -> str:
    return str(_facts(payment)["customer_id"])


def payment_tenancy(payment: dict[str, Any]) -> str:
    return str(_facts(payment)["tenancy_id"])


def _facts(payment: dict[str, Any]) -> Any:
    return sandbox.CheckoutItem.get(f"SANDBOX#{ids.derived_id('sandbox', payment['payment_id'])}", "CHECKOUT").facts


@pytest.mark.parametrize("order", list(permutations(["failed", "cancelled", "expired", "succeeded"])))
def test_whatever_order_the_ends_come_in_money_taken_posts_once(
    browser: Browser, account: str, order: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = start(browser, account).json
    checkout = sandbox.decide(payment["checkout_url"].rpartition("/")[2], "approve", clock.now())
    monkeypatch.setattr(sandbox, "VERDICTS", {s: s for s in order})
    for status in (*order, *order):
        checkout.verdict, checkout.pk = status, f"SANDBOX#{status}"
        assert deliver(sandbox.signed_event(checkout, clock.now())).status == 200
    assert browser.call("pay", "GET", f"/api/pay/{payment['payment_id']}").json["status"] == "succeeded"
    assert balance_of(browser) == 73_45


def test_the_same_key_gives_the_same_payment_and_another_body_under_it_is_refused(
    browser: Browser, account: str, noon: Any, own_tenancy: Any
) -> None:
    """F8, and F9: after 25 hours and 400 days too, when Stripe has long forgotten the key."""
    first = start(browser, account)
    assert start(browser, account).json == first.json
    reused = start(browser, account, 51_00)
    assert (reused.status, reused.json["type"]) == (422, "/problems/idempotency-key-reused")
    for later in (timedelta(hours=25), timedelta(days=400)):
        noon.shift(later)
        log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
        assert start(browser, account).json == first.json
    assert len(browser.call("pay", "GET", "/api/pay").json["payments"]) == 1


def test_a_key_of_somebody_else_starts_a_payment_of_ones_own(browser: Browser, account: str) -> None:
    first = start(browser, account).json
    other = add_tenancy("LH20002", "P20002", email="other@example.com")
    other_account = add_account(other.tenancy_id, "RA20002")
    stranger = Browser()
    log_in_as(stranger, other.person_id, other.tenancy_id)
    theirs = start(stranger, other_account).json
    assert theirs["payment_id"] != first["payment_id"]
    assert theirs["rent_account_id"] == other_account


@pytest.mark.parametrize("key", [None, "", "short", "x" * 65, "with space 1", "käse-käse"])
def test_a_payment_without_a_proper_key_is_refused(browser: Browser, account: str, key: Any) -> None:
    answer = start(browser, account, key={"idempotency-key": key})
    assert (answer.status, answer.json["type"]) == (400, "/problems/idempotency-key-missing")


@pytest.mark.parametrize("amount", [0, -1, 99, 5_000_01, 10**20, 50.5, "5000", True, None, [1]])
def test_an_amount_we_cannot_take_names_the_field(browser: Browser, account: str, amount: Any) -> None:
    answer = start(browser, account, amount)
    assert answer.status == 422
    assert [e["field"] for e in answer.json["errors"]] == ["amount_pence"]


def test_killed_before_the_provider_was_asked_the_same_key_goes_on(
    browser: Browser, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> str:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(sandbox.Sandbox, "start", killed)
        broken = start(browser, account)
        assert (broken.status, broken.json["type"]) == (500, "/problems/unexpected")
    again = start(browser, account)
    assert again.status == 201
    assert again.json["status"] == "pending"
    assert len(browser.call("pay", "GET", "/api/pay").json["payments"]) == 1


def test_somebody_elses_account_payment_and_lines_are_answered_like_none(browser: Browser, account: str) -> None:
    payment = start(browser, account).json
    other = add_tenancy("LH20002", "P20002", email="other@example.com")
    stranger = Browser()
    log_in_as(stranger, other.person_id, other.tenancy_id)
    none = "0" * 26
    for theirs, missing in (
        (start(stranger, account), start(stranger, none)),
        (
            stranger.call("pay", "GET", f"/api/pay/{payment['payment_id']}"),
            stranger.call("pay", "GET", f"/api/pay/{none}"),
        ),
        (
            stranger.call("balance", "GET", f"/api/balance/{account}/transactions"),
            stranger.call("balance", "GET", f"/api/balance/{none}/transactions"),
        ),
        (
            stranger.call("balance", "GET", "/api/balance/../transactions"),
            stranger.call("balance", "GET", f"/api/balance/{none}/transactions"),
        ),
    ):
        assert theirs.status == missing.status == 404
        assert (theirs.text, theirs.headers) == (missing.text, missing.headers)


def _changed(event: tuple[dict[str, str], bytes], **changes: Any) -> tuple[dict[str, str], bytes]:
    headers, body = event
    facts = json.loads(body)
    facts["payment"] |= changes
    return headers, json.dumps(facts).encode()


def test_an_event_that_is_not_the_providers_or_not_young_is_refused(browser: Browser, account: str, noon: Any) -> None:
    payment = start(browser, account).json
    headers, body = verdict(payment, "approve")
    signature = headers["sandbox-signature"]
    forged = [
        {}, {"sandbox-signature": ""}, {"sandbox-signature": "t=,v1="}, {"sandbox-signature": "t=1,v1=é"},
        {"sandbox-signature": signature[:-1] + ("0" if signature[-1] != "0" else "1")},
        {"sandbox-signature": "t=99999999999," + signature.split(",")[1]},
    ]  # fmt: skip
    for bad in forged:
        assert deliver((bad, body)).status == 400
    assert deliver(_changed((headers, body), amount_pence=1)).status == 400
    assert deliver((headers, body + b" ")).status == 400
    noon.shift(-61)
    assert deliver((headers, body)).status == 400, "more than a minute ahead of our clock"
    noon.shift(61 + 301)
    assert deliver((headers, body)).status == 400, "more than five minutes old"
    assert balance_of(browser) == 123_45


def test_a_signed_event_that_does_not_fit_the_payment_is_refused_and_posts_nothing(
    browser: Browser, account: str
) -> None:
    payment = start(browser, account).json
    checkout = sandbox.decide(payment["checkout_url"].rpartition("/")[2], "approve", clock.now())
    right = dict(checkout.facts)
    for change in ({"amount_pence": 49_99}, {"rent_account_id": "0" * 26}, {"payment_id": "0" * 26}):
        checkout.facts = right | change
        assert deliver(sandbox.signed_event(checkout, clock.now())).status == 400
    assert balance_of(browser) == 123_45
    assert deliver(sandbox.signed_event(checkout, clock.now()), provider="stripe").status == 404


class Portal:
    """Stands for the portal's own address: hands the sandbox's events to the pay function, or is down."""

    def __init__(self, refusing: int = 0) -> None:
        self.refusing, self.asked = refusing, 0

    def __call__(self, request: Any, timeout: float) -> Any:
        assert timeout < 10
        assert request.full_url == "http://localhost:8000/api/pay/events/sandbox"
        self.asked += 1
        if self.asked <= self.refusing:
            raise URLError("down")
        headers = {name.lower(): value for name, value in request.header_items()}
        assert deliver((headers, request.data)).status == 200
        return contextlib.nullcontext()


def test_a_second_verdict_on_the_sandboxs_page_is_refused(
    browser: Browser, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = Portal()
    monkeypatch.setattr("urllib.request.urlopen", portal)
    payment = start(browser, account).json
    path = payment["checkout_url"].removeprefix("http://localhost:8000")
    page = Browser().call("sandbox", "GET", path)
    assert page.status == 200
    assert "£50.00" in page.text
    assert "No money moves" in page.text
    script = Browser().call("sandbox", "POST", f"{path}/decline", headers={"origin": None})  # type: ignore[dict-item]
    assert (script.status, script.json["status"]) == (200, "failed")
    assert browser.call("pay", "GET", f"/api/pay/{payment['payment_id']}").json["status"] == "failed"
    again = Browser().call("sandbox", "POST", f"{path}/approve")
    assert (again.status, again.json["type"]) == (409, "/problems/verdict-given")
    back = Browser().call("sandbox", "GET", path)
    assert (back.status, back.headers["location"]) == (303, f"http://localhost:8000/pay/done/#{payment['payment_id']}")
    assert portal.asked == 2, "whoever comes back to the page has the event told again"
    assert Browser().call("sandbox", "GET", f"/api/sandbox/checkout/{'0' * 26}").status == 404


def test_an_event_that_the_portal_did_not_take_is_sent_again_when_the_page_is_opened(
    browser: Browser, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    portal = Portal(refusing=3)
    monkeypatch.setattr("urllib.request.urlopen", portal)
    payment = start(browser, account).json
    path = payment["checkout_url"].removeprefix("http://localhost:8000")
    assert Browser().call("sandbox", "POST", f"{path}/approve").status == 200
    assert browser.call("pay", "GET", f"/api/pay/{payment['payment_id']}").json["status"] == "pending"
    assert Browser().call("sandbox", "GET", path).status == 303
    assert browser.call("pay", "GET", f"/api/pay/{payment['payment_id']}").json["status"] == "succeeded"
    assert balance_of(browser) == 73_45


def test_the_history_of_payments_pages_newest_first(browser: Browser, account: str, noon: Any) -> None:
    made = []
    for number in range(45):
        noon.shift(1)
        made.append(start(browser, account, 1_00 + number, {"idempotency-key": f"key-{number:08}"}).json["payment_id"])
    shown, query = [], {}
    for size in (20, 20, 5):
        page = browser.call("pay", "GET", "/api/pay", query=query).json
        assert len(page["payments"]) == size
        shown += [p["payment_id"] for p in page["payments"]]
        query = {"cursor": page["next_cursor"]}
    assert page["next_cursor"] is None
    assert shown == made[::-1]


@pytest.mark.parametrize("cursor", ["x", "!!!", "0" * 26 + "x", "a" * 600, "MjAyNi0xMS0xNiN4", "_w"])
def test_a_cursor_that_is_not_ours_names_the_field(browser: Browser, account: str, cursor: str) -> None:
    for name, path in (("pay", "/api/pay"), ("balance", f"/api/balance/{account}/transactions")):
        answer = browser.call(name, "GET", path, query={"cursor": cursor})
        assert answer.status == 422, answer
        assert [e["field"] for e in answer.json["errors"]] == ["cursor"]


def test_a_query_parameter_we_do_not_take_is_named(browser: Browser, account: str) -> None:
    answer = browser.call("balance", "GET", "/api/balance", query={"tenancy_id": "x"})
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "tenancy_id")


def test_while_the_hosted_page_is_open_the_session_idles_up_to_thirty_minutes(
    browser: Browser, account: str, noon: Any
) -> None:
    start(browser, account)
    noon.shift(timedelta(minutes=29))
    assert browser.call("balance", "GET", "/api/balance").status == 200


def test_money_is_never_a_float() -> None:
    with pytest.raises(TypeError):
        PaymentItem(amount_pence=1.5).serialize()
    with pytest.raises(TypeError):
        LineItem(amount_pence=True).serialize()
    assert PostedItem
    assert datetime(2026, 1, 1, tzinfo=UTC)


def test_a_line_that_comes_between_the_reads_of_a_page_puts_no_balance_wrong(
    browser: Browser, own_tenancy: Any, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.rent import store as rent_store

    read, came = rent_store.lines_down, []

    def lines_down(*arguments: Any, **how: Any) -> Any:
        lines = read(*arguments, **how)
        if len(came) < 2:
            came.append(f"between-{len(came)}")
            with recorder.somebody_else():
                post(own_tenancy.tenancy_id, account, came[-1], date(2026, 11, 1), -50_00)
        return lines

    monkeypatch.setattr(rent_store, "lines_down", lines_down)
    lines = lines_of(browser, account)
    assert [line["balance_pence"] for line in lines] == [23_45, -100_00, -50_00]


def test_a_payment_that_the_landlords_file_lists_first_is_settled_and_posted_once(
    browser: Browser, own_tenancy: Any, account: str
) -> None:
    payment = start(browser, account).json
    store.transact(
        *rent.posting(
            own_tenancy.tenancy_id, account, rent.transaction_id(payment["reference"]), posted_on=date(2026, 11, 24),
            kind="payment", description="Card", amount_pence=-50_00, at=clock.now(),
        )
    )  # fmt: skip
    event = verdict(payment, "approve")
    assert deliver(event).status == 200
    assert deliver(event).status == 200
    assert browser.call("pay", "GET", f"/api/pay/{payment['payment_id']}").json["status"] == "succeeded"
    assert balance_of(browser) == 73_45
    assert [m.kind for m in store.query(MailItem, MAIL_PK, clock.now())] == ["payment_receipt"]
    assert not entries(), "the landlord knows of it"


def test_where_there_is_no_provider_nothing_is_started_and_the_tenant_is_told(
    browser: Browser, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDER", "none")
    told = start(browser, account)
    assert (told.status, told.json["type"]) == (503, "/problems/no-payments-here")
    assert browser.call("pay", "GET", "/api/pay").json["payments"] == []
    for provider in ("none", "sandbox", "stripe", "x"):
        assert deliver(({}, b"{}"), provider=provider).status == 404


@pytest.mark.parametrize("sent", ["999999999999", "000000000000", "123456789012345", "-1", "1e9"])
def test_a_signature_of_any_time_is_refused_and_never_fails_otherwise(sent: str, browser: Browser, noon: Any) -> None:
    assert deliver(({"sandbox-signature": f"t={sent},v1=00"}, b"{}")).status == 400


def test_two_minutes_after_paying_on_a_shared_computer_the_session_idles_five_minutes_again(
    browser: Browser, account: str, own_tenancy: Any, noon: Any
) -> None:
    from portal.identity import sessions

    opened = sessions.new_session(
        own_tenancy.person_id, own_tenancy.tenancy_id, "Chrome", clock.now(), shared_computer=True
    )
    store.transact(opened.write)
    browser.cookies["__Host-session"] = opened.cookie
    start(browser, account)
    noon.shift(timedelta(minutes=25))
    assert browser.call("balance", "GET", "/api/balance").status == 200, "the provider's page was open"
    noon.shift(timedelta(minutes=5, seconds=1))
    assert browser.call("balance", "GET", "/api/balance").status == 401
