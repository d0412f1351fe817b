"""What the port promises, of both providers: the sandbox, and Stripe against a simulation of its API on loopback."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from portal import aws, clock, store
from portal.payments import sandbox
from portal.payments.provider import Checkout
from portal.payments.providers import the_provider
from portal.payments.store import PaymentItem, QuarantinedItem
from portal.payments.stripe_checkout import _LIST_SECONDS, _READ_SECONDS, _READERS
from tests import simulated_stripe
from tests.integration.conftest import Browser, log_in_as
from tests.integration.test_reconciling import balance_of_account, reconcile, report_of, waiting
from tests.integration.test_rent_and_pay import (  # noqa: F401  (a fixture)
    account,
    balance_of,
    deliver,
    lines_of,
    start,
)
from tests.integration.test_schedules import (
    KEY,
    PATH,
    again,  # noqa: F401  (a fixture)
    collect,
    every,
    page_of,
    set_up,
    states,
    told_of_card,
)
from tests.integration.test_schedules import shown as schedule_of
from tests.integration.test_settling import shown
from tests.simulated_stripe import API_KEY, SHAPES, WEBHOOK_SECRET, SimulatedStripe, made, signed

Told = tuple[dict[str, str], bytes]


class AtSandbox:
    """What can happen at the sandbox, each giving the events that it sends of it."""

    name = "sandbox"

    def page(self, payment: dict[str, Any]) -> str:
        return str(payment["checkout_url"].rpartition("/")[2])

    def _newest(self, page: str) -> Told:
        return sandbox.signed(sandbox.events_of(sandbox.checkout(page, clock.now()))[-1], clock.now())

    def pays(self, page: str) -> Told:
        return sandbox.signed_event(sandbox.decide(page, "approve", clock.now()), clock.now())

    def gives_up(self, page: str) -> Told:
        return sandbox.signed_event(sandbox.decide(page, "expire", clock.now()), clock.now())

    def refunds(self, page: str, amount_pence: int) -> Told:
        sandbox.refund(page, amount_pence, clock.now())
        return sandbox.signed(sandbox.events_of(sandbox.checkout(page, clock.now()))[1], clock.now())

    def disputes(self, page: str) -> Told:
        sandbox.dispute(page, clock.now())
        return self._newest(page)

    def wins(self, page: str) -> Told:
        sandbox.win(page, clock.now())
        return self._newest(page)

    def saves_card(self, page: str) -> Told:
        sandbox.decide_card(page, "approve", clock.now())
        return told_of_card(page)

    def has_card(self) -> bool:
        return bool(every(sandbox.CardItem))

    def charges_come_to(self, page: str, what: str) -> None:
        sandbox.tell_card(page, {"authenticate": "decline"}.get(what, what), clock.now())


class AtStripe:
    """What can happen at Stripe."""

    name = "stripe"

    def __init__(self, stripe: SimulatedStripe) -> None:
        self.stripe = stripe

    def page(self, payment: dict[str, Any]) -> str:
        return str(payment["checkout_url"].rpartition("/")[2])

    def pays(self, page: str) -> Told:
        return _told(self.stripe.complete(page))

    def gives_up(self, page: str) -> Told:
        return _told(self.stripe.expire(page))

    def refunds(self, page: str, amount_pence: int) -> Told:
        return _told(self.stripe.refund(page, amount_pence))

    def disputes(self, page: str) -> Told:
        return _told(self.stripe.dispute(page))

    def wins(self, page: str) -> Told:
        return _told(self.stripe.dispute(page, "closed", "won"))

    def saves_card(self, page: str) -> Told:
        return _told(self.stripe.save_card(page))

    def has_card(self) -> bool:
        return bool(self.stripe.cards)

    def charges_come_to(self, _: str, what: str) -> None:
        self.stripe.charges = what


def _told(event: Any) -> Told:
    return signed(event, int(clock.now().timestamp()))


@pytest.fixture
def stripe(cloud: None, noon: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedStripe]:
    """The portal with Stripe as its provider: one parameter and one secret."""
    with simulated_stripe.running(lambda: int(clock.now().timestamp())) as running:
        secret = {"api_key": API_KEY, "webhook_secrets": [WEBHOOK_SECRET]}
        aws.client("secretsmanager").create_secret(Name="portal-stripe", SecretString=json.dumps(secret))
        monkeypatch.setenv("PAYMENT_PROVIDER", "stripe")
        monkeypatch.setenv("STRIPE_API_BASE", running.address)
        yield running


@pytest.fixture(params=["sandbox", "stripe, simulated"])
def provider(request: pytest.FixtureRequest, cloud: None, noon: Any) -> Any:
    return AtSandbox() if request.param == "sandbox" else AtStripe(request.getfixturevalue("stripe"))


def tell(provider: Any, event: Told) -> int:
    return int(deliver(event, provider.name).status)


def test_its_page_is_the_same_however_often_the_button_is_pressed(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    first = start(browser, account)
    assert (first.status, first.json["status"]) == (201, "pending")
    assert start(browser, account).json == first.json


def test_what_was_paid_is_posted_once_and_what_is_given_back_too(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    payment = start(browser, account).json
    page = provider.page(payment)
    seen = []
    for event in (
        provider.pays(page), provider.refunds(page, 20_00), provider.refunds(page, 5_00), provider.disputes(page),
        provider.wins(page),
    ):  # fmt: skip
        for _ in range(2):
            assert tell(provider, event) == 200
        seen.append((shown(browser, payment)["status"], balance_of(browser)))
    assert seen == [
        ("succeeded", 73_45), ("refunded", 93_45), ("refunded", 98_45), ("disputed", 123_45), ("dispute_won", 98_45),
    ]  # fmt: skip


def test_in_the_opposite_order_it_comes_to_the_same(provider: Any, browser: Browser, account: str) -> None:  # noqa: F811
    payment = start(browser, account).json
    page = provider.page(payment)
    events = [provider.pays(page), provider.refunds(page, 20_00), provider.disputes(page), provider.wins(page)]
    for event in reversed(events):
        assert tell(provider, event) == 200
    assert balance_of(browser) == 93_45
    assert shown(browser, payment)["refunded_pence"] == 20_00


def test_a_page_that_was_left_expires(provider: Any, browser: Browser, account: str) -> None:  # noqa: F811
    payment = start(browser, account).json
    assert tell(provider, provider.gives_up(provider.page(payment))) == 200
    assert (shown(browser, payment)["status"], balance_of(browser), waiting()) == ("expired", 123_45, 0)


def test_where_no_event_comes_it_is_asked(provider: Any, browser: Browser, account: str, noon: Any) -> None:  # noqa: F811
    paid = start(browser, account).json
    left = start(browser, account, key={"idempotency-key": "left-0001"}).json
    open_still = start(browser, account, key={"idempotency-key": "open-0001"}).json
    provider.pays(provider.page(paid))
    provider.gives_up(provider.page(left))
    noon.shift(timedelta(minutes=16))
    assert reconcile() == {"left": 1}
    states = [shown(browser, payment)["status"] for payment in (paid, left, open_still)]
    assert (states, balance_of(browser)) == (["succeeded", "expired", "pending"], 73_45)


def test_what_it_took_on_a_day_and_never_told_is_found_by_the_days_report(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
) -> None:
    payments = [start(browser, account, key={"idempotency-key": f"day-{n:08}"}).json for n in range(5)]
    for payment in payments:
        provider.pays(provider.page(payment))
    provider.refunds(provider.page(payments[0]), 20_00)
    day = clock.london_date(clock.now())
    noon.shift(timedelta(days=1))
    reconcile("daily")
    assert balance_of_account(account) == 123_45 - 250_00 + 20_00
    assert sorted(row[1] for row in report_of(day)) == ["not_given_back", *["not_posted"] * 5]
    reconcile()
    assert waiting() == 0


def test_a_refund_that_was_never_told_of_is_found_by_the_report_of_its_own_day(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
    own_tenancy: Any,
    noon: Any,
) -> None:
    payment = start(browser, account).json
    page = provider.page(payment)
    tell(provider, provider.pays(page))
    noon.shift(timedelta(days=1))
    reconcile("daily")
    noon.shift(timedelta(days=1))
    provider.refunds(page, 20_00)
    noon.shift(timedelta(days=1))
    reconcile("daily")
    rows = [row for row in report_of(date(2026, 11, 26)) if row[1] == "not_given_back"]
    assert [row[0] for row in rows] == [payment["reference"]]
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    posted = {(line["kind"], line["posted_on"], line["amount_pence"]) for line in lines_of(browser, account)}
    assert {("payment", "2026-11-24", -50_00), ("refund", "2026-11-26", 20_00)} <= posted


@pytest.mark.parametrize("heard", ["refund", "won dispute"])
def test_money_first_heard_of_by_what_came_later_is_posted_on_the_day_it_was_paid(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
    own_tenancy: Any,
    noon: Any,
    heard: str,
) -> None:
    page = provider.page(start(browser, account).json)
    provider.pays(page)
    noon.shift(timedelta(days=2))
    if heard == "refund":
        event = provider.refunds(page, 20_00)
    else:
        provider.disputes(page)
        event = provider.wins(page)
    assert tell(provider, event) == 200
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    days = {line["posted_on"] for line in lines_of(browser, account) if line["kind"] == "payment"}
    assert days == {"2026-11-24"}
    assert {line["posted_on"] for line in lines_of(browser, account)} == {"2026-11-16", "2026-11-24", "2026-11-26"}


def test_where_the_event_comes_before_the_page_is_noted_the_page_is_noted_all_the_same(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
    own_tenancy: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = type(the_provider())
    real = kind.start

    def paid_at_once(its: Any, *given: Any) -> Checkout:
        page: Checkout = real(its, *given)
        tell(provider, provider.pays(page.checkout_id))
        return page

    monkeypatch.setattr(kind, "start", paid_at_once)
    payment = start(browser, account).json
    assert payment["status"] == "succeeded"
    kept = PaymentItem.get(f"TENANCY#{own_tenancy.tenancy_id}", f"PAYMENT#{payment['payment_id']}")
    assert kept.checkout_id


def test_after_a_change_of_provider_the_report_lists_what_the_other_took_and_goes_on(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    paid, checkout = start(browser, account).json, AtSandbox()
    tell(checkout, checkout.pays(checkout.page(paid)))
    stripe = request.getfixturevalue("stripe")
    other = start(browser, account, key={"idempotency-key": "stripe-0001"}).json
    stripe.complete(AtStripe(stripe).page(other))
    noon.shift(timedelta(days=1))
    assert reconcile("daily")["days"][-1] == "2026-11-24"
    rows = {row[0]: row[1:3] for row in report_of(date(2026, 11, 24))}
    assert rows == {
        paid["reference"]: ["not_at_provider", "Stripe has no such thing"],
        other["reference"]: ["not_posted", "succeeded 50.00"],
    }
    monkeypatch.setenv("PAYMENT_PROVIDER", "sandbox")
    noon.shift(timedelta(days=1))
    assert reconcile("daily")["days"] == ["2026-11-25"]
    assert [row[1:3] for row in report_of(date(2026, 11, 25)) if row[0] == other["reference"]] == [
        ["not_at_provider", "the sandbox has no such page"]
    ]


def test_an_unsigned_event_is_refused(provider: Any, browser: Browser, account: str) -> None:  # noqa: F811
    payment = start(browser, account).json
    headers, body = provider.pays(provider.page(payment))
    (name, right), *_ = ((n, v) for n, v in headers.items() if n.endswith("signature"))
    for wrong in ("", "é", right[:-1] + "é", right.replace("v1=", "v2="), f"t=1,{right}", right + "0" * 2_000):
        assert tell(provider, ({name: wrong}, body)) == 400
    assert balance_of(browser) == 123_45
    assert tell(provider, (headers, body)) == 200


# ------------------------------------------------------------------------------------- saved cards


def saved(provider: Any, browser: Browser, account_id: str) -> str:
    """A regular payment whose card is saved there; the card's page."""
    page = page_of(set_up(browser, account_id).json)
    assert tell(provider, provider.saves_card(page)) == 200
    assert schedule_of(browser)["status"] == "active"
    return page


