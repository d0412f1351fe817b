"""The whole mission, step by step, by whoever can register: each step proves what a tenant is promised by it."""

from __future__ import annotations

import itertools
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e.tenant import DEVICE, SESSION, Tenant, new_password
from tests.integration.authenticator import Authenticator

LONDON = ZoneInfo("Europe/London")
NOTICES = {
    "contact": "Your contact details were changed",
    "email": "Your email address was changed",
    "household": "Your household details were changed",
    "passkey": "A passkey was added",
    "password": "Your password was changed",
    "receipt": "Receipt for your payment",
    "registered": "You are registered",
    "repair": "We have your repair request",
    "visit": "We are coming to mend something",
}


def walk(tenant: Tenant) -> dict[str, Any]:
    """Every step, one after the other; what was made on the way."""
    register(tenant)
    made = {"payment": pay(tenant)}
    made |= {"repair": report_repair(tenant), "contact": change_contact(tenant), "member": keep_household(tenant)}
    forget_password(tenant)
    log_off(tenant)
    return made


def register(tenant: Tenant) -> None:
    """The four facts, the code by email, a password: a customer who is logged in."""
    asked_at = datetime.now(UTC)
    body = {
        "email": tenant.facts.email,
        "mobile": tenant.facts.mobile,
        "tenancy_reference": tenant.facts.tenancy_reference,
        "date_of_birth": tenant.facts.date_of_birth,
    }
    registered = tenant.call("POST", "/api/register", body, status=202).json
    ends = datetime.fromisoformat(registered["code_expires_at"])
    assert timedelta(minutes=59) < ends - asked_at <= timedelta(hours=24, seconds=5)
    assert ends - asked_at > timedelta(hours=23, minutes=59) or ends.astimezone(LONDON).hour == 4
    registration_id = registered["registration_id"]

    tenant.verify(registration_id, "ZZZZ-ZZZZ", new_password(), status=422)
    short = tenant.verify(registration_id, tenant.code(), "short", status=422)
    assert [error["field"] for error in short.json["errors"]] == ["password"]
    personal = tenant.verify(registration_id, tenant.code(), f"{tenant.facts.tenancy_reference} 123456", status=422)
    assert [error["field"] for error in personal.json["errors"]] == ["password"]

    typed = tenant.code().lower().replace("-", " ")
    tenant.used.add(typed)
    verified = tenant.verify(registration_id, typed, new_password())
    assert set(tenant.cookies) == {SESSION, DEVICE}
    assert tenant.facts.tenancy_reference.replace(" ", "").upper() in {
        tenancy["tenancy_reference"] for tenancy in verified.json["customer"]["tenancies"]
    }
    tenant.letter(NOTICES["registered"])

    again = tenant.verify(registration_id, tenant.code(), new_password(), status=422)
    assert tenant.problem(again) == "code-not-accepted", "a code works once"
    assert tenant.problem(tenant.call("POST", "/api/register", body, status=409)) == "already-registered"
    assert tenant.call("GET", "/api/session").json["customer"] == verified.json["customer"]


def pay(tenant: Tenant) -> dict[str, Any]:
    """See the rent, pay a part of it; nothing is posted twice, and nothing where the bank says no."""
    before = tenant.balances()
    account, owed = next(iter(before.items()))
    lines = tenant.transactions(account)
    assert sum(line["amount_pence"] for line in lines) == owed
    for newer, older in itertools.pairwise(lines):
        assert newer["balance_pence"] - newer["amount_pence"] == older["balance_pence"]

    key = secrets.token_hex(12)
    payment = tenant.start_payment(account, 12_34, key)
    assert tenant.start_payment(account, 12_34, key)["payment_id"] == payment["payment_id"]
    assert payment["status"] == "pending"
    assert tenant.balances() == before, "nothing is posted before the bank has said yes"
    receipts = len(tenant.letters(NOTICES["receipt"]))
    assert tenant.at_the_bank(payment["checkout_url"], "approve").json["status"] == "succeeded"
    settled = settle(tenant, payment["payment_id"], "succeeded")
    assert tenant.balances() == before | {account: owed - 12_34}
    known = {line["transaction_id"] for line in lines}
    (posted,) = [line for line in tenant.transactions(account) if line["transaction_id"] not in known]
    assert (posted["kind"], posted["description"], posted["amount_pence"]) == ("payment", "Card payment", -12_34)
    receipt = tenant.letter(NOTICES["receipt"], since=receipts)
    assert "£12.34" in receipt.text
    assert payment["reference"] in receipt.text

    for verdict in ("approve", "decline", "cancel"):
        tenant.at_the_bank(payment["checkout_url"], verdict, status=409)
    tenant.stack.call("GET", payment["checkout_url"].removeprefix(tenant.stack.base_url))
    for verdict, status in (("decline", "failed"), ("cancel", "cancelled")):
        other = tenant.start_payment(account, 5_00)
        tenant.at_the_bank(other["checkout_url"], verdict)
        settle(tenant, other["payment_id"], status)
    assert tenant.balances() == before | {account: owed - 12_34}, "posted once, and nothing that the bank refused"
    assert len(tenant.transactions(account)) == len(lines) + 1
    assert len(tenant.letters(NOTICES["receipt"])) == receipts + 1
    told = tenant.call("GET", "/api/pay").json["payments"]
    assert [payment["status"] for payment in told[:3]] == ["cancelled", "failed", "succeeded"]
    return settled


