"""Keep trying for me: what matched nobody is kept sealed, tried after each exchange, and forgotten; on moto."""

import csv
import io
import json
import logging
from collections.abc import Iterator
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal import aws, clock, store
from portal.exchange import rules as exchange_rules
from portal.exchange.importing import ImportFailed
from portal.exchange.store import EntryItem
from portal.identity import rules, trying_again
from portal.identity import service as identity
from portal.identity import store as identity_store
from portal.identity.store import RegistrationItem, WaitingItem
from portal.mail.store import MAIL_PK, MailItem
from portal.store import Refused
from tests.integration.conftest import TABLES, Browser, Reply, add_tenancy, function
from tests.integration.test_identity import FACTS, PASSWORD, mails, registered, secret_in_newest
from tests.integration.test_import import deliver, start
from tests.integration.test_mailer import run as send_mails
from tests.integration.test_mailer import sent, stream

# As design §8 brings the tenancy of FACTS.
TENANCIES = """tenancy_reference,start_date,end_date,address_line_1,address_line_2,town,postcode
LH10001,2026-11-20,,12 Curlew Walk,,Harrowby,HB4 2QX
"""
PEOPLE = """tenancy_reference,person_reference,title,first_name,last_name,date_of_birth,email,mobile
LH10001,P10001,Ms,Amara,Okafor,1990-03-27,amara@example.com,07700 900123
"""
NEW_TENANCY = {"tenancies.csv": TENANCIES, "people.csv": PEOPLE}
EIGHT_DAYS = timedelta(days=8)


