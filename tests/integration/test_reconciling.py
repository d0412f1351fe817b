"""No payment is left waiting, and where provider, portal and housing system differ, it is said and mended."""

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal import aws, clock, store
from portal.payments import sandbox
from portal.payments import store as payments
from portal.payments.provider import ProviderSilent
from portal.recorded import UNCHANGED
from portal.rent.recording import ImportedTransaction, record_transactions
from tests.integration.conftest import Browser, function
from tests.integration.test_rent_and_pay import account, balance_of, lines_of, start  # noqa: F401  (a fixture)
from tests.integration.test_settling import approved, checkout_of, shown, tell, told


def reconcile(trigger: str = "pending") -> Any:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 200_000)
    return function("reconciler").handler({"trigger": trigger}, context)


def waiting() -> int:
    return len(list(payments.all_pending("~", clock.now())))


def report_of(day: date) -> list[list[str]]:
    body = aws.client("s3").get_object(Bucket="portal-exchange", Key=f"outbox/{day}/reconciliation.csv")["Body"].read()
    header, *rows = csv.reader(io.StringIO(body.decode()))
    assert header == ["transaction_reference", "difference", "provider", "portal"]
    return rows


@pytest.mark.parametrize(
    ("verdict", "status", "owed"),
    [("approve", "succeeded", 73_45), ("decline", "failed", 123_45), ("cancel", "cancelled", 123_45)],
)
def test_f11_where_no_event_ever_comes_the_provider_is_asked_after_a_quarter_of_an_hour(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    verdict: str,
    status: str,
    owed: int,
) -> None:
    payment = start(browser, account).json
    sandbox.decide(checkout_of(payment), verdict, clock.now())
    noon.shift(timedelta(minutes=14))
    assert reconcile() == {"left": 0}
    assert shown(browser, payment)["status"] == "pending", "its event may still come"
    noon.shift(timedelta(minutes=1, seconds=1))
    for _ in range(2):
        assert reconcile() == {"left": 0}
        assert (balance_of(browser), waiting()) == (owed, 0)
    assert shown(browser, payment)["status"] == status
    tell(told(checkout_of(payment))[0])
    assert balance_of(browser) == owed, "the event that comes after all changes nothing"


def test_a_page_that_nobody_paid_on_is_closed_when_its_life_is_over_and_the_payment_has_expired(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    own_tenancy: Any,
) -> None:
    payment = start(browser, account).json
    noon.shift(timedelta(minutes=44))
    assert reconcile() == {"left": 1}
    noon.shift(timedelta(minutes=1))
    assert reconcile() == {"left": 0}
    assert waiting() == 0
    with pytest.raises(sandbox.VerdictGiven):
        sandbox.decide(checkout_of(payment), "approve", clock.now())
    item = store.fetch([payments.payment_key(own_tenancy.tenancy_id, payment["payment_id"])], clock.now())[0]
    assert item.status == "expired"


