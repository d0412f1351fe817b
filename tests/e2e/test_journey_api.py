"""A tenant's whole evening by API, on the local stack with IAM enforced: every answer as the API describes itself."""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e import journey
from tests.e2e.conftest import NewTenant
from tests.e2e.description import Description
from tests.e2e.stack import LocalStack, Reply
from tests.e2e.tenant import SESSION, Tenant, new_password

NOBODYS = "0" * 26
# What is sent to each address that takes an id, by how the address ends.
BODIES: dict[str, dict[str, Any]] = {
    "{member_id}": {"name": "Mallory"},
    "{schedule_id}": {"amount_pence": 1_00},
    "appointment": {"slot_id": "2026-12-01.morning"},
    "cancel": {"reason": "Not mine"},
    "reopen": {"reason": "Not mine"},
    "rating": {"rating": 1},
    "notes": {"text": "Not mine"},
    "photos": {"content_type": "image/jpeg", "size": 2_000_000},
}


def test_the_whole_mission_and_the_landlord_hears_of_it(
    stack: LocalStack, new_tenant: NewTenant, tmp_path: Path
) -> None:
    tenant = new_tenant()
    made = journey.walk(tenant)
    payment, repair, member = made["payment"], made["repair"], made["member"]
    exported = export(stack)
    own = {
        name: [row for row in rows if row.get("tenancy_reference") in (None, tenant.facts.tenancy_reference)]
        for name, rows in exported.items()
    }
    (paid,) = [row for row in own["payments"] if row["transaction_reference"] == payment["reference"]]
    assert (paid["kind"], paid["amount"]) == ("payment", "-12.34")
    (asked,) = [row for row in own["repairs"] if row["repair_reference"] == repair["reference"]]
    assert asked["item_id"] == repair["item_id"]
    (told,) = own["contact"]
    assert told["mobile"] == "+447700900877"
    assert (told["address_line_1"], told["postcode"], told["contact_by"]) == ("1 Ferry Lane", "AL9 9XX", "text")
    assert [(row["change"], row["name"]) for row in own["household"]] == [
        ("added", "Kofi Mensah"),
        ("changed", "Kofi Boateng"),
        ("added", "Esi Boateng"),
        ("removed", "Esi Boateng"),
    ]
    assert own["household"][0]["member_id"] == member["member_id"]

    # The landlord's system takes the payment over and hands it back: one line, not two.
    tenant.log_in()
    before = tenant.balances()
    with (tmp_path / "transactions.csv").open("w", newline="") as file:
        lines = csv.DictWriter(file, list(paid), extrasaction="ignore")
        lines.writeheader()
        lines.writerow(paid)
    assert stack.load(tmp_path)["refused"] == 0
    assert tenant.balances() == before


