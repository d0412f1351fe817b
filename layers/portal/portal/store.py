"""What every domain's store is made of: items, one-call reads over several tables, all-or-nothing writes.

An item whose `expires_at` has passed is absent, whether or not DynamoDB has deleted it yet (it may take days:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html): `fetch` and `query` leave
it out, and a condition on such an item uses `live`.
"""

import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar, cast

from botocore.exceptions import ClientError
from pynamodb.attributes import Attribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.constants import NUMBER, STRING
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from portal import aws

CONDITION_FAILED = "ConditionalCheckFailed"
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_TRIES = 4
_BATCH_GET_MOST = 100
_BATCH_WRITE_MOST = 25


class PenceAttribute(Attribute[int]):
    """Whole pence. Floats are refused: PynamoDB's own number attribute would store 0.30000000000000004."""

    attr_type = NUMBER

    def serialize(self, value: Any) -> str:
        """The number as DynamoDB takes it; raises TypeError for anything but an int."""
        if type(value) is not int:
            raise TypeError("an amount is an integer number of pence")
        return str(value)

    def deserialize(self, value: Any) -> int:
        """The stored number."""
        return int(value)


class InstantAttribute(Attribute[datetime]):
    """A timezone-aware instant, kept in UTC with microseconds, so that its text sorts by time."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """ISO 8601 in UTC; raises ValueError for a naive datetime."""
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def deserialize(self, value: str) -> datetime:
        """The stored instant."""
        return datetime.fromisoformat(value)


class DayAttribute(Attribute[date]):
    """A calendar day, ISO 8601."""

    attr_type = STRING

    def serialize(self, value: date) -> str:
        """ISO 8601; raises TypeError for a datetime."""
        if isinstance(value, datetime):
            raise TypeError("a day is a date, not an instant")
        return value.isoformat()

    def deserialize(self, value: str) -> date:
        """The stored day."""
        return date.fromisoformat(value)


class _NoTable:
    """Stands where a domain's own `Meta` names its table."""

    table_name = ""


class Item(Model):
    """One item of one of the portal's tables. A kind of item is a subclass with the attributes that it has."""

    Meta: Any = _NoTable
    range_prefix: ClassVar[str] = ""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    written_by = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)

    @classmethod
    def _get_connection(cls) -> TableConnection:
        """PynamoDB would make a client a model; all of ours share one."""
        table = super()._get_connection()
        table.connection._client = aws.client("dynamodb")
        return table

    @classmethod
    def key(cls, pk: str, sk: str) -> "Key":
        """The key of one such item, for `fetch`."""
        return Key(cls, pk, sk)

    def is_live(self, at: datetime) -> bool:
        """Whether the item still counts at `at`."""
        return self.expires_at is None or self.expires_at > at.timestamp()

    def values(self) -> dict[str, Any]:
        """The attributes that are set, by name: two equal items have equal values, whoever wrote them."""
        names = self.get_attributes().keys() - {"written_by"}
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @classmethod
    def live(cls, at: datetime) -> Condition:
        """The condition that such an item exists and has not expired at `at`."""
        exists = cls.pk.exists()
        return cast(Condition, exists & (cls.expires_at.does_not_exist() | (cls.expires_at > at.timestamp())))

    @classmethod
    def new(cls) -> Condition:
        """The condition that no item has this key."""
        return cast(Condition, cls.pk.does_not_exist())


@dataclass(frozen=True)
class Key:
    """Which item to fetch, and as what."""

    model: type[Item]
    pk: str
    sk: str


@dataclass(frozen=True)
class Put:
    """Write the whole item. `done` is called once it is written, together with all that was to be written with it."""

    item: Item
    condition: Condition | None = None
    done: Callable[[], None] | None = None


@dataclass(frozen=True)
class Update:
    """Change some attributes of the item with `item`'s key."""

    item: Item
    actions: Sequence[Action]
    condition: Condition | None = None


@dataclass(frozen=True)
class Delete:
    """Remove the item with `item`'s key."""

    item: Item
    condition: Condition | None = None


@dataclass(frozen=True)
class Check:
    """Write nothing, but refuse the others where the condition does not hold."""

    item: Item
    condition: Condition


