"""Keep trying for me, on the local stack: a drop brings the record, the code comes by itself, many ask at once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.e2e import landlords
from tests.e2e.description import Description
from tests.e2e.stack import LocalStack
from tests.e2e.tenant import Tenant, new_password

AT_ONCE = 12
PLACES = 10


def facts_of(tenant: Tenant) -> dict[str, str]:
    facts = tenant.facts
    return {
        "email": facts.email,
        "mobile": facts.mobile,
        "tenancy_reference": facts.tenancy_reference,
        "date_of_birth": facts.date_of_birth,
    }


def waiting(stack: LocalStack) -> list[dict[str, Any]]:
    """Every item that waits, as it lies in the table."""
    found: list[dict[str, Any]] = stack.client("dynamodb").query(
        TableName=stack.outputs["IdentityTableName"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "WAITING"}},
        ConsistentRead=True,
    )["Items"]
    return found


def test_a_drop_that_brings_the_tenancy_brings_its_tenant_a_code_and_the_landlord_what_differs(
    stack: LocalStack, description: Description, sources: Iterator[str], tmp_path: Path
) -> None:
    landlord = landlords.write(tmp_path, secrets.randbits(30), tenancies=2, spoiled=False)
    tenant, other = (Tenant(stack, description, facts, next(sources)) for facts in landlord.people)
    tenant.call("POST", "/api/register", facts_of(tenant), status=422)
    assert tenant.call("POST", "/api/register/waiting", facts_of(tenant), status=202).body == b"{}"
    wrong = facts_of(other) | {"date_of_birth": "1961-02-03"}
    assert other.call("POST", "/api/register/waiting", wrong, status=202).body == b"{}"
    assert len(waiting(stack)) >= 2
    report = stack.load(landlord.folder)
    assert report["status"] == "finished", report
    letter = tenant.letter("Your code")
    (registration_id,) = re.findall(r"^http://\S+/verify/#([0-9a-z]{26})$", letter.text, re.MULTILINE)
    tenant.verify(registration_id, tenant.code(), new_password())
    tenant.call("GET", "/api/balance")
    listed = stack.client("dynamodb").scan(TableName=stack.outputs["OutboxTableName"])["Items"]
    told = [str(item["row"]) for item in listed if item.get("file", {}).get("S") == "unmatched"]
    assert [row for row in told if other.facts.tenancy_reference in row and "date_of_birth" in row]
    assert not [row for row in told if tenant.facts.tenancy_reference in row or "1961" in row]
    assert not other.letters("")


def test_of_many_asks_at_one_moment_ten_are_kept_for_a_reference_and_the_same_facts_once(
    stack: LocalStack, description: Description, sources: Iterator[str], tmp_path: Path
) -> None:
    landlord = landlords.write(tmp_path, secrets.randbits(30), tenancies=2, spoiled=False)
    one, same = (Tenant(stack, description, facts, next(sources)) for facts in landlord.people)
    before = {item["sk"]["S"] for item in waiting(stack)}
    callers = [next(sources) for _ in range(AT_ONCE)]

    def ask(turn: int, body: dict[str, str]) -> tuple[int, bytes]:
        reply = stack.call("POST", "/api/register/waiting", body, source=callers[turn])
        return reply.status, reply.body

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for known in (False, True):
            for step in (1, 4, AT_ONCE):
                bodies = [
                    facts_of(same) if known else facts_of(one) | {"date_of_birth": f"{1960 + step}-01-{n + 1:02}"}
                    for n in range(step)
                ]
                answers = set(pool.map(ask, range(step), bodies))
                assert answers == {(202, b"{}")}
    kept = [item["sk"]["S"].split("#")[1] for item in waiting(stack) if item["sk"]["S"] not in before]
    assert sorted(kept.count(tenancy) for tenancy in set(kept)) == [1, PLACES]