def test_a_payment_whose_start_died_before_the_provider_was_asked_expires_and_is_not_taken_up_again(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(*_: Any) -> Any:
        raise ProviderSilent

    with monkeypatch.context() as patch:
        patch.setattr(sandbox.Sandbox, "start", killed)
        told_so = start(browser, account)
        assert (told_so.status, told_so.json["type"]) == (503, "/problems/provider-silent")
    noon.shift(timedelta(minutes=14))  # the session idles for thirty minutes while paying
    assert shown(browser, browser.call("pay", "GET", "/api/pay").json["payments"][0])["status"] == "created"
    noon.shift(timedelta(minutes=2))
    again = start(browser, account)
    assert (again.status, again.json["checkout_url"]) == (201, None), "too late for a page"
    assert reconcile() == {"left": 0}
    assert (start(browser, account).json["status"], waiting()) == ("expired", 0)


def test_while_the_provider_is_silent_a_payment_waits_for_the_next_run(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payment, _ = approved(browser, account)
    noon.shift(timedelta(minutes=16))

    def silent(*_: Any) -> Any:
        raise ProviderSilent

    with monkeypatch.context() as patch:
        patch.setattr(sandbox.Sandbox, "look_up", silent)
        assert reconcile() == {"left": 1}
    assert reconcile() == {"left": 0}
    assert shown(browser, payment)["status"] == "succeeded"


def _run(job: Callable[[], Any], times: int) -> None:
    for _ in range(times):
        job()


@pytest.mark.parametrize("times", [1, 2, 64])
def test_f18_run_once_twice_or_64_times_the_jobs_come_to_the_same(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    times: int,
) -> None:
    for number in range(3):
        approved(browser, account, number)
    noon.shift(timedelta(days=1))
    _run(reconcile, times)
    assert (balance_of_account(account), waiting()) == (123_45 - 150_00, 0)
    _run(lambda: reconcile("daily"), times)
    assert balance_of_account(account) == 123_45 - 150_00
    assert report_of(date(2026, 11, 24)) == []


def balance_of_account(account_id: str) -> int:
    from portal.rent.store import LineItem

    lines = list(store.query(LineItem, f"ACCOUNT#{account_id}", clock.now()))
    return sum(line.amount_pence for line in lines)


def test_f20_what_the_provider_took_and_no_event_told_is_posted_by_the_report_and_said_each_time_it_is_written(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payment, checkout_id = approved(browser, account)
    sandbox.refund(checkout_id, 20_00, clock.now())
    reference = payment["reference"]
    noon.shift(timedelta(days=1))
    from portal.payments import reconciling

    with monkeypatch.context() as patch:
        patch.setattr(reconciling, "settle", _dies)
        with pytest.raises(RuntimeError):
            reconcile("daily")
    assert balance_of_account(account) == 123_45
    for _ in range(2):
        reconcile("daily")
        assert balance_of_account(account) == 123_45 - 30_00
        assert report_of(date(2026, 11, 24)) == [
            [reference, "not_given_back", "refunded 20.00", "pending 50.00"],
            [reference, "not_posted", "succeeded 50.00", "pending 50.00"],
        ]
        state = payments.reported_key()
        store.transact(store.Delete(state.model(pk=state.pk, sk=state.sk)))


def _dies(*_: Any) -> None:
    raise RuntimeError


def test_the_report_names_what_the_provider_does_not_know_and_what_has_not_come_back_in_a_week(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payment, checkout_id = approved(browser, account)
    tell(told(checkout_id)[0])
    other, other_checkout = approved(browser, account, 2)
    tell(told(other_checkout)[0])
    tell({"id": "unreadable"})
    back = ImportedTransaction(other["reference"], "RA10001", date(2026, 11, 25), "payment", "Card", -50_00, True)
    assert record_transactions([back], clock.now()) == [UNCHANGED]
    noon.shift(timedelta(days=1))
    with monkeypatch.context() as patch:
        patch.setattr(sandbox.Sandbox, "moved_on", lambda *_: iter(()))
        patch.setattr(sandbox.Sandbox, "look_up", lambda *_: [])
        reconcile("daily")
    rows = report_of(date(2026, 11, 24))
    assert [row[:2] for row in rows if row[1] == "not_at_provider"] == [
        [reference, "not_at_provider"] for reference in sorted([payment["reference"], other["reference"]])
    ]
    assert [row[2] for row in rows if row[1] == "quarantined"] == ["the sandbox's event has another shape"]
    noon.shift(timedelta(days=7))
    assert len(reconcile("daily")["days"]) == 7, "the days that were missed are made up for"
    assert report_of(date(2026, 12, 1)) == [[payment["reference"], "not_listed", "", "succeeded 50.00"]]


def test_a_payment_that_the_job_stumbles_over_keeps_none_behind_it_waiting_and_the_job_says_so(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(4):
        approved(browser, account, number)
    noon.shift(timedelta(minutes=16))
    from portal.payments import reconciling

    real, seen = reconciling.settle, []

    def settle(name: str, event: Any, at: Any) -> None:
        seen.append(event.facts.payment_id)
        if event.facts.payment_id == seen[0]:
            raise RuntimeError
        real(name, event, at)

    with monkeypatch.context() as patch:
        patch.setattr(reconciling, "settle", settle)
        with pytest.raises(RuntimeError):
            reconcile()
        assert (balance_of(browser), waiting()) == (123_45 - 150_00, 1)
        noon.shift(timedelta(days=1))
        with pytest.raises(RuntimeError):
            reconcile("daily")
        assert len(report_of(date(2026, 11, 24))) == 1, "the day's report is there"
    assert reconcile() == {"left": 0}
    assert reconcile("daily") == {"days": ["2026-11-24"]}, "a day that went wrong does not count as compared"
    assert balance_of_account(account) == 123_45 - 200_00


def test_where_there_is_no_provider_the_jobs_have_nothing_to_do(
    cloud: None, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDER", "none")
    assert (reconcile(), reconcile("daily")) == ({"left": 0}, {"days": []})
