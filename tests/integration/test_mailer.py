"""The outbox: every mail asked for is sent once, late rather than never, and not after it has lost its use."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from portal import aws, clock, store
from portal.mail import letters
from portal.mail.outbox import letter
from portal.mail.store import MAIL_PK, MailItem
from tests.integration.conftest import Browser, function
from tests.integration.test_identity import FACTS, PASSWORD, registered

ABOUT = {
    "code": {"expires_at": "2026-11-25T04:00:00+00:00", "registration_id": "0" * 26},
    "code_after_exchange": {"expires_at": "2026-11-25T12:00:00+00:00", "registration_id": "0" * 26},
    "already_registered": {},
    "email_in_use": {},
    "temporary_password": {"expires_at": "2026-11-24T13:00:00+00:00"},
    "registered": {},
    "password_changed": {
        "at": "2026-11-24T12:00:00+00:00", "passkeys": ["Chrome on Android, added on Tuesday 24 November"],
    },
    "passkey_added": {"at": "2026-11-24T12:00:00+00:00", "name": "Chrome on Android"},
    "passkey_removed": {"at": "2026-11-24T12:00:00+00:00", "name": "Chrome on Android"},
    "email_code": {"expires_at": "2026-11-25T04:00:00+00:00"},
    "email_taken": {"expires_at": "2026-11-25T04:00:00+00:00"},
    "email_changed": {"at": "2026-11-24T12:00:00+00:00"},
    "contact_changed": {"changed": ["mobile number", "home phone number"], "at": "2026-11-24T12:00:00+00:00"},
    "household_changed": {"change": "added", "at": "2026-11-24T12:00:00+00:00"},
    "payment_receipt": {
        "amount_pence": 123_45, "rent_account_name": "Rent", "reference": "PABC", "paid_on": "2026-11-24",
    },
    "payment_refunded": {
        "amount_pence": 23_45, "rent_account_name": "Rent", "reference": "PABC", "paid_on": "2026-11-24",
    },
    "arrangement_offered": {
        "amount_pence": 20_00, "each": "every two weeks", "owed_pence": 123_45, "rent_account_name": "Rent",
        "answer_by": "2026-12-01",
    },
    **{
        f"regular_{what}": {
            "amount_pence": 50_00, "rent_account_name": "Rent", "when": "every Friday", "due_on": "2026-11-27",
            **more,
        }
        for what, more in {
            "set_up": {}, "coming": {}, "changed": {"paused": False}, "failed": {"missed_on": "2026-11-20"},
            "left_out": {"missed_on": "2026-11-20"}, "stopped": {"because": "failures"},
        }.items()
    },
    "deadlines": {
        "lines": [
            {"reference": "R-7K4M2P", "duty": duty, "stage": stage, "due_at": "2027-01-06T23:59:59+00:00"}
            for duty in (
                "investigate", "send_summary", "make_safe", "begin_works", "begin_works_at_the_latest", "target",
            )
            for stage in ("half", "most", "passed")
        ],
    },
    "repair_reported": {
        "reference": "R-7K4M2P", "problem": "Tap drips", "priority": "routine",
        "due_at": "2026-12-08T23:59:59+00:00", "danger": None, "danger_phone": None, "investigate_by": None,
    },
    **{
        f"appointment_{change}": {
            "reference": "R-7K4M2P", "problem": "Kitchen, Tap: Drips", "day": "2026-12-01",
            "period": "between 8am and 12pm",
        }
        for change in ("booked", "moved", "cancelled", "reminder")
    },
}  # fmt: skip


def run(event: dict[str, Any]) -> Any:
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)
    return function("mailer").handler(event, context)


def stream() -> dict[str, Any]:
    return {
        "Records": [
            {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": m.pk}, "sk": {"S": m.sk}}}}
            for m in store.query(MailItem, MAIL_PK, clock.now())
        ]
    }


def sent() -> list[Any]:
    return ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-2"].sent_messages


def waiting() -> list[MailItem]:
    return list(store.query(MailItem, MAIL_PK, clock.now()))


def test_every_kind_of_mail_is_written_without_a_gap() -> None:
    assert set(letters.KINDS) == set(ABOUT)
    for kind, about in ABOUT.items():
        message = letters.written(kind, about, secret="K7PM-3XQD", site="http://localhost:8000")
        assert message.subject
        assert "{" not in message.text + message.subject
        assert "Larkfield Homes" in message.text
        assert "03069 990142" in message.text
        assert "K7PM" not in message.subject


@pytest.mark.parametrize("kind", ["code", "email_code", "temporary_password"])
def test_a_code_stands_on_a_line_of_its_own_and_its_end_is_named(kind: str) -> None:
    message = letters.written(kind, ABOUT[kind], secret="K7PM-3XQD", site="http://localhost:8000")
    assert "K7PM-3XQD" in message.text.split("\n")
    assert ("4am on Wednesday 25 November" if "code" in kind else "1pm on Tuesday 24 November") in message.text
    assert "If this was not you" in message.text


def test_an_address_in_a_mail_is_a_link() -> None:
    message = letters.written("registered", {}, secret=None, site="https://portal.example")
    assert '<a href="https://portal.example/login/"' in message.html


def test_what_a_tenant_typed_cannot_write_html() -> None:
    about = ABOUT["repair_reported"] | {"problem": "<b>{{ 7*7 }}</b>\r\nBcc: x@example.com"}
    message = letters.written("repair_reported", about, secret=None, site="http://localhost:8000")
    assert "&lt;b&gt;{{ 7*7 }}&lt;/b&gt;" in message.html
    assert "\n" not in message.subject


def test_a_registration_is_mailed_to_the_recorded_address_and_the_outbox_empties(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    browser.call("register", "POST", "/api/register", FACTS)
    assert run(stream()) == {"batchItemFailures": []}
    (message,) = sent()
    assert message.destinations["ToAddresses"] == ["amara@example.com"]
    assert message.subject == "Your code to finish registering"
    assert not waiting()


def test_the_same_record_twice_sends_one_mail(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    browser.call("register", "POST", "/api/register", FACTS)
    records = stream()
    run(records)
    run(records)
    run({"trigger": "sweep"})
    assert len(sent()) == 1


def test_an_hour_without_the_email_service_delays_mail_and_loses_none(
    browser: Browser, own_tenancy: Any, noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.call("register", "POST", "/api/register", FACTS)
    client = aws.client("sesv2")
    working = client.send_email

    def down(**_: Any) -> None:
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": ""}}, "SendEmail")

    monkeypatch.setattr(client, "send_email", down)
    run(stream())
    for _ in range(12):
        noon.shift(timedelta(minutes=5))
        run({"trigger": "sweep"})
    assert len(waiting()) == 1
    monkeypatch.setattr(client, "send_email", working)
    for _ in range(7):
        noon.shift(timedelta(minutes=5))
        run({"trigger": "sweep"})
    assert len(sent()) == 1
    assert not waiting()


def test_a_mail_that_another_sends_at_this_moment_is_left_to_it_until_its_lease_is_over(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    browser.call("register", "POST", "/api/register", FACTS)
    (mail,) = waiting()
    store.transact(store.Update(mail, [MailItem.leased_until.set(clock.now() + timedelta(seconds=60))]))
    run(stream())
    assert not sent()
    noon.shift(timedelta(seconds=61))
    run({"trigger": "sweep"})
    assert len(sent()) == 1


def test_no_code_is_mailed_after_its_hour_and_none_once_it_is_used(
    browser: Browser, own_tenancy: Any, noon: Any
) -> None:
    browser.call("register", "POST", "/api/register", FACTS)
    noon.shift(timedelta(hours=17))
    run({"trigger": "sweep"})
    assert not sent()
    registered(browser)
    run({"trigger": "sweep"})
    assert [m.subject for m in sent()] == ["You are registered"]


def test_a_mail_to_nobody_is_sent_to_nobody_and_forgotten(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    browser.call("reset", "POST", "/api/reset", {"email": "nobody@example.com", "date_of_birth": "1990-03-27"})
    run(stream())
    assert not sent()
    assert not waiting()


def test_a_mail_that_cannot_be_written_holds_up_no_other(browser: Browser, own_tenancy: Any, noon: Any) -> None:
    registered(browser)
    broken = letter("payment_receipt", to=f"customer:{own_tenancy.person_id}", at=clock.now(), about={})
    store.transact(broken)
    run(stream())
    assert [m.subject for m in sent()] == ["You are registered"]
    assert [m.kind for m in waiting()] == ["payment_receipt"]
    assert PASSWORD
