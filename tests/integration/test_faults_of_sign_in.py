"""Faults at every AWS call of the sign-in flows: what is stored is before or after, and whoever tries again gets on.

Each flow is run once without a fault, which counts its calls and gives what is stored after it; then once for each
call, fault and duration of the fault. moto ignores the token that makes a repeated transaction one, which DynamoDB
keeps for ten minutes: here it is kept by `Faults`.
"""

import copy
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.dynamodb.models import dynamodb_backends

from portal import aws, clock, store
from portal.identity import passwords
from portal.identity import store as identity
from tests.integration.authenticator import Authenticator
from tests.integration.conftest import Browser, Reply
from tests.integration.test_identity import FACTS, PASSWORD, registered, secret_in_newest

NEW_PASSWORD = "violet harbour sandwich"
LOGIN = {"email": "amara@example.com", "password": PASSWORD}
RESET = {"email": "amara@example.com", "date_of_birth": "1990-03-27"}
PROOF = {"current_password": PASSWORD}
NEW_EMAIL = "amara@mail.example"
FAULTS = ("throttled", "broken", "reset before", "answer lost", "conflict", "denied")


class Faults:
    """Stands between botocore and moto. Does `fault` to the call `at` (from 0), once or until it is taken away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fault: str | None = None
        self.at, self.lasting, self.calls = 0, False, 0
        self._answers: dict[str, AWSResponse] = {}
        self._real = BotocoreStubber.__call__
        faults = self

        def stub(stubber: Any, event_name: str, request: Any, **how: Any) -> Any:
            return faults._call(stubber, event_name, request, how)

        monkeypatch.setattr(BotocoreStubber, "__call__", stub)

    def strike(self, fault: str | None, at: int = 0, *, lasting: bool = False) -> None:
        self.fault, self.at, self.lasting, self.calls = fault, at, lasting, 0

    def _call(self, stubber: Any, event_name: str, request: Any, how: Any) -> Any:
        number, self.calls = self.calls, self.calls + 1
        struck = self.fault and (number >= self.at if self.lasting else number == self.at)
        if not struck:
            return self._done(stubber, event_name, request, how)
        target = request.headers.get("X-Amz-Target", b"")
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        match self.fault:
            case "throttled":
                return _error(request, 400, "ThrottlingException")
            case "broken":
                return _error(request, 500, "InternalServerError")
            case "denied":
                return _error(request, 400, "AccessDeniedException")
            case "reset before":
                raise ConnectionClosedError(endpoint_url=request.url)
            case "answer lost":
                self._done(stubber, event_name, request, how)
                raise ReadTimeoutError(endpoint_url=request.url)
            case "conflict" if operation == "TransactWriteItems":
                count = len(json.loads(request.body)["TransactItems"])
                reasons = [{"Code": "TransactionConflict", "Message": ""}, *[{"Code": "None"}] * (count - 1)]
                return _error(request, 400, "TransactionCanceledException", CancellationReasons=reasons)
            case "conflict" if operation in {"UpdateItem", "PutItem", "DeleteItem"}:
                return _error(request, 400, "TransactionConflictException")
        return self._done(stubber, event_name, request, how)

    def _done(self, stubber: Any, event_name: str, request: Any, how: Any) -> Any:
        body = request.body or b"{}"
        token = json.loads(body).get("ClientRequestToken") if b"ClientRequestToken" in body else None
        if token and token in self._answers:
            status, body = self._answers[token]
            return AWSResponse(request.url, status, {}, MockRawResponse(body))
        answer = self._real(stubber, event_name, request, **how)
        if token and answer is not None and answer.status_code == 200:
            self._answers[token] = (200, answer.content)
            return AWSResponse(request.url, 200, answer.headers, MockRawResponse(answer.content))
        return answer


def _error(request: Any, status: int, code: str, **more: Any) -> AWSResponse:
    body = json.dumps({"__type": f"com.amazonaws#{code}", "message": "", **more})
    return AWSResponse(request.url, status, {"x-amzn-requestid": "1"}, MockRawResponse(body))


Tables = dict[str, Any]


def tables() -> Tables:
    return {n: copy.deepcopy(t.items) for n, t in dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-2"].tables.items()}


def put_back(kept: Tables) -> None:
    for name, table in dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-2"].tables.items():
        table.items = copy.deepcopy(kept[name])


def stored() -> Counter[str]:
    """How many items of each kind are kept, tries apart: half a change is neither the count before nor that after.

    Among them what the landlord is told of it: no change without its event, and no event without its change.
    """
    found: Counter[str] = Counter()
    for name in ("identity", "outbox"):
        raws = aws.client("dynamodb").scan(TableName=name)["Items"]
        for raw in raws:
            kind = raw["sk"]["S"].partition("#")[0]
            if kind != "TRIES":
                used = "used" if "used_at" in raw else ""
                new = kind == "LOGIN" and passwords.is_right(NEW_PASSWORD, raw["password_hash"]["S"])
                moved = NEW_EMAIL in json.dumps(raw)
                found[f"{kind} {raw.get('kind', {}).get('S', '')} {used} {new} {moved}"] += 1
    for raw in aws.client("dynamodb").scan(TableName="audit")["Items"]:
        found[f"EVENT {raw['outcome']['S']} {raw['reason']['S']}"] += 1
    return found


@pytest.fixture
def faults(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """Faults that can be struck, with waits that take no time and hashes that cost next to nothing."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setenv("LIMITS_FACTOR", "100000")
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys_hash.cache_clear()
    yield Faults(monkeypatch)
    passwords._nobodys_hash.cache_clear()


