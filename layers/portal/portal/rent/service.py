"""What a tenant and other domains ask of rent accounts."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from portal import ids, store
from portal.failures import BadInput, FieldError, NotFound
from portal.rent import rules
from portal.rent import store as rent
from portal.rent.store import AccountItem, LineItem, PostedItem, posting

__all__ = [
    "AccountItem",
    "Line",
    "Page",
    "accounts_of",
    "agrees",
    "id_of",
    "key_of",
    "page",
    "posting",
    "rent_account_id",
    "transaction_id",
]

PAGE = 25
# A page is read again while postings come between its reads; a nightly import is over well before this many.
_READS = 6


class Line(NamedTuple):
    """A transaction, and the balance after it in (posted_on, transaction_id) order. Amounts in pence."""

    transaction_id: str
    posted_on: date
    kind: str
    description: str
    amount_pence: int
    balance_pence: int


class Page(NamedTuple):
    """Some lines, newest first, and the key to go on below, None where there are no more."""

    lines: Sequence[Line]
    below: str | None


def rent_account_id(reference: str) -> str:
    """The id of the rent account that the landlord knows by that reference."""
    return ids.derived_id("rent account", reference)


def transaction_id(reference: str) -> str:
    """The id of the transaction that the landlord knows by that reference."""
    return ids.derived_id("transaction", reference)


def key_of(tenancy_id: str, rent_account_id: str) -> store.Key:
    """Where the tenancy's rent account is, to be read in the same call as the session."""
    return rent.account_key(tenancy_id, rent_account_id)


def accounts_of(tenancy_id: str, at: datetime) -> Sequence[AccountItem]:
    """The tenancy's rent accounts: the home first, then by kind and name."""
    order = {kind: i for i, kind in enumerate(rules.KINDS_OF_ACCOUNT)}
    return sorted(rent.accounts_of(tenancy_id, at), key=lambda a: (order.get(a.kind, 9), a.name, a.sk))


def id_of(account: AccountItem) -> str:
    """The rent account's id."""
    return account.sk.removeprefix(AccountItem.range_prefix)


def page(account: AccountItem | None, below: str | None, at: datetime) -> Page:
    """A page of the account's lines, each with the balance after it.

    `account` is what was just read; `below` the key that the page before gave. The first page reckons down from
    the account's balance, which is read again after the lines: where a posting came between, so are the lines.

    Raises:
        NotFound: there is no such account.
        BadInput: `below` is no line's key.
    """
    if account is None:
        raise NotFound
    if below is not None and not _is_line_key(below):
        raise BadInput(errors=[FieldError("cursor", "Use the next_cursor of the page before, as it is")])
    account_id = id_of(account)
    lines, above = _lines_and_sum_above(account_id, below, at)
    for _ in range(_READS):
        (now,) = store.fetch([AccountItem.key(account.pk, account.sk)], at)
        if now.postings == account.postings:
            break
        account, (lines, above) = now, _lines_and_sum_above(account_id, below, at)
    else:
        raise store.Unavailable
    balance = account.balance_pence - above
    shown = lines[:PAGE]
    balances = rules.balances_down(balance, (line.amount_pence for line in shown))
    more = _key(shown[-1]) if len(lines) > PAGE else None
    return Page([_line(line, after) for line, after in zip(shown, balances, strict=True)], more)


def _lines_and_sum_above(account_id: str, below: str | None, at: datetime) -> tuple[Sequence[LineItem], int]:
    """A page of lines and one more, and the sum of the lines above them."""
    lines = rent.lines_down(account_id, at, below=below, limit=PAGE + 1)
    return lines, rent.sum_above(account_id, _key(lines[0])) if below and lines else 0


def agrees(posted: dict[str, Any] | None, rent_account_id: str, amount_pence: int) -> bool:
    """Whether what refused a posting (the stored POSTED item) is the same money on the same account."""
    if posted is None:
        return False
    stored = PostedItem.from_raw_data(posted)
    return (stored.rent_account_id, stored.amount_pence) == (rent_account_id, amount_pence)


def _key(line: LineItem) -> str:
    return line.sk.removeprefix(LineItem.range_prefix)


def _line(line: LineItem, balance_pence: int) -> Line:
    return Line(line.transaction_id, line.posted_on, line.kind, line.description, line.amount_pence, balance_pence)


def _is_line_key(text: str) -> bool:
    day, _, transaction = text.partition("#")
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return len(day) == 10 and ids.is_id(transaction)
