"""Passkeys: added, listed, used and removed through the functions, by a device in software."""

from datetime import date, timedelta
from typing import Any

import pytest

from portal.identity import ceremonies, passkeys
from portal.identity.store import ChallengeItem, SessionItem
from tests.integration.authenticator import ALWAYS, BACKED_UP, USER_PRESENT, USER_VERIFIED, Authenticator
from tests.integration.conftest import NOON, Browser, Reply, add_tenancy, log_in_as
from tests.integration.test_identity import FACTS, PASSWORD, mails, registered, secret_in_newest

PROOF = {"current_password": PASSWORD}


def asked_to_add(browser: Browser) -> dict[str, Any]:
    begun = browser.call("passkeys", "POST", "/api/passkeys/options", PROOF)
    assert begun.status == 200, begun
    found: dict[str, Any] = begun.json
    return found


def asked_to_log_in(browser: Browser) -> dict[str, Any]:
    begun = browser.call("passkeys", "POST", "/api/login/passkey/options")
    assert begun.status == 200, begun
    found: dict[str, Any] = begun.json
    return found


def add(browser: Browser, device: Authenticator, **wrong: Any) -> Reply:
    return browser.call("passkeys", "POST", "/api/passkeys", device.make(asked_to_add(browser), **wrong))


def log_in(device: Authenticator, browser: Browser | None = None, **wrong: Any) -> Reply:
    browser = browser or Browser()
    return browser.call("passkeys", "POST", "/api/login/passkey", device.sign(asked_to_log_in(browser), **wrong))


def names(browser: Browser) -> list[dict[str, Any]]:
    listed = browser.call("passkeys", "GET", "/api/passkeys")
    assert listed.status == 200, listed
    found: list[dict[str, Any]] = listed.json["passkeys"]
    return found


