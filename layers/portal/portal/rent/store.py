"""Rent accounts in the rent table. The payments domain keeps its own items beside them.

| pk | sk | item | read by |
|---|---|---|---|
| TENANCY#tenancy_id | ACCOUNT#rent_account_id | a rent account with its balance | balance (one query), pay |
| ACCOUNT#rent_account_id | OWNER | whose account it is | the import, which knows only the account |
| ACCOUNT#rent_account_id | LINE#posted_on#transaction_id | a transaction | transactions, newest first |
| ACCOUNT#rent_account_id | SINCE#month | the sum of a month's lines | the balance at a past day: statements, filters |
| POSTED#transaction_id | POSTED | that this transaction is posted, and what it was | every posting: never twice |
| YEARS#kind | YEAR#year_start | a rent year of the accounts of that kind | what is charged when |

A line, its month's sum, its POSTED item and the account's balance change in one transaction.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute

from portal import store
from portal.rent.rules import line_key
from portal.settings import setting

_YEARS = 8


class _Item(store.Item):
    class Meta:
        table_name = setting("RENT_TABLE")


class AccountItem(_Item):
    """What is charged and paid for one tenancy and purpose. Positive `balance_pence` is owed by the tenant."""

    range_prefix = "ACCOUNT#"

    reference = UnicodeAttribute()
    kind = UnicodeAttribute()
    name = UnicodeAttribute()
    payment_reference = UnicodeAttribute(null=True)
    charge_pence = store.PenceAttribute(null=True)
    charge_frequency = UnicodeAttribute(null=True)
    next_charge_on = store.DayAttribute(null=True)
    balance_pence = store.PenceAttribute(default=0)
    postings = NumberAttribute(default=0)
    as_at = store.InstantAttribute()


class OwnerItem(_Item):
    """Whose a rent account is."""

    range_prefix = "OWNER"

    tenancy_id = UnicodeAttribute()


class LineItem(_Item):
    """One transaction, as it was posted."""

    range_prefix = "LINE#"

    transaction_id = UnicodeAttribute()
    posted_on = store.DayAttribute()
    kind = UnicodeAttribute()
    description = UnicodeAttribute()
    amount_pence = store.PenceAttribute()
    posted_at = store.InstantAttribute()


class MonthItem(_Item):
    """The sum of the lines of one month."""

    range_prefix = "SINCE#"

    amount_pence = store.PenceAttribute(default=0)


class PostedItem(_Item):
    """That a transaction is posted. Kept for ever: it is what makes a second posting impossible."""

    range_prefix = "POSTED"

    rent_account_id = UnicodeAttribute()
    posted_on = store.DayAttribute()
    kind = UnicodeAttribute()
    amount_pence = store.PenceAttribute()
    # When the housing system listed it: never, for what was taken here and has not come back yet.
    listed_at = store.InstantAttribute(null=True)


class YearItem(_Item):
    """A rent year: which weeks of it are charged. `free_weeks` are the days on which a week without rent begins."""

    range_prefix = "YEAR#"

    charged_weeks = NumberAttribute()
    free_weeks = JSONAttribute()


def year_key(kind: str, year_start: date) -> store.Key:
    """Where a rent year of the accounts of that kind is."""
    return YearItem.key(f"YEARS#{kind}", f"{YearItem.range_prefix}{year_start}")


def stored(keys: Sequence[store.Key], at: datetime) -> list[Any]:
    """The items of `keys`, None for each that is absent."""
    found: list[Any] = []
    for start in range(0, len(keys), 100):
        found += store.fetch(keys[start : start + 100], at)
    return found


def account_key(tenancy_id: str, rent_account_id: str) -> store.Key:
    """Where a tenancy's rent account is: another tenancy's is not there."""
    return AccountItem.key(f"TENANCY#{tenancy_id}", f"ACCOUNT#{rent_account_id}")


def owner_key(rent_account_id: str) -> store.Key:
    """Where it stands whose account it is."""
    return OwnerItem.key(f"ACCOUNT#{rent_account_id}", "OWNER")


def posted_key(transaction_id: str) -> store.Key:
    """Where it stands that a transaction is posted."""
    return PostedItem.key(f"POSTED#{transaction_id}", "POSTED")


def accounts_of(tenancy_id: str, at: datetime) -> Sequence[AccountItem]:
    """The tenancy's rent accounts."""
    return list(store.query(AccountItem, f"TENANCY#{tenancy_id}", at))


