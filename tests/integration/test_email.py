"""Changing the address that one logs in with: through the functions, on moto."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal import clock, store
from portal.exchange.store import EntryItem
from portal.identity import changing_email
from portal.identity import service as identity
from portal.identity.store import LoginItem, login_key
from portal.tenancies.store import PersonItem, save
from tests.integration.conftest import Browser, Reply, add_tenancy
from tests.integration.test_identity import FACTS, PASSWORD, mails, registered, secret_in_newest

OLD, NEW = "amara@example.com", "amara@mail.example"
GUESS = {"code": "2222-2222"}


def ask(browser: Browser, email: str = NEW, password: str = PASSWORD) -> Reply:
    return browser.call("reset", "POST", "/api/email", {"email": email, "current_password": password})


def confirm(browser: Browser, code: str) -> Reply:
    return browser.call("reset", "POST", "/api/email/confirm", {"code": code})


def logs_in(email: str, browser: Browser | None = None) -> int:
    body = {"email": email, "password": PASSWORD}
    return (browser or Browser()).call("login", "POST", "/api/login", body).status


def session_of(browser: Browser) -> int:
    return browser.call("login", "GET", "/api/session").status


def whom(kind: str) -> list[str]:
    """The addresses that mails of that kind go to, as the mailer finds them."""
    found = [identity.recipient(m.to, m.kind, clock.now()) for m in mails(kind)]
    return [f.email for f in found if f]


def problem_of(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["type"].removeprefix("/problems/")


@pytest.fixture
def tenant(browser: Browser, own_tenancy: SimpleNamespace, noon: Any) -> Browser:
    return registered(browser)


@pytest.fixture
def neighbour(tenant: Browser) -> Browser:
    """Another customer, with an address of their own."""
    other = add_tenancy("LH20002", "P20002", email="ben@example.com", mobile="+447700900124")
    browser = Browser("198.51.100.7")
    facts = FACTS | {"email": "ben@example.com", "mobile": "07700 900124", "tenancy_reference": "LH20002"}
    begun = browser.call("register", "POST", "/api/register", facts).json["registration_id"]
    (code,) = [
        f.secret for m in mails("code") if begun in m.to and (f := identity.recipient(m.to, m.kind, clock.now()))
    ]
    body = {"registration_id": begun, "code": code, "password": PASSWORD}
    assert browser.call("verify", "POST", "/api/verify", body).status == 201
    assert other
    return browser


def test_a_code_from_the_new_address_moves_the_log_in_and_everybody_concerned_is_told(
    tenant: Browser, own_tenancy: SimpleNamespace, noon: Any
) -> None:
    elsewhere = Browser()
    assert logs_in(OLD, elsewhere) == 200
    asked = ask(tenant)
    assert (asked.status, asked.json) == (202, {"code_expires_at": "2026-11-25T04:00:00Z"})
    assert whom("email_code") == [NEW]
    assert logs_in(NEW) == 401, "nothing is changed before the code"
    assert tenant.call("contact", "GET", "/api/contact").json["email"] == OLD
    typed = secret_in_newest("email_code").lower().replace("-", " ")
    assert confirm(tenant, typed).status == 204
    assert (logs_in(NEW), logs_in(OLD)) == (200, 401)
    assert session_of(tenant) == 200
    assert session_of(elsewhere) == 401, "all other sessions end"
    assert tenant.call("contact", "GET", "/api/contact").json["email"] == NEW
    assert sorted(whom("email_changed")) == [OLD, NEW], "each address once, though the record has the old one too"
    (row,) = [e.row for e in store.query(EntryItem, "EXPORT#2026-11-24", clock.now())]
    assert row == {
        "tenancy_reference": "LH10001", "person_reference": "P10001", "changed_at": "2026-11-24T12:00:00+00:00",
        "changed": "email", "email": NEW,
    }  # fmt: skip
    assert not any(address in str(m.values()) for m in mails("email_changed") for address in (OLD, NEW))


def test_notices_go_to_the_records_address_too_where_it_is_another(tenant: Browser, own_tenancy: Any) -> None:
    record(own_tenancy, "third@example.com")
    ask(tenant)
    confirm(tenant, secret_in_newest("email_code"))
    assert sorted(whom("email_changed")) == [OLD, NEW, "third@example.com"]
    tenant.call("contact", "PATCH", "/api/contact", {"mobile": "07700 900456"})
    change = {"current_password": PASSWORD, "new_password": "violet harbour sandwich"}
    tenant.call("reset", "PUT", "/api/password", change)
    for kind in ("contact_changed", "password_changed"):
        assert sorted(whom(kind)) == [NEW, "third@example.com"], kind
    record(own_tenancy, NEW)
    assert set(whom("contact_changed")) == {NEW}


def record(own: SimpleNamespace, email: str) -> None:
    """What an import brings."""
    save([
        PersonItem(
            pk=f"TENANCY#{own.tenancy_id}", sk=f"PERSON#{own.person_id}", person_reference="P10001", email=email,
            first_name="Amara", last_name="Okafor", date_of_birth=date(1990, 3, 27), mobile="+447700900123",
        )
    ])  # fmt: skip


def test_what_an_import_brings_never_changes_the_log_in(tenant: Browser, own_tenancy: SimpleNamespace) -> None:
    ask(tenant)
    confirm(tenant, secret_in_newest("email_code"))
    record(own_tenancy, "third@example.com")
    assert (logs_in(NEW), logs_in("third@example.com")) == (200, 401)


def test_the_password_is_asked_for_again_and_guessing_it_is_counted(tenant: Browser) -> None:
    wrong = [ask(tenant, password="not this one") for _ in range(12)]
    assert [w.status for w in wrong] == [422] * 10 + [429] * 2
    assert wrong[0].json["errors"][0]["field"] == "current_password"
    assert ask(tenant).status == 429
    assert not mails("email_code")
    assert not mails("email_taken")


def test_the_present_address_is_named_as_no_change(tenant: Browser) -> None:
    refused = ask(tenant, "Amara@Example.com")
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "email")


def test_asked_again_the_same_code_is_mailed_with_the_same_end_and_another_address_ends_it(
    tenant: Browser, noon: Any
) -> None:
    first = ask(tenant).json
    code = secret_in_newest("email_code")
    noon.shift(timedelta(minutes=14))
    assert ask(tenant).json == first
    assert secret_in_newest("email_code") == code
    ask(tenant, "third@example.com")
    assert problem_of(confirm(tenant, code)) == (422, "code-not-accepted"), "the newer one counts"
    assert set(whom("email_code")) == {"third@example.com"}
    assert confirm(tenant, secret_in_newest("email_code")).status == 204
    assert logs_in("third@example.com") == 200


def test_a_code_works_once_and_not_without_having_asked(tenant: Browser) -> None:
    assert problem_of(confirm(tenant, "2222-2222")) == (422, "code-not-accepted")
    ask(tenant)
    code = secret_in_newest("email_code")
    assert confirm(tenant, code).status == 204
    assert problem_of(confirm(tenant, code)) == (422, "code-not-accepted")
    assert len(whom("email_changed")) == 2


def test_a_code_works_to_its_end_and_not_after_though_its_item_is_still_there(tenant: Browser, noon: Any) -> None:
    ask(tenant)
    code = secret_in_newest("email_code")
    noon.move_to(datetime(2026, 11, 25, 4, 0, tzinfo=UTC))
    assert logs_in(OLD, tenant) == 200
    assert problem_of(confirm(tenant, code)) == (422, "code-not-accepted")
    assert identity.recipient(mails_of_any_time("email_code"), "email_code", clock.now()) is None
    assert ask(tenant).status == 202
    assert secret_in_newest("email_code") != code


def mails_of_any_time(kind: str) -> str:
    from portal.mail.store import MailItem

    return next(m.to for m in MailItem.scan(MailItem.kind == kind))


def test_five_wrong_codes_are_judged_and_then_the_right_one_is_refused_too(tenant: Browser) -> None:
    ask(tenant)
    code = secret_in_newest("email_code")
    assert [confirm(tenant, "2222-2222").status for _ in range(6)] == [422] * 5 + [429]
    assert confirm(tenant, code).status == 429
    assert logs_in(OLD) == 200


def test_whether_an_address_is_taken_is_told_to_nobody_but_its_owner(tenant: Browser, neighbour: Browser) -> None:
    taken, free = ask(tenant, "ben@example.com"), ask(tenant)
    assert (taken.status, taken.text) == (free.status, free.text)
    assert whom("email_taken") == ["ben@example.com"]
    assert whom("email_code") == [NEW]
    ask(tenant, "ben@example.com")
    assert problem_of(confirm(tenant, "2222-2222")) == (422, "code-not-accepted")


def test_of_two_customers_who_want_one_address_the_first_to_prove_it_has_it(
    tenant: Browser, neighbour: Browser, noon: Any
) -> None:
    ask(tenant)
    tenants = secret_in_newest("email_code")
    noon.shift(1)  # the newest mail is told by its millisecond
    ask(neighbour)
    neighbours = secret_in_newest("email_code")
    assert tenants != neighbours
    assert problem_of(confirm(neighbour, tenants)) == (422, "code-not-accepted"), "a code is its own customer's"
    assert confirm(neighbour, neighbours).status == 204
    assert problem_of(confirm(tenant, tenants)) == (409, "email-in-use")
    assert session_of(tenant) == 200
    assert logs_in(OLD) == 200
    (login,) = store.fetch([login_key(NEW)], clock.now())
    assert login.customer_id == neighbour.call("login", "GET", "/api/session").json["customer"]["customer_id"]


def test_an_address_given_up_is_free_for_another(tenant: Browser, neighbour: Browser) -> None:
    ask(tenant)
    confirm(tenant, secret_in_newest("email_code"))
    ask(neighbour, OLD)
    assert confirm(neighbour, secret_in_newest("email_code")).status == 204
    assert logs_in(OLD) == 200
    assert {m.kind for m in mails("email_taken")} == set()


def test_one_customer_twice_at_once_changes_once(tenant: Browser, noon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between what the second one read and its transaction the first one is done."""
    ask(tenant)
    code = secret_in_newest("email_code")
    other = Browser()
    other.cookies = dict(tenant.cookies)
    told, answers = changing_email._told, []

    def first(*given: Any) -> Any:
        if not answers:
            answers.append(None)
            answers[0] = confirm(tenant, code)
        return told(*given)

    monkeypatch.setattr(changing_email, "_told", first)
    late = confirm(other, code)
    assert (answers[0].status, late.status) == (204, 401), "its session is over"
    assert session_of(tenant) == 200
    assert session_of(other) == 401
    assert len(whom("email_changed")) == 2


