"""What is kept for the landlord: every outcome with its reason, beside its change, and never what was typed."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from portal import aws, clock, store
from portal.audit import rules
from portal.audit import service as audit
from portal.audit import store as audit_store
from portal.audit.rules import Outcome
from portal.identity import changing_email, passkeys, passwords, resetting
from portal.identity import store as identity
from portal.identity.recipients import may_mail
from portal.identity.store import LoginItem, TriesItem
from tests.integration.authenticator import Authenticator
from tests.integration.conftest import Browser, add_tenancy, function, log_in_as
from tests.integration.test_export import export, objects
from tests.integration.test_identity import FACTS, PASSWORD, registered, secret_in_newest
from tests.integration.test_threats import asks, sizes
from tests.integration.test_waiting import NEW_TENANCY, deliver

LOGIN = {"email": "amara@example.com", "password": PASSWORD}
WRONG = LOGIN | {"password": "not this one at all"}
RESET = {"email": "amara@example.com", "date_of_birth": "1990-03-27"}
NEW_PASSWORD = "violet harbour sandwich"


def kept(day: date | None = None) -> list[dict[str, str]]:
    return audit.events_of(day or clock.london_date(clock.now()), clock.now()).rows


class Watch:
    """What was kept since it was last asked."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.all: set[Outcome] = set()

    def new(self) -> list[dict[str, str]]:
        found = [row for row in kept() if row not in self.seen]
        self.seen += found
        self.all |= {Outcome((row["outcome"], row["reason"])) for row in found}
        return found

    def one(self) -> tuple[str, str, str]:
        """The one outcome since: with its reason, and whose it was."""
        (row,) = self.new()
        return row["outcome"], row["reason"], row["customer_id"]


@pytest.fixture
def watch(cloud: None, noon: Any) -> Watch:
    return Watch()


def while_it_is(patch: pytest.MonkeyPatch, module: Any, name: str, other: Callable[[], Any]) -> None:
    """Do `other` once, in the moment in which `module.name` is called."""
    real = getattr(module, name)

    def called(*arguments: Any, **how: Any) -> Any:
        patch.setattr(module, name, real)
        other()
        return real(*arguments, **how)

    patch.setattr(module, name, called)


