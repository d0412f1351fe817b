"""Lets moto take back a refused transaction at the cost of the items it names, not of the whole tables.

moto copies a table whole for each write of a transaction, so that a test's time grows with the square of what it has
written: two hundred payments took 69 seconds, and 7 with this. What a transaction does, and refuses, stays moto's own.
"""

import copy
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

_transact = DynamoDBBackend.transact_write_items


def _named(backend: DynamoDBBackend, writes: list[dict[str, Any]]) -> list[tuple[Table, DynamoType, DynamoType]]:
    """The table, hash key and range key of each item that a transaction names; ours all have both keys."""
    named = []
    for write in (each for kinds in writes for each in kinds.values()):
        table = backend.tables.get(write["TableName"])
        key = write.get("Key") or write.get("Item") or {}
        if table and {table.hash_key_attr, table.range_key_attr} <= set(key):
            named.append((table, DynamoType(key[table.hash_key_attr]), DynamoType(key[table.range_key_attr])))
    return named


def _transact_write_items(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    before: list[tuple[Table, DynamoType, DynamoType, Item | None]] = [
        (table, hash_key, range_key, copy.deepcopy(table.get_item(hash_key, range_key)))
        for table, hash_key, range_key in _named(self, transact_items)
    ]
    try:
        _transact(self, transact_items)
    except Exception:
        for table, hash_key, range_key, item in before:
            if item is None:
                table.items[hash_key].pop(range_key, None)
            else:
                table.items[hash_key][range_key] = item
        raise


def take_back_by_item() -> None:
    """Change moto so, for this process."""
    Table.__deepcopy__ = lambda self, _: self  # type: ignore[attr-defined]
    DynamoDBBackend.transact_write_items = _transact_write_items  # type: ignore[method-assign]