def test_a_session_opened_while_the_address_is_being_changed_ends_too(
    tenant: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tenant)
    thief, told = Browser("198.51.100.1"), changing_email._told

    def meanwhile(*given: Any) -> Any:
        assert logs_in(OLD, thief) == 200
        return told(*given)

    monkeypatch.setattr(changing_email, "_told", meanwhile)
    assert confirm(tenant, secret_in_newest("email_code")).status == 204
    assert session_of(thief) == 401
    assert session_of(tenant) == 200


def test_once_an_address_is_changed_the_answer_says_so_and_the_others_are_out_whatever_fails_then(
    tenant: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tenant)
    code = secret_in_newest("email_code")
    other, told, transact = Browser("198.51.100.1"), changing_email._told, store.transact

    def meanwhile(*given: Any) -> Any:
        assert logs_in(OLD, other) == 200
        patch.setattr(store, "transact", the_last_that_works)
        return told(*given)

    def the_last_that_works(*writes: store.Write) -> None:
        transact(*writes)
        patch.setattr(store, "transact", away)
        patch.setattr(store, "query", away)

    def away(*_: Any, **__: Any) -> Any:
        raise store.Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(changing_email, "_told", meanwhile)
        assert confirm(tenant, code).status == 204
    assert (session_of(other), session_of(tenant)) == (401, 200)