def test_every_outcome_is_kept_with_its_reason_and_whose_it_was(
    browser: Browser, watch: Watch, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One walk through all of them: a new outcome that no step brings about fails it."""
    nobody = ""
    home = add_tenancy("LH10001", "P10001")
    second = add_tenancy("LH20002", "P10001")
    amara = home.person_id
    add_tenancy("LH30003", "P30003", email="amara@example.com")
    twins = FACTS | {"tenancy_reference": "LH40004", "email": "twins@example.com"}
    add_tenancy("LH40004", "P40004", email="twins@example.com")
    add_tenancy("LH40004", "P40005", email="twins@example.com")

    def post(name: str, path: str, body: Any, status: int, who: Browser = browser) -> Any:
        noon.shift(1)
        reply = who.call(name, "POST", path, body)
        assert reply.status == status, reply
        return reply

    # Registering
    post("register", "/api/register", FACTS | {"tenancy_reference": "NONE1"}, 422)
    assert watch.one() == ("not_matched", "no_such_tenancy", nobody)
    post("register", "/api/register", FACTS | {"date_of_birth": "1990-03-28"}, 422)
    assert watch.one() == ("not_matched", "facts_differ", nobody)
    post("register", "/api/register", twins, 422)
    assert watch.one() == ("not_matched", "several_people_match", nobody)
    registration = post("register", "/api/register", FACTS, 202).json["registration_id"]
    assert watch.one() == ("code_sent", "facts_matched", amara)
    post("register", "/api/register/resend", {"registration_id": "0" * 26}, 202)
    assert watch.one() == ("code_not_sent_again", "no_such_registration", nobody)
    for _ in range(2):
        post("register", "/api/register/resend", {"registration_id": registration}, 202)
        assert watch.one() == ("code_sent_again", "asked", amara)
    post("register", "/api/register/resend", {"registration_id": registration}, 202)
    assert watch.one() == ("code_not_sent_again", "mails_spent", amara)
    post("register", "/api/register", FACTS, 429)
    assert watch.one() == ("locked", "codes_of_person", amara)
    for _ in range(5):
        post("register", "/api/register", FACTS | {"tenancy_reference": "NONE2"}, 422)
    watch.new()
    post("register", "/api/register", FACTS | {"tenancy_reference": "NONE2"}, 429)
    assert watch.one() == ("locked", "tenancy_reference", nobody)
    code = {"registration_id": registration, "code": secret_in_newest("code"), "password": PASSWORD}
    post("verify", "/api/verify", code | {"password": "short"}, 422)
    assert watch.one() == ("password_refused", "weak", nobody)
    post("verify", "/api/verify", code | {"password": "amara okafor 1990"}, 422)
    assert watch.one() == ("password_refused", "personal_words", amara)
    post("verify", "/api/verify", code | {"registration_id": "0" * 26}, 422)
    assert watch.one() == ("code_refused", "no_such_registration", nobody)
    post("verify", "/api/verify", code | {"code": "2222-2222"}, 422)
    assert watch.one() == ("code_refused", "wrong_code", amara)
    register_at = identity.registration_key(registration)
    raw = aws.client("dynamodb").get_item(
        TableName="identity", Key={"pk": {"S": register_at.pk}, "sk": {"S": register_at.sk}}
    )["Item"]
    item = identity.RegistrationItem(pk=register_at.pk, sk=register_at.sk)
    while_it_is(monkeypatch, passwords, "hashed", lambda: store.transact(store.Delete(item)))
    post("verify", "/api/verify", code, 422)
    assert watch.one() == ("code_refused", "used_meanwhile", amara)
    aws.client("dynamodb").put_item(TableName="identity", Item=raw)
    post("verify", "/api/verify", code, 201)
    assert watch.one() == ("registered", "code", amara)
    for _ in range(5):
        browser.call("verify", "POST", "/api/verify", code | {"registration_id": "1" * 26})
    watch.new()
    post("verify", "/api/verify", code | {"registration_id": "1" * 26}, 429)
    assert watch.one() == ("locked", "code", nobody)
    post("register", "/api/register", FACTS, 409)
    assert watch.one() == ("already_registered", "same_person", amara)
    post("register", "/api/register", FACTS | {"tenancy_reference": "LH30003"}, 409)
    assert watch.one()[:2] == ("already_registered", "address_of_another")

    # Logging in and off
    post("login", "/api/login", WRONG, 401)
    assert watch.one() == ("login_refused", "wrong_password", amara)
    post("login", "/api/login", WRONG | {"email": "nobody@example.com"}, 401)
    assert watch.one() == ("login_refused", "unknown_address", nobody)
    login = identity.LoginItem(pk="EMAIL#amara@example.com", sk="LOGIN")
    (as_it_is,) = store.fetch([identity.login_key("amara@example.com")], clock.now())

    def changes_it() -> None:
        other = identity.LoginItem.password_hash.set("$argon2id$of another")
        store.transact(store.Update(login, [other]))

    while_it_is(monkeypatch, passwords, "needs_rehash", changes_it)
    post("login", "/api/login", LOGIN, 401)
    assert watch.one() == ("login_refused", "changed_meanwhile", amara)
    store.transact(store.Put(as_it_is))
    elsewhere = Browser("198.51.100.77")
    post("login", "/api/login", LOGIN, 200, elsewhere)
    assert watch.one() == ("logged_in", "password", amara)
    there = elsewhere.cookies["__Host-session"].partition(".")[0]
    assert browser.call("login", "DELETE", f"/api/sessions/{there}").status == 204
    assert watch.one() == ("session_ended", "from_another", amara)
    assert browser.call("login", "PUT", "/api/session", {"tenancy_id": second.tenancy_id}).status == 200
    assert watch.one() == ("tenancy_chosen", "own", amara)
    assert browser.call("login", "PUT", "/api/session", {"tenancy_id": "0" * 26}).status == 422
    assert watch.one() == ("tenancy_not_chosen", "not_theirs", amara)
    post("login", "/api/logout", None, 204)
    assert watch.one() == ("logged_off", "here", amara)
    for _ in range(10):
        elsewhere.call("login", "POST", "/api/login", WRONG | {"email": "locked@example.com"})
    watch.new()
    elsewhere.cookies.clear()
    post("login", "/api/login", WRONG | {"email": "locked@example.com"}, 429, elsewhere)
    assert watch.one() == ("locked", "log_in", nobody)
    ended = add_tenancy("LH50005", "P50005", email="ended@example.com", end_date=date(2024, 1, 1))
    gone = identity.LoginItem(
        pk="EMAIL#ended@example.com", sk="LOGIN", customer_id=ended.person_id,
        password_hash=passwords.hashed(PASSWORD), date_of_birth=date(1990, 3, 27),
    )  # fmt: skip
    store.transact(store.Put(gone))
    post("login", "/api/login", LOGIN | {"email": "ended@example.com"}, 403)
    assert watch.one() == ("login_refused", "no_tenancy_to_show", ended.person_id)
    left = add_tenancy("LH60006", "P60006", email="left@example.com", mobile="+447700900166")
    about = {"tenancy_reference": "LH60006", "email": "left@example.com", "mobile": "07700 900166"}
    asked = post("register", "/api/register", FACTS | about, 202, Browser()).json["registration_id"]
    watch.new()
    code = {"registration_id": asked, "code": secret_in_newest("code"), "password": PASSWORD}
    add_tenancy("LH60006", "P60006", email="left@example.com", end_date=date(2024, 1, 1))
    post("verify", "/api/verify", code, 403, Browser())
    assert watch.one() == ("code_refused", "no_tenancy_to_show", left.person_id)

    # Passwords
    noon.shift(timedelta(hours=2))
    post("reset", "/api/reset", RESET | {"date_of_birth": "1991-01-01"}, 202)
    assert watch.one() == ("reset_asked", "date_of_birth_differs", amara)
    post("reset", "/api/reset", RESET | {"email": "nobody@example.com"}, 202)
    assert watch.one() == ("reset_asked", "unknown_address", nobody)
    at_once = Browser("198.51.100.78")
    while_it_is(monkeypatch, resetting, "_new_reset", lambda: at_once.call("reset", "POST", "/api/reset", RESET))
    post("reset", "/api/reset", RESET, 202)
    assert {(row["outcome"], row["reason"]) for row in watch.new()} == {
        ("reset_asked", "facts_matched"), ("reset_not_sent", "asked_at_once"),
    }  # fmt: skip
    temporary = secret_in_newest("temporary_password")
    post("reset", "/api/reset", RESET, 202)
    watch.new()
    post("reset", "/api/reset", RESET, 202)
    assert watch.one() == ("reset_not_sent", "mails_spent", amara)
    post("login", "/api/login", LOGIN | {"password": temporary}, 200)
    assert watch.one() == ("reset_used", "logged_in", amara)

    def change(status: int, **body: str) -> None:
        noon.shift(1)
        wanted = {"current_password": temporary, "new_password": NEW_PASSWORD} | body
        reply = browser.call("reset", "PUT", "/api/password", wanted)
        assert reply.status == status, reply

    change(422, new_password="short")
    assert watch.one() == ("password_refused", "weak", amara)
    change(422, new_password="amara okafor 1990")
    assert watch.one() == ("password_refused", "personal_words", amara)
    change(422, current_password="not this one")
    assert watch.one() == ("password_refused", "wrong_current_password", amara)
    (as_it_is,) = store.fetch([identity.login_key("amara@example.com")], clock.now())
    while_it_is(monkeypatch, passwords, "hashed", changes_it)
    change(401)
    assert watch.one() == ("password_refused", "changed_meanwhile", amara)
    store.transact(store.Put(as_it_is))
    change(204)
    assert watch.one() == ("password_changed", "temporary_password", amara)
    change(204, current_password=NEW_PASSWORD, new_password="orchard pebble lantern")
    assert watch.one() == ("password_changed", "current_password", amara)

    # Passkeys
    device, proof = Authenticator(), {"current_password": "orchard pebble lantern"}
    asked = browser.call("passkeys", "POST", "/api/passkeys/options", proof).json
    assert watch.one() == ("passkey_asked", "current_password", amara)
    assert (
        browser.call("passkeys", "POST", "/api/passkeys", device.make(asked, origin="https://x.example")).status == 422
    )
    assert watch.one() == ("passkey_not_added", "not_right", amara)
    assert browser.call("passkeys", "POST", "/api/passkeys", device.make(asked)).status == 201
    assert watch.one() == ("passkey_added", "current_password", amara)

    def signed(status: int, **wrong: Any) -> None:
        asked = Browser().call("passkeys", "POST", "/api/login/passkey/options").json
        body = device.sign(asked, **wrong) | wrong.get("body", {})
        assert Browser().call("passkeys", "POST", "/api/login/passkey", body).status == status

    signed(401, body={"credential_id": "AA"})
    assert watch.one() == ("login_refused", "unknown_passkey", nobody)
    signed(401, body={"challenge_id": "0" * 26})
    assert watch.one() == ("login_refused", "challenge_over", amara)
    signed(401, origin="https://x.example")
    assert watch.one() == ("login_refused", "passkey_not_right", amara)
    signed(200)
    assert watch.one() == ("logged_in", "passkey", amara)
    (passkey,) = browser.call("passkeys", "GET", "/api/passkeys").json["passkeys"]
    assert browser.call("passkeys", "DELETE", f"/api/passkeys/{passkey['passkey_id']}", proof).status == 204
    assert watch.one() == ("passkey_removed", "current_password", amara)

    monkeypatch.setattr(passkeys.rules, "PASSKEYS_MOST", 0)
    assert browser.call("passkeys", "POST", "/api/passkeys/options", proof).status == 409
    assert watch.one() == ("passkey_not_added", "as_many_as_are_kept", amara)

    # Another email address
    wanted = "amara@mail.example"
    ask = {"email": wanted, "current_password": "orchard pebble lantern"}

    def type_code(code: str, status: int) -> tuple[str, str, str]:
        post("reset", "/api/email/confirm", {"code": code}, status)
        return watch.one()

    def others(email: str) -> LoginItem:
        key = identity.login_key(email)
        item = LoginItem(pk=key.pk, sk=key.sk, customer_id="0" * 26, password_hash="x", date_of_birth=date(1990, 3, 27))
        store.transact(store.Put(item))
        return item

    assert type_code("2222-2222", 422) == ("email_code_refused", "none_asked", amara)
    post("reset", "/api/email", ask | {"email": "amara@example.com"}, 422)
    assert watch.one() == ("email_not_sent", "present_address", amara)
    (customer,) = store.fetch([identity.customer_key(amara)], clock.now())
    ends_all = store.Update(customer, [identity.CustomerItem.era.set("another")])
    while_it_is(monkeypatch, changing_email, "_new_change", lambda: store.transact(ends_all))
    post("reset", "/api/email", ask | {"email": "moment@example.com"}, 401)
    assert watch.one() == ("email_not_sent", "changed_meanwhile", amara)
    store.transact(store.Put(customer))
    spent = identity.tries_key(f"email-changes#{amara}")
    store.transact(store.Delete(identity.TriesItem(pk=spent.pk, sk=spent.sk)))
    others("taken@example.com")
    post("reset", "/api/email", ask | {"email": "taken@example.com"}, 202)
    assert watch.one() == ("email_asked", "address_of_another", amara)
    post("reset", "/api/email", ask, 202)
    assert watch.one() == ("email_asked", "code_sent", amara)
    code = secret_in_newest("email_code")
    assert [may_mail(f"new address {wanted}", clock.now()) for _ in range(2)] == [True, True]
    post("reset", "/api/email", ask, 202)
    assert watch.one() == ("email_not_sent", "mails_spent", amara)
    post("reset", "/api/email", ask, 429)
    assert watch.one() == ("locked", "new_addresses", amara)
    assert type_code("2222-2222", 422) == ("email_code_refused", "wrong_code", amara)
    there = others(wanted)
    assert type_code(code, 409) == ("email_code_refused", "address_of_another", amara)
    store.transact(store.Delete(there))
    (as_it_is,) = store.fetch([identity.login_key("amara@example.com")], clock.now())
    while_it_is(monkeypatch, changing_email, "_moved", changes_it)
    assert type_code(code, 422) == ("email_code_refused", "changed_meanwhile", amara)
    store.transact(store.Put(as_it_is))
    for _ in range(2):
        type_code("2222-2222", 422)
    assert type_code(code, 429) == ("locked", "email_code", amara)

    for _ in range(10):
        browser.call("reset", "PUT", "/api/password", {"current_password": "no", "new_password": NEW_PASSWORD})
    watch.new()
    change(429, current_password="not this one")
    assert watch.one() == ("locked", "current_password", amara)

    # Details
    assert browser.call("contact", "PATCH", "/api/contact", {"mobile": "07700 900124"}).status == 200
    assert watch.one() == ("contact_changed", "mobile", amara)
    assert browser.call("contact", "PATCH", "/api/contact", {"home_phone": "020 7946 0123"}).status == 200
    assert watch.one() == ("contact_changed", "other_details", amara)
    member = {"name": "Kofi", "relationship": "child"}
    added = browser.call("contact", "POST", "/api/household/members", member)
    assert added.status == 201, added
    assert watch.one() == ("household_changed", "added", amara)
    its_path = f"/api/household/members/{added.json['member_id']}"
    assert browser.call("contact", "PATCH", its_path, {"name": "Kofi A"}).status == 200
    assert watch.one() == ("household_changed", "changed", amara)
    assert browser.call("contact", "DELETE", its_path).status == 204
    assert watch.one() == ("household_changed", "removed", amara)

    # Keep trying
    monkeypatch.setenv("IMPORT_THREADS", "1")
    monkeypatch.setenv("LIMITS_FACTOR", "100")
    new = FACTS | {"tenancy_reference": "LH60006", "email": "new@example.com"}
    post("register", "/api/register/waiting", new, 202)
    assert watch.one() == ("waiting_asked", "kept", nobody)
    post("register", "/api/register/waiting", new, 202)
    assert watch.one() == ("waiting_asked", "kept_before", nobody)
    for n in range(10):
        post("register", "/api/register/waiting", new | {"email": f"new{n}@example.com"}, 202)
    assert watch.new()[-1]["reason"] == "no_place_left"
    post("register", "/api/register/waiting", FACTS, 202)
    post("register", "/api/register/waiting", FACTS | {"tenancy_reference": "LH30003"}, 202)
    watch.new()
    noon.shift(timedelta(hours=2))
    fresh = {name: text.replace("LH10001", "LH60006").replace("P10001", "P60006").replace("amara@", "new@")
             for name, text in NEW_TENANCY.items()}  # fmt: skip
    deliver(fresh)
    function("importer").handler({}, _context())
    assert sorted((row["outcome"], row["reason"]) for row in watch.new()) == [
        ("waiting_matched", "address_of_another"),
        ("waiting_matched", "already_registered"),
        ("waiting_matched", "code_sent"),
    ]

    for item in TriesItem.scan(TriesItem.sk == "TRIES"):
        item.delete()
    log_in_as(browser, home.person_id, home.tenancy_id)
    assert type_code(code, 204) == ("email_changed", "code", amara)
    assert set(Outcome) - watch.all == set(), "each is brought about by a step above"


def _context() -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(get_remaining_time_in_millis=lambda: 600_000)


def test_an_event_has_time_tenancy_and_the_network_it_came_from_and_lasts_400_days(own_tenancy: Any, noon: Any) -> None:
    browser = Browser("2001:db8:1234:5678::9")
    registered(browser)
    Browser("203.0.113.77").call("login", "POST", "/api/login", WRONG)
    found = {row["outcome"]: row for row in kept()}
    assert found["registered"] == {
        "at": "2026-11-24T12:00:00.000+00:00", "outcome": "registered", "reason": "code",
        "customer_id": own_tenancy.person_id, "tenancy_id": own_tenancy.tenancy_id, "source": "2001:db8:1234::/48",
    }  # fmt: skip
    assert found["login_refused"]["source"] == "203.0.113.0/24"
    for item in audit_store.EventItem.scan():
        assert item.expires_at == clock.epoch(clock.now() + timedelta(days=400))


def test_nothing_that_was_typed_is_in_an_event(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    marked = {
        "email": "xq7canary@example.com", "mobile": "07700 900987", "tenancy_reference": "XQ7CANARY",
        "date_of_birth": "1961-02-03",
    }  # fmt: skip
    registered(browser)
    for name, path, body in (
        ("register", "/api/register", marked),
        ("register", "/api/register/waiting", marked),
        ("login", "/api/login", {"email": marked["email"], "password": "xq7canary password"}),
        ("login", "/api/login", LOGIN | {"password": "xq7canary password"}),
        ("reset", "/api/reset", {"email": marked["email"], "date_of_birth": "1961-02-03"}),
        ("reset", "/api/reset", RESET | {"date_of_birth": "1961-02-03"}),
        ("verify", "/api/verify", {"registration_id": "0" * 26, "code": "XQ7C-ANAR", "password": "xq7canary password"}),
    ):
        browser.call(name, "POST", path, body)
    events = aws.client("dynamodb").scan(TableName="audit")["Items"]
    assert len(events) >= 8
    told = json.dumps(events).lower()
    for mark in ("xq7canary", "xq7canar", "900987", "1961", "amara", "example.com", "203.0.113.7", "argon2"):
        assert mark not in told, mark


def test_each_outcome_is_counted_under_a_metric_of_its_own_once_it_is_kept(
    browser: Browser, own_tenancy: Any, noon: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    registered(browser)
    browser.call("login", "POST", "/api/login", WRONG)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    counted = {metric["Name"] for line in lines for m in line["_aws"]["CloudWatchMetrics"] for metric in m["Metrics"]}
    assert {"CodeSentFactsMatched", "RegisteredCode", "LoginRefusedWrongPassword"} <= counted
    dimensions = [m["Dimensions"] for line in lines for m in line["_aws"]["CloudWatchMetrics"]]
    assert dimensions == [[["service"]]] * len(dimensions)
    while_refused = {metric for metric in counted if metric.startswith(("LoggedIn", "LoginRefusedUnknown"))}
    assert not while_refused


# --- when it cannot be kept


@pytest.fixture
def without_audit(browser: Browser, own_tenancy: Any, noon: Any) -> Browser:
    """Somebody registered, and an audit table that cannot be written."""
    registered(browser)
    aws.client("dynamodb").delete_table(TableName="audit")
    return browser


def test_a_refused_log_in_is_refused_alike_though_the_event_cannot_be_kept_and_that_is_counted(
    without_audit: Browser, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Browser()
    refused = stranger.call("login", "POST", "/api/login", WRONG)
    unknown = stranger.call("login", "POST", "/api/login", WRONG | {"email": "nobody@example.com"})
    assert (refused.status, refused.json["type"]) == (401, "/problems/login-failed")
    assert (refused.text, refused.headers) == (unknown.text, unknown.headers)
    assert capsys.readouterr().out.count('"EventLost":[1.0]') == 2
    lost = [vars(record) for record in caplog.records if record.getMessage() == "an event is lost"]
    assert [one["reason"] for one in lost] == ["wrong_password", "unknown_address"]


def test_nobody_is_let_in_and_nothing_is_changed_whose_event_cannot_be_kept(without_audit: Browser) -> None:
    before = aws.client("dynamodb").scan(TableName="identity")["Items"]
    sessions = [item["sk"]["S"] for item in before if item["sk"]["S"].startswith("SESSION#")]
    stranger = Browser()
    assert stranger.call("login", "POST", "/api/login", LOGIN).status == 503
    assert stranger.cookies == {}
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert without_audit.call("reset", "PUT", "/api/password", change).status == 503
    assert without_audit.call("contact", "PATCH", "/api/contact", {"mobile": "07700 900124"}).status == 503
    after = aws.client("dynamodb").scan(TableName="identity")["Items"]
    assert [item["sk"]["S"] for item in after if item["sk"]["S"].startswith("SESSION#")] == sessions
    login = [item for item in after if item["sk"]["S"] == "LOGIN"]
    assert login == [item for item in before if item["sk"]["S"] == "LOGIN"]


def test_what_is_kept_is_never_replaced(cloud: None, noon: Any) -> None:
    write = audit.event(Outcome.LOGGED_IN, clock.now(), customer_id="0" * 26)
    store.transact(write)
    write.item.outcome = "logged_off"
    with pytest.raises(store.Refused):
        store.transact(write)
    assert [row["outcome"] for row in kept()] == ["logged_in"]


# --- T4: the audit tells the person at the screen nothing


@pytest.mark.parametrize("what", ["login", "reset", "register"])
def test_t4_the_audit_costs_somebody_known_and_nobody_the_same_calls(
    browser: Browser, own_tenancy: Any, noon: Any, what: str
) -> None:
    registered(browser)
    ask, known, nobody = asks()[what]
    made: list[tuple[str, int]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        made.append((model.name, len(params.get("TransactItems", []))))

    events = aws.client("dynamodb").meta.events
    events.register("provide-client-params.dynamodb", note)
    calls = []
    for who in (known, nobody):
        made.clear()
        ask(who)
        calls.append(list(made))
    events.unregister("provide-client-params.dynamodb", note)
    assert calls[0] == calls[1]


# --- T28: one process serves many


@sizes(100, 10_000)
def test_t28_of_two_tenants_served_by_one_process_in_turn_each_event_has_its_own_customer_and_network(
    cloud: None, noon: Any, size: int
) -> None:
    two = []
    for n in range(2):
        home = add_tenancy(f"LH7000{n}", f"P7000{n}", email=f"tenant{n}@example.com")
        home.browser = Browser(f"203.0.{n}.7")
        log_in_as(home.browser, home.person_id, home.tenancy_id)
        two.append(home)
    for n in range(size):
        me = two[n % 2]
        member = {"name": f"Child {n // 2 % 20}", "relationship": "child"}
        added = me.browser.call("contact", "POST", "/api/household/members", member)
        assert added.status == 201, added
        assert me.browser.call("contact", "DELETE", f"/api/household/members/{added.json['member_id']}").status == 204
    events = kept()
    assert len(events) == 2 * size
    assert {(row["customer_id"], row["tenancy_id"], row["source"]) for row in events} == {
        (home.person_id, home.tenancy_id, f"203.0.{n}.0/24") for n, home in enumerate(two)
    }


# --- the landlord's file


def csv_of(day: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(objects()[f"outbox/{day}/audit.csv"].decode(), newline="")))


def test_the_landlord_gets_a_days_events_in_their_order_with_the_nights_files(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    for n in range(6):
        noon.shift(1)
        browser.call("login", "POST", "/api/login", WRONG | {"email": f"nobody{n}@example.com"})
    noon.move_to(datetime(2026, 11, 25, 2, 45, tzinfo=UTC))
    assert export() == ["2026-11-24", "2026-11-25"]
    rows = csv_of("2026-11-24")
    assert list(rows[0]) == ["at", "outcome", "reason", "customer_id", "tenancy_id", "source"]
    assert {row["outcome"] for row in rows[:2]} == {"code_sent", "registered"}, "both in one moment"
    assert [row["outcome"] for row in rows[2:]] == ["login_refused"] * 6
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert rows == kept(date(2026, 11, 24))
    assert csv_of("2026-11-25") == []
    assert json.loads(objects()["outbox/2026-11-24/manifest.json"])["files"]["audit.csv"] == {"rows": 8}


def test_the_first_export_has_the_day_before_though_only_the_audit_knows_of_it(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    browser.call("login", "POST", "/api/login", WRONG)
    noon.move_to(datetime(2026, 11, 25, 2, 45, tzinfo=UTC))
    assert export() == ["2026-11-24", "2026-11-25"]
    assert len(csv_of("2026-11-24")) == 1


def test_a_flood_is_cut_in_the_file_and_keeps_customers_first_and_no_other_file_waits_for_it(
    browser: Browser, own_tenancy: Any, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_OF_SHARD", 2)
    for _ in range(20):
        audit.note(Outcome.LOGIN_REFUSED_UNKNOWN, clock.now())
    for _ in range(2):
        audit.note(Outcome.LOGIN_REFUSED_PASSWORD, clock.now(), customer_id=own_tenancy.person_id)
    export()
    rows = csv_of("2026-11-24")
    assert 2 < len(rows) <= 8
    assert sum(row["customer_id"] != "" for row in rows) == 2
    files = json.loads(objects()["outbox/2026-11-24/manifest.json"])["files"]
    assert files["audit.csv"] == {"rows": len(rows), "cut": True}
    assert files["payments.csv"] == {"rows": 0}


def test_an_officer_finds_one_customers_day_by_the_query_of_the_operations_page(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    Browser().call("login", "POST", "/api/login", WRONG | {"email": "nobody@example.com"})
    found = [
        item["outcome"]["S"]
        for shard in range(4)
        for item in aws.client("dynamodb").query(
            TableName="audit",
            KeyConditionExpression="pk = :day AND begins_with(sk, :who)",
            ExpressionAttributeValues={
                ":day": {"S": f"DAY#2026-11-24#{shard}"}, ":who": {"S": f"EVENT#{own_tenancy.person_id}#"},
            },
        )["Items"]
    ]  # fmt: skip
    assert sorted(found) == ["code_sent", "registered"]
