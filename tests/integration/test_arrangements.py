"""A payment arrangement is offered, acknowledged and handed over once, and waits for its answer as long as promised."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from portal import clock, store
from portal.mail.store import MAIL_PK, MailItem
from portal.payments.store import OfferItem, OfferKeyItem
from tests.integration.conftest import Browser, add_tenancy, log_in_as
from tests.integration.test_export import export, table
from tests.integration.test_faults_of_pay import FAULTS, Killed, PayFaults, faults
from tests.integration.test_faults_of_sign_in import put_back, tables
from tests.integration.test_rent_and_pay import account, add_account, entries, post

__all__ = ["account", "faults"]


def offer(
    browser: Browser, account_id: str, amount: Any = 20_00, frequency: str = "weekly", key: str = "a1b2c3d4-1"
) -> Any:
    body = {"rent_account_id": account_id, "amount_pence": amount, "frequency": frequency}
    return browser.call("pay", "POST", "/api/pay/arrangements", body, headers={"idempotency-key": key})


def shown(browser: Browser) -> list[dict[str, Any]]:
    answer = browser.call("pay", "GET", "/api/pay/arrangements")
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json["arrangements"]
    return found


def mails() -> list[MailItem]:
    return list(store.query(MailItem, MAIL_PK, clock.now()))


def test_an_offer_is_shown_acknowledged_by_email_and_a_line_for_the_landlord(
    browser: Browser, own_tenancy: Any, account: str
) -> None:
    made = offer(browser, account)
    assert made.status == 201, made
    assert made.json == {
        "rent_account_id": account, "rent_account_name": "Rent", "amount_pence": 20_00, "frequency": "weekly",
        "owed_pence": 123_45, "offered_at": "2026-11-24T12:00:00Z", "offered_by_you": True, "answer_by": "2026-12-01",
        "status": "waiting",
    }  # fmt: skip
    assert shown(browser) == [made.json]
    (mail,) = mails()
    assert (mail.kind, mail.to) == ("arrangement_offered", f"customer:{own_tenancy.person_id}")
    (line,) = entries()
    assert line.file == "arrangements"
    assert line.row == {
        "tenancy_reference": "LH10001", "person_reference": "P10001", "rent_account_reference": "RA10001",
        "offered_at": "2026-11-24T12:00:00+00:00", "amount": "20.00", "frequency": "weekly", "owed": "123.45",
        "answer_by": "2026-12-01",
    }  # fmt: skip


def test_the_same_key_gives_the_same_offer_once_and_another_body_under_it_is_refused(
    browser: Browser, account: str
) -> None:
    first = offer(browser, account)
    assert offer(browser, account).json == first.json
    for other in (offer(browser, account, 21_00), offer(browser, account, frequency="monthly")):
        assert (other.status, other.json["type"]) == (422, "/problems/idempotency-key-reused")
    assert (len(mails()), len(entries()), len(shown(browser))) == (1, 1, 1)


def test_a_new_offer_takes_the_place_of_the_one_before_here_and_in_that_days_file(
    browser: Browser, account: str, noon: Any
) -> None:
    first = offer(browser, account)
    noon.shift(timedelta(minutes=5))
    second = offer(browser, account, 15_00, "fortnightly", key="a1b2c3d4-2")
    assert shown(browser) == [second.json]
    (line,) = entries()
    assert (line.row["amount"], line.row["frequency"]) == ("15.00", "fortnightly")
    # The first one sent again, late, is still the first one: it takes nothing back.
    assert offer(browser, account).json == first.json
    assert shown(browser) == [second.json]
    assert len(mails()) == 2


def test_of_two_sent_at_once_under_one_key_one_is_made(
    browser: Browser, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    transact, raced = store.transact, []

    def slower(*writes: Any) -> None:
        if not raced and any(isinstance(w, store.Put) and isinstance(w.item, OfferKeyItem) for w in writes):
            raced.append(writes)
            transact(*writes)
        transact(*writes)

    monkeypatch.setattr(store, "transact", slower)
    made = offer(browser, account)
    assert made.status == 201, made
    assert raced
    assert (len(mails()), len(entries()), len(shown(browser))) == (1, 1, 1)


@pytest.mark.parametrize("amount", [99, 0, -20_00, 123_46, 10**20, 20.5, "2000", True, None])
def test_an_amount_that_cannot_be_offered_names_the_field_and_writes_nothing(
    browser: Browser, account: str, amount: Any
) -> None:
    answer = offer(browser, account, amount)
    assert answer.status == 422
    (error,) = answer.json["errors"]
    assert error["field"] == "amount_pence"
    assert (shown(browser), mails(), entries()) == ([], [], [])


def test_the_words_for_an_amount_name_both_ends(browser: Browser, account: str) -> None:
    (error,) = offer(browser, account, 124_00).json["errors"]
    assert error["message"] == "Offer an amount from £1 to the £123.45 that you owe"


@pytest.mark.parametrize("balance", [0, -50_00, 99])
def test_where_nothing_is_owed_there_is_nothing_to_arrange(
    browser: Browser, own_tenancy: Any, account: str, balance: int
) -> None:
    post(own_tenancy.tenancy_id, account, "P1", date(2026, 11, 20), balance - 123_45)
    answer = offer(browser, account, 1_00)
    assert (answer.status, answer.json["type"]) == (409, "/problems/nothing-to-arrange")
    assert (shown(browser), mails(), entries()) == ([], [], [])


def test_an_offer_is_waiting_to_the_end_of_the_promised_day_then_due_for_a_fortnight_then_gone(
    browser: Browser, own_tenancy: Any, account: str, noon: Any
) -> None:
    offer(browser, account)

    def at(moment: datetime) -> list[str]:
        noon.move_to(moment)
        log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
        return [made["status"] for made in shown(browser)]

    assert at(datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC)) == ["waiting"]
    assert at(datetime(2026, 12, 2, 0, 0, 1, tzinfo=UTC)) == ["answer_due"]
    assert at(datetime(2026, 12, 15, 23, 59, 58, tzinfo=UTC)) == ["answer_due"]
    assert at(datetime(2026, 12, 16, 0, 0, 1, tzinfo=UTC)) == [], "expired, and still in the table"
    # Its key is free again then, whether or not DynamoDB has deleted it.
    assert OfferItem.get(f"TENANCY#{own_tenancy.tenancy_id}", f"OFFER#{account}")
    again = offer(browser, account)
    assert (again.status, again.json["answer_by"]) == (201, "2026-12-23")


def test_bank_holidays_are_no_days_of_an_answer(browser: Browser, own_tenancy: Any, account: str, noon: Any) -> None:
    noon.move_to(datetime(2026, 12, 23, 12, 0, tzinfo=UTC))
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    # Working days: 24, 29, 30, 31 December, 4 January.
    assert offer(browser, account).json["answer_by"] == "2027-01-04"


def test_joint_tenants_see_the_offer_and_whether_it_is_their_own(
    browser: Browser, own_tenancy: Any, account: str
) -> None:
    offer(browser, account)
    joint = Browser()
    log_in_as(joint, add_tenancy("LH10001", "P10002").person_id, own_tenancy.tenancy_id)
    (seen,) = shown(joint)
    assert (seen["amount_pence"], seen["offered_by_you"]) == (20_00, False)


def test_each_account_has_an_offer_of_its_own(browser: Browser, own_tenancy: Any, account: str, noon: Any) -> None:
    garage = add_account(own_tenancy.tenancy_id, "RA10002", "garage", "Garage")
    post(own_tenancy.tenancy_id, garage, "G1", date(2026, 11, 16), 30_00)
    offer(browser, account)
    noon.shift(timedelta(minutes=1))
    offer(browser, garage, 30_00, "monthly", key="a1b2c3d4-2")
    assert [made["rent_account_name"] for made in shown(browser)] == ["Garage", "Rent"]


def test_somebody_elses_account_is_answered_like_none_and_their_offers_are_not_seen(
    browser: Browser, account: str
) -> None:
    offer(browser, account)
    other = add_tenancy("LH20002", "P20002", email="other@example.com")
    stranger = Browser()
    log_in_as(stranger, other.person_id, other.tenancy_id)
    theirs, missing = offer(stranger, account), offer(stranger, "0" * 26)
    assert (theirs.status, theirs.text) == (missing.status, missing.text)
    assert theirs.status == 404
    assert shown(stranger) == []


@pytest.mark.parametrize("key", [None, "", "short", "x" * 65])
def test_an_offer_without_a_proper_key_is_refused(browser: Browser, account: str, key: Any) -> None:
    answer = offer(browser, account, key=key)
    assert (answer.status, answer.json["type"]) == (400, "/problems/idempotency-key-missing")


def test_the_nights_files_have_the_offer(browser: Browser, account: str, noon: Any) -> None:
    offer(browser, account)
    noon.move_to(datetime(2026, 11, 25, 3, 0, tzinfo=UTC))
    assert "2026-11-24" in export()
    columns, row = table("outbox/2026-11-24/arrangements.csv")
    told = dict(zip(columns, row, strict=True))
    assert (told["amount"], told["rent_account_reference"], told["answer_by"]) == ("20.00", "RA10001", "2026-12-01")


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_fails_at_a_call_of_an_offer_all_of_it_is_written_or_none_and_sent_again_it_is_made_once(
    fault: str, browser: Browser, own_tenancy: Any, account: str, faults: PayFaults, noon: Any
) -> None:
    offer(browser, account, key="counting-calls")
    kept, at, calls = tables(), clock.now(), 2
    for number in range(calls):
        for lasting in (False, True):
            where = f"{fault} at call {number}, lasting={lasting}"
            put_back(kept)
            noon.move_to(at)
            log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
            faults.strike(fault, number, lasting=lasting)
            with contextlib.suppress(Killed):
                offer(browser, account, 15_00)
            faults.strike(None)
            noon.move_to(at)
            # The one before counts as the first: its line in the file is the account's, whoever wrote it last.
            (line,) = entries()
            made = (
                len(mails()) - 1,
                int(line.row["amount"] == "15.00"),
                int(shown(browser)[0]["amount_pence"] == 15_00),
            )
            assert made in {(0, 0, 0), (1, 1, 1)}, where
            assert offer(browser, account, 15_00).status == 201, where
            assert (len(mails()) - 1, len(entries()), shown(browser)[0]["amount_pence"]) == (1, 1, 15_00), where