def test_a_session_of_a_temporary_password_changes_no_address(tenant: Browser) -> None:
    ask(tenant)
    code = secret_in_newest("email_code")
    tenant.call("reset", "POST", "/api/reset", {"email": OLD, "date_of_birth": "1990-03-27"})
    temporary = secret_in_newest("temporary_password")
    body = {"email": OLD, "password": temporary}
    assert Browser().call("login", "POST", "/api/login", body).status == 200
    finder = Browser()
    tenant.call("reset", "POST", "/api/reset", {"email": OLD, "date_of_birth": "1990-03-27"})
    body["password"] = secret_in_newest("temporary_password")
    assert finder.call("login", "POST", "/api/login", body).status == 200
    for reply in (ask(finder, password=body["password"]), confirm(finder, code)):
        assert problem_of(reply) == (403, "password-change-required")


def test_a_temporary_password_to_the_old_address_is_worth_nothing_after_the_change(tenant: Browser) -> None:
    tenant.call("reset", "POST", "/api/reset", {"email": OLD, "date_of_birth": "1990-03-27"})
    temporary = secret_in_newest("temporary_password")
    ask(tenant)
    confirm(tenant, secret_in_newest("email_code"))
    body = {"email": OLD, "password": temporary}
    assert Browser().call("login", "POST", "/api/login", body).status == 401
    assert Browser().call("login", "POST", "/api/login", body | {"email": NEW}).status == 401


