"""What a provider says becomes state and transactions, each once, in whatever order and however often it is said."""

import json
import random
from typing import Any

import pytest

from portal import clock, store
from portal.payments import sandbox
from portal.payments.store import EventItem, PaymentItem, QuarantinedItem, pending
from tests.integration.conftest import Browser
from tests.integration.test_rent_and_pay import (  # noqa: F401  (a fixture)
    account,
    balance_of,
    deliver,
    entries,
    lines_of,
    start,
)

SECRET = "portal-sandbox-" + "x" * 50


def checkout_of(payment: dict[str, Any]) -> str:
    return str(payment["checkout_url"].rpartition("/")[2])


def approved(browser: Browser, account_id: str, number: int = 1) -> tuple[dict[str, Any], str]:
    """A payment of £50.00 that the sandbox has approved and told nobody of."""
    payment = start(browser, account_id, key={"idempotency-key": f"settling-{number:08}"}).json
    sandbox.decide(checkout_of(payment), "approve", clock.now())
    return payment, checkout_of(payment)


def told(checkout_id: str) -> list[dict[str, Any]]:
    return sandbox.events_of(sandbox.checkout(checkout_id, clock.now()))


def tell(event: dict[str, Any]) -> Any:
    return deliver(sandbox.signed(event, clock.now()))


def shown(browser: Browser, payment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = browser.call("pay", "GET", f"/api/pay/{payment['payment_id']}").json
    return found


def everything_refunded_and_disputed(checkout_id: str) -> list[dict[str, Any]]:
    """Approved; £20.00 and then £5.00 more paid back; the rest disputed, and won: what the sandbox says of it."""
    events = told(checkout_id)
    for do in (
        lambda: sandbox.refund(checkout_id, 20_00, clock.now()),
        lambda: sandbox.refund(checkout_id, 5_00, clock.now()),
        lambda: sandbox.dispute(checkout_id, clock.now()),
        lambda: sandbox.win(checkout_id, clock.now()),
    ):
        do()
        events.append(told(checkout_id)[-1 if len(events) > 2 else 1])
    assert [event["verdict"] for event in events] == ["approve", "refund", "refund", "dispute", "win"]
    return events


def test_a_refund_in_part_and_the_rest_are_transactions_of_their_own(browser: Browser, account: str) -> None:  # noqa: F811
    payment, checkout_id = approved(browser, account)
    tell(told(checkout_id)[0])
    sandbox.refund(checkout_id, 20_00, clock.now())
    assert tell(told(checkout_id)[1]).status == 200
    assert tell(told(checkout_id)[1]).status == 200
    seen = shown(browser, payment)
    assert (seen["status"], seen["refunded_pence"], balance_of(browser)) == ("refunded", 20_00, 93_45)
    sandbox.refund(checkout_id, None, clock.now())
    assert tell(told(checkout_id)[1]).status == 200
    seen = shown(browser, payment)
    assert (seen["status"], seen["refunded_pence"], balance_of(browser)) == ("refunded", 50_00, 123_45)
    lines = [(line["kind"], line["amount_pence"]) for line in lines_of(browser, account)]
    assert sorted(lines) == [("charge", 123_45), ("payment", -50_00), ("refund", 20_00), ("refund", 30_00)]
    rows = {(e.row["transaction_reference"], e.row["kind"], e.row["amount"]) for e in entries()}
    reference = seen["reference"]
    assert rows == {
        (reference, "payment", "-50.00"),
        (f"{reference}-R2000", "refund", "20.00"),
        (f"{reference}-R5000", "refund", "30.00"),
    }


def test_a_dispute_takes_the_payment_off_the_account_and_a_won_one_puts_it_on_again(
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    payment, checkout_id = approved(browser, account)
    tell(told(checkout_id)[0])
    sandbox.dispute(checkout_id, clock.now())
    tell(told(checkout_id)[-1])
    assert (shown(browser, payment)["status"], balance_of(browser)) == ("disputed", 123_45)
    sandbox.win(checkout_id, clock.now())
    tell(told(checkout_id)[-1])
    assert (shown(browser, payment)["status"], balance_of(browser)) == ("dispute_won", 73_45)
    assert [line["kind"] for line in lines_of(browser, account)].count("adjustment") == 2


def test_f9_every_event_is_kept_once_for_ever_whether_it_changed_anything_or_not(
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    payment, checkout_id = approved(browser, account)
    late = sandbox.earlier_decline(sandbox.checkout(checkout_id, clock.now()))
    for event in (told(checkout_id)[0], late, late):
        assert tell(event).status == 200
    for event in (told(checkout_id)[0], late):
        kept = EventItem.get(f"EVENT#sandbox#{event['id']}", "EVENT")
        assert kept.payment_id == payment["payment_id"]
        assert kept.expires_at is None
    assert shown(browser, payment)["status"] == "succeeded"


def quarantine() -> list[QuarantinedItem]:
    return list(store.query(QuarantinedItem, "QUARANTINE", clock.now()))


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"id": "x"},
        {"id": "x", "verdict": "approve", "occurred_at": "yesterday", "payment": {}},
        {"id": "x", "verdict": "swallow", "occurred_at": "2026-11-24T12:00:00+00:00", "payment": {}},
        [],
        "x",
        None,
    ],
)
def test_t18_a_signed_event_that_cannot_be_read_is_kept_for_a_person_and_not_taken(
    browser: Browser,
    account: str,  # noqa: F811
    event: Any,
) -> None:
    for _ in range(2):
        assert tell(event).status == 400, "so that it is sent again"
    (kept,) = quarantine()
    assert (kept.provider, json.loads(kept.body)) == ("sandbox", event)
    assert balance_of(browser) == 123_45