Write = Put | Update | Delete | Check


class Refused(Exception):
    """A write whose condition did not hold; nothing was written. `stored` has each refusing item as it is now."""

    def __init__(self, stored: dict[int, dict[str, Any] | None]) -> None:
        super().__init__("a condition did not hold")
        self.stored = stored

    def by(self, index: int) -> bool:
        """Whether the write at `index` was among those whose condition failed."""
        return index in self.stored


class Unavailable(Exception):
    """DynamoDB could not take the call after several tries; nothing was written by it as far as it said."""


def fetch(keys: Sequence[Key], at: datetime) -> list[Any]:
    """The items of `keys`, in their order, None for each that is absent or expired at `at`.

    One strongly consistent call, over several tables where needed; at most 100 keys.
    """
    if len(keys) > _BATCH_GET_MOST:
        raise ValueError("at most 100 keys a call")
    asked: dict[str, dict[str, Any]] = {}
    for key in dict.fromkeys((k.model.Meta.table_name, k.pk, k.sk) for k in keys):
        request = asked.setdefault(key[0], {"Keys": [], "ConsistentRead": True})
        request["Keys"].append({"pk": {"S": key[1]}, "sk": {"S": key[2]}})
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for attempt in range(_TRIES):
        answer = aws.client("dynamodb").batch_get_item(RequestItems=asked)
        for table, items in answer["Responses"].items():
            found.update({(table, i["pk"]["S"], i["sk"]["S"]): i for i in items})
        asked = answer.get("UnprocessedKeys") or {}
        if not asked:
            break
        _wait(attempt)
    else:
        raise Unavailable
    raws = [found.get((k.model.Meta.table_name, k.pk, k.sk)) for k in keys]
    items = [k.model.from_raw_data(raw) if raw else None for k, raw in zip(keys, raws, strict=True)]
    return [item if item and item.is_live(at) else None for item in items]