def export(stack: LocalStack) -> dict[str, list[dict[str, str]]]:
    """Run the nightly export now; the rows of its files."""
    answer = stack.client("lambda").invoke(FunctionName=stack.outputs["ExporterFunctionName"], Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    days = json.load(answer["Payload"])["days"]
    s3, rows = stack.client("s3"), defaultdict(list)
    for day in days:
        for name in ("payments", "repairs", "contact", "household"):
            body = s3.get_object(Bucket=stack.outputs["ExchangeBucketName"], Key=f"outbox/{day}/{name}.csv")["Body"]
            rows[name] += list(csv.DictReader(io.StringIO(body.read().decode(), newline="")))
    return rows


# --- what is not yours does not exist


def test_what_belongs_to_somebody_else_is_answered_like_what_does_not_exist(
    new_tenant: NewTenant, description: Description
) -> None:
    owner, stranger = new_tenant().come_in(), new_tenant().come_in()
    (account, *_) = owner.balances()
    regularly = {"rent_account_id": account, "amount_pence": 5_00, "frequency": "monthly", "day": "last"}
    key: dict[str, str | None] = {"Idempotency-Key": secrets.token_hex(12)}
    theirs = {
        "rent_account_id": account,
        "payment_id": owner.start_payment(account, 5_00)["payment_id"],
        "schedule_id": owner.call("POST", "/api/pay/schedules", regularly, status=201, headers=key).json["schedule_id"],
        "repair_id": journey.report_repair(owner)["repair_id"],
        "member_id": journey.keep_household(owner)["member_id"],
    }
    tried = set()
    for path, methods in description.document["paths"].items():
        for name in re.findall(r"{(\w+)}", path):
            if name not in theirs:
                continue
            for method in methods:
                asks = "requestBody" in description.document["paths"][path][method]
                body = BODIES[path.rpartition("/")[2]] if asks else None
                answers = [
                    _seen(stranger.call(method.upper(), path.replace(f"{{{name}}}", id_), body, status=404))
                    for id_ in (theirs[name], NOBODYS, "x", theirs[name].upper(), f"{theirs[name]}0")
                ]
                assert all(answer == answers[0] for answer in answers), (method, path, answers)
                tried.add(name)
    assert tried == set(theirs)
    pay = {"amount_pence": 5_00, "rent_account_id": account}
    headers: dict[str, str | None] = {"Idempotency-Key": secrets.token_hex(12)}
    foreign = _seen(stranger.call("POST", "/api/pay", pay, status=404, headers=headers))
    assert foreign == _seen(
        stranger.call("POST", "/api/pay", pay | {"rent_account_id": NOBODYS}, status=404, headers=headers)
    )
    tenancy = owner.call("GET", "/api/session").json["tenancy_id"]
    choices = [stranger.call("PUT", "/api/session", {"tenancy_id": t}, status=422) for t in (tenancy, NOBODYS)]
    assert _seen(choices[0]) == _seen(choices[1])
    # A session that claims another's tenancy or customer is none.
    session_id, customer_id, tenancy_id, token = stranger.cookies[SESSION].split(".")
    owners = owner.cookies[SESSION].split(".")
    for forged in (
        (session_id, customer_id, owners[2], token),
        (session_id, owners[1], tenancy_id, token),
        (owners[0], owners[1], owners[2], token),
    ):
        thief = stranger.other_browser()
        thief.cookies[SESSION] = ".".join(forged)
        assert thief.problem(thief.call("GET", "/api/balance", status=401)) == "not-logged-in"
    assert owner.call("GET", f"/api/repairs/{theirs['repair_id']}").json["repair_id"] == theirs["repair_id"]
    assert [m["name"] for m in owner.call("GET", "/api/household").json["members"]] == ["Kofi Boateng"]


def _seen(reply: Reply) -> tuple[int, list[tuple[str, str]], bytes]:
    """An answer as far as it could tell one thing from another."""
    return (
        reply.status,
        sorted(h for h in reply.all_headers if h[0].lower() not in {"date", "apigw-requestid"}),
        reply.body,
    )


# --- what is over is over, whether or not DynamoDB has deleted it yet


@contextmanager
def late_ttl(stack: LocalStack) -> Iterator[Any]:
    """DynamoDB deletes nothing of the identity table meanwhile, as it may not for days."""
    dynamodb, table = stack.client("dynamodb"), stack.outputs["IdentityTableName"]
    how = {"AttributeName": "expires_at"}
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=how | {"Enabled": False})
    try:
        yield dynamodb
    finally:
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=how | {"Enabled": True})


def end(stack: LocalStack, pk: str, sk: str, *, seconds_ago: int = 1) -> None:
    """Set an item's end into the past."""
    stack.client("dynamodb").update_item(
        TableName=stack.outputs["IdentityTableName"],
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="SET expires_at = :past",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeValues={":past": {"N": str(int(time.time()) - seconds_ago)}},
    )


def is_there(stack: LocalStack, pk: str, sk: str) -> bool:
    """Whether the item is still in the table."""
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    return "Item" in stack.client("dynamodb").get_item(TableName=stack.outputs["IdentityTableName"], Key=key)


def test_a_code_is_refused_after_its_hour_though_it_is_still_there(stack: LocalStack, new_tenant: NewTenant) -> None:
    tenant = new_tenant()
    registration_id = tenant.register()
    code = tenant.code()
    with late_ttl(stack):
        end(stack, f"REGISTRATION#{registration_id}", "REGISTRATION")
        refused = tenant.verify(registration_id, code, new_password(), status=422)
        assert tenant.problem(refused) == "code-not-accepted"
        assert is_there(stack, f"REGISTRATION#{registration_id}", "REGISTRATION")
        mails = len(tenant.letters("Your code"))
        tenant.call("POST", "/api/register/resend", {"registration_id": registration_id}, status=202)
        tenant.come_in()
        assert len(tenant.letters("Your code")) == mails + 1, "what is over is not mailed again"