def settle(tenant: Tenant, payment_id: str, status: str) -> dict[str, Any]:
    """Wait until a payment has that status; the payment."""
    deadline = time.monotonic() + 20
    while True:
        payment: dict[str, Any] = tenant.call("GET", f"/api/pay/{payment_id}").json
        if payment["status"] == status:
            return payment
        assert payment["status"] == "pending" and time.monotonic() < deadline, f"the payment is {payment['status']}"  # noqa: PT018
        time.sleep(0.2)


def report_repair(tenant: Tenant) -> dict[str, Any]:
    """Pick what is wrong, send it, see it in the history with its priority and date."""
    items = tenant.call("GET", "/api/repairs/catalogue").json["items"]
    item = next(item for item in items if item["questions"] and not item["danger"])
    body = {
        "item_id": item["item_id"],
        "answers": {
            question["question_id"]: next(a["answer_id"] for a in question["answers"] if not a.get("danger"))
            for question in item["questions"]
        },
        "description": "It began on Sunday. Please don't ring before 9am.",
        "access_notes": "Ring the top bell; there's a dog",
    }
    sent = tenant.call("POST", "/api/repairs", body, status=201).json
    assert sent["priority"] in {"emergency", "urgent", "routine"}
    assert datetime.fromisoformat(sent["due_at"]) > datetime.now(UTC)
    assert sent["description"] == body["description"]
    assert sent["reference"] in tenant.letter(NOTICES["repair"]).text

    again = tenant.call("POST", "/api/repairs", body, status=409)
    assert (tenant.problem(again), again.json["repair_id"]) == ("already-reported", sent["repair_id"])
    history = tenant.call("GET", "/api/repairs").json["repairs"]
    assert [repair["repair_id"] for repair in history].count(sent["repair_id"]) == 1
    assert history[0] == sent
    assert tenant.call("GET", f"/api/repairs/{sent['repair_id']}").json == sent
    return dict(sent)


def book_visit(tenant: Tenant, repair_id: str, details: dict[str, str]) -> dict[str, Any]:
    """Choose when somebody comes, and tell them what they need to know; then another time."""
    path = f"/api/repairs/{repair_id}"
    slots = tenant.call("GET", f"{path}/slots").json["slots"]
    booked = tenant.call("PUT", f"{path}/appointment", {"slot_id": slots[0]["slot_id"], **details}).json
    assert {name: booked[name] for name in details} == details
    tenant.letter(NOTICES["visit"])
    moved = tenant.call("PUT", f"{path}/appointment", {"slot_id": slots[-1]["slot_id"]}).json
    assert {name: moved[name] for name in details} == details, "what was told is kept"
    assert tenant.call("GET", path).json["appointment"] == moved
    return dict(moved)


def change_email(tenant: Tenant, email: str) -> None:
    """The password, a code from the new address; from then on the new one logs in and the old one does not."""
    old = tenant.facts
    tenant.call("POST", "/api/email", {"email": email, "current_password": tenant.password}, status=202)
    tenant.facts = replace(old, email=email)
    tenant.call("POST", "/api/email/confirm", {"code": "KKKK-7777"}, status=422)
    tenant.call("POST", "/api/email/confirm", {"code": tenant.code()}, status=204)
    assert tenant.call("GET", "/api/contact").json["email"] == email
    tenant.letter(NOTICES["email"])
    before = tenant.other_browser()
    before.facts = old
    before.letter(NOTICES["email"])
    assert tenant.problem(before.log_in(status=401)) == "login-failed"
    tenant.other_browser().log_in()


def add_passkey(tenant: Tenant) -> tuple[Authenticator, str]:
    """Add a passkey by the password; the device that holds it, and its id. What the device said is noted as used."""
    device = Authenticator()
    asked = tenant.call("POST", "/api/passkeys/options", {"current_password": tenant.password}).json
    made = device.make(asked, origin=tenant.stack.base_url)
    tenant.used |= {asked["challenge"], made["client_data"], made["attestation"]}
    notices = len(tenant.letters(NOTICES["passkey"]))
    added = tenant.call("POST", "/api/passkeys", made, status=201).json
    tenant.letter(NOTICES["passkey"], since=notices)
    return device, added["passkey_id"]