def logs_in(password: str, email: str = LOGIN["email"]) -> bool:
    return Browser().call("login", "POST", "/api/login", {"email": email, "password": password}).status == 200


class Flow:
    """One flow: what comes before it, the call, its answer, and how whoever lost the answer gets on."""

    def __init__(self, name: str, before: Callable[[Browser], Any], status: int) -> None:
        self.name, self.before, self.status = name, before, status

    def call(self, browser: Browser, given: Any) -> Reply:
        match self.name:
            case "register":
                return browser.call("register", "POST", "/api/register", FACTS)
            case "resend":
                return browser.call("register", "POST", "/api/register/resend", {"registration_id": given[0]})
            case "verify":
                body = {"registration_id": given[0], "code": given[1], "password": PASSWORD}
                return browser.call("verify", "POST", "/api/verify", body)
            case "login" | "login with a temporary password":
                return browser.call("login", "POST", "/api/login", LOGIN | {"password": given})
            case "reset":
                return browser.call("reset", "POST", "/api/reset", RESET)
            case "log off":
                return browser.call("login", "POST", "/api/logout")
            case "add a passkey":
                return browser.call("passkeys", "POST", "/api/passkeys", given)
            case "log in with a passkey":
                return browser.call("passkeys", "POST", "/api/login/passkey", given)
            case "begin to add a passkey":
                return browser.call("passkeys", "POST", "/api/passkeys/options", PROOF)
            case "begin to log in with a passkey":
                return browser.call("passkeys", "POST", "/api/login/passkey/options")
            case "remove a passkey":
                return browser.call("passkeys", "DELETE", f"/api/passkeys/{given}", PROOF)
            case "ask for another address":
                return browser.call("reset", "POST", "/api/email", PROOF | {"email": NEW_EMAIL})
            case "confirm another address":
                return browser.call("reset", "POST", "/api/email/confirm", {"code": given})
            case _:
                change = {"current_password": given, "new_password": NEW_PASSWORD}
                return browser.call("reset", "PUT", "/api/password", change)

    def gets_on(self, browser: Browser, given: Any) -> bool:
        """What a person does who was told to try again: the same once more, or what that answer names."""
        again = self.call(browser, given)
        if again.status == self.status:
            return True
        match self.name:
            case "verify":
                return again.status == 409 and logs_in(PASSWORD)
            case "password":
                return again.status == 401 and logs_in(NEW_PASSWORD)
            case "login with a temporary password":
                Browser().call("reset", "POST", "/api/reset", RESET)
                return again.status == 401 and logs_in(secret_in_newest("temporary_password"))
            case "add a passkey":
                return again.status == 422 and len(_passkeys(browser)) == 1
            case "log in with a passkey":
                # A challenge serves once: whoever lost the answer begins again, as the page does.
                return again.status == 401 and _logs_in_with_passkey()
            case "remove a passkey":
                return again.status == 404 and not _passkeys(browser)
            case "confirm another address":
                # The session went with the change: whoever lost the answer logs in, with the new address.
                return again.status == 401 and logs_in(PASSWORD, NEW_EMAIL) and not logs_in(PASSWORD)
        return False


def _waits_for_code(browser: Browser) -> tuple[str, str]:
    begun = browser.call("register", "POST", "/api/register", FACTS)
    return begun.json["registration_id"], secret_in_newest("code")


def _customer(browser: Browser) -> str:
    registered(browser)
    return PASSWORD


def _elsewhere(browser: Browser) -> str:
    registered(browser)
    browser.cookies.clear()
    return PASSWORD


def _asked(browser: Browser) -> str:
    registered(browser)
    browser.cookies.clear()
    browser.call("reset", "POST", "/api/reset", RESET)
    return secret_in_newest("temporary_password")


_DEVICE = Authenticator(counts=False)


def _to_add(browser: Browser) -> dict[str, Any]:
    registered(browser)
    return _DEVICE.make(browser.call("passkeys", "POST", "/api/passkeys/options", PROOF).json)


def _to_log_in(browser: Browser) -> dict[str, Any]:
    browser.call("passkeys", "POST", "/api/passkeys", _to_add(browser))
    browser.cookies.clear()
    return _DEVICE.sign(browser.call("passkeys", "POST", "/api/login/passkey/options").json)


