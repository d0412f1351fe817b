"""What many at the same moment cannot do, by real threads on the local stack (moto would show nothing).

Each concurrent call is a process of the emulator's: they are started in steps, and reaped when idle.
"""

from __future__ import annotations

import collections
import contextlib
import hmac
import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e import journey
from tests.e2e.conftest import NewTenant
from tests.e2e.stack import LocalStack, Reply
from tests.e2e.tenant import DEVICE, new_password

NOBODYS = "0" * 26
AT_ONCE = 64
Warm = Callable[[str, Callable[[int], Reply]], None]
CODE_TRIES, LOGIN_TRIES = 5, 10


def at_once[T](call: Callable[[int], T], number: int = AT_ONCE) -> list[T]:
    """Make `number` calls that all start at the same moment."""
    gate = threading.Barrier(number)

    def one(turn: int) -> T:
        gate.wait()
        return call(turn)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


@pytest.fixture(scope="module")
def warmed(stack: LocalStack) -> Iterator[Warm]:
    """Starts a function's processes by a harmless call of it; those of the function before it are taken away.

    In steps: sixty-four cold at once would take longer than the site waits for an answer.
    """
    warm_now: list[str] = []

    def end() -> None:
        while warm_now:
            _kill_workers(stack, stack.outputs[f"{warm_now.pop()}FunctionName"])

    def warm(function: str, call: Callable[[int], Reply]) -> None:
        if warm_now == [function]:
            return
        end()
        warm_now.append(function)
        for step in range(16, AT_ONCE + 1, 16):
            at_once(call, step)
        for _ in range(3):
            if all(reply.status < 500 for reply in at_once(call)):
                return

    yield warm
    end()


def _kill_workers(stack: LocalStack, function: str) -> None:
    """Kill a function's idle processes, which hold 70 MB each; the emulator starts new ones when they are wanted."""
    emulator = str(stack.running.emulator_pid)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == emulator and f"-{function}-".encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def problems(replies: list[Reply]) -> collections.Counter[tuple[int, str]]:
    """How often each status and problem was answered."""
    return collections.Counter(
        (reply.status, str(reply.json.get("type", "")).rpartition("/")[2] if reply.body else "") for reply in replies
    )


@pytest.fixture
def budgets(sources: Iterator[str]) -> Callable[[int], str]:
    """An address for each turn: what is counted here is not the address."""
    own = [next(sources) for _ in range(8)]
    return lambda turn: own[turn % len(own)]


def test_of_64_wrong_codes_at_once_exactly_5_are_judged_and_the_right_one_is_refused_then(
    stack: LocalStack, new_tenant: NewTenant, budgets: Callable[[int], str], warmed: Warm
) -> None:
    tenant = new_tenant()
    registration_id = tenant.register()
    code = tenant.code()

    def guess(registration: str) -> Callable[[int], Reply]:
        body = {"registration_id": registration, "code": "2222-2222", "password": new_password()}
        return lambda turn: stack.call("POST", "/api/verify", body, source=budgets(turn))

    warmed("Verify", lambda turn: guess(f"{turn:026}")(turn))
    answered = problems(at_once(guess(registration_id)))
    assert answered == {(422, "code-not-accepted"): CODE_TRIES, (429, "tries-spent"): AT_ONCE - CODE_TRIES}
    refused = tenant.verify(registration_id, code, new_password(), status=429)
    assert int(refused.headers["retry-after"]) > 3600


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_of_64_wrong_passwords_at_once_exactly_10_are_judged_and_the_owner_gets_in(
    known: bool, stack: LocalStack, new_tenant: NewTenant, budgets: Callable[[int], str], warmed: Warm
) -> None:
    tenant = new_tenant().come_in()
    tenant.call("POST", "/api/logout", status=204)
    assert DEVICE in tenant.cookies
    email = tenant.facts.email if known else f"nobody.{known}@example.com"

    def guess(address: str) -> Callable[[int], Reply]:
        body = {"email": address, "password": "correct horse battery"}
        return lambda turn: stack.call("POST", "/api/login", body, source=budgets(turn))

    warmed("Login", lambda turn: guess(f"warm.{turn}@example.com")(turn))
    answered = problems(at_once(guess(email)))
    assert answered == {(401, "login-failed"): LOGIN_TRIES, (429, "tries-spent"): AT_ONCE - LOGIN_TRIES}
    if known:
        elsewhere = tenant.other_browser().log_in(status=429)
        assert int(elsewhere.headers["retry-after"]) >= 1
    tenant.log_in()  # the browser that was here before has tries of its own


