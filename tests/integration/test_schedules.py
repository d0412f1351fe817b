"""Regular payments: set up, told of, taken once per due date, paused, stopped. Through the functions, on moto."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal import clock, store
from portal.mail.store import MAIL_PK, MailItem
from portal.payments import sandbox
from portal.payments.provider import ProviderSilent
from portal.schedules import taking
from portal.schedules.store import LookItem, ScheduleItem
from portal.tenancies.store import PersonItem, TenancyItem
from tests.integration.conftest import Browser, function, log_in_as
from tests.integration.test_faults_of_pay import (
    FAULTS,
    Killed,
    PayFaults,
    check_invariants,
    every,
    faults,  # noqa: F401  (a fixture)
)
from tests.integration.test_faults_of_sign_in import put_back, tables
from tests.integration.test_reconciling import reconcile, waiting
from tests.integration.test_rent_and_pay import Portal, account, add_account, balance_of, deliver  # noqa: F401  (a fixture)

KEY = {"idempotency-key": "5c1e7a52-0001"}
PATH = "/api/pay/schedules"
FRIDAY = date(2026, 11, 27)  # three days after the Tuesday on which time stands still


def set_up(browser: Browser, account_id: str, key: dict[str, str] | None = None, **other: Any) -> Any:
    body = {"rent_account_id": account_id, "amount_pence": 50_00, "frequency": "weekly", "day": "friday"} | other
    return browser.call("pay", "POST", PATH, body, headers=key or KEY)


def page_of(schedule: dict[str, Any]) -> str:
    return str(schedule["checkout_url"].rpartition("/")[2])


def told_of_card(page: str) -> tuple[dict[str, str], bytes]:
    return sandbox.signed(sandbox.card_event_of(sandbox.card(page, clock.now())), clock.now())


def begun(browser: Browser, account_id: str, key: dict[str, str] | None = None, **other: Any) -> tuple[str, str]:
    """A regular payment whose card is saved: its id and its card's page."""
    schedule = set_up(browser, account_id, key, **other).json
    page = page_of(schedule)
    sandbox.decide_card(page, "approve", clock.now())
    assert deliver(told_of_card(page)).status == 200
    return schedule["schedule_id"], page


def collect() -> Any:
    return function("collector").handler({}, SimpleNamespace(get_remaining_time_in_millis=lambda: 200_000))


def listed(browser: Browser) -> list[dict[str, Any]]:
    return list(browser.call("pay", "GET", PATH).json["schedules"])


def shown(browser: Browser) -> dict[str, Any]:
    (schedule,) = listed(browser)
    return schedule


def states(browser: Browser) -> list[str]:
    return [payment["status"] for payment in browser.call("pay", "GET", "/api/pay").json["payments"]]


def mails() -> list[str]:
    return sorted(m.kind for m in store.query(MailItem, MAIL_PK, clock.now()))


@pytest.fixture
def again(browser: Browser, own_tenancy: Any, noon: Any) -> Callable[..., None]:
    """Time goes on, and the tenant logs in again."""

    def go(**by: int) -> None:
        noon.shift(timedelta(**by))
        log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)

    return go


# ------------------------------------------------------------------------------------------- setting up


def test_a_regular_payment_waits_for_its_card_and_begins_once_that_is_saved(browser: Browser, account: str) -> None:  # noqa: F811
    reply = set_up(browser, account)
    assert (reply.status, reply.json["status"], reply.json["next_due_on"]) == (201, "awaiting_card", None)
    page = page_of(reply.json)
    sandbox.decide_card(page, "approve", clock.now())
    for _ in range(2):
        assert deliver(told_of_card(page)).status == 200
        schedule = shown(browser)
        assert (schedule["status"], schedule["next_due_on"]) == ("active", str(FRIDAY))
        assert schedule["checkout_url"] is None
    assert mails() == ["regular_set_up"]
    assert "card_id" not in str(schedule)


def test_the_same_key_sets_up_one_and_another_body_under_it_is_refused(browser: Browser, account: str) -> None:  # noqa: F811
    first = set_up(browser, account)
    assert set_up(browser, account).json == first.json
    assert len(listed(browser)) == 1
    reused = set_up(browser, account, amount_pence=51_00)
    assert (reused.status, reused.json["type"]) == (422, "/problems/idempotency-key-reused")