@pytest.fixture(autouse=True)
def _stack(cloud: None, noon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here stands on empty tables, at noon."""
    monkeypatch.setenv("IMPORT_THREADS", "1")  # moto is not thread-safe


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMITS_FACTOR", "1000")


def ask(browser: Browser, **changed: str) -> Reply:
    return browser.call("register", "POST", "/api/register/waiting", FACTS | changed)


def waiting() -> list[WaitingItem]:
    return list(identity_store.all_waiting(clock.now()))


def registrations() -> list[RegistrationItem]:
    return [r for r in RegistrationItem.scan() if r.sk == "REGISTRATION"]


def listed() -> list[dict[str, str]]:
    day = clock.london_date(clock.now())
    return [e.row for e in store.query(EntryItem, f"EXPORT#{day}", clock.now()) if e.file == "unmatched"]


def recipient_of(mail: MailItem) -> str | None:
    found = identity.recipient(mail.to, mail.kind, clock.now())
    return found.email if found else None


def raw_items() -> Iterator[str]:
    for table in TABLES:
        for item in aws.client("dynamodb").scan(TableName=table)["Items"]:
            yield json.dumps(item, default=str)


# --- asking


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"email": "nobody@example.com"},
        {"mobile": "07700 900999"},
        {"tenancy_reference": "NONE1"},
        {"tenancy_reference": "LH3", "email": "li.ming@example.org"},
        {"date_of_birth": "1970-01-01"},
    ],
)
def test_whatever_is_typed_the_answer_is_the_same_byte_for_byte(typed: dict[str, str]) -> None:
    add_tenancy("LH10001", "P10001")
    add_tenancy("LH3", "P3", end_date=date(2025, 1, 5))
    registered(Browser("203.0.113.9"))
    usual, answer = ask(Browser("203.0.113.10"), tenancy_reference="LH999"), ask(Browser(), **typed)
    assert (answer.status, answer.text, answer.headers) == (202, "{}", usual.headers)
    assert answer.text == usual.text
    assert ask(Browser(), **typed).text == "{}", "asked again too"
    assert answer.cookies == []


def calls_of(browser: Browser, **typed: str) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        written = "+".join(kind for item in params.get("TransactItems", []) for kind in item)
        named = json.dumps(params.get("RequestItems", params.get("TableName")), default=str)
        made.append((written or model.name, named[:12]))

    events = aws.client("dynamodb").meta.events
    events.register("provide-client-params.dynamodb", note)
    try:
        assert ask(browser, **typed).status == 202
    finally:
        events.unregister("provide-client-params.dynamodb", note)
    return made


def test_the_record_is_not_looked_at_so_that_the_same_calls_are_made_for_known_and_unknown() -> None:
    add_tenancy("LH10001", "P10001")
    known, unknown = calls_of(Browser()), calls_of(Browser(), tenancy_reference="NONE1")
    assert known == unknown
    assert [name for name, _ in known] == ["UpdateItem", "UpdateItem", "BatchGetItem", "Put+Put"]
    assert "tenancies" not in str(known)
    assert calls_of(Browser(), tenancy_reference="NONE1")[-1][0] == "Put+Update", "asked again: one is noted"


@pytest.mark.parametrize(
    ("field", "value"), [("email", "x"), ("mobile", "12"), ("tenancy_reference", ""), ("date_of_birth", "1990-02-30")]
)
def test_what_cannot_be_read_is_told_beside_its_field(browser: Browser, field: str, value: str) -> None:
    answer = ask(browser, **{field: value})
    assert (answer.status, [e["field"] for e in answer.json["errors"]]) == (422, [field])
    assert waiting() == []


def test_an_address_may_ask_ten_times_an_hour_and_is_refused_alike_whatever_it_typed(browser: Browser) -> None:
    assert [ask(browser, tenancy_reference=f"LH{n}").status for n in range(10)] == [202] * 10
    refused = ask(browser)
    assert (refused.status, refused.json["type"]) == (429, "/problems/too-many-calls")
    assert int(refused.headers["retry-after"]) == 3_600
    assert refused.text == ask(browser, tenancy_reference="LH1").text
    assert ask(Browser("198.51.100.4")).status == 202


def test_mismatches_of_a_reference_do_not_keep_anybody_from_asking(browser: Browser) -> None:
    add_tenancy("LH10001", "P10001")
    wrong = FACTS | {"date_of_birth": "1990-03-28"}
    assert [browser.call("register", "POST", "/api/register", wrong).status for _ in range(6)][-1] == 429
    assert ask(browser).status == 202


@pytest.mark.usefixtures("unlimited")
def test_the_same_facts_take_one_place_however_they_are_written_and_wait_no_longer(browser: Browser, noon: Any) -> None:
    ask(browser)
    (first,) = waiting()
    noon.shift(timedelta(days=3))
    ask(browser, email="AMARA@EXAMPLE.COM", mobile="+44 7700 900123", tenancy_reference="LH10001")
    (again,) = waiting()
    assert again.values() == first.values() | {"last_asked_at": clock.now()}
    assert int(first.expires_at) == int((first.asked_at + EIGHT_DAYS).timestamp())


@pytest.mark.usefixtures("unlimited")
def test_ten_sets_of_facts_wait_for_a_reference_and_an_eleventh_is_answered_alike_and_not_kept(
    browser: Browser, noon: Any
) -> None:
    ask(browser)
    own = waiting()[0].facts_id
    noon.shift(1)
    answers = [ask(browser, date_of_birth=f"1980-01-{day:02}") for day in range(1, 15)]
    assert {(a.status, a.text) for a in answers} == {(202, "{}")}
    assert len(waiting()) == rules.WAITING_OF_REFERENCE == 10
    assert own in {item.facts_id for item in waiting()}, "a stranger pushes nobody out"
    ask(browser, tenancy_reference="LH2")
    assert len(waiting()) == 11, "another reference has places of its own"
    noon.shift(EIGHT_DAYS + timedelta(seconds=1))
    ask(browser, date_of_birth="1981-01-01")
    assert len(waiting()) == 1, "the place of what is over, and not deleted yet, is taken"


# --- kept sealed


def test_nothing_that_was_typed_can_be_read_in_any_item_or_log(
    browser: Browser, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    add_tenancy("LH10001", "P10001", email="other@example.net", mobile="+447700900000")
    caplog.set_level(logging.DEBUG)
    typed = {
        "email": "marked.canary@example.com",
        "mobile": "07700 900321",
        "tenancy_reference": "LHCANARY9",
        "date_of_birth": "1971-12-13",
    }
    assert ask(browser, **typed).status == 202
    assert ask(browser, **typed | {"tenancy_reference": "LH10001"}).status == 202
    start()
    assert listed() == [
        {
            "tenancy_reference": "LH10001",
            "facts": "email;mobile;date_of_birth",
            "first_asked_on": "2026-11-24",
            "last_asked_on": "2026-11-24",
        }
    ]
    everything = "\n".join([*raw_items(), caplog.text, *capsys.readouterr()]).lower()
    for mark in ("marked.canary", "900321", "lhcanary9", "1971-12-13"):
        assert mark not in everything, mark


def test_sealed_facts_are_of_one_length_and_are_opened_only_in_their_own_place() -> None:
    from portal.identity import sealing
    from portal.identity.rules import Facts

    version = sealing.key_version()
    short = Facts("a@b.uk", "+447700900123", "L1", date(1990, 3, 27))
    long = Facts("x" * 200 + "@example.com", "+447700900123", "L" * 30, date(1990, 3, 27))
    boxes = [sealing.sealed(version, facts, "tenancy", "id") for facts in (short, long, short)]
    assert len({len(box) for box in boxes}) == 1
    assert boxes[0] != boxes[2], "a nonce of its own each time"
    assert sealing.opened(version, boxes[1], "tenancy", "id") == long
    assert sealing.facts_id(version, short) != sealing.facts_id(version, long)
    last = boxes[0][-4:]
    for box, tenancy, its_id, at in (
        (boxes[0], "another", "id", version),
        (boxes[0], "tenancy", "another", version),
        (boxes[0].removesuffix(last) + ("AAA=" if last != "AAA=" else "BBB="), "tenancy", "id", version),
        ("", "tenancy", "id", version),
        ("not base64!", "tenancy", "id", version),
        (boxes[0], "tenancy", "id", "00000000-0000-0000-0000-000000000000"),
    ):
        with pytest.raises(sealing.CannotBeOpened):
            sealing.opened(at, box, tenancy, its_id)


def test_what_waits_is_opened_after_its_key_was_rotated(browser: Browser) -> None:
    ask(browser)
    aws.client("secretsmanager").put_secret_value(SecretId="portal-waiting", SecretString="another " * 8)
    aws.secret.cache_clear()
    add_tenancy("LH10001", "P10001")
    start()
    assert len(mails("code_after_exchange")) == 1


# --- tried again


def test_a_tenancy_that_an_exchange_brings_gets_its_code_by_mail_and_the_link_leads_in(
    browser: Browser, noon: Any
) -> None:
    assert browser.call("register", "POST", "/api/register", FACTS).status == 422
    assert ask(browser).status == 202
    noon.shift(timedelta(days=5))
    deliver(NEW_TENANCY)
    start()
    assert waiting() == []
    (mail,) = mails("code_after_exchange")
    (registration,) = registrations()
    its_id = registration.pk.removeprefix("REGISTRATION#")
    assert recipient_of(mail) == "amara@example.com"
    assert mail.about == {
        "registration_id": its_id,
        "expires_at": (clock.now() + timedelta(hours=24)).isoformat(),
    }
    assert listed() == []
    noon.shift(timedelta(hours=24, seconds=-1))
    code = secret_in_newest("code_after_exchange")
    done = browser.call(
        "verify", "POST", "/api/verify", {"registration_id": its_id, "code": code, "password": PASSWORD}
    )
    assert done.status == 201, done
    assert browser.call("login", "GET", "/api/session").json["customer"]["first_name"] == "Amara"


def test_its_code_stops_after_twenty_four_hours(browser: Browser, noon: Any) -> None:
    ask(browser)
    add_tenancy("LH10001", "P10001")
    start()
    code, (registration,) = secret_in_newest("code_after_exchange"), registrations()
    noon.shift(timedelta(hours=24))
    body = {"registration_id": registration.pk.partition("#")[2], "code": code, "password": PASSWORD}
    assert browser.call("verify", "POST", "/api/verify", body).status == 422


def test_a_mended_record_matches_at_the_next_exchange(browser: Browser, noon: Any) -> None:
    deliver({**NEW_TENANCY, "people.csv": PEOPLE.replace("1990-03-27", "1990-03-26")}, "one")
    start()
    ask(browser)
    start()
    assert [row["facts"] for row in listed()] == ["date_of_birth"]
    assert not mails("code_after_exchange")
    noon.shift(timedelta(days=1))
    deliver({"people.csv": PEOPLE}, "two", "2026-11-25")
    start()
    assert len(mails("code_after_exchange")) == 1
    assert listed() == [], "that day nobody is left"


def test_the_import_twice_or_more_mails_once(browser: Browser) -> None:
    ask(browser)
    deliver(NEW_TENANCY)
    for _ in range(3):
        start()
    assert len(mails("code_after_exchange")) == len(registrations()) == 1


def test_two_runs_at_once_mail_once(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run has read what waits before the first one was through with it."""
    ask(browser)
    add_tenancy("LH10001", "P10001")
    stale = waiting()
    monkeypatch.setattr(identity_store, "all_waiting", lambda at: iter(stale))
    first = trying_again.try_again(clock.now, lambda: True)
    second = trying_again.try_again(clock.now, lambda: True)
    assert (first.matched, second.matched) == (1, 0)
    assert len(mails("code_after_exchange")) == len(registrations()) == 1


class Killed(BaseException):
    pass


def test_a_run_that_is_killed_at_any_call_is_made_up_for_by_the_next(browser: Browser) -> None:
    """Before the call or after it, wherever: in the end one mail, one registration, nothing that waits."""
    for after in (False, True):
        for index in range(1, 40):
            ask(browser, tenancy_reference=f"LH{after:d}{index}")
            add_tenancy(f"LH{after:d}{index}", f"P{after:d}{index}", email="amara@example.com")
            before = len(mails("code_after_exchange"))
            if not _killed_at(index, after=after):
                break
            start()
            assert waiting() == []
            assert len(mails("code_after_exchange")) == before + 1 == len(registrations())
            _clear_tries()
        assert index > 5


def _killed_at(index: int, *, after: bool) -> bool:
    made = 0

    def kill(**_: Any) -> None:
        nonlocal made
        made += 1
        if made == index:
            raise Killed

    events = aws.client("dynamodb").meta.events
    name = "after-call.dynamodb" if after else "before-call.dynamodb"
    events.register(name, kill)
    try:
        trying_again.try_again(clock.now, lambda: True)
    except Killed:
        return True
    finally:
        events.unregister(name, kill)
    return False


def _clear_tries() -> None:
    for item in identity_store.TriesItem.scan():
        if item.sk == "TRIES":
            item.delete()


@pytest.mark.parametrize("days_late", [0, 3])
def test_after_eight_days_it_is_forgotten_though_its_item_is_still_there(
    browser: Browser, noon: Any, days_late: int
) -> None:
    ask(browser)
    noon.shift(EIGHT_DAYS + timedelta(days=days_late))
    deliver(NEW_TENANCY)
    start()
    assert not mails("code_after_exchange")
    assert listed() == []
    assert [i for i in WaitingItem.scan() if i.pk == "WAITING"], "the table has it still"


def test_until_the_eighth_day_it_is_tried(browser: Browser, noon: Any) -> None:
    ask(browser)
    noon.shift(EIGHT_DAYS - timedelta(seconds=1))
    deliver(NEW_TENANCY)
    start()
    assert len(mails("code_after_exchange")) == 1


def test_a_tenancy_that_has_ended_gets_no_code_and_the_landlord_is_told(browser: Browser) -> None:
    add_tenancy("LH10001", "P10001", end_date=date(2026, 11, 23))
    ask(browser)
    start()
    assert not mails("code_after_exchange")
    assert [row["facts"] for row in listed()] == ["end_date"]
    assert len(waiting()) == 1


@pytest.mark.parametrize(
    "wrong", [{"email": "amara2@example.com"}, {"mobile": "07700 900124"}, {"date_of_birth": "1990-03-28"}]
)
def test_one_wrong_fact_gets_no_mail_and_is_named_to_the_landlord(browser: Browser, wrong: dict[str, str]) -> None:
    add_tenancy("LH10001", "P10001")
    ask(browser, **wrong)
    start()
    assert list(store.query(MailItem, MAIL_PK, clock.now())) == []
    assert [row["facts"] for row in listed()] == list(wrong)


def test_a_reference_that_does_not_exist_is_listed_nowhere_and_goes_on_waiting(browser: Browser) -> None:
    add_tenancy("LH10001", "P10001")
    ask(browser, tenancy_reference="LH99999")
    start()
    assert listed() == []
    assert len(waiting()) == 1


def test_two_people_with_the_same_facts_are_no_match_and_the_landlord_is_told(browser: Browser) -> None:
    add_tenancy("LH10001", "P10001")
    add_tenancy("LH10001", "P10002")
    ask(browser)
    start()
    assert [row["facts"] for row in listed()] == ["person_reference"]
    assert not mails("code_after_exchange")


def test_somebody_who_has_registered_meanwhile_is_told_so_at_the_address_of_the_record(browser: Browser) -> None:
    add_tenancy("LH10001", "P10001")
    registered(Browser("203.0.113.9"))
    ask(browser)
    start()
    (mail,) = mails("already_registered")
    assert recipient_of(mail) == "amara@example.com"
    assert waiting() == []
    assert [r.used_at is None for r in registrations()] == [False], "none but the one that was used"
    start()
    assert len(mails("already_registered")) == 1


@pytest.mark.parametrize("kind", ["code_after_exchange", "already_registered"])
def test_its_mail_is_sent_to_the_address_of_the_record_with_where_to_go(browser: Browser, kind: str) -> None:
    add_tenancy("LH10001", "P10001")
    if kind == "already_registered":
        registered(Browser("203.0.113.9"))
    send_mails(stream())
    before = len(sent())
    ask(browser)
    start()
    send_mails(stream())
    (mail,) = sent()[before:]
    assert mail.destinations["ToAddresses"] == ["amara@example.com"]
    where = "/login/" if kind == "already_registered" else f"/verify/#{registrations()[0].pk.partition('#')[2]}"
    assert f'href="http://localhost:8000{where}"' in mail.body
    assert list(store.query(MailItem, MAIL_PK, clock.now())) == []


def test_an_address_that_another_customer_has_is_told_that_each_needs_an_own(browser: Browser) -> None:
    add_tenancy("LH10001", "P10001")
    registered(Browser("203.0.113.9"))
    add_tenancy("LH20002", "P20002", date_of_birth=date(1988, 1, 2))
    ask(browser, tenancy_reference="LH20002", date_of_birth="1988-01-02")
    start()
    (mail,) = mails("email_in_use")
    assert recipient_of(mail) == "amara@example.com"
    assert waiting() == []


def test_an_address_that_has_had_its_mails_waits_for_the_next_exchange(browser: Browser, noon: Any) -> None:
    for number in range(5):
        add_tenancy(f"LH{number}", f"P{number}")
        ask(browser, tenancy_reference=f"LH{number}")
    start()
    assert (len(mails("code_after_exchange")), len(waiting())) == (3, 2)
    assert listed() == [], "they match: the landlord has nothing to mend"
    noon.shift(timedelta(hours=1, seconds=1))
    start()
    assert (len(mails("code_after_exchange")), len(waiting())) == (5, 0)


@pytest.mark.usefixtures("unlimited")
def test_one_query_finds_all_and_each_tenancy_is_read_once(browser: Browser) -> None:
    add_tenancy("LH1", "P1", email="one@example.com")
    add_tenancy("LH2", "P2", email="two@example.com")
    for day in range(1, 9):
        ask(browser, tenancy_reference="LH1", date_of_birth=f"1980-01-{day:02}")
        ask(browser, tenancy_reference="LH2", date_of_birth=f"1980-01-{day:02}")
    made: list[str] = []
    events = aws.client("dynamodb").meta.events
    events.register("before-call.dynamodb", lambda model, **_: made.append(model.name), unique_id="count")
    tried = trying_again.try_again(clock.now, lambda: True)
    events.unregister("before-call.dynamodb", unique_id="count")
    assert (tried.tried, tried.matched, tried.failed) == (16, 0, 0)
    assert made.count("Query") == 3
    assert made.count("PutItem") == 2, "and one line for each tenancy"


@pytest.mark.usefixtures("unlimited")
def test_more_than_a_page_is_tried_to_its_end(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        ask(browser, tenancy_reference=f"LH{number}", email=f"t{number}@example.com")
        add_tenancy(f"LH{number}", f"P{number}", email=f"t{number}@example.com")
    paged = store.query
    monkeypatch.setattr(identity_store.store, "query", lambda *a, **k: _in_pages_of_three(paged, *a, **k))
    start()
    assert len(mails("code_after_exchange")) == 12
    assert waiting() == []


def _in_pages_of_three(query: Any, model: Any, pk: str, at: Any, **how: Any) -> Any:
    if model is not WaitingItem:
        return query(model, pk, at, **how)
    return iter(model.query(pk, model.sk.startswith(model.range_prefix), page_size=3))


def test_a_run_whose_time_is_up_leaves_the_rest_to_the_next(browser: Browser) -> None:
    for number in range(3):
        ask(browser, tenancy_reference=f"LH{number}", email=f"t{number}@example.com")
        add_tenancy(f"LH{number}", f"P{number}", email=f"t{number}@example.com")
    turns = iter([True, False])
    trying_again.try_again(clock.now, lambda: next(turns))
    assert len(mails("code_after_exchange")) == 1
    trying_again.try_again(clock.now, lambda: True)
    assert len(mails("code_after_exchange")) == 3


def test_one_that_cannot_be_opened_holds_up_no_other(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    ask(browser)
    own = waiting()[0].facts_id
    ask(browser, date_of_birth="1980-01-01")
    spoiled = next(i for i in waiting() if i.facts_id != own)
    spoiled.sealed = "c3BvaWxlZA=="
    spoiled.save()
    deliver(NEW_TENANCY)
    start()
    assert len(mails("code_after_exchange")) == 1
    assert "cannot be opened" in caplog.text


def test_a_fault_with_one_tenancy_holds_up_no_other_and_the_run_is_tried_again(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        ask(browser, tenancy_reference=f"LH{number}", email=f"t{number}@example.com")
        add_tenancy(f"LH{number}", f"P{number}", email=f"t{number}@example.com")
    whole, faulty, left = trying_again._try_tenancy, waiting()[1].tenancy_id, waiting()[1].sk

    def fails(tenancy_id: str, *arguments: Any) -> int:
        if tenancy_id == faulty:
            raise store.Unavailable
        return whole(tenancy_id, *arguments)

    monkeypatch.setattr(trying_again, "_try_tenancy", fails)
    deliver(NEW_TENANCY)
    with pytest.raises(ImportFailed):
        start()
    assert len(mails("code_after_exchange")) == 2
    assert store.fetch([WaitingItem.key("WAITING", left)], clock.now())[0] is not None
    monkeypatch.undo()
    monkeypatch.setenv("IMPORT_THREADS", "1")
    start()
    assert len(mails("code_after_exchange")) == 3


# --- what the landlord is told


@pytest.mark.usefixtures("unlimited")
def test_the_export_lists_a_reference_once_for_what_differs_with_the_first_and_last_day(
    browser: Browser, noon: Any
) -> None:
    add_tenancy("LH10001", "P10001")
    add_tenancy("LH10001", "P10002", email="kwame@example.com", mobile="+447700900555", date_of_birth=date(1985, 5, 5))
    ask(browser, date_of_birth="1990-03-28")
    noon.shift(timedelta(days=2))
    ask(browser, date_of_birth="1990-03-29")
    ask(browser, email="kwame@example.com", mobile="07700 900556", date_of_birth="1985-05-06")
    noon.shift(timedelta(days=1))
    ask(browser, date_of_birth="1990-03-28")
    for _ in range(2):
        start()
    function("exporter").handler({"trigger": "nightly"}, SimpleNamespace())
    body = aws.client("s3").get_object(Bucket="portal-exchange", Key="outbox/2026-11-27/unmatched.csv")["Body"].read()
    header, *rows = csv.reader(io.StringIO(body.decode(), newline=""))
    assert tuple(header) == exchange_rules.EXPORT_COLUMNS["unmatched"]
    assert rows == [
        ["LH10001", "date_of_birth", "2026-11-24", "2026-11-27"],
        ["LH10001", "mobile;date_of_birth", "2026-11-26", "2026-11-26"],
    ]
    (entry, _) = store.query(EntryItem, "EXPORT#2026-11-27", clock.now())
    assert int(entry.expires_at) == int((clock.now() + timedelta(days=62)).timestamp())


def test_a_plain_mismatch_is_not_listed(browser: Browser) -> None:
    add_tenancy("LH10001", "P10001")
    wrong = FACTS | {"date_of_birth": "1990-03-28"}
    assert browser.call("register", "POST", "/api/register", wrong).status == 422
    start()
    assert listed() == []


def test_an_ask_that_loses_its_place_at_that_moment_takes_the_next(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.identity.waiting._first_free", lambda places, _: places.index(None))
    ask(browser)
    whole = store.fetch
    looked = 0

    def stale(keys: Any, at: Any) -> list[Any]:
        nonlocal looked
        looked += 1
        return [None] * len(keys) if looked == 1 else whole(keys, at)

    monkeypatch.setattr("portal.identity.waiting.store.fetch", stale)
    assert ask(browser, date_of_birth="1980-01-01").status == 202
    assert looked == 2
    assert len(waiting()) == 2


def test_an_ask_that_never_finds_a_place_says_that_we_are_busy(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise Refused({0: None})

    monkeypatch.setattr("portal.identity.waiting._keep", refused)
    answer = ask(browser)
    assert (answer.status, answer.json["type"]) == (503, "/problems/try-again-soon")


def test_a_person_who_is_not_in_the_record_any_more_gets_no_mail() -> None:
    assert identity.recipient(f"person:{'0' * 26}.{'0' * 26}", "already_registered", clock.now()) is None