def test_64_calls_with_one_idempotency_key_are_one_payment(
    stack: LocalStack, new_tenant: NewTenant, warmed: Warm
) -> None:
    tenant = new_tenant().come_in()
    (account, *_) = tenant.balances()
    warmed("Pay", lambda _: stack.call("GET", "/api/pay", headers=_cookies(tenant.cookies)))

    def start(key: str) -> Callable[[int], Reply]:
        headers = _cookies(tenant.cookies) | {"Idempotency-Key": key}
        body = {"rent_account_id": account, "amount_pence": 7_77}
        return lambda _: stack.call("POST", "/api/pay", body, headers=headers)

    replies = at_once(start("the-same-key-for-all"))
    assert {reply.status for reply in replies} == {201}, problems(replies)
    assert len({(reply.json["payment_id"], reply.json["checkout_url"]) for reply in replies}) == 1
    assert len(tenant.call("GET", "/api/pay").json["payments"]) == 1


def test_an_approval_delivered_64_times_at_once_is_posted_once(
    stack: LocalStack, new_tenant: NewTenant, warmed: Warm
) -> None:
    tenant = new_tenant().come_in()
    before = tenant.balances()
    (account, *_) = before
    payment = tenant.start_payment(account, 9_87)
    headers, body = _signed_approval(stack, payment["checkout_url"].rpartition("/")[2])
    warmed("Pay", lambda _: stack.call("GET", "/api/pay", headers=_cookies(tenant.cookies)))

    replies = at_once(lambda _: stack.call("POST", "/api/pay/events/sandbox", raw=body, headers=headers))
    assert {reply.status for reply in replies} == {200}, problems(replies)
    journey.settle(tenant, payment["payment_id"], "succeeded")
    assert tenant.balances() == before | {account: before[account] - 9_87}
    lines = tenant.transactions(account)
    assert [line["amount_pence"] for line in lines].count(-9_87) == 1
    assert sum(line["amount_pence"] for line in lines) == before[account] - 9_87
    tenant.letter(journey.NOTICES["receipt"])
    assert len(tenant.letters(journey.NOTICES["receipt"])) == 1

    # One flipped bit, another amount or an old signature is nobody's event.
    forged = json.loads(body)
    forged["payment"]["amount_pence"] = 1
    for tampered in (body.replace(b"approve", b"approvE"), json.dumps(forged).encode(), body + b" "):
        assert stack.call("POST", "/api/pay/events/sandbox", raw=tampered, headers=headers).status == 400


# What a bank may do after it has paid: each with how much of £10.00 is back on the account then.
_AFTERWARDS: list[tuple[tuple[str, ...], int]] = [
    ((), 0), (("refund",), 3_00), (("dispute",), 10_00), (("dispute", "win"), 0), (("refund", "dispute", "win"), 3_00),
]  # fmt: skip


