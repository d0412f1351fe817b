"""The stack enforces what the roles allow: with one action taken out, what needs it fails and says so in the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import NewTenant
from tests.e2e.stack import LocalStack


@contextmanager
def without(stack: LocalStack, function: str, action: str, table: str) -> Iterator[None]:
    """Take one action on one table out of a deployed role, and put it back."""
    iam = stack.client("iam")
    arn = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs[f"{function}FunctionName"])
    role = arn["Role"].rpartition("/")[2]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document: Any = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    if isinstance(document, str):
        document = json.loads(document)
    kept, taken = json.loads(json.dumps(document)), 0
    for statement in kept["Statement"]:
        if stack.outputs[f"{table}TableName"] in str(statement["Resource"]) and action in statement["Action"]:
            statement["Action"].remove(action)
            taken += 1
    assert taken == 1, f"the role of {function} allows {action} on {table} {taken} times"
    kept["Statement"] = [statement for statement in kept["Statement"] if statement["Action"]]
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(kept))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


@pytest.mark.parametrize(
    ("function", "action", "table", "method", "path", "body"),
    [
        ("Balance", "dynamodb:BatchGetItem", "Identity", "GET", "/api/balance", None),
        ("Balance", "dynamodb:Query", "Rent", "GET", "/api/balance", None),
        ("Contact", "dynamodb:PutItem", "Outbox", "PATCH", "/api/contact", {"home_phone": "020 7946 0991"}),
    ],
    ids=lambda value: value if isinstance(value, str) and ":" in value else "",
)
def test_an_action_taken_out_of_a_role_is_missed_at_once_and_works_again_when_put_back(
    function: str,
    action: str,
    table: str,
    method: str,
    path: str,
    body: dict[str, str] | None,
    stack: LocalStack,
    new_tenant: NewTenant,
) -> None:
    tenant = new_tenant().come_in()
    log = function.lower()
    with without(stack, function, action, table):
        refused = tenant.call(method, path, body, status=503)
        assert refused.headers["content-type"] == "application/problem+json"
        assert tenant.problem(refused) == "try-again-soon"
        assert "AccessDenied" not in refused.body.decode()
    assert "AccessDenied" in stack.logs()[log]
    tenant.call(method, path, body)


def test_the_roles_may_not_do_what_they_do_not_do(stack: LocalStack, new_tenant: NewTenant) -> None:
    """With a function's own keys, as a stranger who got hold of them would try."""
    roles = {role["RoleName"]: role for role in stack.client("iam").list_roles()["Roles"]}
    arn = next(role["Arn"] for name, role in roles.items() if "BalanceRole" in name)
    keys = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="thief")["Credentials"]

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=stack.endpoint,
            region_name="eu-west-2",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    dynamodb = client("dynamodb")
    key = {"pk": {"S": "x"}, "sk": {"S": "x"}}
    table = {name: stack.outputs[f"{name}TableName"] for name in ("Identity", "Rent", "Outbox", "Repairs", "Audit")}
    attempts = {
        "write a balance": lambda: dynamodb.put_item(TableName=table["Rent"], Item=key),
        "change a balance": lambda: dynamodb.update_item(TableName=table["Rent"], Key=key),
        "read every customer": lambda: dynamodb.scan(TableName=table["Identity"]),
        "delete a session": lambda: dynamodb.delete_item(TableName=table["Identity"], Key=key),
        "read what is kept of people": lambda: dynamodb.scan(TableName=table["Audit"]),
        "make up an event": lambda: dynamodb.put_item(TableName=table["Audit"], Item=key),
        "send mail": lambda: dynamodb.put_item(TableName=table["Outbox"], Item=key),
        "read repairs": lambda: dynamodb.query(
            TableName=table["Repairs"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "x"}},
        ),
        "read the key": lambda: client("secretsmanager").get_secret_value(SecretId=stack.outputs["KeysSecretArn"]),
        "read the landlord's files": lambda: client("s3").list_objects_v2(Bucket=stack.outputs["ExchangeBucketName"]),
        "widen itself": lambda: client("iam").list_roles(),
    }
    refused = {what: _refusal(attempt) for what, attempt in attempts.items()}
    assert all("AccessDenied" in code for code in refused.values()), refused


def _refusal(attempt: Callable[[], Any]) -> str:
    try:
        attempt()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"
