"""The one way in: nothing comes round the site (threat T15), and no slow dependency holds a tenant (fault F26)."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from infra.templates import read_template
from portal import aws, budget, store
from portal.http.api import Route
from portal.identity.store import tries_key
from tests.integration import test_every_route
from tests.integration.conftest import Browser, Reply
from tests.integration.test_every_route import EXAMPLES, ROUTES, call, name_of, problem
from tests.integration.test_identity import FACTS

ROOT = Path(__file__).parents[2]
inside = test_every_route.inside
WRONG_SECRETS = [None, "", "the-origin-secre", "the-origin-secret-", "the-origin-secret,the-origin-secret", "é"]


@pytest.fixture
def calls(cloud: None) -> list[str]:
    """The AWS calls that were made."""
    made: list[str] = []
    for service in ("dynamodb", "secretsmanager", "s3", "sesv2"):
        aws.client(service).meta.events.register("before-call", lambda model, **_: made.append(model.name))
    return made


# --- T15: round the site


def test_t15_a_call_round_the_site_is_refused_before_anything_is_done(inside: Browser, calls: list[str]) -> None:
    made = len(calls)
    for case in ROUTES:
        for secret in WRONG_SECRETS:
            reply = call(inside, case, body=EXAMPLES.get(name_of(case)), headers={"x-origin-secret": secret})
            assert (reply.status, problem(reply)["type"]) == (403, "/problems/not-through-the-site"), name_of(case)
    assert len(calls) == made


def test_t15_an_address_that_no_route_has_is_refused_round_the_site_too(cloud: None) -> None:
    for path in ("/api/nowhere", "/", "/api/openapi.json"):
        reply = Browser().call("reference", "GET", path, headers={"x-origin-secret": None})
        assert reply.status == 403


def test_t15_of_100_forged_addresses_none_changes_a_limit(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    statuses = []
    for number in range(100):
        wrong = FACTS | {"tenancy_reference": f"LH{number:05}"}
        forged = dict.fromkeys(("x-forwarded-for", "x-real-ip", "forwarded", "via"), f"198.51.100.{number}")
        statuses.append(browser.call("register", "POST", "/api/register", wrong, headers=forged).status)
    assert statuses == [422] * 30 + [429] * 70


def test_t15_of_100_forged_viewers_round_the_site_none_is_counted_anywhere(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    for number in range(100):
        forged = {"cloudfront-viewer-address": f"198.51.100.{number}:1", "x-origin-secret": "guessed"}
        assert browser.call("register", "POST", "/api/register", FACTS, headers=forged).status == 403
    counted = aws.client("dynamodb").scan(TableName="identity")["Items"]
    assert counted == []


def test_while_the_origins_secret_is_rotated_nobody_is_refused(
    browser: Browser, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def status(secret: str) -> int:
        return browser.call("reference", "GET", "/api/openapi.json", headers={"x-origin-secret": secret}).status

    # 1: the application takes both. 2: CloudFront sends the new one. 3: the application takes the new one alone.
    monkeypatch.setenv("ORIGIN_SECRET", "the-new-one")
    monkeypatch.setenv("ORIGIN_SECRET_BEFORE", "the-origin-secret")
    assert [status("the-origin-secret"), status("the-new-one")] == [200, 200]
    monkeypatch.setenv("ORIGIN_SECRET_BEFORE", "")
    assert [status("the-origin-secret"), status("the-new-one")] == [403, 200]


# --- what every answer carries


def test_every_answer_is_kept_nowhere_says_what_it_is_and_allows_a_browser_nothing(inside: Browser) -> None:
    """Answers and refusals of every route; what ends the session comes last."""
    refused = [{"headers": {"origin": "https://evil.example"}}, {"raw": b"{"}, {"headers": {"x-origin-secret": "no"}}]
    for case in sorted(ROUTES, key=lambda case: case[1].path == "/api/logout"):
        for how in (*refused, {"body": EXAMPLES.get(name_of(case))}):
            reply = call(inside, case, **how)
            assert reply.headers["cache-control"] == "no-store", name_of(case)
            assert reply.headers["x-content-type-options"] == "nosniff"
            policy = reply.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "base-uri 'none'" in policy
            assert "unsafe" not in policy
            assert "max-age=63072000" in reply.headers["strict-transport-security"]
            if reply.text:
                kind = reply.headers["content-type"]
                assert kind.startswith("application/") or "charset=utf-8" in kind, (name_of(case), kind)


# --- F26: slow dependencies, by a clock that only waiting moves


class Clock:
    """Seconds that pass where the code waits: for a connection, an answer or its own pause."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds >= 0
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the budget, and every pause, made to pass without waiting."""
    clock = Clock()
    monkeypatch.setattr(budget, "monotonic", clock)
    monkeypatch.setattr("time.sleep", clock.wait)
    return clock


class Network:
    """Between botocore and moto: each call takes `seconds`, and from the `silent_from`-th on none is answered."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = clock
        self.begin()
        answers = BotocoreStubber.__call__

        def stub(stubber: Any, event_name: str, request: Any, **how: Any) -> Any:
            patience = request.context.get("read_timeout", aws.READ_SECONDS)
            self.sent += 1
            if self.sent > self.silent_from or self.seconds > patience:
                # The worst of both: the connection takes all of its time, and then nothing is answered.
                clock.wait(aws.CONNECT_SECONDS + patience)
                raise ReadTimeoutError(endpoint_url=request.url)
            clock.wait(self.seconds)
            if self.status == 200:
                return answers(stubber, event_name, request, **how)
            body = json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}).encode()
            return AWSResponse(request.url, self.status, {}, MockRawResponse(body))

        monkeypatch.setattr(BotocoreStubber, "__call__", stub)

    def begin(self, *, seconds: float = 0, silent_from: int = 10**9, status: int = 200) -> float:
        """From now on it is so; what the clock shows."""
        self.seconds, self.silent_from, self.status, self.sent = seconds, silent_from, status, 0
        return self.clock.seconds