@pytest.mark.parametrize(
    "change",
    [
        {"amount_pence": 49_99},
        {"amount_pence": 500_00},
        {"amount_pence": "5000"},
        {"amount_pence": 5000.0},
        {"rent_account_id": "0" * 26},
        {"tenancy_id": "0" * 26},
        {"customer_id": "0" * 26},
        {"payment_id": "0" * 26},
        {"reference": "P0123456789AB"},
    ],
)
@pytest.mark.parametrize("verdict", ["approve", "refund", "win"])
def test_t19_an_event_that_is_not_as_our_payment_is_credits_nothing_and_is_kept_for_a_person(
    browser: Browser,
    account: str,  # noqa: F811
    change: dict[str, Any],
    verdict: str,
) -> None:
    payment, checkout_id = approved(browser, account)
    sandbox.refund(checkout_id, 10_00, clock.now())
    sandbox.dispute(checkout_id, clock.now())
    sandbox.win(checkout_id, clock.now())
    event = next(event for event in told(checkout_id) if event["verdict"] == verdict)
    event["payment"] = event["payment"] | change
    assert tell(event).status == 400
    assert (shown(browser, payment)["status"], balance_of(browser)) == ("pending", 123_45)
    assert len(quarantine()) == 1
    assert len(lines_of(browser, account)) == 1


@pytest.mark.parametrize("moved", [0, -1, 50_01, 10**12])
def test_t19_more_than_was_paid_is_never_given_back(browser: Browser, account: str, moved: int) -> None:  # noqa: F811
    _, checkout_id = approved(browser, account)
    sandbox.refund(checkout_id, 10_00, clock.now())
    assert tell(told(checkout_id)[1] | {"moved_pence": moved}).status == 400
    assert balance_of(browser) == 73_45, "the payment itself is taken"
    assert len(quarantine()) == 1


def _mutated(seeded: random.Random, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    header = headers["sandbox-signature"]
    match seeded.randrange(5):
        case 0:  # a byte of the body
            at = seeded.randrange(len(body))
            body = body[:at] + bytes([body[at] ^ (1 << seeded.randrange(8))]) + body[at + 1 :]
        case 1:  # a character of the signature
            at = seeded.randrange(header.index("v1=") + 3, len(header))
            header = header[:at] + seeded.choice([c for c in "0123456789abcdef" if c != header[at]]) + header[at + 1 :]
        case 2:  # its time
            header = f"t={seeded.randrange(10**11)},{header.partition(',')[2]}"
        case 3:  # what is no ASCII, or nothing
            header = seeded.choice(["", "é", "t=1,v1=é", f"{header}é", "💥" * 50, f"t=١,{header}", header * 50])
        case _:  # cut off
            body = body[: seeded.randrange(len(body))]
    return headers | {"sandbox-signature": header}, body


@pytest.mark.parametrize("size", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_t17_of_mutated_events_none_is_accepted_and_none_is_a_fault_of_ours(
    size: int,
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    _, checkout_id = approved(browser, account)
    headers, body = sandbox.signed(told(checkout_id)[0], clock.now())
    seeded = random.Random(17)
    for _ in range(size):
        changed = _mutated(seeded, headers, body)
        reply = deliver(changed)
        assert reply.status == 400, changed
    assert balance_of(browser) == 123_45
    assert not quarantine()
    assert deliver((headers, body)).status == 200


def test_t17_an_event_is_young_from_five_minutes_ago_to_a_minute_ahead_to_the_second(
    browser: Browser,
    account: str,  # noqa: F811
    noon: Any,
) -> None:
    _, checkout_id = approved(browser, account)
    sent = sandbox.signed(told(checkout_id)[0], clock.now())
    for seconds, status in ((-61, 400), (-60, 200), (300, 200), (301, 400)):
        noon.shift(seconds)
        assert deliver(sent).status == status, seconds
        noon.shift(-seconds)


def test_a_payment_waits_in_the_index_from_its_start_to_its_end_and_no_longer(
    browser: Browser,
    account: str,  # noqa: F811
) -> None:
    payment, checkout_id = approved(browser, account)
    item = PaymentItem.get(*[f"{kind}#{id}" for kind, id in (
        ("TENANCY", told(checkout_id)[0]["payment"]["tenancy_id"]), ("PAYMENT", payment["payment_id"]),
    )])  # fmt: skip
    waits = pending(item.pk.removeprefix("TENANCY#"), payment["payment_id"])
    key = waits.key(waits.pk, waits.sk)
    assert store.fetch([key], clock.now()) != [None]
    tell(told(checkout_id)[0])
    assert store.fetch([key], clock.now()) == [None]