def slug(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["type"].removeprefix("/problems/")


NOT_ACCEPTED = (401, "passkey-not-accepted")
NOT_ADDED = (422, "passkey-not-added")


@pytest.fixture
def tenant(browser: Browser, own_tenancy: Any, noon: Any) -> Browser:
    """Amara's browser, logged in."""
    return registered(browser)


@pytest.fixture
def device(tenant: Browser) -> Authenticator:
    """A device that holds a passkey of Amara's."""
    made = Authenticator()
    added = add(tenant, made)
    assert added.status == 201, added
    return made


def neighbour() -> Browser:
    """Another customer, logged in."""
    add_tenancy("LH20002", "P20002", email="kofi@example.com", mobile="+447700900124", date_of_birth=date(1988, 1, 2))
    browser = Browser()
    facts = FACTS | {
        "email": "kofi@example.com", "mobile": "07700 900124", "tenancy_reference": "LH20002",
        "date_of_birth": "1988-01-02",
    }  # fmt: skip
    begun = browser.call("register", "POST", "/api/register", facts).json
    body = {"registration_id": begun["registration_id"], "code": secret_in_newest("code"), "password": PASSWORD}
    assert browser.call("verify", "POST", "/api/verify", body).status == 201
    return browser


# --- adding


def test_a_passkey_logs_in_without_password_or_address_and_does_all_that_a_password_does(
    tenant: Browser, device: Authenticator, noon: Any
) -> None:
    noon.shift(3600)
    phone = Browser()
    reply = log_in(device, phone)
    assert reply.status == 200, reply
    assert reply.json["customer"]["first_name"] == "Amara"
    assert reply.json["password_change_required"] is False
    assert set(phone.cookies) == {"__Host-session", "__Host-device"}
    assert phone.call("login", "GET", "/api/session").status == 200
    (passkey,) = names(phone)
    assert passkey["name"] == "Chrome on Linux"
    assert (passkey["added_at"], passkey["last_used_at"]) == ("2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z")
    noon.shift(600)
    assert log_in(device, phone).status == 200, "again, in place of the session before"
    assert len(phone.call("login", "GET", "/api/sessions").json["sessions"]) == 1
    session_id, customer_id, *_ = phone.cookies["__Host-session"].split(".")
    session = SessionItem.get(f"CUSTOMER#{customer_id}", f"SESSION#{session_id}")
    assert session.last_visit_at == NOON + timedelta(hours=1)


def test_what_is_asked_names_nobody_and_is_new_each_time(tenant: Browser, device: Authenticator) -> None:
    first, second = asked_to_log_in(Browser()), asked_to_log_in(Browser())
    assert set(first) == {"challenge_id", "challenge", "relying_party_id", "timeout_milliseconds"}
    assert (first["relying_party_id"], first["timeout_milliseconds"]) == ("localhost", 300_000)
    assert first["challenge"] != second["challenge"]
    assert len(first["challenge"]) == 43, "256 bits"


def test_a_device_is_told_a_random_handle_that_stays_and_what_it_holds_already(
    tenant: Browser, device: Authenticator, own_tenancy: Any
) -> None:
    asked = asked_to_add(tenant)
    assert asked["user_handle"] == device.user_handle
    assert len(asked["user_handle"]) == 43
    assert own_tenancy.person_id not in asked["user_handle"]
    assert len(asked["known_credential_ids"]) == 1
    assert asked["relying_party_name"] == "Larkfield Homes"
    assert asked["algorithms"] == [-8, -7, -257]


def test_on_a_shared_computer_no_device_is_remembered_and_five_idle_minutes_end_the_session(
    tenant: Browser, device: Authenticator, noon: Any
) -> None:
    library = Browser()
    signed = device.sign(asked_to_log_in(library)) | {"shared_computer": True}
    assert library.call("passkeys", "POST", "/api/login/passkey", signed).status == 200
    assert set(library.cookies) == {"__Host-session"}
    noon.shift(5 * 60 + 1)
    assert library.call("login", "GET", "/api/session").status == 401


def test_a_passkey_shows_nothing_a_year_after_the_last_tenancy_ended(
    tenant: Browser, device: Authenticator, own_tenancy: Any
) -> None:
    add_tenancy("LH10001", "P10001", end_date=date(2025, 11, 1))
    assert {slug(log_in(device)) for _ in range(40)} == {(403, "no-tenancy-to-show")}, "and is no miss of the address"


def test_adding_and_removing_take_the_password_and_each_mails_a_notice(tenant: Browser, device: Authenticator) -> None:
    (passkey,) = names(tenant)
    wrong = {"current_password": "not this one"}
    for method, path in (("POST", "/api/passkeys/options"), ("DELETE", f"/api/passkeys/{passkey['passkey_id']}")):
        refused = tenant.call("passkeys", method, path, wrong)
        assert slug(refused) == (422, "bad-input")
        assert [e["field"] for e in refused.json["errors"]] == ["current_password"]
    assert len(names(tenant)) == 1
    assert [m.about["name"] for m in mails("passkey_added")] == ["Chrome on Linux"]
    removed = tenant.call("passkeys", "DELETE", f"/api/passkeys/{passkey['passkey_id']}", PROOF)
    assert removed.status == 204, removed
    assert names(tenant) == []
    assert [m.to for m in mails("passkey_removed")] == [m.to for m in mails("passkey_added")]


def test_wrong_passwords_there_are_the_same_tries_as_when_the_password_is_changed(tenant: Browser) -> None:
    wrong = {"current_password": "not this one"}
    for _ in range(5):
        assert tenant.call("passkeys", "POST", "/api/passkeys/options", wrong).status == 422
        change = wrong | {"new_password": "violet harbour sandwich"}
        assert tenant.call("reset", "PUT", "/api/password", change).status == 422
    assert slug(tenant.call("passkeys", "POST", "/api/passkeys/options", PROOF)) == (429, "tries-spent")


def test_a_right_password_costs_no_try(tenant: Browser) -> None:
    for _ in range(12):
        asked_to_add(tenant)


def test_a_session_of_a_temporary_password_may_do_none_of_it(tenant: Browser, device: Authenticator) -> None:
    (passkey,) = names(tenant)
    tenant.call("reset", "POST", "/api/reset", {"email": "amara@example.com", "date_of_birth": "1990-03-27"})
    temporary, browser = secret_in_newest("temporary_password"), Browser()
    login = {"email": "amara@example.com", "password": temporary}
    assert browser.call("login", "POST", "/api/login", login).json["password_change_required"] is True
    proof = {"current_password": temporary}
    asked = asked_to_add(tenant)
    for reply in (
        browser.call("passkeys", "GET", "/api/passkeys"),
        browser.call("passkeys", "POST", "/api/passkeys/options", proof),
        browser.call("passkeys", "POST", "/api/passkeys", Authenticator().make(asked)),
        browser.call("passkeys", "DELETE", f"/api/passkeys/{passkey['passkey_id']}", proof),
    ):
        assert slug(reply) == (403, "password-change-required")


def test_a_new_password_leaves_the_passkeys_and_its_notice_lists_them(tenant: Browser, device: Authenticator) -> None:
    change = {"current_password": PASSWORD, "new_password": "violet harbour sandwich"}
    assert tenant.call("reset", "PUT", "/api/password", change).status == 204
    (notice,) = mails("password_changed")
    assert notice.about["passkeys"] == ["Chrome on Linux, added on Tuesday 24 November"]
    assert log_in(device).status == 200


def test_a_customer_has_ten_passkeys_at_the_most(tenant: Browser) -> None:
    ready = asked_to_add(tenant)
    for _ in range(10):
        assert add(tenant, Authenticator()).status == 201
    assert len({p["passkey_id"] for p in names(tenant)}) == 10
    assert slug(tenant.call("passkeys", "POST", "/api/passkeys/options", PROOF)) == (409, "passkeys-full")
    late = tenant.call("passkeys", "POST", "/api/passkeys", Authenticator().make(ready))
    assert slug(late) == (409, "passkeys-full")
    gone = names(tenant)[4]["passkey_id"]
    assert tenant.call("passkeys", "DELETE", f"/api/passkeys/{gone}", PROOF).status == 204
    assert add(tenant, Authenticator()).status == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:8001"},
        {"relying_party": "evil.example"},
        {"challenge": "A" * 43},
        {"type": "webauthn.get"},
        {"flags": USER_PRESENT},
        {"flags": USER_VERIFIED},
        {"flags": ALWAYS | BACKED_UP},
    ],
    ids=str,
)
def test_what_a_device_made_for_another_site_or_challenge_or_for_nobody_known_is_not_added(
    tenant: Browser, wrong: dict[str, Any]
) -> None:
    assert slug(add(tenant, Authenticator(), **wrong)) == NOT_ADDED
    assert names(tenant) == []


