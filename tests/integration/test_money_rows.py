"""Rows F1 to F11 and T19 of the money's faults and threats that have no test of their own elsewhere.

docs/security.md lists which test shows which row. `make test` runs a part of the sizes, `make test-long` the whole.
"""

import json
import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest

from portal import clock, store
from portal.payments import sandbox
from portal.payments.store import PaymentItem
from portal.rent.store import PostedItem
from tests.integration.conftest import ROOT, Browser
from tests.integration.test_faults_of_pay import Killed, PayFaults, check_invariants, every, faults, lines  # noqa: F401
from tests.integration.test_faults_of_sign_in import _error, put_back, tables
from tests.integration.test_providers import provider, stripe  # noqa: F401  (fixtures)
from tests.integration.test_reconciling import balance_of_account, reconcile, waiting
from tests.integration.test_rent_and_pay import account, balance_of, deliver, start  # noqa: F401  (a fixture)
from tests.integration.test_settling import approved, everything_refunded_and_disputed, quarantine, tell

SUCCESS, REFUND, MORE, DISPUTE, WIN = range(5)


def _each_call(faults: PayFaults, do: Callable[[], Any]) -> range:  # noqa: F811
    """The numbers of the calls that `do` makes; what it did is taken back."""
    kept = tables()
    faults.strike(None)
    do()
    calls = faults.calls
    put_back(kept)
    assert calls
    return range(calls)


def _one_payment_of_50_pounds(where: object) -> None:
    check_invariants(str(where))
    assert [line.amount_pence for line in every(PostedItem) if line.amount_pence < 0] == [-50_00], where


def test_f1_an_answer_that_was_lost_and_then_an_event_with_another_token_post_once(
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
) -> None:
    _, checkout_id = approved(browser, account)
    event = sandbox.signed_event(sandbox.checkout(checkout_id, clock.now()), clock.now())
    for call in _each_call(faults, lambda: deliver(event)):
        kept = tables()
        for lasting in (False, True):
            faults.strike("answer lost", call, lasting=lasting)
            assert deliver(event).status == (503 if lasting else 200)
            faults.strike(None)
            assert deliver(event).status == 200
            _one_payment_of_50_pounds(call)
            put_back(kept)


def test_f2_who_wrote_first_is_told_so_though_the_answer_was_lost_and_who_came_second_is_not(
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
    own_tenancy: Any,
) -> None:
    def item(reference: str) -> PostedItem:
        return PostedItem(
            pk="POSTED#one",
            sk="POSTED",
            rent_account_id=reference,
            posted_on=date(2026, 11, 24),
            kind="charge",
            amount_pence=1,
        )

    faults.strike("answer lost", 0)
    store.transact(store.Put(item("ours"), PostedItem.new()))
    assert faults.calls == 2, "it was sent again"
    faults.strike("answer lost", 0)
    with pytest.raises(store.Refused):
        store.transact(store.Put(item("theirs"), PostedItem.new()))
    put = tables()
    for call in _each_call(faults, lambda: start(browser, account)):
        put_back(put)
        faults.strike("answer lost", call)
        first = start(browser, account)
        faults.strike(None)
        assert first.status in {201, 503}, "never that the key is used"
        again = start(browser, account)
        assert (again.status, len(every(PaymentItem))) == (201, 1)
        assert first.status == 503 or again.json == first.json


def test_f3_a_conflict_is_tried_four_times_and_a_condition_that_failed_never_again(
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
) -> None:
    _, checkout_id = approved(browser, account)
    event = sandbox.signed_event(sandbox.checkout(checkout_id, clock.now()), clock.now())
    kept = tables()
    usual = len(_each_call(faults, lambda: deliver(event)))
    faults.strike("conflict", 0, lasting=True)
    assert deliver(event).status == 503
    assert faults.calls == usual + 3
    assert tables() == kept
    faults.strike("conflict", usual - 1)
    assert deliver(event).status == 200
    assert faults.calls == usual + 1
    faults.strike(None)
    assert deliver(event).status == 200
    assert faults.calls == usual, "its own id refuses it: there is nothing to try again"
    _one_payment_of_50_pounds("conflict")