def test_its_page_for_a_card_is_the_same_and_without_an_event_it_is_asked(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,  # noqa: F811
) -> None:
    first = set_up(browser, account)
    assert set_up(browser, account, KEY).json == first.json
    again(minutes=16)
    collect()
    assert schedule_of(browser)["status"] == "awaiting_card"
    provider.saves_card(page_of(first.json))
    again(minutes=61)
    collect()
    assert schedule_of(browser)["status"] == "active"


def test_what_is_due_is_taken_once_from_the_saved_card_and_given_back_like_any_other(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,  # noqa: F811
) -> None:
    saved(provider, browser, account)
    again(days=3)
    for _ in range(3):
        collect()
        again(minutes=30)
        assert reconcile() == {"left": 0}
    assert (states(browser), balance_of(browser)) == (["succeeded"], 73_45)
    again(days=1)
    reconcile("daily")
    assert balance_of(browser) == 73_45
    assert report_of(clock.london_date(clock.now()) - timedelta(days=1)) == []


@pytest.mark.parametrize("what", ["decline", "authenticate"])
def test_what_the_bank_refuses_or_wants_to_ask_about_has_failed(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,  # noqa: F811
    what: str,
) -> None:
    page = saved(provider, browser, account)
    provider.charges_come_to(page, what)
    again(days=3)
    for _ in range(2):
        collect()
    assert (states(browser), balance_of(browser), waiting()) == (["failed"], 123_45, 0)
    assert schedule_of(browser)["failures"] == 1