@pytest.mark.parametrize("number", [100, pytest.param(1_000, marks=pytest.mark.long)])
def test_f10_of_events_replayed_shuffled_and_at_once_each_payment_is_posted_once_and_the_balance_is_the_sum(
    number: int, stack: LocalStack, new_tenant: NewTenant, warmed: Warm
) -> None:
    tenant = new_tenant().come_in()
    before = tenant.balances()
    (account, *_) = before
    secret, events, back = _secret(stack), [], 0
    payments = [tenant.start_payment(account, 10_00) for _ in range(number // 25)]
    for turn, payment in enumerate(payments):
        afterwards, given_back = _AFTERWARDS[turn % len(_AFTERWARDS)]
        facts, back = _facts(stack, payment["checkout_url"].rpartition("/")[2]), back + given_back
        moved = {"refund": 3_00, "dispute": 7_00 if "refund" in afterwards else 10_00}
        moved["win"] = moved["dispute"]
        for verdict in ("approve", *afterwards):
            event = _event(facts, verdict, f"{payment['payment_id']}/{verdict}")
            more = {"moved_pence": moved[verdict], "dispute": payment["payment_id"]} if verdict in moved else {}
            events.append(json.dumps(event | more).encode())
    told = [event for event, _ in zip(itertools.cycle(events), range(number), strict=False)]
    random.Random(number).shuffle(told)
    warmed("Pay", lambda _: stack.call("GET", "/api/pay", headers=_cookies(tenant.cookies)))

    def tell(body: bytes) -> int:
        return stack.call("POST", "/api/pay/events/sandbox", raw=body, headers=_signed(secret, body)).status

    with ThreadPoolExecutor(16) as pool:
        for _ in range(5):  # what the portal could not take at once is sent again, as a provider does
            answers = list(pool.map(tell, told))
            assert set(answers) <= {200, 503}, collections.Counter(answers)
            told = [body for body, status in zip(told, answers, strict=True) if status != 200]
    assert not told
    lines = tenant.transactions(account)
    paid = [line for line in lines if line["kind"] == "payment" and line["amount_pence"] == -10_00]
    assert len(paid) == len(payments)
    assert len({line["transaction_id"] for line in lines}) == len(lines)
    expected = before[account] - 10_00 * len(payments) + back
    assert tenant.balances() == before | {account: expected}
    assert sum(line["amount_pence"] for line in lines) == expected == lines[0]["balance_pence"]
    known = [p["payment_id"] for p in payments]
    statuses = {tenant.call("GET", f"/api/pay/{payment_id}").json["status"] for payment_id in known}
    assert statuses <= {"succeeded", "refunded", "disputed", "dispute_won"}


def _signed_approval(stack: LocalStack, checkout_id: str) -> tuple[dict[str, str | None], bytes]:
    """The event by which the provider tells of an approval, signed with the secret that it shares with the portal."""
    body = json.dumps(_event(_facts(stack, checkout_id), "approve", NOBODYS[:-1] + "1")).encode()
    return _signed(_secret(stack), body), body


def _facts(stack: LocalStack, checkout_id: str) -> dict[str, object]:
    """What the provider was told of the payment."""
    key = {"pk": {"S": f"SANDBOX#{checkout_id}"}, "sk": {"S": "CHECKOUT"}}
    item = stack.client("dynamodb").get_item(TableName=stack.outputs["RentTableName"], Key=key)["Item"]
    facts: dict[str, object] = json.loads(item["facts"]["S"])
    return facts


def _event(facts: dict[str, object], verdict: str, event_id: str) -> dict[str, object]:
    return {"id": event_id, "verdict": verdict, "occurred_at": datetime.now(UTC).isoformat(), "payment": facts}


def _secret(stack: LocalStack) -> str:
    secrets = stack.client("secretsmanager")
    (name,) = [s["Name"] for s in secrets.list_secrets()["SecretList"] if "SandboxSecret" in s["Name"]]
    return str(secrets.get_secret_value(SecretId=name)["SecretString"])


def _signed(secret: str, body: bytes) -> dict[str, str | None]:
    sent_at = int(time.time())
    signature = hmac.digest(secret.encode(), f"{sent_at}.".encode() + body, "sha256").hex()
    return {"Sandbox-Signature": f"t={sent_at},v1={signature}", "Origin": None}


def _cookies(cookies: dict[str, str]) -> dict[str, str | None]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
