"""Ends sessions, one person's or everybody's: what an operator does when a phone is stolen or a leak is feared.

`make end-sessions PERSON=P10001` on this machine's stack, `ENV=production` on AWS with the credentials at hand;
`PERSON=everybody` for all. Who was logged in has to log in again; nothing else is touched.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from infra.local import emulator
from infra.local.settings import Running, Settings
from portal.ids import derived_id

EVERYBODY = "everybody"
_ROOT = Path(__file__).resolve().parents[1]
_AT_ONCE = 25
"""DynamoDB's limit for one call."""


def end(dynamodb: Any, table: str, person_reference: str) -> int:
    """Delete the sessions of the person whom the landlord knows so, or of EVERYBODY; how many there were.

    A session that is opened while this runs may be missed: run it until it says 0.
    """
    keys = list(_sessions(dynamodb, table, person_reference))
    for start in range(0, len(keys), _AT_ONCE):
        asked = {table: [{"DeleteRequest": {"Key": key}} for key in keys[start : start + _AT_ONCE]]}
        while asked:
            asked = dynamodb.batch_write_item(RequestItems=asked).get("UnprocessedItems") or {}
    return len(keys)


def _sessions(dynamodb: Any, table: str, person_reference: str) -> Iterator[dict[str, Any]]:
    wanted: dict[str, Any] = {"TableName": table, "ConsistentRead": True, "ProjectionExpression": "pk, sk"}
    values = {":session": {"S": "SESSION#"}}
    if person_reference == EVERYBODY:
        pages = dynamodb.get_paginator("scan").paginate(
            **wanted, FilterExpression="begins_with(sk, :session)", ExpressionAttributeValues=values
        )
    else:
        pages = dynamodb.get_paginator("query").paginate(
            **wanted,
            KeyConditionExpression="pk = :customer AND begins_with(sk, :session)",
            ExpressionAttributeValues=values
            | {":customer": {"S": f"CUSTOMER#{derived_id('person', person_reference)}"}},
        )
    for page in pages:
        yield from page["Items"]


def _table_of(environment: str) -> tuple[Any, str]:
    """The client and the identity table of an environment: `local`, or a section of samconfig.toml."""
    if environment == "local":
        running = Running.read(Settings())
        if running is None:
            sys.exit("no stack is running. Start one with `make run`, and leave it running.")
        return emulator.client("dynamodb", running.endpoint), running.outputs["IdentityTableName"]
    settings = tomllib.loads((_ROOT / "samconfig.toml").read_text())[environment]["global"]["parameters"]
    session = boto3.Session(region_name=settings["region"])
    stack = session.client("cloudformation").describe_stacks(StackName=settings["stack_name"])["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return session.client("dynamodb"), outputs["IdentityTableName"]


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="infra.sessions", description=__doc__)
    parser.add_argument("environment", choices=["local", "staging", "production"])
    parser.add_argument("person", help=f"the landlord's reference of the person, or `{EVERYBODY}`")
    arguments = parser.parse_args()
    if not arguments.person:
        parser.error(f"say whose: PERSON= a person's reference, or PERSON={EVERYBODY}")
    dynamodb, table = _table_of(arguments.environment)
    print(f"{end(dynamodb, table, arguments.person)} sessions ended ({arguments.environment}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