@pytest.fixture
def network(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Network:
    """The network that the functions' calls go through."""
    return Network(clock, monkeypatch)


def problem_of(reply: Reply) -> str:
    return str(reply.json["type"])


# Every route whose example makes a call: a payment event and a checkout that nobody made are refused without one.
CALLING = [c for c in ROUTES if "session" in c[1].takes or "body" in c[1].takes]


@pytest.mark.parametrize("case", CALLING, ids=name_of)
def test_f26_whatever_is_slow_a_tenant_is_answered_within_nine_seconds(
    case: tuple[str, Route], inside: Browser, network: Network, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)  # the longest of botocore's pauses
    throttled, logged_in = {"status": 400, "seconds": 1.0}, dict(inside.cookies)
    # What can end in an answer comes last, for it may end the session.
    for how in (
        {"silent_from": 0}, throttled, {"silent_from": 1}, {"seconds": 1.9}, {"seconds": 1.0}, {"seconds": 0.5}
    ):  # fmt: skip
        inside.cookies = dict(logged_in)
        began = network.begin(**how)
        reply = call(inside, case, body=EXAMPLES.get(name_of(case)))
        taken = clock.seconds - began
        # Our own pause between two tries of a write may come on top of it.
        assert taken <= budget.ANSWER_SECONDS + 0.4, (how, taken, reply)
        assert network.sent or reply.status == 401
        if reply.status >= 500 or how in ({"silent_from": 0}, throttled):
            assert (reply.status, problem_of(reply)) == (503, "/problems/try-again-soon"), how
            assert int(reply.headers["retry-after"]) > 0


def test_f26_what_nobody_waits_for_has_the_whole_of_each_calls_time(
    cloud: None, network: Network, clock: Clock
) -> None:
    began = network.begin(silent_from=0)
    for _ in range(2):
        with pytest.raises(ReadTimeoutError):
            store.fetch([tries_key("x")], datetime.now(UTC))
    assert network.sent == 2 * aws.ATTEMPTS
    assert clock.seconds - began > budget.ANSWER_SECONDS


def test_f26_lambda_ends_a_function_of_the_api_later_than_the_way_in_does() -> None:
    functions = read_template(ROOT / "template.yaml")["Globals"]["Function"]
    assert budget.ANSWER_SECONDS + 2 <= functions["Timeout"] <= 10