def _logs_in_with_passkey() -> bool:
    browser = Browser()
    signed = _DEVICE.sign(browser.call("passkeys", "POST", "/api/login/passkey/options").json)
    return browser.call("passkeys", "POST", "/api/login/passkey", signed).status == 200


def _passkeys(browser: Browser) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.call("passkeys", "GET", "/api/passkeys").json["passkeys"]
    return found


def _to_remove(browser: Browser) -> str:
    browser.call("passkeys", "POST", "/api/passkeys", _to_add(browser))
    return str(_passkeys(browser)[0]["passkey_id"])


def _asked_for_address(browser: Browser) -> str:
    registered(browser)
    browser.call("reset", "POST", "/api/email", PROOF | {"email": NEW_EMAIL})
    return secret_in_newest("email_code")


FLOWS = [
    Flow("register", lambda _: None, 202),
    Flow("resend", _waits_for_code, 202),
    Flow("verify", _waits_for_code, 201),
    Flow("login", _elsewhere, 200),
    Flow("login with a temporary password", _asked, 200),
    Flow("reset", _customer, 202),
    Flow("password", _customer, 204),
    Flow("log off", _customer, 204),
    Flow("ask for another address", _customer, 202),
    Flow("confirm another address", _asked_for_address, 204),
    Flow("begin to add a passkey", _customer, 200),
    Flow("begin to log in with a passkey", lambda _: None, 200),
    Flow("add a passkey", _to_add, 201),
    Flow("log in with a passkey", _to_log_in, 200),
    Flow("remove a passkey", _to_remove, 204),
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_whatever_fails_at_whichever_call_nothing_is_half_done_and_who_tries_again_gets_on(
    flow: Flow, fault: str, own_tenancy: Any, faults: Faults, noon: Any
) -> None:
    first = Browser()
    given = flow.before(first)
    noon.shift(1)
    kept, cookies, before = tables(), dict(first.cookies), stored()
    faults.strike(None)
    assert flow.call(first, given).status == flow.status
    calls, after = faults.calls, stored()
    assert after != before
    for at in range(calls):
        for lasting in (False, True):
            put_back(kept)
            browser = Browser()
            browser.cookies = dict(cookies)
            faults.strike(fault, at, lasting=lasting)
            reply = flow.call(browser, given)
            faults.strike(None)
            where = f"{flow.name}: {fault} at call {at} of {calls}, {'lasting' if lasting else 'once'}: {reply}"
            assert reply.status in (flow.status, 503), where
            now = stored()
            if reply.status == 503:
                assert (reply.json["type"], reply.headers["retry-after"]) == ("/problems/try-again-soon", "3"), where
                assert now in (before, after), where
                assert fault == "denied" or lasting, f"one {where}"
                assert flow.gets_on(browser, given), where
            else:
                assert now == after, where


def test_an_update_whose_answer_was_lost_is_done_once_and_told_as_done(faults: Faults, noon: Any) -> None:
    """Fault F2: botocore sends it again, and a plain condition would refuse what it did itself."""
    key = identity.tries_key("f2")
    item = identity.TriesItem(pk=key.pk, sk=key.sk, used=4)
    store.transact(store.Put(item))
    faults.strike("answer lost")
    update = store.Update(item, [identity.TriesItem.used.add(1)], identity.TriesItem.used < 5)
    store.transact(update)
    assert faults.calls == 2
    (found,) = store.fetch([key], clock.now())
    assert found.used == 5
    with pytest.raises(store.Refused):
        store.transact(update)
    faults.strike("answer lost")
    store.transact(store.Update(item, [identity.TriesItem.used.add(1)]))
    (found,) = store.fetch([key], clock.now())
    assert found.used == 6, "without a condition it is not done twice either"


def test_a_put_or_delete_whose_answer_was_lost_is_told_as_done_and_anothers_is_not(faults: Faults, noon: Any) -> None:
    key = identity.tries_key("f2")
    item = identity.TriesItem(pk=key.pk, sk=key.sk, used=1)
    faults.strike("answer lost")
    store.transact(store.Put(item, identity.TriesItem.new()))
    faults.strike("answer lost")
    store.transact(store.Delete(item, identity.TriesItem.pk.exists()))
    store.transact(store.Put(identity.TriesItem(pk=key.pk, sk=key.sk, used=2)))
    faults.strike("reset before")
    with pytest.raises(store.Refused):
        store.transact(store.Put(item, identity.TriesItem.new()))


def test_the_last_try_is_judged_though_its_answer_was_lost(own_tenancy: Any, faults: Faults, noon: Any) -> None:
    browser = Browser()
    registration, code = _waits_for_code(browser)
    body = {"registration_id": registration, "code": "2222-2222", "password": PASSWORD}
    for _ in range(4):
        assert browser.call("verify", "POST", "/api/verify", body).status == 422
    # The first call of `verify` counts the network address, the second spends the try.
    faults.strike("answer lost", 1)
    assert browser.call("verify", "POST", "/api/verify", body | {"code": code}).status == 201