def test_where_the_answer_is_lost_the_next_look_finds_the_money_taken_once(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    page = saved(provider, browser, account)
    provider.charges_come_to(page, "lost")
    again(days=3)
    collect()
    provider.charges_come_to(page, "approve")
    again(minutes=21)
    collect()
    assert (states(browser), balance_of(browser), waiting()) == (["succeeded"], 73_45, 0)


def test_a_charge_that_is_prepared_and_not_gone_on_with_takes_nothing_and_is_closed_after_a_day(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved(provider, browser, account)
    again(days=3)
    with monkeypatch.context() as patched:
        patched.setattr("portal.payments.charging.carry_on", lambda *_: "pending")
        collect()
    again(minutes=30)
    assert reconcile() == {"left": 1}
    assert (states(browser), balance_of(browser)) == (["pending"], 123_45)
    again(days=1)
    assert reconcile() == {"left": 0}
    collect()
    assert (states(browser), balance_of(browser)) == (["expired"], 123_45)


def test_a_card_is_forgotten_where_its_regular_payment_stops_and_that_it_was_gone_is_no_matter(
    provider: Any,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    saved(provider, browser, account)
    assert provider.has_card()
    for _ in range(2):
        one = f"{PATH}/{schedule_of(browser)['schedule_id']}"
        assert browser.call("pay", "DELETE", one).status == 204
    assert not provider.has_card()


def test_a_card_that_stripe_has_no_more_stops_it(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,  # noqa: F811
) -> None:
    saved(AtStripe(stripe), browser, account)
    stripe.cards.clear()
    again(days=3)
    for _ in range(2):
        collect()
    assert (schedule_of(browser)["status"], schedule_of(browser)["stopped_because"]) == ("failed", "card_gone")
    assert (states(browser), balance_of(browser)) == ([], 123_45)


def test_stripe_is_asked_for_a_card_that_may_be_charged_while_nobody_is_there_and_told_nothing_of_a_person(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
    again: Any,  # noqa: F811
) -> None:
    saved(AtStripe(stripe), browser, account)
    again(days=3)
    collect()
    ((_, _, page), *_) = stripe.asked
    assert (page["mode"], page["customer_creation"], page["payment_method_types[0]"]) == ("setup", "always", "card")
    made, confirmed = (params for method, path, params in stripe.asked if method == "POST" and "intents" in path)
    assert (made["amount"], made["currency"], confirmed) == ("5000", "gbp", {"off_session": "true"})
    assert "confirm" not in made, "what is prepared takes nothing"
    assert "amara" not in json.dumps(stripe.asked).lower()


# ------------------------------------------------------------------------------------ Stripe alone

# Every field of Stripe's objects that stripe_checkout.py reads, and what it takes it for.
READ = {
    "event": {"id": "string", "type": "string", "created": "integer", "data": "object"},
    "checkout.session": {
        "id": "string", "url": "string", "status": "string", "payment_status": "string", "amount_total": "integer",
        "currency": "string", "metadata": "object", "payment_intent": "string", "created": "integer",
    },
    "payment_intent": {
        "amount": "integer", "currency": "string", "metadata": "object", "status": "string", "latest_charge": "string",
    },
    "charge": {
        "id": "string", "amount": "integer", "amount_refunded": "integer", "currency": "string", "metadata": "object",
        "created": "integer",
    },
    "refund": {"id": "string", "charge": "string", "created": "integer"},
    "dispute": {
        "id": "string", "status": "string", "payment_intent": "string", "currency": "string", "amount": "integer",
        "created": "integer",
    },
}  # fmt: skip
_JSON = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


@pytest.mark.parametrize("resource", sorted(READ))
def test_each_field_that_is_read_stands_in_stripes_published_fixtures_as_what_it_is_taken_for(resource: str) -> None:
    published = SHAPES[resource]
    assert READ[resource].keys() <= published.keys()
    assert [n for n, kind in READ[resource].items() if published[n] not in {kind, "null"}] == []


def test_what_the_simulation_says_has_the_fields_of_stripes_published_fixtures_and_their_types(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    page = AtStripe(stripe).page(start(browser, account).json)
    events = [stripe.complete(page), stripe.refund(page, 10_00), stripe.dispute(page)]
    events += [stripe.dispute(page, "funds_withdrawn"), stripe.dispute(page, "closed", "lost")]
    said = [*events, *(event["data"]["object"] for event in events)]
    said += [stripe._expanded(stripe.sessions[page]["payment_intent"], "latest_charge", set())]
    said += [stripe._expanded(refund, "charge", set()) for refund in stripe.refunds]
    assert {thing["object"] for thing in said} == SHAPES.keys()
    for thing in said:
        published = SHAPES[thing["object"]]
        assert thing.keys() == published.keys()
        otherwise = [n for n, value in thing.items() if value is not None and _JSON[type(value)] != published[n]]
        assert [n for n in otherwise if published[n] != "null"] == []


def test_what_was_sold_beside_us_in_the_same_account_is_listed_and_keeps_nothing_of_ours_waiting(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
) -> None:
    first = start(browser, account).json
    sold, unpaid = stripe.sell(30_00), stripe.sell(7_00)
    stripe.sessions[unpaid] |= {"status": "open", "payment_status": "unpaid"}
    odd = {"amount": 9_00, "currency": "gbp", "status": "succeeded", "created": stripe.now()}
    stripe.intents["pi_odd"] = made("payment_intent", id="pi_odd", metadata={"regular": "yes"}, **odd)
    stripe.refund(sold, 10_00)
    last = start(browser, account, key={"idempotency-key": "beside-0001"}).json
    for payment in (first, last):
        stripe.complete(AtStripe(stripe).page(payment))
    noon.shift(timedelta(days=1))
    for _ in range(2):
        reconcile("daily")
    assert balance_of_account(account) == 123_45 - 100_00
    rows = {row[0]: row[1:3] for row in report_of(date(2026, 11, 24))}
    assert rows == {
        sold: ["unknown_here", "Stripe's page has another shape"],
        "pi_odd": ["unknown_here", "Stripe's charge has another shape"],
        stripe.refunds[0]["id"]: ["unknown_here", "Stripe's refund has another shape"],
        first["reference"]: ["not_posted", "succeeded 50.00"],
        last["reference"]: ["not_posted", "succeeded 50.00"],
    }


def test_an_inquiry_that_becomes_a_dispute_takes_the_money_off_and_one_that_is_decided_for_us_puts_it_on_again(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    at = AtStripe(stripe)
    payment = start(browser, account).json
    page = at.page(payment)
    tell(at, at.pays(page))
    seen = []
    for kind, status in (
        ("created", "warning_needs_response"), ("funds_withdrawn", "needs_response"), ("created", "needs_response"),
        ("funds_reinstated", "won"), ("closed", "won"), ("funds_withdrawn", "needs_response"),
    ):  # fmt: skip
        for _ in range(2):
            assert tell(at, _told(stripe.dispute(page, kind, status))) == 200
        seen.append((shown(browser, payment)["status"], balance_of(browser)))
    assert seen == [
        ("succeeded", 73_45), ("disputed", 123_45), ("disputed", 123_45), ("dispute_won", 73_45),
        ("dispute_won", 73_45), ("dispute_won", 73_45),
    ]  # fmt: skip
    assert tell(at, _told(stripe.dispute(page, "closed", "warning_closed"))) == 200
    assert balance_of(browser) == 73_45


def test_a_dispute_that_came_to_nothing_takes_no_money(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    at = AtStripe(stripe)
    page = at.page(start(browser, account).json)
    tell(at, at.pays(page))
    assert tell(at, _told(stripe.dispute(page, "created", "prevented"))) == 200
    assert balance_of(browser) == 73_45


def on_its_way(browser: Browser, account_id: str) -> list[str]:
    said = browser.call("balance", "GET", f"/api/balance/{account_id}/explanation").json["sentences"]
    return [sentence["text"] for sentence in said if sentence["about"] == "on_its_way"]


def test_only_what_stripe_says_is_with_the_bank_is_on_its_way_and_a_page_that_was_left_is_not(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    payment = start(browser, account).json
    (left,) = on_its_way(browser, account)
    assert "is on its way" not in left
    assert "no money was taken" in left
    at = AtStripe(stripe)
    assert tell(at, _told(stripe.complete(at.page(payment), paid=False))) == 200
    (waits,) = on_its_way(browser, account)
    assert "is on its way" in waits
    assert tell(at, _told(stripe.bank_says(at.page(payment), paid=True))) == 200
    assert tell(at, _told(stripe.complete(at.page(payment), paid=False))) == 200, "told late"
    assert (on_its_way(browser, account), shown(browser, payment)["status"]) == ([], "succeeded")


def test_a_tenants_call_gives_stripe_two_seconds_and_the_nightly_lists_half_a_minute(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import requests

    waited, real = [], requests.Session.request

    def request(session: Any, method: str, url: str, **how: Any) -> Any:
        waited.append((url.partition("/v1/")[2].partition("?")[0], how["timeout"]))
        return real(session, method, url, **how)

    monkeypatch.setattr(requests.Session, "request", request)
    start(browser, account)
    noon.shift(timedelta(days=1))
    reconcile("daily")
    assert waited[0] == ("checkout/sessions", (1, _READ_SECONDS))
    lists = ("checkout/sessions", "payment_intents", "refunds")
    assert set(waited[1:]) == {(what, (1, _LIST_SECONDS)) for what in lists}
    assert (_READ_SECONDS, _LIST_SECONDS) == (2, 30)


def test_stripe_is_told_amount_and_references_and_nothing_about_a_person(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    payment = start(browser, account).json
    ((method, path, params),) = stripe.asked
    assert (method, path) == ("POST", "/v1/checkout/sessions")
    assert params["client_reference_id"] == payment["payment_id"]
    assert params["line_items[0][price_data][unit_amount]"] == "5000"
    assert params["success_url"] == f"http://localhost:8000/pay/done/#{payment['payment_id']}"
    assert int(params["expires_at"]) - int(clock.now().timestamp()) == 45 * 60
    assert "amara" not in json.dumps(params).lower()
    assert list(stripe._by_key) == [payment["payment_id"]]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 429, 500, 503])
def test_whatever_stripe_answers_wrong_the_tenant_is_told_and_the_same_key_goes_on(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    stripe.fails = status
    refused = start(browser, account)
    assert (refused.status, refused.json["type"]) == (503, "/problems/provider-silent")
    assert len(stripe.asked) <= 2, "retries are bounded"
    stripe.fails = None
    assert start(browser, account).json["status"] == "pending"
    assert len(browser.call("pay", "GET", "/api/pay").json["payments"]) == 1


def test_money_that_a_bank_moves_is_waited_for_until_the_bank_says(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
) -> None:
    at = AtStripe(stripe)
    good = start(browser, account).json
    bad = start(browser, account, key={"idempotency-key": "bank-0001"}).json
    for payment in (good, bad):
        assert tell(at, _told(stripe.complete(at.page(payment), paid=False))) == 200
        assert shown(browser, payment)["status"] == "pending"
    assert tell(at, _told(stripe.bank_says(at.page(good), paid=True))) == 200
    stripe.bank_says(at.page(bad), paid=False)
    noon.shift(timedelta(minutes=16))
    assert reconcile() == {"left": 0}
    assert [shown(browser, p)["status"] for p in (good, bad)] == ["succeeded", "failed"]
    assert balance_of(browser) == 73_45


@pytest.mark.parametrize("kind", ["payout.paid", "charge.succeeded", "customer.created"])
def test_an_event_of_a_kind_that_tells_us_nothing_is_taken_and_changes_nothing(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
    kind: str,
) -> None:
    assert tell(AtStripe(stripe), _told({"id": "evt_x", "type": kind, "created": 1, "data": {"object": {}}})) == 200
    assert not list(store.query(QuarantinedItem, "QUARANTINE", clock.now()))


OTHERWISE: list[dict[str, Any]] = [
    {"currency": "eur"},
    {"metadata": {}},
    {"metadata": None},
    {"amount_total": 1, "amount": 1, "payment_intent": "pi_other"},
    {"amount_total": "5000", "amount": 50.5, "amount_refunded": None, "payment_intent": None},
    {"payment_status": "no_payment_required", "amount_total": None, "amount": True},
]


@pytest.mark.parametrize("kind", sorted(_READERS))
def test_t19_what_stripe_says_otherwise_than_agreed_is_kept_for_a_person_and_credits_nothing(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
    kind: str,
) -> None:
    at = AtStripe(stripe)
    page = at.page(start(browser, account).json)
    stripe.complete(page)
    stripe.refund(page, 10_00)
    thing = json.loads(at.disputes(page)[1])["data"]["object"]
    if kind == "charge.refunded":
        thing = stripe.sessions[page]["payment_intent"]["latest_charge"]
    elif kind.startswith("checkout"):
        thing = stripe._shown(stripe.sessions[page], set())
    if kind.endswith("closed"):
        thing = thing | {"status": "won"}
    if kind.startswith("charge.dispute"):
        thing = {name: value for name, value in thing.items() if name != "metadata"}  # it has none of ours
    said = [{n: v for n, v in change.items() if n in thing} for change in OTHERWISE]
    for number, odd in enumerate(filter(None, said)):
        event = {"id": f"evt_{number}", "type": kind, "created": 1_795_000_000, "data": {"object": thing | odd}}
        assert tell(at, _told(event)) in {400, 503}, odd
    assert balance_of(browser) == 123_45
    assert list(store.query(QuarantinedItem, "QUARANTINE", clock.now()))


def test_a_dispute_that_is_a_warning_or_is_lost_moves_no_money(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    at = AtStripe(stripe)
    page = at.page(start(browser, account).json)
    tell(at, at.pays(page))
    assert tell(at, _told(stripe.dispute(page, status="warning_needs_response"))) == 200
    assert balance_of(browser) == 73_45
    tell(at, at.disputes(page))
    assert tell(at, _told(stripe.dispute(page, "closed", "lost"))) == 200
    assert balance_of(browser) == 123_45


def test_while_the_secret_of_its_events_is_rotated_both_are_good(
    stripe: SimulatedStripe,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    secret = {"api_key": API_KEY, "webhook_secrets": ["whsec_new", WEBHOOK_SECRET]}
    aws.client("secretsmanager").put_secret_value(SecretId="portal-stripe", SecretString=json.dumps(secret))
    at = AtStripe(stripe)
    page = at.page(start(browser, account).json)
    event = json.loads(at.pays(page)[1])
    now = int(clock.now().timestamp())
    assert tell(at, signed(event, now, "whsec_old")) == 400
    assert tell(at, signed(event, now, "whsec_new")) == 200
    assert tell(at, signed(event, now)) == 200
