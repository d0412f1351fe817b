"""Faults at every HTTP call to Stripe, with and without a retry: I1-I6 hold, and after the jobs nothing waits.

Stripe is the simulation on loopback, which really closes its connections, keeps a caller waiting and cuts answers off.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from portal import clock
from portal.payments import rules, stripe_checkout
from portal.payments.provider import ProviderSilent
from portal.payments.providers import the_provider
from portal.rent import service as rent
from tests import simulated_stripe
from tests.integration.conftest import Browser
from tests.integration.test_faults_of_pay import check_invariants, every, lines, payments, reported_until_yesterday
from tests.integration.test_faults_of_sign_in import put_back, tables
from tests.integration.test_providers import stripe  # noqa: F401  (a fixture)
from tests.integration.test_reconciling import reconcile
from tests.integration.test_rent_and_pay import account, deliver, start  # noqa: F401  (a fixture)
from tests.simulated_stripe import SimulatedStripe, signed

FAULTS = (
    "timeout", "reset before", "answer lost", "slow", "429", "500", "503", "cut off", "no json", "another shape",
    "a list",
)  # fmt: skip


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, noon: Any) -> None:
    """Who waits for Stripe gives up soon, so that the tests do."""
    for name in ("_READ_SECONDS", "_LIST_SECONDS"):
        monkeypatch.setattr(stripe_checkout, name, 0.15)
    monkeypatch.setattr(simulated_stripe, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr("time.sleep", lambda _: None)


def _paid(browser: Browser, account_id: str, at: SimulatedStripe) -> str:
    page = str(start(browser, account_id).json["checkout_url"].rpartition("/")[2])
    at.complete(page)
    at.refund(page, 20)
    return page


def _start(browser: Browser, account_id: str, _: SimulatedStripe, __: Any) -> Callable[[], Any]:
    return lambda: start(browser, account_id)


def _dispute(browser: Browser, account_id: str, at: SimulatedStripe, _: Any) -> Callable[[], Any]:
    event = at.dispute(_paid(browser, account_id, at), "funds_withdrawn")
    return lambda: deliver(signed(event, int(clock.now().timestamp())), "stripe")


def _pending(browser: Browser, account_id: str, at: SimulatedStripe, noon: Any) -> Callable[[], Any]:
    _paid(browser, account_id, at)
    start(browser, account_id, key={"idempotency-key": "never-paid-0001"})
    noon.shift(timedelta(minutes=50))
    return reconcile


def _daily(browser: Browser, account_id: str, at: SimulatedStripe, noon: Any) -> Callable[[], Any]:
    _paid(browser, account_id, at)
    noon.shift(timedelta(days=1))
    return lambda: reconcile("daily")


FLOWS = {"start": _start, "dispute": _dispute, "pending job": _pending, "daily job": _daily}


def check_settled(at: SimulatedStripe, where: str) -> None:
    """I4: what Stripe has taken is posted, once, and given back as much as it gave back; nothing waits."""
    assert not every(payments.PendingItem), where
    posted = lines()
    for session in at.sessions.values():
        reference = rules.payment_reference(session["client_reference_id"])
        assert (rent.transaction_id(reference) in posted) == (session["payment_status"] == "paid"), where
        charge = session["payment_intent"]["latest_charge"]
        if charge and charge["amount_refunded"]:
            refund = rent.transaction_id(rules.refund_reference(reference, charge["amount_refunded"]))
            assert posted[refund][1] == charge["amount_refunded"], where


def _attempt(do: Callable[[], Any]) -> None:
    """What a job throws concerns whoever started it; a tenant is told 503, and never that we broke down."""
    try:
        reply = do()
    except Exception:
        return
    if not isinstance(reply, dict):
        assert reply.status in {200, 201, 400, 503}, reply


def _strike(flow: str, one_in: int, browser: Browser, account_id: str, at: SimulatedStripe, noon: Any) -> None:
    reported_until_yesterday()
    do = FLOWS[flow](browser, account_id, at, noon)
    kept, kept_there, now, earlier = tables(), at.kept(), clock.now(), lines()
    at.strike(None)
    do()
    calls = at.calls
    assert calls
    every_way = [
        (fault, call, *how)
        for fault in FAULTS
        for call in range(calls)
        for how in ((False, False), (True, False), (True, True))
    ]
    for fault, call, lasting, retried in random.Random(flow).sample(every_way, -(-len(every_way) // one_in)):
        put_back(kept)
        at.put_back(kept_there)
        noon.move_to(now)
        at.strike(fault, call, lasting=lasting)
        _attempt(do)
        at.strike(None)
        where = f"{flow}: {fault} at call {call} of {calls}, lasting={lasting}, retried={retried}"
        check_invariants(where, earlier)
        if retried:
            _attempt(do)
            check_invariants(where, earlier)
        noon.move_to(now + timedelta(days=1, hours=6))
        reconcile()
        reconcile("daily")
        check_invariants(where, earlier)
        check_settled(at, where)


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("flow", FLOWS)
def test_f1_f5_f26_whatever_fails_at_a_call_to_stripe_money_stays_right_and_nothing_is_left_waiting(
    flow: str,
    step: int,
    browser: Browser,
    account: str,  # noqa: F811
    stripe: SimulatedStripe,  # noqa: F811
    hasty: None,
    noon: Any,
) -> None:
    _strike(flow, step, browser, account, stripe, noon)


def test_a_tenant_whose_payment_stripe_fails_is_told_to_wait_and_the_same_key_gives_one_page(
    browser: Browser,
    account: str,  # noqa: F811
    stripe: SimulatedStripe,  # noqa: F811
    hasty: None,
) -> None:
    for number, fault in enumerate(FAULTS):
        key = {"idempotency-key": f"faults-at-stripe-{number:02}"}
        stripe.strike(fault, lasting=True)
        refused = start(browser, account, key=key)
        assert (refused.status, refused.json["type"]) == (503, "/problems/provider-silent"), fault
        assert int(refused.headers["retry-after"]) > 0
        stripe.strike(None)
        again = start(browser, account, key=key)
        assert (again.status, len(stripe.sessions)) == (201, number + 1), fault
        assert again.json["checkout_url"].endswith(list(stripe.sessions)[-1])
        assert again.json == start(browser, account, key=key).json


def test_f26_no_try_at_stripe_is_begun_that_would_not_end_while_the_tenant_waits(
    browser: Browser,
    account: str,  # noqa: F811
    stripe: SimulatedStripe,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    stripe.fails = 500
    for left, tries in ((8.0, 2), (3.1, 2), (2.9, 0), (-1.0, 0)):
        monkeypatch.setattr("portal.budget.remaining", lambda left=left: left)
        with pytest.raises(ProviderSilent):
            the_provider().look_up("cs_test_0001", clock.now())
        assert len(stripe.asked) == tries, left
        stripe.asked.clear()
    seconds = iter([8.0, 2.0])
    monkeypatch.setattr("portal.budget.remaining", lambda: next(seconds))
    with pytest.raises(ProviderSilent):
        the_provider().look_up("cs_test_0001", clock.now())
    assert len(stripe.asked) == 1, "the second try would be too late"