@pytest.mark.parametrize("size", [100, pytest.param(1_000, marks=pytest.mark.long)])
def test_f4_a_transaction_that_is_made_again_is_the_same_bytes_and_has_a_token_of_its_own(
    size: int,
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("secrets.randbits", lambda bits: (1 << bits) - 1)  # else each has ids of its own
    _, checkout_id = approved(browser, account)
    event = sandbox.signed_event(sandbox.checkout(checkout_id, clock.now()), clock.now())
    kept, sent = tables(), []
    real = faults._done

    def note(stubber: Any, name: str, request: Any, how: Any) -> Any:
        if b"TransactWriteItems" in str(request.headers.get("X-Amz-Target")).encode():
            sent.append(bytes(request.body))
        return real(stubber, name, request, how)

    monkeypatch.setattr(faults, "_done", note)
    for _ in range(size):
        put_back(kept)
        assert deliver(event).status == 200
    tokens = {json.loads(body).pop("ClientRequestToken") for body in sent}
    assert len(sent) == len(tokens) == size
    assert len({re.sub(rb'"ClientRequestToken": ?"[^"]+"', b"", body) for body in sent}) == 1
    sent.clear()
    put_back(kept)
    faults.strike("answer lost", 0)
    assert deliver(event).status == 200
    assert len(sent) == 1, "what botocore sends again under one token is answered from the first"


class ThrottledFor(PayFaults):
    """DynamoDB throttles `number` calls, one after another, from the call `at` on."""

    number = 0

    def _call(self, stubber: Any, event_name: str, request: Any, how: Any) -> Any:
        if self.at <= self.calls < self.at + self.number:
            self.calls += 1
            return _error(request, 400, "ThrottlingException")
        return super()._call(stubber, event_name, request, how)


def test_f5_throttled_once_to_five_times_at_any_call_nobody_is_answered_500_and_who_is_refused_is_told_when_to_try(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    throttled = ThrottledFor(monkeypatch, noon)
    _, checkout_id = approved(browser, account)
    event = sandbox.signed_event(sandbox.checkout(checkout_id, clock.now()), clock.now())
    key, seen = {"idempotency-key": "throttled-0001"}, set()
    for do in (lambda: start(browser, account, key=key), lambda: deliver(event)):
        throttled.number = 0
        for call in _each_call(throttled, do):
            kept = tables()
            for number in range(1, 6):
                throttled.strike(None, call)
                throttled.number = number
                reply = do()
                throttled.number = 0
                seen.add(reply.status)
                assert reply.status in {200, 201, 503}, (call, number)
                assert reply.status != 503 or int(reply.headers["retry-after"]) > 0
                assert do().status in {200, 201}
                check_invariants(f"{number} from call {call}")
                put_back(kept)
    assert seen == {200, 201, 503}


def test_f7_a_call_that_ran_out_of_time_and_is_run_again_makes_one_payment_and_no_package_is_relied_on_for_it(
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
) -> None:
    for call in _each_call(faults, lambda: start(browser, account)):
        kept = tables()
        faults.strike("killed after", call)
        with pytest.raises(Killed):
            start(browser, account)
        faults.strike(None)
        assert start(browser, account).status == 201
        assert len(every(PaymentItem)) == len(every(sandbox.CheckoutItem)) == 1, call
        put_back(kept)
    sources = [*(ROOT / "layers/portal").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    assert [file for file in sources if "utilities.idempotency" in file.read_text("utf-8")] == []


# ---------------------------------------------------------------------------------- F10: in any order

ORDERS = [order for length in range(1, 6) for order in permutations(range(5), length)]


def _balance_after(heard: set[int]) -> int:
    """What £123.45 owed and a payment of £50.00 come to, whichever of its events were heard, in whatever order.

    £20.00 and then £5.00 were paid back, the rest disputed; whoever hears of something later knows what came before.
    """
    refunded = 25_00 if MORE in heard else 20_00 if REFUND in heard else 0
    disputed = 25_00 if heard & {DISPUTE, WIN} and WIN not in heard else 0
    return 123_45 - 50_00 + refunded + disputed


def _told_of(browser: Browser, account_id: str) -> list[dict[str, Any]]:
    _, checkout_id = approved(browser, account_id)
    return everything_refunded_and_disputed(checkout_id)


@pytest.mark.parametrize("step", [25, pytest.param(1, marks=pytest.mark.long)])
def test_f10_every_order_of_up_to_five_events_and_each_of_them_again_comes_to_what_was_heard(
    step: int,
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
) -> None:
    assert len(ORDERS) == 325
    events = _told_of(browser, account)
    kept = tables()
    for order in ORDERS[step - 1 :: step]:
        put_back(kept)
        for index in (*order, *reversed(order)):
            assert tell(events[index]).status == 200
        check_invariants(str(order))
        assert balance_of_account(account) == _balance_after(set(order)), order


@pytest.mark.parametrize("size", [30, pytest.param(10_000, marks=pytest.mark.long)])
def test_f10_random_deliveries_repeated_reordered_and_days_late_come_to_what_was_heard(
    size: int,
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
    noon: Any,
) -> None:
    events, seeded = _told_of(browser, account), random.Random(10)
    kept, at = tables(), clock.now()
    for number in range(size):
        put_back(kept)
        noon.move_to(at)
        heard = [seeded.randrange(5) for _ in range(seeded.randint(1, 8))]
        for index in heard:
            if seeded.random() < 0.2:
                noon.shift(timedelta(hours=seeded.randint(1, 72)))
            assert tell(events[index]).status == 200
        assert balance_of_account(account) == _balance_after(set(heard)), (number, heard)
    check_invariants("after the last")


# ------------------------------------------------------------------------- F11, T19: lost and tampered


@pytest.mark.parametrize("size", [20, pytest.param(200, marks=pytest.mark.long)])
def test_f11_with_every_event_lost_each_payment_is_settled_within_a_day(
    size: int,
    provider: Any,  # noqa: F811
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
) -> None:
    seeded, expected = random.Random(11), 123_45
    for number in range(size):
        page = provider.page(start(browser, account, 10_00, {"idempotency-key": f"never-told-{number:05}"}).json)
        match seeded.choice(["paid", "paid", "refunded", "given up", "left"]):
            case "paid":
                provider.pays(page)
                expected -= 10_00
            case "refunded":
                provider.pays(page)
                provider.refunds(page, 4_00)
                expected -= 6_00
            case "given up":
                provider.gives_up(page)
    noon.shift(timedelta(minutes=50))
    assert reconcile() == {"left": 0}
    noon.shift(timedelta(hours=23))
    reconcile("daily")
    assert (waiting(), balance_of_account(account)) == (0, expected)


def _tampered(seeded: random.Random, facts: dict[str, Any]) -> dict[str, Any]:
    name = seeded.choice(["amount_pence", "payment_id", "tenancy_id", "customer_id", "reference", "rent_account_id"])
    value = facts[name]
    if name == "amount_pence":
        return facts | {name: seeded.choice([value + seeded.randint(1, 10**9), seeded.randrange(value), -value])}
    at = seeded.randrange(len(value))
    other = seeded.choice([c for c in "0123456789abcdefghjkmnpqrstvwxyzABCDEFGH" if c != value[at]])
    return facts | {name: value[:at] + other + value[at + 1 :]}


@pytest.mark.parametrize("size", [100, pytest.param(1_000, marks=pytest.mark.long)])
def test_t19_of_signed_events_of_another_amount_tenancy_or_payment_none_credits_anything(
    size: int,
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
) -> None:
    events, seeded = _told_of(browser, account), random.Random(19)
    before = lines()
    for _ in range(size):
        event = seeded.choice(events)
        assert tell(event | {"payment": _tampered(seeded, event["payment"])}).status == 400
        assert lines() == before
    assert len(quarantine()) > size * 9 // 10, "each is kept for a person"
    check_invariants("tampered")
    assert tell(events[WIN]).status == 200
    assert balance_of(browser) == _balance_after({WIN})