def test_a_challenge_adds_one_passkey_and_only_in_its_own_session(tenant: Browser, own_tenancy: Any) -> None:
    asked = asked_to_add(tenant)
    elsewhere = Browser()
    log_in_as(elsewhere, own_tenancy.person_id, own_tenancy.tenancy_id)
    other = neighbour()
    for browser in (elsewhere, other):
        assert slug(browser.call("passkeys", "POST", "/api/passkeys", Authenticator().make(asked))) == NOT_ADDED
    assert tenant.call("passkeys", "POST", "/api/passkeys", Authenticator().make(asked)).status == 201
    assert slug(tenant.call("passkeys", "POST", "/api/passkeys", Authenticator().make(asked))) == NOT_ADDED


def test_what_was_begun_before_a_new_password_is_not_added_after_it(tenant: Browser) -> None:
    asked = asked_to_add(tenant)
    change = {"current_password": PASSWORD, "new_password": "violet harbour sandwich"}
    assert tenant.call("reset", "PUT", "/api/password", change).status == 204
    assert slug(tenant.call("passkeys", "POST", "/api/passkeys", Authenticator().make(asked))) == NOT_ADDED


def test_no_challenge_serves_another_purpose(tenant: Browser, device: Authenticator) -> None:
    to_add, to_log_in = asked_to_add(tenant), asked_to_log_in(tenant)
    assert slug(tenant.call("passkeys", "POST", "/api/login/passkey", device.sign(to_add))) == NOT_ACCEPTED
    made = Authenticator().make(to_log_in | {"user_handle": device.user_handle})
    assert slug(tenant.call("passkeys", "POST", "/api/passkeys", made)) == NOT_ADDED