def test_a_temporary_password_and_a_session_are_refused_after_their_time_though_they_are_still_there(
    stack: LocalStack, new_tenant: NewTenant
) -> None:
    tenant = new_tenant().come_in()
    email = tenant.facts.email.lower()
    body = {"email": email, "date_of_birth": tenant.facts.date_of_birth}
    with late_ttl(stack):
        tenant.call("POST", "/api/reset", body, status=202)
        temporary = tenant.temporary_password()
        end(stack, f"EMAIL#{email}", "RESET")
        tenant.other_browser().log_in(temporary, status=401)
        assert is_there(stack, f"EMAIL#{email}", "RESET")
        tenant.call("POST", "/api/reset", body, status=202)
        newer = tenant.temporary_password(since=1)
        assert newer != temporary
        tenant.other_browser().log_in(newer)

        session_id, customer_id, _, _ = tenant.cookies[SESSION].split(".")
        tenant.call("GET", "/api/balance")
        end(stack, f"CUSTOMER#{customer_id}", f"SESSION#{session_id}")
        for method, path in (("GET", "/api/balance"), ("GET", "/api/session")):
            tenant.call(method, path, status=401)
        assert is_there(stack, f"CUSTOMER#{customer_id}", f"SESSION#{session_id}")


# --- asking tells nothing


def test_resetting_logging_in_and_registering_tell_nothing_of_who_is_known(new_tenant: NewTenant) -> None:
    known, stranger = new_tenant().come_in(), new_tenant()
    nobody = {"email": "nobody-at-all@example.com", "date_of_birth": known.facts.date_of_birth}
    somebody = {"email": known.facts.email, "date_of_birth": known.facts.date_of_birth}
    asker = Tenant(stranger.stack, stranger.description, stranger.facts, stranger.source)
    assert _seen(asker.call("POST", "/api/reset", nobody, status=202)) == _seen(
        asker.call("POST", "/api/reset", somebody, status=202)
    )
    logins = [
        asker.call("POST", "/api/login", {"email": email, "password": "not the one they chose"}, status=401)
        for email in (known.facts.email, "nobody-at-all@example.com")
    ]
    assert _seen(logins[0]) == _seen(logins[1])
    right = {
        "email": stranger.facts.email,
        "mobile": stranger.facts.mobile,
        "tenancy_reference": stranger.facts.tenancy_reference,
        "date_of_birth": stranger.facts.date_of_birth,
    }
    wrong = {
        "email": "other@example.com",
        "mobile": "07700 900999",
        "tenancy_reference": "LH99999",
        "date_of_birth": "1970-01-01",
    }
    answers = [asker.call("POST", "/api/register", right | {name: value}, status=422) for name, value in wrong.items()]
    assert {asker.problem(answer) for answer in answers} == {"details-not-matched"}
    assert all(_seen(answer) == _seen(answers[0]) for answer in answers)


# --- the way in


def test_what_no_route_takes_is_answered_as_a_problem(new_tenant: NewTenant) -> None:
    anybody = new_tenant()
    for method, path, status in (
        ("GET", "/api/nothing", 404),
        ("GET", "/api/", 404),
        ("PUT", "/api/balance", 405),
        ("GET", "/api/verify", 405),
        ("GET", "/api/pay/events/sandbox", 405),
        ("GET", f"/api/sandbox/checkout/{NOBODYS}", 404),
    ):
        headers: dict[str, str | None] = {}
        reply = anybody.call(method, path, status=status, headers=headers, described=False)
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json["status"] == status
        assert ("allow" in reply.headers) == (status == 405)


def test_a_write_from_another_origin_or_as_a_form_changes_nothing(stack: LocalStack, new_tenant: NewTenant) -> None:
    tenant = new_tenant().come_in()
    member = {"name": "Mallory", "relationship": "other"}
    for origin in ("https://evil.example", "null", None):
        refused = tenant.call("POST", "/api/household/members", member, status=403, headers={"Origin": origin})
        assert tenant.problem(refused) == "foreign-origin"
    form: dict[str, str | None] = {"Content-Type": "application/x-www-form-urlencoded"}
    tenant.call("POST", "/api/household/members", member, status=415, headers=form)
    assert tenant.call("GET", "/api/household").json["members"] == []
    # Two session cookies mean that somebody tossed one in.
    cookie = f"{SESSION}={tenant.cookies[SESSION]}"
    twice = stack.call("GET", "/api/session", headers={"Cookie": f"{cookie}; {cookie}"}, source=tenant.source)
    assert twice.status == 401
