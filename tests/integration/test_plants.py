"""Bugs planted one by one, each of which a named check finds: a check that finds nothing proves nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from portal import store
from portal.audit import rules as audit_rules
from portal.audit import service as audit
from portal.audit.store import EventItem
from portal.failures import NotFound
from portal.http import api
from portal.identity import logging_in, passwords, registering, resetting, rules, secrets, sessions, tries
from portal.identity import store as identity_store
from portal.identity.store import RegistrationItem, ResetItem, SessionItem
from portal.observe import logger
from portal.payments import store as payments_store
from tests.integration import test_audit as audits
from tests.integration import test_faults_of_sign_in as faults_of_sign_in
from tests.integration import test_identity as identity
from tests.integration import test_round_trips as round_trips
from tests.integration import test_threats as threats

two, unlimited, counter, faults = threats.two, threats.unlimited, round_trips.counter, faults_of_sign_in.faults
without_audit = audits.without_audit
Patch = pytest.MonkeyPatch


class Plant(NamedTuple):
    """A bug, the check that finds it, and what the check is given beside browser, tenancy and clock."""

    bug: Callable[[Patch], None]
    check: Callable[..., None]
    given: dict[str, Any] = {}  # noqa: RUF012


PLANTS: list[Plant] = []


def found_by(check: Callable[..., None], **given: Any) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    def planted(bug: Callable[[Patch], None]) -> Callable[[Patch], None]:
        PLANTS.append(Plant(bug, check, given))
        return bug

    return planted


@found_by(identity.test_five_wrong_codes_are_judged_and_then_the_right_one_is_refused_too)
def no_condition_on_tries(patch: Patch) -> None:
    def counted(what: str, limit: Any, at: Any, **_: Any) -> None:
        store.transact(store.Update(tries._item(what), [tries.TriesItem.used.add(1)]))

    patch.setattr(tries, "spend", counted)


@found_by(round_trips.test_each_route_makes_the_calls_that_are_written_down)
def tries_read_and_then_written(patch: Patch) -> None:
    real = tries.spend

    def read_first(what: str, limit: Any, at: Any, **how: Any) -> None:
        (counted,) = store.fetch([identity_store.tries_key(what)], at)
        if counted and counted.used >= limit.most:
            raise limit.failure(retry_after=1)
        real(what, limit, at, **how)

    patch.setattr(tries, "spend", read_first)


@found_by(identity.test_ten_wrong_passwords_are_judged_then_waits_grow_and_a_known_device_still_gets_in,
          email="amara@example.com")  # fmt: skip
def a_known_device_has_no_tries_of_its_own(patch: Patch) -> None:
    patch.setattr(logging_in.devices, "tries_of", lambda *_: None)


@found_by(threats.test_t7_a_device_of_one_address_has_no_tries_of_its_own_at_another)
def a_device_is_believed_for_any_address(patch: Patch) -> None:
    real = secrets.device_proof
    patch.setattr(secrets, "device_proof", lambda version, device_id, _: real(version, device_id, "anybody"))


@found_by(threats.test_no_wait_of_a_log_in_is_longer_than_an_hour_and_a_day_has_at_most_fifty_judged)
def waits_grow_without_end(patch: Patch) -> None:
    patch.setattr(tries, "_LONGEST_DELAY", tries._DAY)


@found_by(identity.test_the_sixth_mismatch_of_a_tenancy_reference_in_a_day_is_refused_and_matches_cost_nothing)
def a_match_is_not_given_back(patch: Patch) -> None:
    patch.setattr(tries, "given_back", lambda what: store.Update(tries._item(what), [tries.TriesItem.used.add(0)]))


@found_by(identity.test_a_code_works_until_its_hour_and_not_after_though_its_item_is_still_there, seconds=0, status=422)
def ttl_trusted_on_read(patch: Patch) -> None:
    patch.setattr(store.Item, "is_live", lambda *_: True)
    patch.setattr(store.Item, "live", classmethod(lambda cls, _: cls.pk.exists()))


@found_by(identity.test_a_resend_mails_the_same_code_at_most_three_times_an_hour_and_answers_alike_for_any_registration)
def a_new_code_on_resend(patch: Patch) -> None:
    real = registering._code_mail

    def renewed(registration: RegistrationItem, at: Any) -> Any:
        if (
            registration.get_attributes()
            and store.fetch([identity_store.registration_key(registration.pk[13:])], at)[0]
        ):
            store.transact(store.Update(registration, [RegistrationItem.secret_id.set(secrets.new_secret_id())]))
        return real(registration, at)

    patch.setattr(registering, "_code_mail", renewed)


@found_by(identity.test_five_wrong_codes_are_judged_and_then_the_right_one_is_refused_too)
def any_code_will_do(patch: Patch) -> None:
    patch.setattr(registering, "_is_code", lambda *_: True)


@found_by(identity.test_whichever_fact_is_wrong_the_answer_is_the_same, wrong={"date_of_birth": "1990-03-28"})
def two_facts_of_three_match(patch: Patch) -> None:
    patch.setattr(rules, "matches", lambda typed, record: typed[:2] == record[:2])


@found_by(identity.test_a_cookie_that_is_not_a_sessions_is_no_session, tampered="{id}.{c}.{t}.wrong")
def the_sessions_token_is_not_compared(patch: Patch) -> None:
    patch.setattr(secrets, "token_hash", lambda _: "the same")


@found_by(identity.test_a_cookie_that_names_another_tenancy_is_no_session)
def the_cookies_tenancy_is_believed(patch: Patch) -> None:
    real = sessions._parts

    def believed(cookie: str | None) -> Any:
        session_id, customer_id, tenancy_id, token = real(cookie)
        item = SessionItem(pk=f"CUSTOMER#{customer_id}", sk=f"SESSION#{session_id}")
        store.transact(store.Update(item, [SessionItem.tenancy_id.set(tenancy_id)], SessionItem.pk.exists()))
        return session_id, customer_id, tenancy_id, token

    patch.setattr(sessions, "_parts", believed)


@found_by(identity.test_a_session_ends_after_fifteen_idle_minutes_and_after_twelve_hours)
def a_session_never_idles(patch: Patch) -> None:
    patch.setattr(rules, "session_ends_at", lambda started, *_: started + rules.LONGEST_SESSION)


@found_by(identity.test_log_off_ends_the_session_at_once_and_clears_what_the_browser_kept)
def log_off_only_takes_the_cookie_back(patch: Patch) -> None:
    patch.setattr(logging_in, "log_off", lambda *_: None)


@found_by(threats.test_t10_each_way_in_gives_a_new_token_and_ends_the_session_that_it_replaces)
def the_session_before_lives_on(patch: Patch) -> None:
    patch.setattr(logging_in, "replaced", lambda *_: [])


@found_by(identity.test_a_forgotten_password_a_temporary_one_and_a_new_one)
def other_sessions_outlive_a_new_password(patch: Patch) -> None:
    patch.setattr(secrets, "new_era", lambda: "of old")
    real = sessions.new_session

    def always_of_it(*arguments: Any, **how: Any) -> Any:
        return real(*arguments, **(how | {"era": "of old"}))

    for module in (logging_in, registering, resetting):
        patch.setattr(module, "new_session", always_of_it)


@found_by(identity.test_a_forgotten_password_a_temporary_one_and_a_new_one)
def a_temporary_password_opens_everything(patch: Patch) -> None:
    real = logging_in.new_session
    patch.setattr(logging_in, "new_session", lambda *a, **how: real(*a, **(how | {"temporary_proof": None})))


@found_by(identity.test_a_forgotten_password_a_temporary_one_and_a_new_one)
def any_current_password_changes_it(patch: Patch) -> None:
    patch.setattr(resetting, "_is_current", lambda *_: True)


@found_by(identity.test_a_temporary_password_opens_one_session_and_lasts_sixty_minutes)
def a_temporary_password_works_again(patch: Patch) -> None:
    patch.setattr(ResetItem.used_at, "set", lambda _: ResetItem.written_by.set("planted"))


@found_by(identity.test_a_reset_answers_alike_and_mails_only_the_owner)
def a_reset_for_nobody_is_told(patch: Patch) -> None:
    def told(email: str) -> Any:
        raise NotFound

    patch.setattr(
        identity_store,
        "decoy_key",
        lambda name: (
            told(name) if name == secrets.pseudonym("decoy nobody@example.com 1990-03-27") else ResetItem.key("x", "x")
        ),
    )


@found_by(identity.test_an_unknown_address_and_a_wrong_password_answer_alike)
def an_unknown_address_is_told(patch: Patch) -> None:
    def told(_: str, stored_hash: str | None) -> bool:
        if stored_hash is None:
            raise NotFound
        return False

    patch.setattr(passwords, "is_right", told)


@found_by(identity.test_a_write_from_another_origin_is_refused, origin="https://evil.example")
def the_origin_is_not_looked_at(patch: Patch) -> None:
    patch.setattr(api, "_same_origin", lambda _: None)


@found_by(threats.test_t25_an_idempotency_key_of_one_tenancy_is_no_key_of_another, size=1)
def an_idempotency_key_is_everybodys(patch: Patch) -> None:
    real = payments_store.client_key
    patch.setattr(payments_store, "client_key", lambda _, key: real("everybody", key))


@found_by(threats.test_t28_two_tenants_served_by_one_process_in_turn_see_nothing_of_each_other, size=8)
def the_first_session_is_kept_in_the_process(patch: Patch) -> None:
    real, kept = sessions.open_session, []

    def remembered(*a: Any, **how: Any) -> Any:
        found = real(*a, **how)
        kept.append(found)
        return replace(found, customer_id=kept[0].customer_id, tenancy_id=kept[0].tenancy_id)

    patch.setattr(sessions, "open_session", remembered)


@found_by(threats.test_t27_no_log_line_metric_or_error_holds_what_was_typed_or_mailed)
def what_was_typed_is_logged(patch: Patch) -> None:
    real = passwords.refuse_weak

    def told(password: str, field: str) -> None:
        logger.info("a new password", length=password)
        real(password, field)

    patch.setattr(passwords, "refuse_weak", told)


@found_by(faults_of_sign_in.test_an_update_whose_answer_was_lost_is_done_once_and_told_as_done)
def a_lost_answer_is_told_as_refused(patch: Patch) -> None:
    patch.setattr(store, "_is_ours", lambda *_: False)


@found_by(audits.test_a_refused_log_in_is_refused_alike_though_the_event_cannot_be_kept_and_that_is_counted)
def a_lost_event_breaks_the_refusal(patch: Patch) -> None:
    patch.setattr(audit, "note", lambda outcome, at, **who: store.transact(audit.event(outcome, at, **who)))


@found_by(audits.test_nobody_is_let_in_and_nothing_is_changed_whose_event_cannot_be_kept)
def somebody_is_let_in_without_an_event(patch: Patch) -> None:
    real = store._write_all

    def without_events(writes: Any) -> None:
        real([write for write in writes if not isinstance(write.item, EventItem)])

    patch.setattr(store, "_write_all", without_events)


@found_by(audits.test_t4_the_audit_costs_somebody_known_and_nobody_the_same_calls, what="login")
def nobody_is_not_worth_an_event(patch: Patch) -> None:
    real = audit.note
    patch.setattr(audit, "note", lambda *a, **who: real(*a, **who) if who["customer_id"] else None)


@found_by(audits.test_an_event_has_time_tenancy_and_the_network_it_came_from_and_lasts_400_days)
def the_whole_address_is_kept(patch: Patch) -> None:
    patch.setattr(audit_rules, "truncated", lambda address: address)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.bug.__name__)
def test_the_planted_bug_is_found(plant: Plant, request: pytest.FixtureRequest, monkeypatch: Patch) -> None:
    names = plant.check.__code__.co_varnames[: plant.check.__code__.co_argcount]
    fixtures = {name: request.getfixturevalue(name) for name in names if name not in plant.given}
    plant.bug(monkeypatch)
    # A check fails by what it asserts, or by what it cannot read of an answer that should not be.
    with pytest.raises((AssertionError, KeyError, ValueError, store.Refused)):
        plant.check(**fixtures, **plant.given)


def test_there_are_as_many_plants_as_the_docs_say() -> None:
    assert len(PLANTS) == 30
