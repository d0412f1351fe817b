"""The receipt of a payment: a PDF for whoever holds the tenancy, saying what the email and the screen say."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdf
import pytest

from portal import clock, store
from portal.mail import letters
from portal.mail.store import MAIL_PK, MailItem
from portal.payments import sandbox
from portal.payments.store import PaymentItem
from tests.integration.conftest import Browser, add_tenancy, log_in_as
from tests.integration.test_rent_and_pay import account, deliver, lines_of, start, verdict
from tests.integration.test_settling import approved, shown, tell, told

__all__ = ["account"]


def receipt(browser: Browser, payment: dict[str, Any]) -> Any:
    return browser.call("balance", "GET", f"/api/pay/{payment['payment_id']}/receipt")


def read(reply: Any) -> tuple[pypdf.PdfReader, str]:
    assert reply.status == 200, reply
    document = pypdf.PdfReader(io.BytesIO(reply.body))
    return document, " ".join("\n".join(page.extract_text() for page in document.pages).split())


def test_a_receipt_opens_is_tagged_and_says_who_paid_what_when_and_into_which_account(
    browser: Browser,
    own_tenancy: Any,
    account: str,
) -> None:
    add_tenancy("LH10001", "P10009", first_name="Sam", last_name="Okoro", email="sam@example.com")
    payment = start(browser, account).json
    deliver(verdict(payment, "approve"))
    reply = receipt(browser, payment)
    assert reply.headers["content-type"] == "application/pdf"
    assert reply.headers["content-disposition"] == f'attachment; filename="receipt-{payment["reference"]}.pdf"'
    document, text = read(reply)
    root = document.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en-GB"
    assert "<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data().decode()
    assert document.metadata.title == "Receipt for your payment"
    assert len(document.pages) == 1
    for said in (
        "Larkfield Homes", "Ms Amara Okafor", "Ms Sam Okoro", "12 Curlew Walk", "Amount £50.00",
        "Paid on 24 November 2026", f"Reference {payment['reference']}", "Rent account Rent, RA10001",
        "Tenancy reference LH10001", "How By card", "We received £50.00 on 24 November 2026. Thank you.",
    ):  # fmt: skip
        assert said in text, said
    assert "back to the card" not in text
    assert "bank" not in text


def test_screen_email_transaction_and_receipt_name_the_same_day_amount_and_reference_though_the_event_is_late(
    browser: Browser,
    own_tenancy: Any,
    account: str,
    noon: Any,
) -> None:
    noon.move_to(datetime(2026, 11, 24, 23, 59, 50, tzinfo=UTC))
    log_in_as(browser, own_tenancy.person_id, own_tenancy.tenancy_id)
    payment = start(browser, account).json
    event = verdict(payment, "approve")
    noon.shift(timedelta(seconds=30))
    deliver(event)
    seen = shown(browser, payment)
    assert seen["settled_at"].startswith("2026-11-25")
    assert (seen["paid_on"], seen["amount_pence"]) == ("2026-11-24", 50_00)
    (line, _) = lines_of(browser, account)
    assert (line["posted_on"], line["amount_pence"]) == (seen["paid_on"], -50_00)
    (mail,) = store.query(MailItem, MAIL_PK, clock.now())
    written = letters.written(mail.kind, mail.about, secret=None, site="http://localhost:8000").text
    for said in ("£50.00", "Tuesday 24 November", payment["reference"], "for Rent"):
        assert said in written, said
    _, text = read(receipt(browser, payment))
    for said in ("£50.00", "24 November 2026", payment["reference"], "Rent"):
        assert said in text, said


def test_what_was_paid_back_or_disputed_since_stands_in_the_receipt(
    browser: Browser,
    account: str,
) -> None:
    payment, checkout_id = approved(browser, account)
    tell(told(checkout_id)[0])
    sandbox.refund(checkout_id, 20_00, clock.now())
    tell(told(checkout_id)[1])
    _, text = read(receipt(browser, payment))
    assert "Amount £50.00" in text
    assert "Since then we have paid £20.00 of it back to the card" in text
    sandbox.dispute(checkout_id, clock.now())
    tell(next(event for event in told(checkout_id) if event["verdict"] == "dispute"))
    _, text = read(receipt(browser, payment))
    assert "we have paid £20.00 of it back" in text
    assert "The bank has taken this payment back, so it does not count" in " ".join(text.split())
    sandbox.win(checkout_id, clock.now())
    tell(next(event for event in told(checkout_id) if event["verdict"] == "win"))
    _, text = read(receipt(browser, payment))
    assert "The bank looked into this payment, and it stands." in text
    assert "is looking into" not in text


def test_all_of_a_payment_that_was_paid_back_is_said_to_be_all_of_it(
    browser: Browser,
    account: str,
) -> None:
    payment, checkout_id = approved(browser, account)
    tell(told(checkout_id)[0])
    sandbox.refund(checkout_id, None, clock.now())
    tell(told(checkout_id)[1])
    _, text = read(receipt(browser, payment))
    assert "Since then we have paid all of it back to the card" in text


@pytest.mark.parametrize("status", ["created", "pending", "failed", "cancelled", "expired"])
def test_where_no_money_was_taken_there_is_no_receipt(
    browser: Browser,
    own_tenancy: Any,
    account: str,
    status: str,
) -> None:
    payment = start(browser, account).json
    at = PaymentItem(pk=f"TENANCY#{own_tenancy.tenancy_id}", sk=f"PAYMENT#{payment['payment_id']}")
    store.transact(store.Update(at, [PaymentItem.status.set(status)]))
    reply = receipt(browser, payment)
    assert (reply.status, reply.json["type"]) == (409, "/problems/no-receipt")
    assert shown(browser, payment)["paid_on"] is None


def test_a_joint_tenant_has_the_receipt_and_a_stranger_is_answered_as_if_there_was_no_payment(
    browser: Browser,
    own_tenancy: Any,
    account: str,
) -> None:
    payment = start(browser, account).json
    deliver(verdict(payment, "approve"))
    joint = Browser()
    log_in_as(joint, add_tenancy("LH10001", "P10009").person_id, own_tenancy.tenancy_id)
    read(receipt(joint, payment))
    other = add_tenancy("LH20002", "P20002", email="other@example.com")
    stranger = Browser()
    log_in_as(stranger, other.person_id, other.tenancy_id)
    theirs, missing = receipt(stranger, payment), receipt(stranger, {"payment_id": "0" * 26})
    assert (theirs.status, theirs.text, theirs.headers) == (missing.status, missing.text, missing.headers)
    assert theirs.status == 404