@pytest.mark.parametrize(("seconds", "works"), [(299, True), (300, False), (301, False)])
def test_a_challenge_lasts_five_minutes_and_not_longer_though_it_is_still_there(
    tenant: Browser, device: Authenticator, noon: Any, seconds: int, works: bool
) -> None:
    to_add, to_log_in = asked_to_add(tenant), asked_to_log_in(Browser())
    noon.shift(seconds)
    added = tenant.call("passkeys", "POST", "/api/passkeys", Authenticator().make(to_add))
    entered = Browser().call("passkeys", "POST", "/api/login/passkey", device.sign(to_log_in))
    assert (added.status, entered.status) == ((201, 200) if works else (422, 401))
    kept = [ChallengeItem.count(f"CHALLENGE#{asked['challenge_id']}") for asked in (to_add, to_log_in)]
    assert kept == ([0, 0] if works else [1, 1])


def test_a_credential_is_one_customers_whoever_else_claims_it(tenant: Browser, device: Authenticator) -> None:
    other, thief = neighbour(), Authenticator()
    thief.credential_id = device.credential_id
    assert slug(add(other, thief)) == NOT_ADDED
    assert slug(add(tenant, thief)) == NOT_ADDED, "nor is it the same customer's twice"
    assert names(other) == []
    assert log_in(device).json["customer"]["first_name"] == "Amara"


# --- logging in


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:8001"},
        {"relying_party": "evil.example"},
        {"challenge": "A" * 43},
        {"type": "webauthn.create"},
        {"flags": USER_PRESENT},
        {"flags": USER_VERIFIED},
        {"key": Authenticator().key},
    ],
    ids=lambda wrong: "-".join(wrong),
)
def test_what_a_device_signed_for_another_site_or_challenge_or_for_nobody_known_lets_nobody_in(
    tenant: Browser, device: Authenticator, wrong: dict[str, Any]
) -> None:
    browser = Browser()
    assert slug(log_in(device, browser, **wrong)) == NOT_ACCEPTED
    assert browser.cookies == {}
    assert log_in(device).status == 200


def test_every_refusal_is_the_same(tenant: Browser, device: Authenticator, noon: Any) -> None:
    stranger = Authenticator()
    stranger.user_handle = device.user_handle
    other = Authenticator()
    other.credential_id, other.user_handle = device.credential_id, device.user_handle
    changed = Authenticator()
    changed.__dict__.update(device.__dict__, user_handle="A" * 43)
    replies = [log_in(stranger), log_in(other), log_in(changed), log_in(device, challenge="A" * 43)]
    nothing = device.sign(asked_to_log_in(Browser()) | {"challenge_id": "0" * 26})
    replies.append(Browser().call("passkeys", "POST", "/api/login/passkey", nothing))
    assert {(r.status, r.text) for r in replies} == {(401, replies[0].text)}


def test_a_signature_lets_in_once(tenant: Browser, device: Authenticator) -> None:
    signed = device.sign(asked_to_log_in(Browser()))
    assert Browser().call("passkeys", "POST", "/api/login/passkey", signed).status == 200
    assert slug(Browser().call("passkeys", "POST", "/api/login/passkey", signed)) == NOT_ACCEPTED


