"""Notes each AWS call that a function makes in the tests, as the IAM action and the resource that it needs.

With `RECORDED_CALLS=folder` a process that ends leaves there what it noted, and who judges the roles reads it: so the
tests that make the calls may run in several processes.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from portal import aws

_running: ContextVar[str | None] = ContextVar("running", default=None)


class Allowed(NamedTuple):
    """An action on a resource of the template: a table, secret or bucket (with the first part of the key)."""

    function: str
    action: str
    resource: str


made: set[Allowed] = set()


def leave_recorded() -> None:
    """Write what this process noted into the folder of `RECORDED_CALLS`, where there is one."""
    if made and (folder := os.environ.get("RECORDED_CALLS")):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{os.getpid()}.json").write_text(json.dumps(sorted(made)))


def all_recorded() -> set[Allowed]:
    """What this process noted, and what others left in the folder of `RECORDED_CALLS`."""
    folder = os.environ.get("RECORDED_CALLS")
    left = [json.loads(file.read_text()) for file in Path(folder).glob("*.json")] if folder else []
    return made | {Allowed(*call) for calls in left for call in calls}


_TABLES = {
    "tenancies": "TenanciesTable", "identity": "IdentityTable", "rent": "RentTable", "repairs": "RepairsTable",
    "outbox": "OutboxTable", "audit": "AuditTable",
}  # fmt: skip
_SECRETS = {
    "portal-keys": "KeysSecret", "portal-sandbox": "SandboxSecret", "portal-waiting": "WaitingSecret",
    "portal-stripe": "StripeSecret",
}  # fmt: skip
_BUCKETS = {"portal-exchange": "ExchangeBucket", "portal-photos": "PhotoBucket"}
_IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def running(name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler of function `name`, whose calls are noted."""

    def noted(*arguments: Any) -> Any:
        aws.secret.cache_clear()  # each function reads its secrets itself, as in a process of its own
        token = _running.set(name)
        try:
            return handler(*arguments)
        finally:
            _running.reset(token)

    return noted


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    """What a test does inside of a function's run in another's name is not the function's."""
    token = _running.set(None)
    try:
        yield
    finally:
        _running.reset(token)


def note(params: dict[str, Any], model: Any, **_: Any) -> None:
    """A botocore hook (`provide-client-params`): what the call needs to be allowed."""
    function = _running.get()
    if function is not None:
        service = model.service_model.service_name
        made.update(Allowed(function, *needed) for needed in _needed(service, model.name, params))


def _needed(service: str, operation: str, params: dict[str, Any]) -> list[tuple[str, str]]:
    match service, operation:
        case "dynamodb", "TransactWriteItems":
            return [
                (f"dynamodb:{_IN_TRANSACTIONS[kind]}", _TABLES[write["TableName"]])
                for item in params["TransactItems"]
                for kind, write in item.items()
            ]
        case "dynamodb", "BatchGetItem" | "BatchWriteItem":
            return [(f"dynamodb:{operation}", _TABLES[table]) for table in params["RequestItems"]]
        case "dynamodb", _:
            return [(f"dynamodb:{operation}", _TABLES[params["TableName"]])]
        case "secretsmanager", _:
            return [(f"secretsmanager:{operation}", _SECRETS[params["SecretId"]])]
        case "s3", "ListObjectsV2" | "ListObjects":
            return [("s3:ListBucket", "ExchangeBucket")]
        case "s3", "CreateBucket":
            # What botocore asks when it signs a form for a browser, which then puts an object in the function's name.
            return [("s3:PutObject", f"{_BUCKETS[params['Bucket']]}/incoming")]
        case "s3", "HeadObject":
            return [("s3:GetObject", f"ExchangeBucket/{params['Key'].split('/')[0]}")]
        case "s3", _:
            return [(f"s3:{operation}", f"{_BUCKETS[params['Bucket']]}/{params['Key'].split('/')[0]}")]
        case "events", "PutEvents":
            return [("events:PutEvents", "LandlordBus")]
        case "sesv2", "SendEmail":
            return [("ses:SendEmail", "MailIdentity")]
    raise AssertionError(f"say in {__name__} which action {service} {operation} needs")
