"""Faults at every call of paying, of the provider's events and of the jobs, with and without a retry; and random
schedules of all that can happen to money. Whatever fails, the invariants I1-I6 hold, and after the jobs nothing waits.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from portal import clock, store
from portal.payments import rules, sandbox
from portal.payments import store as payments
from portal.payments.store import PaymentItem
from portal.rent import service as rent
from portal.rent.recording import ImportedTransaction, record_transactions
from portal.rent.store import AccountItem, LineItem, MonthItem, PostedItem
from tests.integration.conftest import Browser, log_in_as
from tests.integration.test_faults_of_sign_in import Faults, _error, put_back, tables
from tests.integration.test_reconciling import reconcile
from tests.integration.test_rent_and_pay import account, deliver, post, start  # noqa: F401  (a fixture)
from tests.integration.test_settling import approved, told

FAULTS = (
    "throttled", "broken", "reset before", "answer lost", "conflict", "condition", "denied", "slow", "killed before",
    "killed after", "clock forward", "clock back",
)  # fmt: skip


class Killed(BaseException):
    """The process is gone: no code of ours runs after it."""


class PayFaults(Faults):
    """The faults of R3 that signing in has no use for, too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock_: Any) -> None:
        super().__init__(monkeypatch)
        self._clock = clock_

    def _call(self, stubber: Any, event_name: str, request: Any, how: Any) -> Any:
        struck = self.fault and (self.calls >= self.at if self.lasting else self.calls == self.at)
        target = request.headers.get("X-Amz-Target", b"")
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        if struck and self.fault in {"slow", "killed before", "killed after", "condition"}:
            self.calls += 1
            if self.fault == "slow":
                raise ReadTimeoutError(endpoint_url=request.url)
            if self.fault == "killed before":
                raise Killed
            if self.fault == "killed after":
                self._done(stubber, event_name, request, how)
                raise Killed
            if operation == "TransactWriteItems":
                reasons = [{"Code": "ConditionalCheckFailed", "Message": ""}]
                return _error(request, 400, "TransactionCanceledException", CancellationReasons=reasons)
            if operation in {"PutItem", "UpdateItem", "DeleteItem"}:
                return _error(request, 400, "ConditionalCheckFailedException")
            return self._done(stubber, event_name, request, how)
        if struck and self.fault in {"clock forward", "clock back"}:
            self._clock.shift(timedelta(hours=5 if self.fault == "clock forward" else -5))
        return super()._call(stubber, event_name, request, how)