@pytest.mark.parametrize("verdict", ["decline", "cancel"])
def test_without_a_card_it_never_begins(browser: Browser, account: str, verdict: str) -> None:  # noqa: F811
    page = page_of(set_up(browser, account).json)
    sandbox.decide_card(page, verdict, clock.now())
    deliver(told_of_card(page))
    assert (shown(browser)["status"], shown(browser)["stopped_because"]) == ("stopped", "no_card")
    assert not mails()
    assert not every(LookItem)


@pytest.mark.parametrize("verdict", ["approve", "decline", None])
def test_where_no_event_of_the_page_comes_the_provider_is_asked(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
    verdict: str | None,
) -> None:
    page = page_of(set_up(browser, account).json)
    again(minutes=16)
    assert collect() == {"looked": 1}
    assert shown(browser)["status"] == "awaiting_card", "its page is open still"
    if verdict:
        sandbox.decide_card(page, verdict, clock.now())
    again(hours=1, minutes=1)
    collect()
    assert shown(browser)["status"] == ("active" if verdict == "approve" else "stopped")


def test_a_card_that_is_saved_after_it_was_stopped_is_forgotten(browser: Browser, account: str) -> None:  # noqa: F811
    schedule = set_up(browser, account).json
    page = page_of(schedule)
    assert browser.call("pay", "DELETE", f"{PATH}/{schedule['schedule_id']}").status == 204
    sandbox.decide_card(page, "approve", clock.now())
    assert deliver(told_of_card(page)).status == 200
    assert shown(browser)["status"] == "stopped"
    assert not every(sandbox.CardItem)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount_pence": 99}, "amount_pence"), ({"amount_pence": 5_000_01}, "amount_pence"),
        ({"day": "1"}, "day"), ({"frequency": "monthly"}, "day"), ({"frequency": "daily"}, "frequency"),
        ({"frequency": "monthly", "day": "29"}, "day"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(browser: Browser, account: str, wrong: dict[str, Any], field: str) -> None:  # noqa: F811
    reply = set_up(browser, account, **wrong)
    assert reply.status == 422
    assert field in [error["field"] for error in reply.json["errors"]]
    assert not every(ScheduleItem)


def test_for_a_tenancy_that_is_over_none_is_set_up(browser: Browser, own_tenancy: Any, account: str) -> None:  # noqa: F811
    end(own_tenancy)
    assert set_up(browser, account).json["type"] == "/problems/tenancy-ended"


def test_where_the_provider_is_silent_the_same_key_goes_on(
    browser: Browser,
    account: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(*_: Any) -> Any:
        raise ProviderSilent

    with monkeypatch.context() as patched:
        patched.setattr(sandbox.Sandbox, "save_card", silent)
        assert set_up(browser, account).status == 503
    assert set_up(browser, account).json["checkout_url"]
    assert len(listed(browser)) == 1


def test_a_joint_tenant_neither_sees_nor_changes_what_pays_from_anothers_card(
    browser: Browser,
    account: str,  # noqa: F811
    own_tenancy: Any,
) -> None:
    schedule_id, _ = begun(browser, account)
    other = Browser()
    log_in_as(other, "1" * 26, own_tenancy.tenancy_id)
    assert listed(other) == []
    for method, body in (("PATCH", {"amount_pence": 1_00}), ("DELETE", None)):
        assert other.call("pay", method, f"{PATH}/{schedule_id}", body).status == 404
    assert shown(browser)["amount_pence"] == 50_00


def test_the_sandboxs_page_for_a_card_takes_one_verdict_tells_the_portal_and_leads_back(
    browser: Browser,
    account: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portal = Portal()
    monkeypatch.setattr("urllib.request.urlopen", portal)
    schedule = set_up(browser, account).json
    path = schedule["checkout_url"].removeprefix("http://localhost:8000")
    page = Browser().call("sandbox", "GET", path)
    assert "No money moves" in page.text
    assert f'action="{path}/approve"' in page.text
    for come_to in ("decline", "approve"):
        told = Browser().call("sandbox", "POST", f"{path}/charges", query={"come_to": come_to})
        assert told.json == {"charges": come_to}
    assert Browser().call("sandbox", "POST", f"{path}/maybe").status == 404
    script = Browser().call("sandbox", "POST", f"{path}/approve", headers={"origin": None})  # type: ignore[dict-item]
    assert (script.status, shown(browser)["status"]) == (200, "active")
    again = Browser().call("sandbox", "POST", f"{path}/cancel")
    assert (again.status, again.json["type"]) == (409, "/problems/verdict-given")
    back = Browser().call("sandbox", "GET", path)
    assert (back.status, back.headers["location"]) == (
        303, f"http://localhost:8000/pay/regular/#{schedule['schedule_id']}",
    )  # fmt: skip
    assert portal.asked == 2, "whoever comes back to the page has the event told again"


# ---------------------------------------------------------------------------------------------- taking


def test_it_is_told_of_three_days_before_taken_on_the_day_and_a_receipt_sent_each_once(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
) -> None:
    begun(browser, account, day="saturday")
    for _ in range(3):
        collect()
    assert mails() == ["regular_set_up"], "four days before"
    again(days=1)
    for _ in range(3):
        collect()
    assert mails() == ["regular_coming", "regular_set_up"]
    again(days=2)
    collect()
    assert balance_of(browser) == 123_45, "the day before"
    again(days=1)
    for _ in range(3):
        collect()
        assert (states(browser), balance_of(browser)) == (["succeeded"], 73_45)
    assert sorted(m.kind for m in every_mail()) == ["payment_receipt", "regular_coming", "regular_set_up"]
    assert shown(browser)["next_due_on"] == "2026-12-05"
    assert waiting() == 0


def test_it_is_taken_also_where_nothing_is_owed(browser: Browser, account: str, again: Any) -> None:  # noqa: F811
    begun(browser, account, amount_pence=200_00)
    again(days=3)
    collect()
    assert balance_of(browser) == 123_45 - 200_00


def test_a_payment_of_today_shows_as_paid_and_the_reports_know_it(browser: Browser, account: str, again: Any) -> None:  # noqa: F811
    begun(browser, account)
    again(days=3)
    collect()
    again(days=1)
    reconcile("daily")
    again(days=1)
    assert states(browser) == ["succeeded"]


@pytest.mark.parametrize(
    "days",
    [days if days in {0, 2, 3, 4, 6, 7, 13, 40} else pytest.param(days, marks=pytest.mark.long) for days in range(41)],
)
def test_f20_whatever_days_the_job_misses_each_due_date_is_taken_once_or_left_out_and_never_two_on_a_day(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
    days: int,
) -> None:
    """It is down for that many days, then runs each day: no day brings two, none is late by more than three."""
    begun(browser, account)
    before = balance_of(browser)
    taken: list[date] = []
    again(days=days)
    for _ in range(12):
        collect()
        again(minutes=1)
        collect()
        now = balance_of(browser)
        assert before - now in {0, 50_00}, "never several at once"
        if now < before:
            taken.append(clock.london_date(clock.now()))
        before = now
        again(days=1)
    weeks = {(day - timedelta(days=4)).isocalendar()[:2] for day in taken}
    assert len(weeks) == len(taken)
    assert all((day - FRIDAY).days % 7 <= 3 for day in taken)
    missed = days > 6
    assert ("regular_left_out" in {m.kind for m in every_mail()}) == missed
    assert len(taken) >= 1


def every_mail() -> list[MailItem]:
    return list(MailItem.scan(MailItem.sk.startswith("MAIL#")))


def test_what_nobody_was_told_of_is_not_taken(browser: Browser, account: str, again: Any) -> None:  # noqa: F811
    begun(browser, account, frequency="monthly", day="1")
    again(days=7)  # the first of December; nothing ran since the set-up, which named the day a week before
    collect()
    assert (states(browser), mails()) == ([], ["regular_left_out"])
    assert shown(browser)["next_due_on"] == "2027-01-01"


@pytest.mark.parametrize("charges", ["decline"])
def test_three_failures_in_a_row_stop_it_and_each_is_told(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
    charges: str,
) -> None:
    _, page = begun(browser, account)
    sandbox.tell_card(page, charges, clock.now())
    seen = []
    again(days=3)
    for _ in range(3):
        for _ in range(2):
            collect()
        seen.append((shown(browser)["status"], shown(browser)["failures"]))
        again(days=4)
        collect()
        again(days=3)
    assert seen == [("active", 1), ("active", 2), ("failed", 3)]
    assert states(browser) == ["failed"] * 3
    kinds = Counter(m.kind for m in every_mail())
    assert (kinds["regular_failed"], kinds["regular_stopped"], kinds["payment_receipt"]) == (2, 1, 0)
    assert (balance_of(browser), waiting()) == (123_45, 0)
    assert not every(LookItem)
    assert not every(sandbox.CardItem), "its card is forgotten"


def test_a_success_in_between_begins_the_count_anew(browser: Browser, account: str, again: Any) -> None:  # noqa: F811
    _, page = begun(browser, account)
    counted = []
    for charges in ("decline", "decline", "approve", "decline", "decline"):
        sandbox.tell_card(page, charges, clock.now())
        again(days=3)
        collect()
        counted.append(shown(browser)["failures"])
        again(days=4)
        collect()
    assert counted == [1, 2, 0, 1, 2]
    assert shown(browser)["status"] == "active"


@pytest.mark.parametrize("charges", ["lost", "slow", "silent"])
def test_where_the_provider_does_not_say_it_is_asked_until_it_does_and_taken_once(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
    charges: str,
) -> None:
    _, page = begun(browser, account)
    sandbox.tell_card(page, charges, clock.now())
    again(days=3)
    collect()
    assert (states(browser), balance_of(browser)) == (["pending"], 123_45)
    sandbox.tell_card(page, "slow", clock.now())
    again(minutes=21)
    collect()
    if charges != "lost":
        assert states(browser) == ["pending"]
        sandbox.tell_card(page, "approve", clock.now())
        again(minutes=61)
        collect()
    assert (states(browser), balance_of(browser), waiting()) == (["succeeded"], 73_45, 0)
    assert shown(browser)["failures"] == 0


def test_what_the_provider_never_took_is_given_up_after_a_day_and_counts_as_a_failure(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
) -> None:
    _, page = begun(browser, account)
    sandbox.tell_card(page, "silent", clock.now())
    again(days=3)
    collect()
    again(days=1, minutes=1)
    collect()
    assert (states(browser), shown(browser)["failures"], waiting()) == (["expired"], 1, 0)
    sandbox.tell_card(page, "approve", clock.now())
    collect()
    assert balance_of(browser) == 123_45


# --------------------------------------------------------------------- changing, pausing, stopping


def patch(browser: Browser, schedule_id: str, **wanted: Any) -> Any:
    return browser.call("pay", "PATCH", f"{PATH}/{schedule_id}", wanted)


def test_a_change_counts_from_the_next_due_date_and_is_told(browser: Browser, account: str, again: Any) -> None:  # noqa: F811
    schedule_id, _ = begun(browser, account)
    for _ in range(2):
        changed = patch(browser, schedule_id, amount_pence=60_00, day="thursday").json
        assert (changed["amount_pence"], changed["day"], changed["next_due_on"]) == (60_00, "thursday", "2026-11-26")
    assert mails() == ["regular_changed", "regular_set_up"], "once, though it was sent twice"
    again(days=2)
    collect()
    assert balance_of(browser) == 63_45
    assert patch(browser, schedule_id, day="friday").json["next_due_on"] == "2026-12-04", "one a week"


def test_while_it_is_paused_nothing_is_taken_and_going_on_it_takes_what_comes_next(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
) -> None:
    schedule_id, _ = begun(browser, account)
    paused = patch(browser, schedule_id, status="paused").json
    assert (paused["status"], paused["next_due_on"]) == ("paused", None)
    for _ in range(20):
        again(days=1)
        assert collect() == {"looked": 0}
    assert balance_of(browser) == 123_45
    went_on = patch(browser, schedule_id, status="active").json
    assert (went_on["status"], went_on["next_due_on"]) == ("active", "2026-12-18")
    for _ in range(4):
        again(days=1)
        collect()
    assert balance_of(browser) == 73_45


def test_what_is_stopped_stays_so_and_its_card_is_gone(browser: Browser, account: str, again: Any) -> None:  # noqa: F811
    schedule_id, _ = begun(browser, account)
    for _ in range(2):
        assert browser.call("pay", "DELETE", f"{PATH}/{schedule_id}").status == 204
    assert (shown(browser)["status"], shown(browser)["stopped_because"]) == ("stopped", "asked")
    assert not every(sandbox.CardItem)
    assert mails() == ["regular_set_up", "regular_stopped"]
    assert patch(browser, schedule_id, status="active").json["type"] == "/problems/schedule-over"
    for _ in range(4):
        again(days=7)
        collect()
    assert (balance_of(browser), states(browser)) == (123_45, [])


def test_a_card_that_the_provider_does_not_forget_keeps_nothing_alive_and_is_asked_for_again(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schedule_id, _ = begun(browser, account)

    def silent(*_: Any) -> Any:
        raise ProviderSilent

    with monkeypatch.context() as patched:
        patched.setattr(sandbox.Sandbox, "forget_card", silent)
        assert browser.call("pay", "DELETE", f"{PATH}/{schedule_id}").status == 204
        collect()
    assert shown(browser)["status"] == "stopped"
    assert every(sandbox.CardItem)
    collect()
    assert not every(sandbox.CardItem)
    assert not every(LookItem)
    (kept,) = every(ScheduleItem)
    assert (kept.card_id, kept.payer_id) == (None, None)


@pytest.mark.parametrize("way", ["pause", "stop", "change"])
def test_whoever_pauses_stops_or_changes_it_up_to_the_moment_it_is_written_is_heard(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    schedule_id, _ = begun(browser, account)
    again(days=3)
    prepare = sandbox.Sandbox.prepare_charge

    def meanwhile(*arguments: Any) -> str:
        charge = prepare(*arguments)
        if way == "stop":
            browser.call("pay", "DELETE", f"{PATH}/{schedule_id}")
        else:
            patch(browser, schedule_id, **({"status": "paused"} if way == "pause" else {"amount_pence": 10_00}))
        return charge

    with monkeypatch.context() as patched:
        patched.setattr(sandbox.Sandbox, "prepare_charge", meanwhile)
        collect()
    assert (states(browser), balance_of(browser)) == ([], 123_45)
    again(minutes=15)
    collect()
    assert balance_of(browser) == (113_45 if way == "change" else 123_45)


def end(tenancy: Any) -> None:
    item = TenancyItem(pk=f"TENANCY#{tenancy.tenancy_id}", sk="TENANCY")
    store.transact(store.Update(item, [TenancyItem.end_date.set(date(2026, 11, 20))]))


@pytest.mark.parametrize("how", ["ended", "taken off"])
def test_once_the_tenancy_is_over_or_the_person_off_it_nothing_is_taken_and_that_is_told(
    browser: Browser,
    account: str,  # noqa: F811
    own_tenancy: Any,
    again: Any,
    how: str,
) -> None:
    begun(browser, account)
    if how == "ended":
        end(own_tenancy)
    else:
        person = PersonItem(pk=f"TENANCY#{own_tenancy.tenancy_id}", sk=f"PERSON#{own_tenancy.person_id}")
        store.transact(store.Delete(person))
    again(days=3)
    for _ in range(2):
        collect()
    (kept,) = every(ScheduleItem)
    assert (kept.status, kept.stopped_because, kept.card_id) == ("stopped", "tenancy_over", None)
    assert "regular_stopped" in mails()
    assert not every(sandbox.CheckoutItem)


def test_one_that_goes_wrong_holds_nobody_up_and_the_run_says_so(
    browser: Browser,
    account: str,  # noqa: F811
    own_tenancy: Any,
    again: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = add_account(own_tenancy.tenancy_id, "RA10002", "garage", "Garage")
    begun(browser, account)
    begun(browser, other, {"idempotency-key": "5c1e7a52-0002"})
    again(days=3)
    letter = taking.charging.prepared

    def breaks(tenancy_id: str, customer_id: str, rent_account: Any, *rest: Any) -> Any:
        if rent_account.sk.endswith(account):
            raise ZeroDivisionError
        return letter(tenancy_id, customer_id, rent_account, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(taking.charging, "prepared", breaks)
        with pytest.raises(taking.Unfinished):
            collect()
    assert states(browser) == ["succeeded"]
    again(minutes=15)
    collect()
    assert states(browser) == ["succeeded", "succeeded"]


def test_a_run_without_time_leaves_the_rest_to_the_next(browser: Browser, account: str, again: Any) -> None:  # noqa: F811
    begun(browser, account)
    again(days=3)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 1_000)
    assert function("collector").handler({}, context) == {"looked": 0}
    assert collect() == {"looked": 1}


def test_without_a_provider_the_job_does_nothing(
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun(browser, account)
    again(days=3)
    monkeypatch.setenv("PAYMENT_PROVIDER", "none")
    assert collect() == {"looked": 0}


# ---------------------------------------------------------------------------------- faults at every call


def _attempt(do: Callable[[], Any]) -> None:
    try:
        do()
    except (Killed, Exception):
        return


def check_schedules(where: str) -> None:
    looks = [look.sk for look in every(LookItem)]
    assert len(looks) == len(set(looks)), where
    for schedule in every(ScheduleItem):
        mine = [look for look in looks if look.endswith(schedule.schedule_id)]
        wanted = schedule.status in {"awaiting_card", "active"} or schedule.taking or schedule.card_id
        assert len(mine) == (1 if wanted else 0), f"{schedule.status}: {where}"


def _due(browser: Browser, account_id: str, again: Any) -> None:
    begun(browser, account_id)
    again(days=3)


def _saved(browser: Browser, account_id: str, _: Any) -> tuple[dict[str, str], bytes]:
    page = page_of(set_up(browser, account_id).json)
    sandbox.decide_card(page, "approve", clock.now())
    return told_of_card(page)


FLOWS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "set up": (lambda *_: None, lambda browser, account_id, _: set_up(browser, account_id)),
    "card saved": (_saved, lambda browser, account_id, given: deliver(given)),
    "taken": (_due, lambda *_: collect()),
    "stopped": (
        lambda browser, account_id, again: begun(browser, account_id)[0],
        lambda browser, account_id, schedule_id: browser.call("pay", "DELETE", f"{PATH}/{schedule_id}"),
    ),
}


ENDS = {"taken": {"active"}, "card saved": {"active"}, "set up": {"stopped"}, "stopped": {"stopped", "active"}}


def _strike(flow: str, fault: str, one_in: int, browser: Browser, account_id: str, faults: PayFaults, noon: Any, again: Any) -> None:  # fmt: skip  # noqa: E501, F811
    before, do = FLOWS[flow]
    given = before(browser, account_id, again)
    kept, at = tables(), clock.now()
    faults.strike(None)
    do(browser, account_id, given)
    calls = faults.calls
    ways = [(call, retried) for call in range(calls) for retried in (False, True)]
    for call, retried in ways[hash_of(flow + fault) % one_in :: one_in]:
        put_back(kept)
        noon.move_to(at)
        faults.strike(fault, call)
        _attempt(lambda: do(browser, account_id, given))
        faults.strike(None)
        where = f"{flow}: {fault} at call {call} of {calls}, retried={retried}"
        check_invariants(where)
        check_schedules(where)
        if retried:
            _attempt(lambda: do(browser, account_id, given))
        noon.move_to(at)
        for _ in range(5):
            again(minutes=21)
            collect()
            reconcile()
            check_invariants(where)
        check_schedules(where)
        assert not waiting(), where
        assert balance_of(browser) == (73_45 if flow == "taken" else 123_45), where
        assert states(browser) == (["succeeded"] if flow == "taken" else []), where
        assert {s["status"] for s in listed(browser)} <= ENDS[flow], where
        assert flow != "stopped" or not retried or shown(browser)["status"] == "stopped", where
        assert flow != "taken" or [m.kind for m in every_mail()].count("payment_receipt") == 1, where


def hash_of(text: str) -> int:
    return sum(text.encode())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", FLOWS)
def test_f6_f18_whatever_fails_at_a_call_each_due_date_is_taken_once_and_nothing_is_left_behind(
    flow: str,
    fault: str,
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
    noon: Any,
    again: Any,
) -> None:
    _strike(flow, fault, 14, browser, account, faults, noon, again)


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", FLOWS)
def test_f6_f18_whatever_fails_at_any_call_each_due_date_is_taken_once_and_nothing_is_left_behind(
    flow: str,
    fault: str,
    browser: Browser,
    account: str,  # noqa: F811
    faults: PayFaults,  # noqa: F811
    noon: Any,
    again: Any,
) -> None:
    _strike(flow, fault, 1, browser, account, faults, noon, again)
