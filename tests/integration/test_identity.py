"""Registering, logging in, forgotten passwords, sessions: through the functions, on moto."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

from portal import clock, store
from portal.identity import passwords, tries
from portal.identity import service as identity
from portal.identity import store as identity_store
from portal.mail.store import MAIL_PK, MailItem
from portal.tenancies import service as tenancies
from portal.tenancies.store import PersonItem
from tests.integration.conftest import Browser, add_tenancy, log_in_as

FACTS = {
    "email": "Amara@example.com",
    "mobile": "07700 900123",
    "tenancy_reference": "lh 10001",
    "date_of_birth": "1990-03-27",
}
PASSWORD = "copper lantern meadow"


def mails(kind: str) -> list[MailItem]:
    return [m for m in store.query(MailItem, MAIL_PK, clock.now()) if m.kind == kind]


def secret_in_newest(kind: str) -> str:
    secrets = [f.secret for m in mails(kind) if (f := identity.recipient(m.to, m.kind, clock.now()))]
    assert secrets[-1]
    return secrets[-1]


def registered(browser: Browser) -> Browser:
    begun = browser.call("register", "POST", "/api/register", FACTS)
    assert begun.status == 202, begun
    done = browser.call(
        "verify", "POST", "/api/verify",
        {"registration_id": begun.json["registration_id"], "code": secret_in_newest("code"), "password": PASSWORD},
    )  # fmt: skip
    assert done.status == 201, done
    return browser


def test_four_matching_facts_an_emailed_code_and_a_password_make_a_customer_who_is_logged_in(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    session = browser.call("login", "GET", "/api/session")
    assert session.status == 200
    assert session.json["customer"]["first_name"] == "Amara"
    assert session.json["customer"]["tenancies"][0]["tenancy_reference"] == "LH10001"
    assert session.headers["cache-control"] == "no-store"
    assert [m.kind for m in mails("registered")] == ["registered"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "amara2@example.com"},
        {"mobile": "07700 900124"},
        {"tenancy_reference": "LH10002"},
        {"date_of_birth": "1990-03-28"},
    ],
)
def test_whichever_fact_is_wrong_the_answer_is_the_same(
    browser: Browser, own_tenancy: Any, noon: Any, wrong: dict[str, str]
) -> None:
    answer = browser.call("register", "POST", "/api/register", FACTS | wrong)
    other = browser.call("register", "POST", "/api/register", FACTS | {"tenancy_reference": "NONE1"})
    assert answer.status == 422
    assert answer.json["type"] == "/problems/details-not-matched"
    assert (answer.text, answer.headers) == (other.text, other.headers)
    assert not mails("code")


def test_somebody_whose_tenancy_has_ended_is_not_matched(browser: Browser, cloud: None, noon: Any) -> None:
    add_tenancy("LH10001", "P10001", end_date=date(2026, 11, 23))
    assert browser.call("register", "POST", "/api/register", FACTS).status == 422


def test_somebody_whose_tenancy_ends_today_is_matched(browser: Browser, cloud: None, noon: Any) -> None:
    add_tenancy("LH10001", "P10001", end_date=date(2026, 11, 24))
    assert browser.call("register", "POST", "/api/register", FACTS).status == 202


def test_who_matches_fully_and_is_registered_is_told_so(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    again = browser.call("register", "POST", "/api/register", FACTS)
    assert (again.status, again.json["type"]) == (409, "/problems/already-registered")
    wrong = browser.call("register", "POST", "/api/register", FACTS | {"date_of_birth": "1991-01-01"})
    assert wrong.json["type"] == "/problems/details-not-matched"


def test_a_second_person_with_the_same_address_is_asked_for_another(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    add_tenancy("LH20002", "P20002", date_of_birth=date(1988, 1, 2))
    registered(browser)
    other = FACTS | {"tenancy_reference": "LH20002", "date_of_birth": "1988-01-02"}
    answer = browser.call("register", "POST", "/api/register", other)
    assert (answer.status, answer.json["type"]) == (409, "/problems/email-in-use")


def test_the_sixth_mismatch_of_a_tenancy_reference_in_a_day_is_refused_and_matches_cost_nothing(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    wrong = FACTS | {"date_of_birth": "1990-03-28"}
    assert browser.call("register", "POST", "/api/register", FACTS).status == 202
    assert [browser.call("register", "POST", "/api/register", wrong).status for _ in range(5)] == [422] * 5
    refused = browser.call("register", "POST", "/api/register", FACTS)
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) == 86_400
    noon.shift(timedelta(days=1, seconds=1))
    assert browser.call("register", "POST", "/api/register", FACTS).status == 202


def test_a_code_is_taken_in_any_case_and_without_hyphen_and_only_once(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    begun = browser.call("register", "POST", "/api/register", FACTS).json
    typed = secret_in_newest("code").lower().replace("-", " ")
    body = {"registration_id": begun["registration_id"], "code": typed, "password": PASSWORD}
    assert browser.call("verify", "POST", "/api/verify", body).status == 201
    again = Browser().call("verify", "POST", "/api/verify", body | {"password": "violet harbour sandwich"})
    assert (again.status, again.json["type"]) == (422, "/problems/code-not-accepted")


def test_who_lost_the_answer_to_their_code_sends_it_again_and_hears_that_they_are_registered(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    begun = browser.call("register", "POST", "/api/register", FACTS).json
    body = {"registration_id": begun["registration_id"], "code": secret_in_newest("code"), "password": PASSWORD}
    first = browser.call("verify", "POST", "/api/verify", body)
    again, stranger = Browser(), Browser("198.51.100.1")
    noon.shift(timedelta(minutes=1))
    second = [again.call("verify", "POST", "/api/verify", body) for _ in range(6)]
    assert first.status == 201
    assert {(a.status, a.json["type"]) for a in second} == {(409, "/problems/already-registered")}
    assert not again.cookies, "the code works once: it opens nothing"
    assert len(mails("registered")) == 1
    refused = {"type": "/problems/code-not-accepted", "status": 422}
    for wrong in ({"password": "violet harbour sandwich"}, {"code": "2222-2222"}):
        told = stranger.call("verify", "POST", "/api/verify", body | wrong)
        assert told.json.items() >= refused.items(), "half of it tells a stranger nothing"
    assert identity.recipient(mails("code")[0].to, "code", clock.now()) is None, "a used code is mailed no more"
    change = {"current_password": PASSWORD, "new_password": "violet harbour sandwich"}
    assert browser.call("reset", "PUT", "/api/password", change).status == 204
    assert Browser().call("verify", "POST", "/api/verify", body).json.items() >= refused.items(), (
        "a new password ends it"
    )
    noon.move_to(datetime(2026, 11, 25, 4, 0, tzinfo=UTC))
    over = Browser().call("verify", "POST", "/api/verify", body | {"password": "violet harbour sandwich"})
    assert over.json.items() >= refused.items(), "and so does the code's end, though its item is still there"


def test_on_a_shared_computer_registering_remembers_no_device_and_five_idle_minutes_end_the_session(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    begun = browser.call("register", "POST", "/api/register", FACTS).json
    body = {"registration_id": begun["registration_id"], "code": secret_in_newest("code"), "password": PASSWORD}
    assert browser.call("verify", "POST", "/api/verify", body | {"shared_computer": True}).status == 201
    assert set(browser.cookies) == {"__Host-session"}
    noon.shift(timedelta(minutes=5, seconds=1))
    assert browser.call("login", "GET", "/api/session").status == 401


@pytest.mark.parametrize(("seconds", "status"), [(-1, 201), (0, 422), (86_400 * 3, 422)])
def test_a_code_works_until_its_hour_and_not_after_though_its_item_is_still_there(
    browser: Browser, own_tenancy: Any, noon: Any, seconds: int, status: int
) -> None:
    begun = browser.call("register", "POST", "/api/register", FACTS).json
    assert begun["code_expires_at"] == "2026-11-25T04:00:00Z"
    code = secret_in_newest("code")
    noon.move_to(datetime(2026, 11, 25, 4, 0, tzinfo=UTC) + timedelta(seconds=seconds))
    body = {"registration_id": begun["registration_id"], "code": code, "password": PASSWORD}
    assert browser.call("verify", "POST", "/api/verify", body).status == status
    if status == 422:
        raw = identity_store.RegistrationItem.get(f"REGISTRATION#{begun['registration_id']}", "REGISTRATION")
        assert raw is not None


def test_five_wrong_codes_are_judged_and_then_the_right_one_is_refused_too(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    begun = browser.call("register", "POST", "/api/register", FACTS).json
    wrong = {"registration_id": begun["registration_id"], "code": "2222-2222", "password": PASSWORD}
    assert [browser.call("verify", "POST", "/api/verify", wrong).status for _ in range(5)] == [422] * 5
    right = wrong | {"code": secret_in_newest("code")}
    assert browser.call("verify", "POST", "/api/verify", right).status == 429


@pytest.mark.parametrize("password", ["short", "passwordpassword1"[:8], "aaaaaaaaaaaa", "x" * 129])
def test_a_password_that_cannot_be_taken_costs_no_try(
    browser: Browser, own_tenancy: Any, noon: Any, password: str
) -> None:
    begun = browser.call("register", "POST", "/api/register", FACTS).json
    body = {"registration_id": begun["registration_id"], "code": secret_in_newest("code"), "password": password}
    for _ in range(7):
        answer = browser.call("verify", "POST", "/api/verify", body)
        assert answer.status == 422
        assert answer.json["errors"][0]["field"] == "password"
    assert browser.call("verify", "POST", "/api/verify", body | {"password": PASSWORD}).status == 201


@pytest.mark.parametrize("password", ["amara is my name", "my LH10001 tenancy", "harrowby rocks 12", "okafor-okafor-x"])
def test_a_password_with_ones_own_name_or_reference_is_refused_and_leaves_the_code_usable(
    browser: Browser, own_tenancy: Any, noon: Any, password: str
) -> None:
    begun = browser.call("register", "POST", "/api/register", FACTS).json
    body = {"registration_id": begun["registration_id"], "code": secret_in_newest("code"), "password": password}
    for _ in range(7):
        answer = browser.call("verify", "POST", "/api/verify", body)
        assert (answer.status, answer.json["type"]) == (422, "/problems/bad-input")
    assert browser.call("verify", "POST", "/api/verify", body | {"password": PASSWORD}).status == 201


def test_a_resend_mails_the_same_code_at_most_three_times_an_hour_and_answers_alike_for_any_registration(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    begun = browser.call("register", "POST", "/api/register", FACTS).json
    first = secret_in_newest("code")
    answers = [
        browser.call("register", "POST", "/api/register/resend", {"registration_id": begun["registration_id"]})
        for _ in range(5)
    ]
    unknown = browser.call("register", "POST", "/api/register/resend", {"registration_id": "0" * 26})
    assert {(a.status, a.text) for a in [*answers, unknown]} == {(202, "{}")}
    assert len([m for m in mails("code") if m.to.startswith("registration:")]) == 3
    assert secret_in_newest("code") == first


def test_whoever_matches_is_told_when_no_more_mails_go_out_this_hour(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    assert [browser.call("register", "POST", "/api/register", FACTS).status for _ in range(4)] == [202] * 3 + [429]
    refused = browser.call("register", "POST", "/api/register", FACTS)
    assert (refused.status, refused.headers["retry-after"]) == (429, "3600")
    joint = FACTS | {"email": "ben@example.com", "mobile": "07700 900124", "date_of_birth": "1988-01-02"}
    add_person(own_tenancy.tenancy_id, "P10002", joint)
    assert browser.call("register", "POST", "/api/register", joint).status == 202, "matches cost the reference nothing"


def add_person(tenancy_id: str, person_reference: str, facts: dict[str, str]) -> None:
    person_id = tenancies.person_id(person_reference)
    item = PersonItem(
        pk=f"TENANCY#{tenancy_id}", sk=f"PERSON#{person_id}", person_reference=person_reference,
        email=facts["email"], mobile="+447700900124", date_of_birth=date.fromisoformat(facts["date_of_birth"]),
    )  # fmt: skip
    store.put_all([item])


def test_an_address_whose_mismatches_are_spent_costs_the_tenancy_reference_nothing(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    library = Browser("198.51.100.1")
    for number in range(30):
        library.call("register", "POST", "/api/register", FACTS | {"tenancy_reference": f"NONE{number}"})
    assert [library.call("register", "POST", "/api/register", FACTS).status for _ in range(6)] == [429] * 6
    assert browser.call("register", "POST", "/api/register", FACTS).status == 202


def test_a_temporary_password_gets_its_owner_in_while_a_stranger_guesses(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    attacker, library = Browser("198.51.100.1"), Browser()
    for _ in range(14):
        attacker.call("login", "POST", "/api/login", {"email": "amara@example.com", "password": "not this one"})
    own = {"email": "amara@example.com", "password": PASSWORD}
    assert library.call("login", "POST", "/api/login", own).status == 429
    library.call("reset", "POST", "/api/reset", {"email": "amara@example.com", "date_of_birth": "1990-03-27"})
    own["password"] = secret_in_newest("temporary_password")
    assert library.call("login", "POST", "/api/login", own).status == 200
    assert library.call("login", "POST", "/api/login", own).status == 401, "it works once"
    own["password"] = PASSWORD
    assert library.call("login", "POST", "/api/login", own).status == 200, "and its owner waits no longer"


def test_a_session_opened_while_the_password_is_being_changed_ends_too(
    browser: Browser, own_tenancy: Any, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(browser)
    thief, change = Browser("198.51.100.1"), {"current_password": PASSWORD, "new_password": "violet harbour sandwich"}
    hashed = passwords.hashed

    def meanwhile(password: str) -> str:
        login = {"email": "amara@example.com", "password": PASSWORD}
        assert thief.call("login", "POST", "/api/login", login).status == 200
        return hashed(password)

    monkeypatch.setattr(passwords, "hashed", meanwhile)
    assert browser.call("reset", "PUT", "/api/password", change).status == 204
    assert thief.call("login", "GET", "/api/session").status == 401
    assert browser.call("login", "GET", "/api/session").status == 200


def test_an_unknown_address_and_a_wrong_password_answer_alike(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    wrong = Browser().call("login", "POST", "/api/login", {"email": "amara@example.com", "password": "not this one"})
    unknown = Browser().call("login", "POST", "/api/login", {"email": "nobody@example.com", "password": "not this"})
    assert wrong.status == unknown.status == 401
    assert (wrong.text, wrong.headers) == (unknown.text, unknown.headers)


@pytest.mark.parametrize("email", ["amara@example.com", "nobody@example.com"])
def test_ten_wrong_passwords_are_judged_then_waits_grow_and_a_known_device_still_gets_in(
    browser: Browser, own_tenancy: Any, noon: Any, email: str
) -> None:
    registered(browser)
    attacker, wrong = Browser(), {"email": email, "password": "not this one"}
    statuses = [attacker.call("login", "POST", "/api/login", wrong).status for _ in range(14)]
    assert statuses == [401] * 10 + [429] * 4
    waits = []
    for _ in range(3):
        refused = attacker.call("login", "POST", "/api/login", wrong)
        assert refused.status == 429
        waits.append(int(refused.headers["retry-after"]))
        noon.shift(waits[-1] + 1)
        assert attacker.call("login", "POST", "/api/login", wrong).status == 401
    assert waits == [60, 120, 240]
    own = browser.call("login", "POST", "/api/login", {"email": "amara@example.com", "password": PASSWORD})
    assert own.status == 200


def test_the_wait_runs_from_the_last_judged_miss_and_a_match_ends_it(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    attacker = Browser("198.51.100.1")
    wrong = {"email": "amara@example.com", "password": "not this one"}

    def gets_in_elsewhere() -> int:
        return Browser("192.0.2.9").call("login", "POST", "/api/login", wrong | {"password": PASSWORD}).status

    def misses(times: int) -> list[int]:
        return [attacker.call("login", "POST", "/api/login", wrong).status for _ in range(times)]

    assert misses(10) == [401] * 10
    noon.shift(timedelta(seconds=60))
    assert gets_in_elsewhere() == 200, "nobody waits twice"
    assert misses(11) == [401] * 10 + [429], "after a match the first ten are judged at once again"
    for _ in range(3):
        noon.shift(timedelta(seconds=60))
        assert gets_in_elsewhere() == 200
        misses(11)
    assert gets_in_elsewhere() == 429
    noon.shift(timedelta(hours=1))
    refused = attacker.call("login", "POST", "/api/login", wrong)
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) > 3600 * 22, "fifty misses are a day's, whoever else logs in"


def test_a_right_password_with_nothing_to_show_gives_its_try_back(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    add_tenancy("LH10001", "P10001", end_date=date(2025, 11, 1))
    login = {"email": "amara@example.com", "password": PASSWORD}
    assert {Browser().call("login", "POST", "/api/login", login).status for _ in range(60)} == {403}


def test_who_is_taken_off_the_tenancy_before_the_code_is_typed_sees_another_of_theirs_or_is_told(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    asked = browser.call("register", "POST", "/api/register", FACTS).json["registration_id"]
    code = {"registration_id": asked, "code": secret_in_newest("code"), "password": PASSWORD}
    add_tenancy("LH10001", "P10001", end_date=date(2024, 11, 1))
    assert {browser.call("verify", "POST", "/api/verify", code).status for _ in range(9)} == {403}, "and spends no try"
    other = add_tenancy("LH20002", "P10001")
    answer = browser.call("verify", "POST", "/api/verify", code)
    assert (answer.status, answer.json["customer"]["tenancies"][0]["tenancy_id"]) == (201, other.tenancy_id)
    assert browser.call("balance", "GET", "/api/balance").status == 200


def test_two_calls_at_a_windows_end_are_both_counted_and_none_is_refused(
    cloud: None, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, renewing = "203.0.113.50", []
    tries.count_call(address, clock.now())
    noon.shift(timedelta(minutes=5, seconds=1))
    begun_anew = tries._begun_anew

    def others_first(*given: Any) -> bool:
        renewing.append(1)
        assert begun_anew(*given)
        return begun_anew(*given)

    monkeypatch.setattr(tries, "_begun_anew", others_first)
    tries.count_call(address, clock.now())
    (item,) = store.fetch([identity_store.tries_key(f"calls#{address}")], clock.now())
    assert (len(renewing), item.used) == (1, 2)


def test_a_device_cookie_of_one_address_is_no_budget_for_another(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    thief = Browser()
    thief.cookies["__Host-device"] = browser.cookies["__Host-device"]
    for email in ("other@example.com",):
        wrong = {"email": email, "password": "not this one"}
        assert [thief.call("login", "POST", "/api/login", wrong).status for _ in range(11)] == [401] * 10 + [429]


def test_on_a_shared_computer_no_device_is_remembered_and_five_idle_minutes_end_the_session(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    library = Browser()
    body = {"email": "amara@example.com", "password": PASSWORD, "shared_computer": True}
    assert library.call("login", "POST", "/api/login", body).status == 200
    assert "__Host-device" not in library.cookies
    noon.shift(timedelta(minutes=5, seconds=1))
    assert library.call("login", "GET", "/api/session").status == 401


def test_a_session_ends_after_fifteen_idle_minutes_and_after_twelve_hours(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    for _ in range(51):
        noon.shift(timedelta(minutes=14))
        assert browser.call("login", "GET", "/api/session").status == 200
    noon.shift(timedelta(minutes=7))
    assert browser.call("login", "GET", "/api/session").status == 401, "twelve hours are over"
    browser.call("login", "POST", "/api/login", {"email": "amara@example.com", "password": PASSWORD})
    noon.shift(timedelta(minutes=15, seconds=1))
    assert browser.call("login", "GET", "/api/session").status == 401


def test_log_off_ends_the_session_at_once_and_clears_what_the_browser_kept(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    kept = dict(browser.cookies)
    answer = browser.call("login", "POST", "/api/logout")
    assert answer.status == 204
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert "__Host-session" not in browser.cookies
    assert "__Host-device" in browser.cookies
    browser.cookies = kept
    assert browser.call("login", "GET", "/api/session").status == 401


@pytest.mark.parametrize("how", ["never logged in", "logged off", "idle too long", "deleted elsewhere", "nonsense"])
def test_log_off_answers_alike_whatever_became_of_the_session(
    browser: Browser, own_tenancy: Any, noon: Any, how: str
) -> None:
    registered(browser)
    kept = browser.cookies["__Host-session"]
    match how:
        case "never logged in":
            browser.cookies.clear()
        case "logged off":
            browser.call("login", "POST", "/api/logout")
            browser.cookies["__Host-session"] = kept
        case "idle too long":
            noon.shift(timedelta(minutes=16))
        case "deleted elsewhere":
            other = Browser()
            other.call("login", "POST", "/api/login", {"email": "amara@example.com", "password": PASSWORD})
            other.call("login", "DELETE", "/api/sessions")
        case _:
            browser.cookies["__Host-session"] = "é.é.é.é"
    answer = browser.call("login", "POST", "/api/logout")
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert [line.split(";")[0] for line in answer.cookies] == ["__Host-session="]
    assert "Max-Age=0" in answer.cookies[0]
    assert browser.call("login", "GET", "/api/session").status == 401


def test_a_cookie_with_another_token_logs_nobody_off(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    thief = Browser("198.51.100.1")
    thief.cookies["__Host-session"] = browser.cookies["__Host-session"].rpartition(".")[0] + ".guessed"
    assert thief.call("login", "POST", "/api/logout").status == 204
    assert browser.call("login", "GET", "/api/session").status == 200


def test_a_forgotten_password_a_temporary_one_and_a_new_one(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    elsewhere, ask = Browser(), {"email": "amara@example.com", "date_of_birth": "1990-03-27"}
    assert elsewhere.call("reset", "POST", "/api/reset", ask).status == 202
    temporary = secret_in_newest("temporary_password")
    login = elsewhere.call("login", "POST", "/api/login", {"email": "amara@example.com", "password": temporary.lower()})
    assert (login.status, login.json["password_change_required"]) == (200, True)
    refused = elsewhere.call("login", "GET", "/api/session")
    assert (refused.status, refused.json["type"]) == (403, "/problems/password-change-required")
    assert browser.call("login", "GET", "/api/session").status == 200, "the old session works until then"
    change = {"current_password": temporary, "new_password": "violet harbour sandwich"}
    wrong = elsewhere.call("reset", "PUT", "/api/password", change | {"current_password": PASSWORD})
    assert (wrong.status, wrong.json["errors"][0]["field"]) == (422, "current_password")
    assert elsewhere.call("reset", "PUT", "/api/password", change).status == 204
    assert elsewhere.call("login", "GET", "/api/session").status == 200
    assert browser.call("login", "GET", "/api/session").status == 401, "a new password ends the others"
    old = Browser().call("login", "POST", "/api/login", {"email": "amara@example.com", "password": PASSWORD})
    assert old.status == 401
    assert len(mails("password_changed")) == 1


def test_a_temporary_password_opens_one_session_and_lasts_sixty_minutes(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    ask = {"email": "amara@example.com", "date_of_birth": "1990-03-27"}
    browser.call("reset", "POST", "/api/reset", ask)
    temporary = secret_in_newest("temporary_password")
    noon.shift(timedelta(minutes=30))
    browser.call("reset", "POST", "/api/reset", ask)
    assert secret_in_newest("temporary_password") == temporary, "asked again it is the same, with the same end"
    body = {"email": "amara@example.com", "password": temporary}
    noon.shift(timedelta(minutes=30))
    assert Browser().call("login", "POST", "/api/login", body).status == 401
    browser.call("reset", "POST", "/api/reset", ask)
    body["password"] = secret_in_newest("temporary_password")
    assert body["password"] != temporary
    assert Browser().call("login", "POST", "/api/login", body).status == 200
    assert Browser().call("login", "POST", "/api/login", body).status == 401


def test_a_reset_answers_alike_and_mails_only_the_owner(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    asks = [
        {"email": "amara@example.com", "date_of_birth": "1990-03-27"},
        {"email": "amara@example.com", "date_of_birth": "1990-03-28"},
        {"email": "nobody@example.com", "date_of_birth": "1990-03-27"},
    ]
    answers = [Browser().call("reset", "POST", "/api/reset", ask) for ask in asks]
    assert len({(a.status, a.text, str(a.headers)) for a in answers}) == 1
    found = [identity.recipient(m.to, m.kind, clock.now()) for m in mails("temporary_password")]
    assert [f.email for f in found if f] == ["amara@example.com"]


def test_wrong_dates_of_birth_spend_none_of_the_owners_asks(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    for _ in range(12):
        Browser().call("reset", "POST", "/api/reset", {"email": "amara@example.com", "date_of_birth": "1970-01-01"})
    browser.call("reset", "POST", "/api/reset", {"email": "amara@example.com", "date_of_birth": "1990-03-27"})
    assert secret_in_newest("temporary_password")


def test_a_new_password_ends_a_change_of_address_that_was_begun(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    thief = Browser("198.51.100.1")
    login = {"email": "amara@example.com", "password": PASSWORD}
    assert thief.call("login", "POST", "/api/login", login).status == 200
    ask = {"email": "thief@mail.example", "current_password": PASSWORD}
    assert thief.call("reset", "POST", "/api/email", ask).status == 202
    code = secret_in_newest("email_code")
    change = {"current_password": PASSWORD, "new_password": "violet harbour sandwich"}
    assert browser.call("reset", "PUT", "/api/password", change).status == 204
    refused = browser.call("reset", "POST", "/api/email/confirm", {"code": code})
    assert (refused.status, refused.json["type"]) == (422, "/problems/code-not-accepted")


def test_a_session_that_is_ended_meanwhile_changes_no_password(
    browser: Browser, own_tenancy: Any, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(browser)
    thief, change = Browser("198.51.100.1"), {"current_password": PASSWORD, "new_password": "violet harbour sandwich"}
    login = {"email": "amara@example.com", "password": PASSWORD}
    assert thief.call("login", "POST", "/api/login", login).status == 200
    hashed = passwords.hashed

    def meanwhile(password: str) -> str:
        assert browser.call("login", "DELETE", "/api/sessions").status == 204
        return hashed(password)

    monkeypatch.setattr(passwords, "hashed", meanwhile)
    assert thief.call("reset", "PUT", "/api/password", change).status == 401
    assert Browser().call("login", "POST", "/api/login", login).status == 200, "nothing was changed"
    assert not mails("password_changed")


def test_once_a_new_password_is_saved_the_answer_says_so_and_the_others_are_out_whatever_fails_then(
    browser: Browser, own_tenancy: Any, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(browser)
    before, during = Browser("198.51.100.1"), Browser("198.51.100.2")
    login = {"email": "amara@example.com", "password": PASSWORD}
    assert before.call("login", "POST", "/api/login", login).status == 200
    hashed, transact = passwords.hashed, store.transact

    def meanwhile(password: str) -> str:
        assert during.call("login", "POST", "/api/login", login).status == 200
        patch.setattr(store, "transact", the_last_that_works)
        return hashed(password)

    def the_last_that_works(*writes: store.Write) -> None:
        transact(*writes)
        patch.setattr(store, "transact", away)
        patch.setattr(store, "query", away)

    def away(*_: Any, **__: Any) -> Any:
        raise store.Unavailable

    change = {"current_password": PASSWORD, "new_password": "violet harbour sandwich"}
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "hashed", meanwhile)
        assert browser.call("reset", "PUT", "/api/password", change).status == 204
    for other in (before, during):
        assert other.call("login", "GET", "/api/session").status == 401
    assert browser.call("login", "GET", "/api/session").status == 200
    assert [s["current"] for s in browser.call("login", "GET", "/api/sessions").json["sessions"]] == [True]


def test_guesses_in_another_session_do_not_keep_out_whoever_has_a_temporary_password(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    guess = {"current_password": "not this one", "new_password": "violet harbour sandwich"}
    assert [browser.call("reset", "PUT", "/api/password", guess).status for _ in range(11)] == [422] * 10 + [429]
    owner = Browser("198.51.100.1")
    owner.call("reset", "POST", "/api/reset", {"email": "amara@example.com", "date_of_birth": "1990-03-27"})
    temporary = secret_in_newest("temporary_password")
    login = {"email": "amara@example.com", "password": temporary}
    assert owner.call("login", "POST", "/api/login", login).status == 200
    assert owner.call("reset", "PUT", "/api/password", guess | {"current_password": temporary}).status == 204


def test_guesses_in_a_temporary_passwords_session_are_ten_and_spend_none_of_the_customers(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    finder = Browser("198.51.100.1")
    finder.call("reset", "POST", "/api/reset", {"email": "amara@example.com", "date_of_birth": "1990-03-27"})
    login = {"email": "amara@example.com", "password": secret_in_newest("temporary_password")}
    assert finder.call("login", "POST", "/api/login", login).status == 200
    guess = {"current_password": "not this one", "new_password": "violet harbour sandwich"}
    assert [finder.call("reset", "PUT", "/api/password", guess).status for _ in range(11)] == [422] * 10 + [429]
    assert browser.call("reset", "PUT", "/api/password", guess | {"current_password": PASSWORD}).status == 204


def test_a_hash_made_with_weaker_parameters_is_made_anew_at_the_next_log_in(
    browser: Browser, own_tenancy: Any, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1))
        registered(browser)
    key = identity_store.login_key("amara@example.com")

    def kept() -> str:
        (login,) = store.fetch([key], clock.now())
        return str(login.password_hash)

    assert "m=8192,t=1" in kept()
    wrong = {"email": "amara@example.com", "password": "not this one"}
    Browser().call("login", "POST", "/api/login", wrong)
    assert "m=8192,t=1" in kept()
    for _ in range(2):
        assert Browser().call("login", "POST", "/api/login", wrong | {"password": PASSWORD}).status == 200
        assert "m=19456,t=2,p=1" in kept()
    now = kept()
    Browser().call("login", "POST", "/api/login", wrong | {"password": PASSWORD})
    assert kept() == now, "it is made once"


def test_a_customer_of_two_tenancies_chooses_and_cannot_choose_anothers(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    second = add_tenancy("LH30003", "P10001", start_date=date(2024, 1, 8))
    stranger = add_tenancy("LH40004", "P40004", email="other@example.com")
    registered(browser)
    tenancies = browser.call("login", "GET", "/api/session").json["customer"]["tenancies"]
    assert {t["tenancy_reference"] for t in tenancies} == {"LH10001", "LH30003"}
    before = dict(browser.cookies)
    chosen = browser.call("login", "PUT", "/api/session", {"tenancy_id": second.tenancy_id})
    assert chosen.json["tenancy_id"] == second.tenancy_id
    assert browser.call("login", "GET", "/api/session").json["tenancy_id"] == second.tenancy_id
    refused = browser.call("login", "PUT", "/api/session", {"tenancy_id": stranger.tenancy_id})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "tenancy_id")
    browser.cookies = before
    assert browser.call("login", "GET", "/api/session").status == 401, "the old token is over"


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://localhost:8000.evil.example"])
def test_a_write_from_another_origin_is_refused(browser: Browser, own_tenancy: Any, noon: Any, origin: Any) -> None:
    answer = browser.call("register", "POST", "/api/register", FACTS, headers={"origin": origin})
    assert (answer.status, answer.json["type"]) == (403, "/problems/foreign-origin")


@pytest.mark.parametrize("tampered", ["", "x", "a.b.c.d", "{id}.{c}.{t}.wrong", "{c}.{id}.{t}.{token}"])
def test_a_cookie_that_is_not_a_sessions_is_no_session(
    browser: Browser, own_tenancy: Any, noon: Any, tampered: str
) -> None:
    registered(browser)
    its_id, customer, tenancy, token = browser.cookies["__Host-session"].split(".")
    browser.cookies["__Host-session"] = tampered.format(id=its_id, c=customer, t=tenancy, token=token)
    assert browser.call("login", "GET", "/api/session").status == 401


def test_a_cookie_that_names_another_tenancy_is_no_session(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    stranger = add_tenancy("LH40004", "P40004", email="other@example.com")
    registered(browser)
    its_id, customer, _, token = browser.cookies["__Host-session"].split(".")
    browser.cookies["__Host-session"] = f"{its_id}.{customer}.{stranger.tenancy_id}.{token}"
    assert browser.call("login", "GET", "/api/session").status == 401


def test_a_customer_sees_where_they_are_logged_in_and_logs_off_the_others(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    body = {"email": "amara@example.com", "password": PASSWORD}
    library, phone = Browser(), Browser()
    for elsewhere in (library, phone):
        noon.shift(1)
        assert elsewhere.call("login", "POST", "/api/login", body).status == 200
    shown = browser.call("login", "GET", "/api/sessions").json["sessions"]
    assert [s["current"] for s in shown] == [True, False, False]
    assert {s["device"] for s in shown} == {"Chrome on Linux"}
    newest = shown[1]["session_id"]
    assert browser.call("login", "DELETE", f"/api/sessions/{newest}").status == 204
    assert browser.call("login", "DELETE", f"/api/sessions/{newest}").status == 404
    assert phone.call("login", "GET", "/api/session").status == 401
    assert library.call("login", "GET", "/api/session").status == 200
    assert browser.call("login", "DELETE", "/api/sessions").status == 204
    assert library.call("login", "GET", "/api/session").status == 401
    assert len(browser.call("login", "GET", "/api/sessions").json["sessions"]) == 1


def test_nobody_logs_off_somebody_else(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    other = add_tenancy("LH40004", "P40004", email="other@example.com")
    stranger = Browser()
    log_in_as(stranger, other.person_id, other.tenancy_id)
    (theirs,) = browser.call("login", "GET", "/api/sessions").json["sessions"]
    refused = stranger.call("login", "DELETE", f"/api/sessions/{theirs['session_id']}")
    missing = stranger.call("login", "DELETE", f"/api/sessions/{'0' * 26}")
    assert (refused.status, refused.text) == (missing.status, missing.text) == (404, missing.text)
    assert browser.call("login", "GET", "/api/session").status == 200


def test_what_may_be_guessing_is_counted_by_its_reason(
    browser: Browser, own_tenancy: Any, noon: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    registered(browser)
    browser.call("register", "POST", "/api/register", FACTS | {"date_of_birth": "1990-03-28"})
    wrong = {"email": "amara@example.com", "password": "not this one"}
    for _ in range(11):
        Browser().call("login", "POST", "/api/login", wrong)
    written = capsys.readouterr().out
    for name, times in (("Registered", 1), ("DetailsNotMatched", 1), ("LoginFailed", 10), ("TriesSpent", 1)):
        assert written.count(f'"Name":"{name}"') == times


def test_after_twelve_months_who_moved_out_is_told_why_there_is_nothing_to_see(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    registered(browser)
    add_tenancy("LH10001", "P10001", end_date=date(2026, 12, 1))
    login = {"email": "amara@example.com", "password": PASSWORD}
    noon.move_to(datetime(2027, 12, 1, 12, tzinfo=UTC))
    assert Browser().call("login", "POST", "/api/login", login).status == 200
    noon.move_to(datetime(2027, 12, 2, 12, tzinfo=UTC))
    told = Browser().call("login", "POST", "/api/login", login)
    assert (told.status, told.json["type"]) == (403, "/problems/no-tenancy-to-show")
    wrong = Browser().call("login", "POST", "/api/login", login | {"password": "not this one"})
    assert wrong.json["type"] == "/problems/login-failed", "whoever has not the password hears nothing of it"