def use_passkey(tenant: Tenant, device: Authenticator, passkey_id: str) -> None:
    """Log in elsewhere by the passkey alone, and take it away there by the password."""
    asked = tenant.call("POST", "/api/login/passkey/options").json
    signed = device.sign(asked, origin=tenant.stack.base_url)
    tenant.used |= {asked["challenge"], *(signed[n] for n in ("client_data", "authenticator_data", "signature"))}
    elsewhere = tenant.other_browser()
    assert elsewhere.call("POST", "/api/login/passkey", signed).json["password_change_required"] is False
    again = tenant.other_browser().call("POST", "/api/login/passkey", signed, status=401)
    assert tenant.problem(again) == "passkey-not-accepted", "what was signed serves once"
    kept = [one["passkey_id"] for one in elsewhere.call("GET", "/api/passkeys").json["passkeys"]]
    body = {"current_password": tenant.password}
    elsewhere.call("DELETE", f"/api/passkeys/{passkey_id}", body, status=204)
    left = [one["passkey_id"] for one in elsewhere.call("GET", "/api/passkeys").json["passkeys"]]
    assert left == [one for one in kept if one != passkey_id]


def change_contact(tenant: Tenant) -> dict[str, Any]:
    """A new mobile number and an address for letters; whoever changes an older state is told so."""
    shown = tenant.call("GET", "/api/contact")
    assert shown.json["email"] == tenant.facts.email.lower()
    address = {"line_1": "1 Ferry Lane", "line_2": None, "town": "Aldermere", "postcode": "AL9 9XX"}
    wanted = {
        "mobile": "07700 900 877",
        "home_phone": "020 7946 0123",
        "correspondence_address": {name: text for name, text in address.items() if text},
        "preferences": {"contact_by": "text", "language": "Cymraeg", "large_print": True},
    }
    etag = shown.headers["etag"]
    changed = tenant.call("PATCH", "/api/contact", wanted, headers={"If-Match": etag}).json
    assert changed["mobile"] == "+447700900877"
    assert changed["correspondence_address"] == address
    assert tenant.call("GET", "/api/contact").json == changed
    stale = tenant.call("PATCH", "/api/contact", {"home_phone": None}, headers={"If-Match": etag}, status=412)
    assert tenant.problem(stale) == "stale-version"
    assert "mobile" in tenant.letter(NOTICES["contact"]).text
    return dict(changed)


def keep_household(tenant: Tenant) -> dict[str, Any]:
    """Somebody moves in, gets another name, and one moves out again."""
    joined = {"name": "Kofi Mensah", "date_of_birth": "2015-05-05", "relationship": "child"}
    kept = tenant.call("POST", "/api/household/members", joined, status=201).json
    assert kept == joined | {"member_id": kept["member_id"]}
    changed = tenant.call("PATCH", f"/api/household/members/{kept['member_id']}", {"name": "Kofi Boateng"}).json
    assert changed == kept | {"name": "Kofi Boateng"}
    gone = tenant.call(
        "POST", "/api/household/members", {"name": "Esi Boateng", "relationship": "friend"}, status=201
    ).json
    tenant.call("DELETE", f"/api/household/members/{gone['member_id']}", status=204)
    tenant.call("DELETE", f"/api/household/members/{gone['member_id']}", status=404)
    assert tenant.call("GET", "/api/household").json["members"] == [changed]
    tenant.letter(NOTICES["household"], since=3)
    return dict(changed)


def forget_password(tenant: Tenant) -> None:
    """A temporary password by email, good for one thing: choosing a new one, which ends every other session."""
    old_password = tenant.password
    body = {"email": tenant.facts.email, "date_of_birth": tenant.facts.date_of_birth}
    assert tenant.call("POST", "/api/reset", body, status=202).json == {}
    temporary = tenant.temporary_password()
    tenant.other_browser().log_in(old_password)  # the old one works until a new one is set

    elsewhere = tenant.other_browser()
    let_in = elsewhere.log_in(temporary.lower().replace("-", " "))
    assert let_in.json["password_change_required"] is True
    assert elsewhere.problem(elsewhere.call("GET", "/api/balance", status=403)) == "password-change-required"
    assert tenant.problem(tenant.other_browser().log_in(temporary, status=401)) == "login-failed", "it opens once"
    chosen = new_password()
    tenant.used.add(chosen)
    change = {"current_password": temporary, "new_password": chosen}
    elsewhere.call("PUT", "/api/password", change, status=204)
    elsewhere.call("GET", "/api/balance")
    tenant.call("GET", "/api/session", status=401)
    tenant.log_in(old_password, status=401)
    tenant.password = chosen
    tenant.log_in()
    tenant.letter(NOTICES["password"])


def log_off(tenant: Tenant) -> None:
    """The session is over at once, whoever kept its cookie; the browser keeps nothing."""
    kept = dict(tenant.cookies)
    answer = tenant.call("POST", "/api/logout", status=204)
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert SESSION not in tenant.cookies
    assert tenant.cookies[DEVICE] == kept[DEVICE], "log off keeps the device's own budget of tries"
    tenant.cookies = kept
    tenant.call("GET", "/api/session", status=401)
    tenant.call("GET", "/api/balance", status=401)
    tenant.call("POST", "/api/logout", status=204)
