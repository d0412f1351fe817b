"""What the tests stand on: a transaction that moto refuses leaves nothing behind, as on AWS."""

import pytest

from portal import aws

pytestmark = pytest.mark.usefixtures("cloud")


def item(name: str, **more: str) -> dict[str, dict[str, str]]:
    return {key: {"S": value} for key, value in {"pk": name, "sk": "A", **more}.items()}


def everything() -> dict[str, str]:
    found = aws.client("dynamodb").scan(TableName="rent")["Items"]
    return {each["pk"]["S"]: each["word"]["S"] for each in found}


def write(*writes: dict[str, object]) -> None:
    aws.client("dynamodb").transact_write_items(
        TransactItems=[{kind: {"TableName": "rent", **what}} for each in writes for kind, what in each.items()]  # type: ignore[dict-item]
    )


def test_a_refused_transaction_leaves_new_changed_and_deleted_items_as_they_were() -> None:
    write({"Put": {"Item": item("kept", word="first")}}, {"Put": {"Item": item("going", word="first")}})
    changes: list[dict[str, object]] = [
        {"Put": {"Item": item("new", word="second")}},
        {
            "Update": {
                "Key": item("kept"),
                "UpdateExpression": "SET word = :w",
                "ExpressionAttributeValues": {":w": {"S": "second"}},
            }
        },
        {"Delete": {"Key": item("going")}},
    ]
    impossible = {"ConditionCheck": {"Key": item("nobody"), "ConditionExpression": "attribute_exists(pk)"}}
    with pytest.raises(aws.client("dynamodb").exceptions.TransactionCanceledException):
        write(*changes, impossible)
    assert everything() == {"kept": "first", "going": "first"}

    write(*changes)
    assert everything() == {"kept": "second", "new": "second"}