def test_a_browser_that_was_known_is_known_under_the_new_address(tenant: Browser) -> None:
    ask(tenant)
    confirm(tenant, secret_in_newest("email_code"))
    for _ in range(12):
        Browser("198.51.100.1").call("login", "POST", "/api/login", {"email": NEW, "password": "not this one"})
    assert logs_in(NEW) == 429
    assert logs_in(NEW, tenant) == 200


def test_one_customer_causes_three_mails_an_hour_and_ten_a_day(tenant: Browser, noon: Any) -> None:
    sent = 0
    for _ in range(4):
        sent += [ask(tenant, f"x{n}@mail.example").status for n in range(4)].count(202)
        noon.shift(timedelta(hours=1, seconds=1))
        assert logs_in(OLD, tenant) == 200
    assert sent == 10
    assert len(mails("email_code")) == 10


def test_an_address_gets_three_mails_an_hour_whoever_asks_and_the_answer_does_not_tell(
    tenant: Browser, neighbour: Browser
) -> None:
    assert [ask(tenant).status for _ in range(3)] == [202] * 3
    assert ask(neighbour).status == 202
    assert len(mails("email_code")) == 3


def test_who_is_named_as_a_new_address_keeps_the_mails_of_their_own_reset(tenant: Browser, neighbour: Browser) -> None:
    assert [ask(neighbour, OLD).status for _ in range(3)] == [202] * 3
    assert whom("email_taken") == [OLD] * 3
    assert ask(neighbour, "x@mail.example").status == 429
    tenant.call("reset", "POST", "/api/reset", {"email": OLD, "date_of_birth": "1990-03-27"})
    assert whom("temporary_password") == [OLD]


def test_a_session_that_is_ended_meanwhile_changes_no_address(tenant: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    thief, told = Browser("198.51.100.1"), changing_email._told
    assert logs_in(OLD, thief) == 200
    ask(thief)

    def meanwhile(*given: Any) -> Any:
        assert tenant.call("login", "DELETE", "/api/sessions").status == 204
        return told(*given)

    monkeypatch.setattr(changing_email, "_told", meanwhile)
    assert confirm(thief, secret_in_newest("email_code")).status == 401
    assert (logs_in(OLD), logs_in(NEW)) == (200, 401)
    assert not mails("email_changed")


def test_a_session_that_is_ended_meanwhile_begins_no_change(tenant: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    thief, new_change = Browser("198.51.100.1"), changing_email._new_change
    assert logs_in(OLD, thief) == 200

    def meanwhile(*given: Any) -> Any:
        change = {"current_password": PASSWORD, "new_password": "violet harbour sandwich"}
        assert tenant.call("reset", "PUT", "/api/password", change).status == 204
        return new_change(*given)

    monkeypatch.setattr(changing_email, "_new_change", meanwhile)
    assert ask(thief).status == 401
    assert not mails("email_code")


def test_the_session_goes_on_for_the_rest_of_its_twelve_hours_and_no_longer(tenant: Browser, noon: Any) -> None:
    for _ in range(47):
        noon.shift(timedelta(minutes=14))
        assert session_of(tenant) == 200
    ask(tenant)
    assert confirm(tenant, secret_in_newest("email_code")).status == 204
    for _ in range(4):
        noon.shift(timedelta(minutes=14))
        assert session_of(tenant) == 200
    noon.shift(timedelta(minutes=7))
    assert session_of(tenant) == 401


def test_the_log_in_moves_whole(tenant: Browser) -> None:
    (before,) = store.fetch([login_key(OLD)], clock.now())
    ask(tenant)
    confirm(tenant, secret_in_newest("email_code"))
    gone, after = store.fetch([login_key(OLD), login_key(NEW)], clock.now())
    assert gone is None
    own = LoginItem().get_attributes().keys() - {"pk", "written_by", "era"}
    assert {n: getattr(after, n) for n in own} == {n: getattr(before, n) for n in own}