def query[T: Item](
    model: type[T],
    pk: str,
    at: datetime,
    *,
    since: str | None = None,
    before: str | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> Iterator[T]:
    """The live items of one kind under `pk`, by sort key.

    `since` leaves out what comes before that sort key, `before` that sort key itself and what follows it.
    """
    condition: Condition
    if before is not None or since is not None:
        # "~" comes after every character of our sort keys.
        condition = model.sk.between(since or model.range_prefix, before or f"{model.range_prefix}~")
    else:
        condition = model.sk.startswith(model.range_prefix)
    found = model.query(
        pk, condition, consistent_read=True, scan_index_forward=not newest_first,
        page_size=limit + 1 if limit else None,
    )  # fmt: skip
    given = 0
    for item in found:
        if not item.is_live(at) or item.sk == before:
            continue
        yield item
        given += 1
        if limit and given >= limit:
            return


def query_kinds(models: Sequence[type[Item]], pk: str, at: datetime) -> Iterator[Item]:
    """Every live item under `pk` of the kinds in `models` (all of one table), told apart by their sort key's prefix."""
    start: dict[str, Any] = {}
    while True:
        answer = aws.client("dynamodb").query(
            TableName=models[0].Meta.table_name,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            **start,
        )
        for raw in answer["Items"]:
            kind = next((m for m in models if raw["sk"]["S"].startswith(m.range_prefix)), None)
            item = kind.from_raw_data(raw) if kind else None
            if item and item.is_live(at):
                yield item
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def put_all(items: Iterable[Item]) -> None:
    """Write whole items without a condition, 25 a call; none may share a key with another of them."""
    waiting = list(items)
    for start in range(0, len(waiting), _BATCH_WRITE_MOST):
        chunk = waiting[start : start + _BATCH_WRITE_MOST]
        asked: dict[str, list[Any]] = {}
        for item in chunk:
            asked.setdefault(item.Meta.table_name, []).append({"PutRequest": {"Item": item.serialize()}})
        for attempt in range(_TRIES * 2):
            answer = aws.client("dynamodb").batch_write_item(RequestItems=asked)
            asked = answer.get("UnprocessedItems") or {}
            if not asked:
                break
            _wait(attempt)
        else:
            raise Unavailable


def transact(*writes: Write) -> None:
    """Do all of `writes` or none (one DynamoDB transaction; one write is a plain conditional one).

    Raises:
        Refused: a condition did not hold.
        Unavailable: conflicts or throttling outlasted the tries, or DynamoDB gave no answer.
    """
    if len(writes) == 1:
        _write_one(writes[0])
    else:
        _write_all(writes)
    for write in writes:
        if isinstance(write, Put) and write.done:
            write.done()


def _write_all(writes: Sequence[Write]) -> None:
    order = [w for kind in (Check, Delete, Put, Update) for w in writes if isinstance(w, kind)]
    for attempt in range(_TRIES):
        try:
            with TransactWrite(connection=_connection()) as transaction:
                for write in writes:
                    _add(transaction, write)
            return
        except TransactWriteError as error:
            if not isinstance(error.cause, ClientError):
                # Never answered, also not on botocore's own tries under one token: done or not, nobody can tell here.
                raise Unavailable from None
            reasons = error.cancellation_reasons
            refused = {
                writes.index(order[i]): r.raw_item for i, r in enumerate(reasons) if r and r.code == CONDITION_FAILED
            }
            if refused:
                raise Refused(refused) from None
            passing = {r.code for r in reasons if r} or {error.cause_response_code or ""}
            if not passing <= _PASSING | {f"{code}Exception" for code in _PASSING}:
                raise
            _wait(attempt)
    raise Unavailable


def _add(transaction: TransactWrite, write: Write) -> None:
    match write:
        case Put(item, condition):
            transaction.save(item, condition, return_values="ALL_OLD")
        case Update(item, actions, condition):
            transaction.update(item, list(actions), condition, return_values="ALL_OLD")
        case Delete(item, condition):
            transaction.delete(item, condition)
        case Check(item, condition):
            transaction.condition_check(type(item), item.pk, item.sk, condition)


def _write_one(write: Write) -> None:
    """One conditional write, done once however often botocore sends it.

    Where an answer is lost, the call is sent again and refused by what it did itself (aws-sdk-java #2667, fault F2).
    So an update leaves an id of its own in `written_by`: it is done once, and told as done.
    """
    client, item, own_id = aws.client("dynamodb"), write.item, secrets.token_hex(8)
    match write:
        case Put(_, condition):
            call, kwargs = client.put_item, item.get_save_kwargs_from_instance(condition=condition)
        case Update(_, actions, condition):
            call = client.update_item
            other = Item.written_by.does_not_exist() | (Item.written_by != own_id)
            kwargs = item.get_update_kwargs_from_instance(
                actions=[*actions, Item.written_by.set(own_id)],
                condition=other if condition is None else condition & other,
            )
        case Delete(_, condition):
            call, kwargs = client.delete_item, item.get_delete_kwargs_from_instance(condition=condition)
        case Check():
            raise TypeError("a check alone writes nothing")
    kwargs.pop("ReturnValues", None)
    for attempt in range(_TRIES):
        try:
            call(**kwargs, ReturnValuesOnConditionCheckFailure="ALL_OLD")
            return
        except ClientError as error:
            if error.response["Error"]["Code"] == "TransactionConflictException":
                # A transaction on the same item goes on at this moment; botocore does not try again by itself.
                _wait(attempt)
                continue
            if error.response["Error"]["Code"] != CONDITION_FAILED + "Exception":
                raise
            stored = error.response.get("Item")
            again = attempt or error.response["ResponseMetadata"].get("RetryAttempts")
            if again and _is_ours(write, stored, own_id):
                return
            raise Refused({0: stored}) from None
    raise Unavailable


def _is_ours(write: Write, stored: dict[str, Any] | None, own_id: str) -> bool:
    """Whether a call that was sent again finds what it did the first time."""
    match write:
        case Put(item):
            return stored == item.serialize()
        case Delete():
            return stored is None
    return (stored or {}).get("written_by") == {"S": own_id}


def _connection() -> Connection:
    connection = Connection()
    connection._client = aws.client("dynamodb")
    return connection


def _wait(attempt: int) -> None:
    """Full jitter: 50, 100, 200 … ms at the most."""
    time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311  (no secret depends on it)