def test_of_two_who_bring_the_same_signature_at_once_one_gets_in(
    tenant: Browser, device: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read challenge and passkey before either writes."""
    signed = device.sign(asked_to_log_in(Browser()))
    real, replies = passkeys.session_for, []

    def other_comes_first(*given: Any, **how: Any) -> Any:
        monkeypatch.setattr(passkeys, "session_for", real)
        replies.append(Browser().call("passkeys", "POST", "/api/login/passkey", signed))
        return real(*given, **how)

    monkeypatch.setattr(passkeys, "session_for", other_comes_first)
    replies.append(Browser().call("passkeys", "POST", "/api/login/passkey", signed))
    assert [r.status for r in replies] == [200, 401]


def test_of_two_who_bring_what_a_device_made_at_once_one_passkey_is_added(
    tenant: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Authenticator().make(asked_to_add(tenant))
    real, replies = ceremonies.made, []

    def other_comes_first(*given: Any) -> Any:
        monkeypatch.setattr(ceremonies, "made", real)
        replies.append(tenant.call("passkeys", "POST", "/api/passkeys", made))
        return real(*given)

    monkeypatch.setattr(ceremonies, "made", other_comes_first)
    replies.append(tenant.call("passkeys", "POST", "/api/passkeys", made))
    assert [r.status for r in replies] == [201, 422]
    assert len(names(tenant)) == len(mails("passkey_added")) == 1


def test_two_passkeys_added_at_once_find_a_place_each(tenant: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Authenticator().make(asked_to_add(tenant)) for _ in range(2))
    real = ceremonies.made

    def other_comes_first(*given: Any) -> Any:
        monkeypatch.setattr(ceremonies, "made", real)
        assert tenant.call("passkeys", "POST", "/api/passkeys", second).status == 201
        return real(*given)

    monkeypatch.setattr(ceremonies, "made", other_comes_first)
    assert tenant.call("passkeys", "POST", "/api/passkeys", first).status == 201
    assert len(names(tenant)) == 2


@pytest.mark.parametrize("back", [1, 3])
def test_a_count_that_does_not_grow_is_a_copys_and_lets_nobody_in(
    tenant: Browser, device: Authenticator, back: int
) -> None:
    for _ in range(3):
        assert log_in(device).status == 200
    device.count -= back
    assert slug(log_in(device)) == NOT_ACCEPTED
    device.count += back
    assert log_in(device).status == 200


def test_a_device_that_counts_nothing_gets_in_each_time(tenant: Browser) -> None:
    device = Authenticator(counts=False)
    assert add(tenant, device).status == 201
    assert [log_in(device).status for _ in range(3)] == [200] * 3


def test_a_removed_passkey_lets_nobody_in_and_may_be_added_again(tenant: Browser, device: Authenticator) -> None:
    (passkey,) = names(tenant)
    path = f"/api/passkeys/{passkey['passkey_id']}"
    begun = device.sign(asked_to_log_in(Browser()))
    assert tenant.call("passkeys", "DELETE", path, PROOF).status == 204
    assert slug(Browser().call("passkeys", "POST", "/api/login/passkey", begun)) == NOT_ACCEPTED
    assert slug(log_in(device)) == NOT_ACCEPTED
    assert slug(tenant.call("passkeys", "DELETE", path, PROOF)) == (404, "not-found")
    assert add(tenant, device).status == 201
    assert log_in(device).status == 200


def test_a_passkey_removed_while_it_logs_in_lets_nobody_in(
    tenant: Browser, device: Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (passkey,) = names(tenant)
    real = passkeys.session_for

    def removed_first(*given: Any, **how: Any) -> Any:
        assert tenant.call("passkeys", "DELETE", f"/api/passkeys/{passkey['passkey_id']}", PROOF).status == 204
        return real(*given, **how)

    monkeypatch.setattr(passkeys, "session_for", removed_first)
    assert slug(log_in(device)) == NOT_ACCEPTED


def test_somebody_elses_passkey_is_not_there_to_be_removed(tenant: Browser, device: Authenticator) -> None:
    (passkey,) = names(tenant)
    other = neighbour()
    refused = other.call("passkeys", "DELETE", f"/api/passkeys/{passkey['passkey_id']}", PROOF)
    assert slug(refused) == (404, "not-found")
    assert names(other) == []
    assert log_in(device).status == 200


def test_thirty_misses_an_hour_from_one_address_and_matches_cost_none(
    tenant: Browser, device: Authenticator, noon: Any
) -> None:
    noon.shift(3600)
    stranger = Authenticator()
    stranger.user_handle = device.user_handle
    assert [log_in(device).status for _ in range(5)] == [200] * 5
    assert [log_in(stranger).status for _ in range(30)] == [401] * 30
    assert slug(log_in(device)) == (429, "too-many-calls")
    assert log_in(device, Browser("203.0.113.8")).status == 200


def test_asking_what_to_sign_is_counted_with_the_other_sign_in_routes(cloud: None, noon: Any) -> None:
    browser = Browser()
    for _ in range(300):
        asked_to_log_in(browser)
    assert slug(browser.call("passkeys", "POST", "/api/login/passkey/options")) == (429, "too-many-calls")
    login = {"email": "amara@example.com", "password": PASSWORD}
    assert browser.call("login", "POST", "/api/login", login).status == 429