@pytest.fixture
def faults(cloud: None, noon: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[PayFaults]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setenv("LIMITS_FACTOR", "100000")
    return PayFaults(monkeypatch, noon)


# ------------------------------------------------------------------------------------------- I1-I6


def every(model: Any) -> list[Any]:
    """Every such item of the rent table, straight from moto: no call of ours, so none that a fault could strike."""
    table = dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-2"].tables["rent"]
    raws = [item.to_json()["Attributes"] for kept in table.items.values() for item in kept.values()]
    return [model.from_raw_data(raw) for raw in raws if raw["sk"]["S"].startswith(model.range_prefix)]


def lines() -> dict[str, tuple[str, int]]:
    return {line.transaction_id: (line.pk, line.amount_pence) for line in every(LineItem)}


def check_invariants(where: str, earlier: dict[str, tuple[str, int]] | None = None) -> None:
    found = every(LineItem)
    posted = {item.pk.removeprefix("POSTED#"): item.amount_pence for item in every(PostedItem)}
    assert all(type(line.amount_pence) is int for line in found), where
    assert {line.transaction_id: line.amount_pence for line in found} == posted, f"I1, I3: {where}"
    assert len(found) == len(posted), f"I3: {where}"
    sums: Counter[str] = Counter()
    for line in found:
        sums[line.pk] += line.amount_pence
    months: Counter[str] = Counter()
    for month in every(MonthItem):
        months[month.pk] += month.amount_pence
    balances = {f"ACCOUNT#{item.sk.removeprefix('ACCOUNT#')}": item.balance_pence for item in every(AccountItem)}
    for pk, balance in balances.items():
        assert balance == sums[pk] == months[pk], f"I2: {where}"
    assert earlier is None or earlier.items() <= lines().items(), f"I5: {where}"
    waits = {item.sk.removeprefix("PENDING#") for item in every(payments.PendingItem)}
    for payment in every(PaymentItem):
        payment_id = payment.sk.removeprefix("PAYMENT#")
        is_posted = rent.transaction_id(payment.reference) in posted
        taken = payment.status not in rules.WAITING | {"failed", "cancelled", "expired"}
        assert taken <= is_posted, f"I4: {payment.status}: {where}"
        assert (payment.status in rules.WAITING) == (payment_id in waits), f"{payment.status}: {where}"


def reported_until_yesterday() -> None:
    """A portal that has been at work for a while: its reports go up to the day before."""
    key = payments.reported_key()
    store.transact(store.Put(payments.ReportedItem(pk=key.pk, sk=key.sk, through=date(2026, 11, 23))))


def check_settled(where: str) -> None:
    """I4: what the provider has taken is posted, once, and given back as much as it gave back; nothing waits."""
    assert not every(payments.PendingItem), where
    posted = lines()
    for checkout in every(sandbox.CheckoutItem):
        reference = checkout.facts["reference"]
        assert (rent.transaction_id(reference) in posted) == (checkout.verdict == "approve"), where
        totals = [
            amount
            for total in range(1, (checkout.refunded_pence or 0) + 1)
            if (amount := posted.get(rent.transaction_id(rules.refund_reference(reference, total)), ("", 0))[1])
        ]
        assert sum(totals) == (checkout.refunded_pence or 0), where


# ---------------------------------------------------------------------------------------- the flows


class Flow(NamedTuple):
    """What comes before, and what is done while a call of it is struck."""

    name: str
    before: Callable[[Browser, str, Any], Any]
    do: Callable[[Browser, str, Any], Any]


def _tell(of: int) -> Callable[[Browser, str, Any], Any]:
    def do(_: Browser, __: str, checkout_id: Any) -> Any:
        with_faults_off = EVENTS[checkout_id][of]
        return deliver(sandbox.signed(with_faults_off, clock.now()))

    return do


EVENTS: dict[str, list[dict[str, Any]]] = {}


def _everything(browser: Browser, account_id: str, _: Any) -> str:
    _, checkout_id = approved(browser, account_id)
    sandbox.refund(checkout_id, 20, clock.now())
    sandbox.dispute(checkout_id, clock.now())
    sandbox.win(checkout_id, clock.now())
    EVENTS[checkout_id] = told(checkout_id)
    return checkout_id


def _waiting(browser: Browser, account_id: str, noon: Any) -> None:
    approved(browser, account_id, 1)
    start(browser, account_id, key={"idempotency-key": "never-paid-0001"})
    noon.shift(timedelta(minutes=50))


def _yesterday(browser: Browser, account_id: str, noon: Any) -> None:
    _, checkout_id = approved(browser, account_id, 1)
    sandbox.refund(checkout_id, 20, clock.now())
    noon.shift(timedelta(days=1))


FLOWS = [
    Flow("start", lambda *_: None, lambda browser, account_id, _: start(browser, account_id)),
    Flow("success", _everything, _tell(0)),
    Flow("refund", _everything, _tell(1)),
    Flow("dispute won", _everything, _tell(3)),
    Flow("pending job", _waiting, lambda *_: reconcile()),
    Flow("daily job", _yesterday, lambda *_: reconcile("daily")),
]


def _attempt(flow: Flow, browser: Browser, account_id: str, given: Any) -> None:
    """Run the flow; what a killed or failed process throws concerns nobody but whoever started it."""
    try:
        flow.do(browser, account_id, given)
    except (Killed, Exception):
        return


def _strike(
    flow: Flow, fault: str, one_in: int, browser: Browser, account_id: str, faults: PayFaults, noon: Any, seed: str
) -> None:
    reported_until_yesterday()
    given = flow.before(browser, account_id, noon)
    kept, at = tables(), clock.now()
    earlier = lines()
    faults.strike(None)
    flow.do(browser, account_id, given)
    calls = faults.calls
    assert calls
    every_way = [(call, *how) for call in range(calls) for how in ((False, False), (False, True), (True, False))]
    for call, lasting, retried in random.Random(seed).sample(every_way, -(-len(every_way) // one_in)):
        put_back(kept)
        noon.move_to(at)
        faults.strike(fault, call, lasting=lasting)
        _attempt(flow, browser, account_id, given)
        faults.strike(None)
        where = f"{flow.name}: {fault} at call {call} of {calls}, lasting={lasting}, retried={retried}"
        check_invariants(where, earlier)
        if retried:
            _attempt(flow, browser, account_id, given)
            check_invariants(where, earlier)
        noon.move_to(at + timedelta(days=1, hours=6))
        reconcile()
        reconcile("daily")
        check_invariants(where, earlier)
        check_settled(where)


@pytest.mark.parametrize("step", [12, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_f1_to_f11_whatever_fails_at_a_call_of_paying_money_stays_right_and_nothing_is_left_waiting(
    flow: Flow,
    fault: str,
    step: int,
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,
    noon: Any,
) -> None:
    _strike(flow, fault, step, browser, account, faults, noon, f"{flow.name} {fault}")


# ------------------------------------------------------------------------------------ random schedules

_WHICH = st.integers(0, 2)
_STEPS = st.one_of(
    st.tuples(st.sampled_from(["pay", "pay", "approve", "decline", "expire", "dispute", "win", "list"]), _WHICH),
    st.tuples(st.just("refund"), _WHICH, st.integers(1, 60)),
    st.tuples(st.just("charge"), st.integers(1, 200_00)),
    st.tuples(st.just("import"), st.integers(1, 200_00), st.booleans()),
    st.tuples(st.just("tell"), _WHICH, st.integers(0, 3)),
    st.tuples(st.just("tell"), _WHICH, st.integers(0, 3)),
    st.tuples(st.just("crash"), st.sampled_from(["killed before", "killed after", "answer lost"]), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.just("reconcile")),
    st.tuples(st.just("next_day")),
)


class Schedule:
    """Runs the steps of one schedule: three payments of 60p, one account, one provider that moves no money."""

    def __init__(self, browser: Browser, tenancy: Any, account_id: str, faults: PayFaults, noon: Any) -> None:
        self.browser, self.tenancy, self.account_id = browser, tenancy, account_id
        self.faults, self.noon, self.charges = faults, noon, 0
        self.file: list[ImportedTransaction] = []
        self.checkouts: dict[int, str] = {}

    def do(self, step: tuple[Any, ...]) -> None:
        try:
            getattr(self, f"_{step[0]}")(*step[1:])
        except (Killed, sandbox.VerdictGiven, store.Unavailable, KeyError):
            pass
        finally:
            if step[0] != "crash":
                self.faults.strike(None)

    def _pay(self, which: int) -> None:
        log_in_as(self.browser, self.tenancy.person_id, self.tenancy.tenancy_id)
        reply = start(self.browser, self.account_id, 1_00, {"idempotency-key": f"schedule-{which:04}"})
        if reply.status == 201 and reply.json["checkout_url"]:
            self.checkouts[which] = reply.json["checkout_url"].rpartition("/")[2]

    def _approve(self, which: int) -> None:
        sandbox.decide(self.checkouts[which], "approve", clock.now())

    def _decline(self, which: int) -> None:
        sandbox.decide(self.checkouts[which], "decline", clock.now())

    def _expire(self, which: int) -> None:
        sandbox.decide(self.checkouts[which], "expire", clock.now())

    def _refund(self, which: int, amount: int) -> None:
        sandbox.refund(self.checkouts[which], amount, clock.now())

    def _dispute(self, which: int) -> None:
        sandbox.dispute(self.checkouts[which], clock.now())

    def _win(self, which: int) -> None:
        sandbox.win(self.checkouts[which], clock.now())

    def _tell(self, which: int, event: int) -> None:
        events = told(self.checkouts[which])
        if events:
            deliver(sandbox.signed(events[event % len(events)], clock.now()))

    def _charge(self, amount: int) -> None:
        self.charges += 1
        post(self.tenancy.tenancy_id, self.account_id, f"C{self.charges}", date(2026, 11, 20), amount)

    def _list(self, which: int) -> None:
        """The landlord's own file lists the payment, before or after we have posted it."""
        checkout = sandbox.checkout(self.checkouts[which], clock.now())
        if checkout.verdict == "approve":
            reference = checkout.facts["reference"]
            row = ImportedTransaction(reference, "RA10001", date(2026, 11, 24), "payment", "Card", -1_00, True)
            record_transactions([row], clock.now())

    def _import(self, amount: int, again: bool) -> None:
        """The landlord's nightly file: a charge and a benefit, with all of the file before where that comes again."""
        number = len(self.file)
        rows = [
            ImportedTransaction(f"L{number}", "RA10001", date(2026, 11, 23), "charge", "Rent", amount, False),
            ImportedTransaction(f"B{number}", "RA10001", date(2026, 11, 23), "benefit", "Housing", -amount // 2, False),
        ]
        self.file = [*self.file, *rows] if again else rows
        record_transactions(self.file, clock.now())

    def _crash(self, fault: str, call: int) -> None:
        self.faults.strike(fault, call)

    def _wait(self, minutes: int) -> None:
        self.noon.shift(timedelta(minutes=minutes))

    def _reconcile(self) -> None:
        reconcile()

    def _next_day(self) -> None:
        """A night passes, and the report of the day before is made."""
        self.noon.shift(timedelta(days=1))
        reconcile("daily")


def _random_schedules(browser: Browser, tenancy: Any, account_id: str, faults: PayFaults, noon: Any, most: int) -> None:
    reported_until_yesterday()
    kept, at = tables(), clock.now()

    @settings(max_examples=most, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(_STEPS, min_size=3, max_size=25))
    def run(steps: list[tuple[Any, ...]]) -> None:
        put_back(kept)
        noon.move_to(at)
        faults.strike(None)
        schedule, earlier = Schedule(browser, tenancy, account_id, faults, noon), lines()
        for step in steps:
            schedule.do(step)
            check_invariants(str(step), earlier)
            earlier = lines()
        faults.strike(None)
        noon.move_to(max(clock.now(), at) + timedelta(days=1, hours=6))
        reconcile()
        reconcile("daily")
        check_invariants("after the jobs", earlier)
        check_settled("after the jobs")

    run()


@pytest.mark.parametrize("most", [200, pytest.param(2_000, marks=pytest.mark.long)])
def test_in_random_schedules_the_balance_is_the_sum_and_each_payment_is_posted_once(
    most: int,
    browser: Browser,
    own_tenancy: Any,
    account: str,  # noqa: F811
    faults: PayFaults,
    noon: Any,
) -> None:
    _random_schedules(browser, own_tenancy, account, faults, noon, most)
