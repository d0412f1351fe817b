"""Threats T4, T9, T10, T21, T24, T25, T27 and T28, in process on moto.

`make test` runs a tenth of the sizes that are held, `make test-long` the whole.
"""

import json
import os
import random
import re
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.botocore_stubber import BotocoreStubber
from moto.ses.models import ses_backends

from portal import clock, store
from portal.identity import passwords, tries
from portal.identity.store import CustomerItem
from portal.mail import letters
from portal.mail.outbox import letter
from portal.observe import logger
from portal.validation.fields import canonical_email
from portal.validation.reading import Wrong
from tests.integration.conftest import Browser, Reply, add_tenancy, log_in_as
from tests.integration.test_identity import FACTS, PASSWORD, mails, registered, secret_in_newest
from tests.integration.test_mailer import ABOUT, run, stream
from tests.integration.test_rent_and_pay import add_account, start

LOGIN = {"email": "amara@example.com", "password": PASSWORD}
NEW_PASSWORD = "violet harbour sandwich"


def sizes(tenth: int, whole: int) -> Any:
    """The size of `make test`, and that of `make test-long`."""
    return pytest.mark.parametrize("size", [tenth, pytest.param(whole, marks=pytest.mark.long)])


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets that do not run out, for tests of something else that make thousands of calls."""
    monkeypatch.setenv("LIMITS_FACTOR", "1000000")
    for name in ("CODE", "LOGIN", "REFERENCE", "CODES_OF_PERSON", "MAILS_AN_HOUR", "MAILS_A_DAY"):
        monkeypatch.setattr(tries, name, tries.Limit(10**9, timedelta(days=1)))


# --- T4: asking tells nothing -------------------------------------------------------------------------------------

Ask = Callable[[Any], Reply]


def asks() -> dict[str, tuple[Ask, Any, Any]]:
    """What a stranger may ask, of somebody known and of nobody."""
    who = Browser("198.51.100.9")

    def log_in(email: str) -> Reply:
        return who.call("login", "POST", "/api/login", {"email": email, "password": "not this one"})

    def reset(email: str) -> Reply:
        return who.call("reset", "POST", "/api/reset", {"email": email, "date_of_birth": "1990-03-27"})

    def register(reference: str) -> Reply:
        wrong = FACTS | {"tenancy_reference": reference, "date_of_birth": "1990-03-28"}
        return who.call("register", "POST", "/api/register", wrong)

    def wait(reference: str) -> Reply:
        wrong = FACTS | {"tenancy_reference": reference, "date_of_birth": "1990-03-28"}
        return who.call("register", "POST", "/api/register/waiting", wrong)

    def resend(registration: str) -> Reply:
        return who.call("register", "POST", "/api/register/resend", {"registration_id": registration})

    # Somebody else's registration still waits for its code.
    add_tenancy("LH30003", "P30003", email="chidi@example.com", mobile="+447700900125")
    facts = FACTS | {"email": "chidi@example.com", "mobile": "07700 900125", "tenancy_reference": "LH30003"}
    begun = who.call("register", "POST", "/api/register", facts).json["registration_id"]
    known, nobody = "amara@example.com", "nobody@example.com"
    return {
        "login": (log_in, known, nobody),
        "reset": (reset, known, nobody),
        "register": (register, "LH10001", "LH99999"),
        "waiting": (wait, "LH10001", "LH99999"),
        "resend": (resend, begun, "0" * 26),
    }


@pytest.mark.parametrize("what", ["login", "reset", "register", "waiting", "resend"])
def test_t4_somebody_known_and_nobody_are_answered_with_the_same_bytes(
    browser: Browser, own_tenancy: Any, noon: Any, unlimited: None, what: str
) -> None:
    registered(browser)
    ask, known, nobody = asks()[what]
    answers = [(a.status, a.text, sorted(a.headers.items()), a.cookies) for a in (ask(known), ask(nobody))]
    assert answers[0] == answers[1]


def without_moto(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of the processor that moto takes from now on, call by call."""
    spent: list[float] = []
    answered = BotocoreStubber.__call__

    def timed(stubber: Any, *given: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return answered(stubber, *given, **named)
        finally:
            spent.append(time.process_time() - began)

    monkeypatch.setattr(BotocoreStubber, "__call__", timed)
    return spent


PAIRS_MEASURED = int(os.environ.get("PAIRS", "10000"))


@pytest.mark.long
@pytest.mark.parametrize("what", ["login", "reset", "register", "waiting", "resend"])
def test_t4_the_time_of_an_answer_tells_nobody_from_somebody(
    browser: Browser, own_tenancy: Any, unlimited: None, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs in random order; the 95 % bootstrap interval of their median difference lies within a millisecond.

    The processor's own time is measured, so that a busy machine blurs it little, and without moto's: that it takes a
    millisecond more to write out two items than none says nothing of DynamoDB.

    `make performance` prints it at a thousand pairs. `make test` holds what cannot depend on the machine: the same AWS
    calls and the same hashing (test_round_trips).
    """
    registered(browser)
    ask, known, nobody = asks()[what]
    of_moto = without_moto(monkeypatch)
    seeded, pairs = random.Random(what), []
    for _ in range(PAIRS_MEASURED + 5):
        taken = {}
        for who in seeded.sample([known, nobody], 2):
            began = time.process_time() - sum(of_moto)
            ask(who)
            taken[who] = (time.process_time() - sum(of_moto) - began) * 1000
            of_moto.clear()
        pairs.append((taken[known], taken[nobody]))
    pairs = pairs[5:]  # the first ones load what is loaded once
    differences = [one - other for one, other in pairs]
    medians = sorted(statistics.median(seeded.choices(differences, k=len(pairs))) for _ in range(400))
    low, high = medians[10], medians[-11]
    spreads = [statistics.quantiles(side, n=10) for side in zip(*pairs, strict=True)]
    cells = [" / ".join(f"{spread[n]:.1f}" for n in (0, 4, 8)) for spread in spreads]
    print(f"\n| {what} | {' | '.join(cells)} | {statistics.median(differences):+.2f} | {low:+.2f} to {high:+.2f} |")
    assert -1 < low <= high < 1


# --- T9, T10: sessions --------------------------------------------------------------------------------------------


@sizes(1_000, 10_000)
def test_t9_no_session_that_was_logged_off_lets_anybody_in(
    browser: Browser, own_tenancy: Any, noon: Any, size: int
) -> None:
    registered(browser)
    thief = Browser()
    thief.cookies = dict(browser.cookies)
    assert thief.call("login", "GET", "/api/session").status == 200
    assert browser.call("login", "POST", "/api/logout").status == 204
    assert {thief.call("login", "GET", "/api/session").status for _ in range(size)} == {401}


def test_t10_each_way_in_gives_a_new_token_and_ends_the_session_that_it_replaces(
    browser: Browser, own_tenancy: Any, noon: Any, unlimited: None
) -> None:
    second = add_tenancy("LH30003", "P10001")
    seen: list[str] = []

    def is_new() -> None:
        cookie = browser.cookies["__Host-session"]
        assert cookie.rpartition(".")[2] not in {old.rpartition(".")[2] for old in seen}
        for old in seen:
            thief = Browser()
            thief.cookies["__Host-session"] = old
            assert thief.call("login", "GET", "/api/session").status == 401
        seen.append(cookie)

    registered(browser)
    is_new()
    assert browser.call("login", "POST", "/api/login", LOGIN).status == 200
    is_new()
    assert browser.call("login", "PUT", "/api/session", {"tenancy_id": second.tenancy_id}).status == 200
    is_new()
    ask = {"email": "amara@example.com", "date_of_birth": "1990-03-27"}
    browser.call("reset", "POST", "/api/reset", ask)
    temporary = secret_in_newest("temporary_password")
    assert browser.call("login", "POST", "/api/login", LOGIN | {"password": temporary}).status == 200
    is_new()
    change = {"current_password": temporary, "new_password": NEW_PASSWORD}
    assert browser.call("reset", "PUT", "/api/password", change).status == 204
    is_new()


def test_t10_registering_in_a_browser_ends_whosever_session_it_had(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    other = add_tenancy("LH40004", "P40004", email="other@example.com")
    log_in_as(browser, other.person_id, other.tenancy_id)
    thief = Browser()
    thief.cookies = dict(browser.cookies)
    registered(browser)
    assert thief.call("login", "GET", "/api/session").status == 401


def test_t10_a_cookie_with_another_token_ends_nobodys_session(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    stranger = Browser()
    stranger.cookies["__Host-session"] = browser.cookies["__Host-session"].rpartition(".")[0] + ".guessed"
    assert stranger.call("login", "POST", "/api/login", LOGIN).status == 200
    assert browser.call("login", "GET", "/api/session").status == 200


# --- T1, T3, T7: a match costs nothing, and waits are those that are stated ------------------------------------------


def test_who_matches_when_the_days_codes_are_used_up_spends_none_of_the_references_tries(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    """Else somebody who asks on would be kept out for a day from the last asking, not from the first code."""
    for _ in range(5):
        assert browser.call("register", "POST", "/api/register", FACTS).status == 202
        noon.shift(timedelta(hours=1))  # three mails an hour
    noon.shift(timedelta(hours=18))
    assert [browser.call("register", "POST", "/api/register", FACTS).status for _ in range(9)] == [429] * 9
    noon.shift(timedelta(hours=1, seconds=1))
    assert browser.call("register", "POST", "/api/register", FACTS).status == 202


def test_no_wait_of_a_log_in_is_longer_than_an_hour_and_a_day_has_at_most_fifty_judged(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    attacker, began = Browser(), clock.now()
    judged, waits = 0, []
    while clock.now() - began < timedelta(days=1):
        answer = attacker.call("login", "POST", "/api/login", LOGIN | {"password": "not this one"})
        if answer.status == 401:
            judged += 1
        else:
            waits.append(int(answer.headers["retry-after"]))
            noon.shift(waits[-1])
    assert waits[:8] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert max(waits) <= 3600
    assert judged == 10 + 6 + 22


def test_t7_a_device_of_one_address_has_no_tries_of_its_own_at_another(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    wrong = {"email": "other@example.com", "password": "not this one"}
    assert [Browser().call("login", "POST", "/api/login", wrong).status for _ in range(10)] == [401] * 10
    thief = Browser()
    thief.cookies["__Host-device"] = browser.cookies["__Host-device"]
    assert thief.call("login", "POST", "/api/login", wrong).status == 429


def wrong_until_refused(browser: Browser) -> int:
    """How many wrong passwords at the own address are judged from that browser before one is refused."""
    judged = 0
    while browser.call("login", "POST", "/api/login", LOGIN | {"password": "not this one"}).status == 401:
        judged += 1
    return judged


def holding(device: str) -> Browser:
    thief = Browser()
    thief.cookies["__Host-device"] = device
    return thief


def test_t7_a_device_that_signed_in_with_a_password_that_was_changed_since_has_no_tries_of_its_own(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    """Else whoever once knew the password keeps as many budgets as they logged in times."""
    registered(browser)
    kept = []
    for _ in range(3):
        once = Browser()
        assert once.call("login", "POST", "/api/login", LOGIN).status == 200
        kept.append(once.cookies["__Host-device"])
    noon.shift(timedelta(hours=1))
    assert browser.call("login", "POST", "/api/login", LOGIN).status == 200
    before = browser.cookies["__Host-device"]
    noon.shift(timedelta(seconds=1))
    change = {"current_password": LOGIN["password"], "new_password": NEW_PASSWORD}
    assert browser.call("reset", "PUT", "/api/password", change).status == 204
    assert [wrong_until_refused(holding(device)) for device in [*kept, before]] == [10, 0, 0, 0], "one budget for all"
    right = LOGIN | {"password": change["new_password"]}
    assert browser.cookies["__Host-device"] != before
    assert browser.call("login", "POST", "/api/login", right).status == 200, "who changed it is known as before"


def test_t7_a_device_has_tries_of_its_own_for_180_days(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    device = browser.cookies["__Host-device"]
    assert wrong_until_refused(Browser()) == 10
    noon.shift(timedelta(days=180, seconds=-1))
    assert wrong_until_refused(Browser()) == 10
    assert wrong_until_refused(holding(device)) == 10
    noon.shift(timedelta(seconds=2))
    assert wrong_until_refused(holding(device)) == 0


# --- T21: what a name can do to a mail ---------------------------------------------------------------------------

HOSTILE = [
    "{{", "}}", "{% include 'code.txt' %}", "{{ 7*191 }}", "{{ secret }}", "\r\nBcc: x@evil.example\r\n", "\n\n.\n",
    "\u202e", "\u2066", "\u0000", "<b>", "</title>", "&amp;", "=?utf-8?q?x?=", "Ó", "李", "'", '"', "Subject: hello\n",
]  # fmt: skip


def hostile(seeded: random.Random) -> str:
    return "".join(seeded.choices([*HOSTILE, "Amara", " "], k=seeded.randint(1, 6)))


def about_with(kind: str, text: str) -> dict[str, Any]:
    """What fills a mail of that kind, each of its free texts replaced."""
    return _with(text, ABOUT[kind])


def _with(text: str, about: Any, name: str = "") -> Any:
    match about:
        case dict():
            return {name: _with(text, value, name) for name, value in about.items()}
        case list():
            return [_with(text, value, name) for value in about]
        case str() if not re.match(r"\d{4}-\d\d-\d\d", about) and name not in {"priority", "duty", "stage"}:
            return text
    return about


@sizes(1_000, 10_000)
def test_t21_whatever_a_name_holds_it_is_text_in_one_message(size: int) -> None:
    seeded = random.Random(21)
    for n in range(size):
        kind, name = letters.KINDS[n % len(letters.KINDS)], hostile(seeded)
        message = letters.written(kind, about_with(kind, name), secret="K7PM-3XQD", site="https://portal.example")
        assert not set("\r\n") & set(message.subject)
        assert "K7PM" not in message.subject
        carried = "{{ secret }}" in name and kind not in {
            "code",
            "code_after_exchange",
            "email_code",
            "temporary_password",
        }
        assert "1337" not in message.text + message.html
        assert not carried or "K7PM" not in message.text
        assert "<b>" not in message.html
        assert message.html.count("</title>") == 1


@sizes(100, 1_000)
def test_t21_one_message_goes_to_one_recipient(browser: Browser, own_tenancy: Any, noon: Any, size: int) -> None:
    registered(browser)
    seeded, kinds = random.Random(22), sorted(set(letters.KINDS) - {"code", "email_code", "temporary_password"})
    run(stream())
    sent = ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-2"].sent_messages
    for n in range(size):
        before = len(sent)
        kind = kinds[n % len(kinds)]
        store.transact(
            letter(
                kind, to=f"customer:{own_tenancy.person_id}", at=clock.now(), about=about_with(kind, hostile(seeded))
            )
        )
        run(stream())
        (message,) = sent[before:]
        assert message.destinations == {"ToAddresses": ["amara@example.com"]}


@pytest.mark.parametrize("text", ["a@b.example\r\nBcc: x@evil.example", "a@b.example\n", "a@b.example,x@evil.example"])
def test_t21_an_address_is_one_address(text: str) -> None:
    with pytest.raises(Wrong):
        canonical_email(text)


# --- T24: nothing is taken for what it is not ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "born",
    [
        "0",
        "0000-00-00",
        0,
        19900327,
        638496000.0,
        "1990-03-27T00:00:00",
        "1990-3-27",
        " 1990‑03‑27",
        "27/03/1990",
        ["1990-03-27"],
        {"year": 1990},
        True,
        "1990-02-30",
        "19900327",
        "1990-W13-2",
    ],
)
def test_t24_a_date_of_birth_is_a_date_and_nothing_that_can_be_made_one(
    browser: Browser, own_tenancy: Any, noon: Any, born: Any
) -> None:
    for name, path, body in (
        ("register", "/api/register", FACTS),
        ("reset", "/api/reset", {"email": "amara@example.com", "date_of_birth": ""}),
    ):
        answer = browser.call(name, "POST", path, body | {"date_of_birth": born})
        assert (answer.status, answer.json["errors"][0]["field"]) == (422, "date_of_birth")


@pytest.mark.parametrize(
    "extra", ["role", "customer_id", "person_id", "tenancy_id", "registered", "__class__", "Email"]
)
def test_t24_a_field_that_nobody_asked_for_is_refused(
    browser: Browser, own_tenancy: Any, noon: Any, extra: str
) -> None:
    answer = browser.call("register", "POST", "/api/register", FACTS | {extra: "admin"})
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, extra)


def test_t24_a_field_that_stands_twice_is_refused_at_any_depth(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    twice = json.dumps(FACTS)[:-1] + ', "email": "other@example.com"}'
    assert browser.call("register", "POST", "/api/register", raw=twice.encode()).status == 400
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    nested = b'{"preferences": {"contact_by": "email", "contact_by": "post"}}'
    assert browser.call("contact", "PATCH", "/api/contact", raw=nested).status == 400


@pytest.mark.parametrize("field", ["email", "mobile", "tenancy_reference"])
def test_t24_control_characters_are_refused(browser: Browser, own_tenancy: Any, noon: Any, field: str) -> None:
    for odd in ("\u0000", "\u0007", "\u001b", "\u0085"):
        wrong = FACTS | {field: FACTS[field][:3] + odd + FACTS[field][3:]}
        answer = browser.call("register", "POST", "/api/register", wrong)
        assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)


# --- T25, T28: one tenant's things are not another's ----------------------------------------------------------------


@pytest.fixture
def two(cloud: None, noon: Any) -> list[SimpleNamespace]:
    """Two tenants, each logged in, each with a name and a rent account of their own."""
    found = []
    for n, (first, last) in enumerate([("Aaliyah-Mark", "Ashdown-Mark"), ("Benedict-Sign", "Burnside-Sign")]):
        tenant = add_tenancy(
            f"LH7000{n}", f"P7000{n}", first_name=first, last_name=last, email=f"{last.lower()}@example.com"
        )
        tenant.browser = Browser(f"203.0.113.{n + 1}")
        tenant.account = add_account(tenant.tenancy_id, f"RA7000{n}")
        log_in_as(tenant.browser, tenant.person_id, tenant.tenancy_id)
        customer = CustomerItem(
            pk=f"CUSTOMER#{tenant.person_id}", sk="CUSTOMER", email=f"{last.lower()}@example.com",
            registered_at=clock.now(),
        )  # fmt: skip
        store.transact(store.Put(customer))
        tenant.marks = [
            last.lower(), last, first, tenant.tenancy_id, tenant.person_id, tenant.account, tenant.reference,
            f"RA7000{n}", tenant.browser.cookies["__Host-session"].rpartition(".")[2],
        ]  # fmt: skip
        found.append(tenant)
    return found


@sizes(200, 10_000)
def test_t25_an_idempotency_key_of_one_tenancy_is_no_key_of_another(two: list[SimpleNamespace], size: int) -> None:
    a, b = two
    for n in range(size):
        key = {"idempotency-key": f"shared-key-{n:06}"}
        own = start(a.browser, a.account, amount_pence=1_000, key=key)
        other = start(b.browser, b.account, amount_pence=2_000, key=key)
        assert (own.status, other.status) == (201, 201)
        assert own.json["payment_id"] != other.json["payment_id"]
        assert other.json["amount_pence"] == 2_000
        assert own.json["payment_id"] not in other.text
        if n % 10 == 0:
            assert b.browser.call("pay", "GET", f"/api/pay/{own.json['payment_id']}").status == 404


@sizes(1_000, 10_000)
def test_t28_two_tenants_served_by_one_process_in_turn_see_nothing_of_each_other(
    two: list[SimpleNamespace], size: int
) -> None:
    reads = [
        ("login", "/api/session"), ("balance", "/api/balance"), ("contact", "/api/contact"),
        ("contact", "/api/household"), ("pay", "/api/pay"), ("repairs", "/api/repairs"),
    ]  # fmt: skip
    seen = [0, 0]
    for n in range(size):
        me, other = n % 2, 1 - n % 2
        name, path = reads[n // 2 % len(reads)]
        reply = two[me].browser.call(name, "GET", path)
        assert reply.status == 200, (n, path, reply)
        answered = reply.text + str(reply.headers) + str(reply.cookies)
        assert not [mark for mark in two[other].marks if mark in answered]
        seen[me] += any(mark in answered for mark in two[me].marks)
    assert min(seen) > size // 6, "and each their own"


# --- T27: nothing personal and no secret is logged ---------------------------------------------------------------


def test_t27_no_log_line_metric_or_error_holds_what_was_typed_or_mailed(
    browser: Browser, own_tenancy: Any, noon: Any, caplog: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = ["amara", "example.com", "7700", "900123", "1990-03", "copper", "lantern", "violet", "LH10001", "lh 10001"]
    registered(browser)
    marks += [secret_in_newest_of_all("code")]
    browser.call("register", "POST", "/api/register", FACTS | {"date_of_birth": "1990-03-28"})
    browser.call("register", "POST", "/api/register", raw=json.dumps(FACTS).encode()[:-1])
    browser.call("register", "POST", "/api/register", FACTS | {"amara": "example.com"})
    browser.call("login", "POST", "/api/login", LOGIN | {"password": "copper wrong"})
    marks += list(browser.cookies.values())
    browser.call("login", "POST", "/api/login", LOGIN)
    browser.call("reset", "POST", "/api/reset", {"email": "amara@example.com", "date_of_birth": "1990-03-27"})
    temporary = secret_in_newest("temporary_password")
    marks += [temporary, temporary.replace("-", "")]
    browser.call("login", "POST", "/api/login", LOGIN | {"password": temporary})
    change = {"current_password": temporary, "new_password": NEW_PASSWORD}
    browser.call("reset", "PUT", "/api/password", change | {"new_password": "amara okafor 1990"})
    assert browser.call("reset", "PUT", "/api/password", change).status == 204
    mobile = {"mobile": "07700 900124"}
    browser.call("contact", "PATCH", "/api/contact", mobile)
    run(stream())
    run({"trigger": "sweep"})

    def breaks(password: str, *_: Any) -> Any:
        raise ValueError(f"cannot hash {password} of amara@example.com")

    monkeypatch.setattr(passwords, "is_right", breaks)
    broken = browser.call("login", "POST", "/api/login", LOGIN | {"password": NEW_PASSWORD})
    assert broken.status == 500
    assert not [mark for mark in marks if mark in broken.text]
    browser.call("login", "POST", "/api/logout")
    marks += list(browser.cookies.values())

    printed = capsys.readouterr()
    lines = [printed.out, printed.err]
    lines += [f"{record.getMessage()} {vars(record)} {logger.registered_formatter.format(record)}"
              for record in caplog.records]  # fmt: skip
    assert len(caplog.records) > 12
    found = [
        (mark, line) for line in lines for mark in {m.lower() for m in marks if len(m) > 3} if mark in line.lower()
    ]
    assert not found
    assert "answered" in "".join(lines)


def secret_in_newest_of_all(kind: str) -> str:
    """The code of the mail that still waits, though the registration is over: what it was derived from is gone."""
    assert mails(kind)
    return "no code is left to derive"