def lines_down(
    rent_account_id: str, at: datetime, *, below: str | None = None, since: date | None = None, limit: int | None = None
) -> Sequence[LineItem]:
    """At most `limit` lines, newest first: those below the key `below` and of the day `since` or later."""
    if since and below and below < str(since):
        return []
    found = store.query(
        LineItem,
        f"ACCOUNT#{rent_account_id}",
        at,
        since=f"{LineItem.range_prefix}{since}" if since else None,
        before=f"{LineItem.range_prefix}{below}" if below else None,
        newest_first=True,
        limit=limit,
    )
    return list(found)


def years_of(kind: str, at: datetime) -> Sequence[YearItem]:
    """The newest rent years of the accounts of that kind, the newest first: those that a tenant may still ask about."""
    return list(store.query(YearItem, f"YEARS#{kind}", at, newest_first=True, limit=_YEARS))


def sum_above(rent_account_id: str, key: str) -> int:
    """The sum of the lines that come after that key: those of later months from their sums."""
    pk, month = f"ACCOUNT#{rent_account_id}", key[:7]
    later: Iterator[Any] = MonthItem.query(pk, MonthItem.sk.between(f"SINCE#{month}~", "SINCE#~"), consistent_read=True)
    same: Iterator[Any] = LineItem.query(
        pk, LineItem.sk.between(f"LINE#{key}~", f"LINE#{month}~"), consistent_read=True
    )
    return sum(int(found.amount_pence) for found in (*later, *same))


class Posting(NamedTuple):
    """A transaction to be posted."""

    transaction_id: str
    posted_on: date
    kind: str
    description: str
    amount_pence: int


def posting(
    tenancy_id: str,
    rent_account_id: str,
    transaction_id: str,
    *,
    posted_on: date,
    kind: str,
    description: str,
    amount_pence: int,
    at: datetime,
) -> list[store.Write]:
    """The writes that post one transaction, to be done together, alone or with others of the same transaction."""
    line = Posting(transaction_id, posted_on, kind, description, amount_pence)
    return postings(tenancy_id, rent_account_id, [line], at)


def postings(
    tenancy_id: str, rent_account_id: str, lines: Sequence[Posting], at: datetime, *, listed: bool = False
) -> list[store.Write]:
    """The writes that post several transactions of one account, all or none: two a line, one a month, one in all.

    `lines` are different transactions, and at most 30: DynamoDB takes a hundred writes at once. `listed` says that
    the housing system listed them.
    """
    pk = f"ACCOUNT#{rent_account_id}"
    writes: list[store.Write] = []
    months: dict[str, int] = {}
    for line in lines:
        key = posted_key(line.transaction_id)
        posted = PostedItem(
            pk=key.pk,
            sk=key.sk,
            rent_account_id=rent_account_id,
            posted_on=line.posted_on,
            kind=line.kind,
            amount_pence=line.amount_pence,
            listed_at=at if listed else None,
        )
        item = LineItem(
            pk=pk,
            sk=f"{LineItem.range_prefix}{line_key(line.posted_on, line.transaction_id)}",
            posted_at=at,
            **line._asdict(),
        )
        writes += [store.Put(posted, PostedItem.new()), store.Put(item, LineItem.new())]
        month = f"{MonthItem.range_prefix}{line.posted_on:%Y-%m}"
        months[month] = months.get(month, 0) + line.amount_pence
    for month, amount_pence in months.items():
        writes.append(store.Update(MonthItem(pk=pk, sk=month), [MonthItem.amount_pence.add(amount_pence)]))
    account_at = account_key(tenancy_id, rent_account_id)
    changes = [
        AccountItem.balance_pence.add(sum(line.amount_pence for line in lines)),
        AccountItem.postings.add(len(lines)),
        AccountItem.as_at.set(at),
    ]
    account = AccountItem(pk=account_at.pk, sk=account_at.sk)
    return [*writes, store.Update(account, changes, AccountItem.pk.exists())]
